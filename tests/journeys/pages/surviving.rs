//! surviving
