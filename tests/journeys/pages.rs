//! The buyer's pages in a real Chromium, in both languages: every branch of the guide, looked at as a person would.

mod binding;
mod brand;
mod creating;
mod entry;
mod registering;
mod refusals;
mod standing;
mod polling;
mod sandbox;
mod surviving;
