//! The compiler behind `chainrule`: tokens of a function in, tokens of its fused gradient out.

pub mod derive;
pub mod emit;
pub mod ir;
pub mod params;
pub mod programs;
pub mod schedule;
pub mod signature;
