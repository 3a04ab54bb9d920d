//! What generated code calls at run time: vectors behind run-time dispatch, and mathematics on them.
//!
//! Invariant: nothing here knows the compiler; the op table names these functions, never the reverse.

pub mod arrays;
mod calls;
mod checkpoints;
mod checks;
pub mod gemm;
mod lanes;
mod lists;
pub mod math;
mod nests;
pub mod simd;
mod watch;

pub use crate::__each as each;
pub use crate::optim::{Optimiser, Stateful};
pub use arrays::{elements, fit, in_order, make, positions, shape, starts, take, Fit, Tensor};
pub use calls::{items, put, put_number, whole};
pub use checkpoints::Halves;
pub use checks::{
    bounded, check_dim, check_labels, check_length, check_size, chosen, larger, nothing_below_zero, smaller,
};
pub use gemm::{contract_fixed, contract_sized, gemm, Mat, ANY};
pub use lanes::{map2, split, split_mut, store_strided, TURNS};
pub use lists::{clear, into_each, like, of_each, shape_of_each};
pub use nests::{nest, Nest};
pub use simd::{dispatch, lanes_at_once, lanes_of, parts, Kernel, Points, Simd, Sums, Vector};
pub use watch::{watch, Probe, WatchBorrowed, WatchNothing, WatchNumbers, WatchParameters};

#[cfg(feature = "ndarray")]
pub use crate::nn::einsum;

/// The arrays of `ndarray` that gradients are made of, and the views that derivatives take.
#[cfg(feature = "ndarray")]
pub mod nd {
    pub use ndarray::{Array1, Array2, Array3, Array4, Array5, Array6};
    pub use ndarray::{ArrayView1, ArrayView2, ArrayView3, ArrayView4, ArrayView5, ArrayView6};
}

/// The operations of the op table in a `const fn`.
pub mod math32 {
    pub use crate::math::single::*;
}
/// The same for `f64`.
pub mod math64 {
    pub use crate::math::*;
}

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// Makes a buffer hold `len` elements at least. It grows by doubling.
#[inline]
pub fn grow<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len.max(2 * buffer.len()), T::default());
    }
}

/// Keeps where the rows of a loop's turns start and how many there are, for a position of the loops around.
#[inline]
pub fn keep_rows(kept: &mut Vec<usize>, at: usize, start: usize, rows: usize) {
    grow(kept, 2 * at + 2);
    kept[2 * at..][..2].copy_from_slice(&[start, rows]);
}

/// What [`keep_rows`] kept.
#[inline]
pub fn kept_rows(kept: &[usize], at: usize) -> (usize, usize) {
    (kept[2 * at], kept[2 * at + 1])
}

/// `len` elements of a buffer, which grows where it is shorter; they start with a cache line, so that no vector of them
/// lies in two.
#[inline]
pub fn room<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    let spare = LINE / size_of::<T>().max(1);
    if buffer.len() < len + spare {
        buffer.resize(len + spare, T::default());
    }
    let start = buffer.as_ptr().align_offset(LINE).min(spare);
    &mut buffer[start..][..len]
}
