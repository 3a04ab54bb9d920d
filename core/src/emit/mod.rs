//! Plans as Rust.
pub mod body;
pub mod expr;
pub mod names;
pub mod place;
