//! The compiler behind `chainrule`: tokens of a function in, tokens of its fused gradient out.
pub mod derive;
pub mod ir;
pub mod signature;
pub mod simplify;
