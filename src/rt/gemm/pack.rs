//! Packing: turns `k` rows and `w` columns of B, at any strides, into a panel with contiguous rows of `width`.
//!
//! Invariant: every one of the `k * width` elements of the panel is written; columns past `w` are zeros.

use super::super::simd::{Float, Simd, Vector};
use core::slice::{from_raw_parts, from_raw_parts_mut};

/// # Safety
///
/// `b` is valid for `k` by `w` elements at strides `rs`, `cs`; `to` for writing `k * width`; `0 < w <= width`, and
/// `width` is a multiple of the lanes.
#[inline(always)]
pub(super) unsafe fn panel<T: Float, S: Simd>(
    k: usize,
    w: usize,
    width: usize,
    b: *const T,
    rs: usize,
    cs: usize,
    to: *mut T,
) {
    let len = T::Wide::<S>::LEN;
    // SAFETY: `p < k`, `j < w` in B and `p < k`, `j < width` in the panel.
    unsafe {
        if cs == 1 {
            for p in 0..k {
                let (from, to) = (b.add(p * rs), to.add(p * width));
                let mut j = 0;
                while j < width {
                    let x = if j + len <= w {
                        T::Wide::<S>::load(from_raw_parts(from.add(j), len))
                    } else if j < w {
                        T::Wide::<S>::load_part(from_raw_parts(from.add(j), w - j))
                    } else {
                        T::Wide::<S>::splat(T::default())
                    };
                    x.store(from_raw_parts_mut(to.add(j), len));
                    j += len;
                }
            }
        } else {
            for j in 0..width {
                for p in 0..k {
                    *to.add(p * width + j) = if j < w { *b.add(p * rs + j * cs) } else { T::default() };
                }
            }
        }
    }
}
