//! What generated code calls at run time: vectors behind run-time dispatch, and mathematics on them.
//!
//! Invariant: nothing here knows the compiler; the op table names these functions, never the reverse.

pub mod gemm;
pub mod math;
pub mod simd;
