//! What generated code calls at run time: vectors behind run-time dispatch, and mathematics on them.
//!
//! Invariant: nothing here knows the compiler; the op table names these functions, never the reverse.

pub mod arrays;
mod checks;
pub mod gemm;
mod lanes;
mod lists;
pub mod math;
mod nests;
pub mod simd;

pub use crate::__each as each;
pub use arrays::{elements, fit, make, positions, shape, take, Fit, Tensor};
pub use checks::{bounded, check_dim, check_labels, check_length, check_size, nothing_below_zero};
pub use gemm::{contract_fixed, contract_sized, gemm, Mat, ANY};
pub use lanes::{map2, split, split_mut, TURNS};
pub use lists::{clear, like};
pub use nests::{nest, Nest};
pub use simd::{block_len, dispatch, lanes_len, parts, reduce_lanes, Kernel, Points, Simd, Vector};

/// The arrays of `ndarray` that gradients are made of.
#[cfg(feature = "ndarray")]
pub mod nd {
    pub use ndarray::{Array1, Array2, Array3, Array4, Array5, Array6};
}

/// The first `len` elements of a buffer, which grows where it is shorter.
#[inline]
pub fn room<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}
