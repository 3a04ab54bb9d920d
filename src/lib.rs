//! Derivatives of Rust functions at compile time.
