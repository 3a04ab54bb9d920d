//! Derivatives of Rust functions at compile time.

pub mod nn;
pub mod optim;
pub mod params;
mod real;
#[doc(hidden)]
pub mod rt;
#[cfg(feature = "safetensors")]
pub mod safetensors;

#[doc(hidden)]
pub use chainrule_macros::__expand;
pub use chainrule_macros::{differentiable, Differentiable};
pub use params::Differentiable;
pub use real::Real;
