-- The sandbox keeps its state in a database of its own.
create database landfall_outside;
