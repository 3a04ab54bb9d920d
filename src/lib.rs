//! Derivatives of Rust functions at compile time.

#[doc(hidden)]
pub mod rt;
