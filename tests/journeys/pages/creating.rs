//! creating
