//! Packing: turns `k` rows and `w` columns of B, at any strides, into a panel with contiguous rows of `width`.
//!
//! Invariant: every one of the `k * width` elements of the panel is written; columns past `w` are zeros.

use super::super::simd::{Float, Interleave, Simd, Vector, MAX_LEN};
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
        } else if rs == 1 {
            let mut j = 0;
            while j < width {
                let have = len.min(w.saturating_sub(j));
                let mut p = 0;
                while p < k {
                    // past the last column nothing is read, and the address may lie anywhere
                    let (from, rows) = (b.wrapping_add(p.wrapping_add(j.wrapping_mul(cs))), len.min(k - p));
                    square::<T, S>(rows, have, from, cs, to.add(p * width + j), width);
                    p += len;
                }
                j += len;
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

/// Transposes in registers: `to[p * ts + j] = from[p + j * fs]` for `p < rows` and `j < cols`, 0 for `cols <= j < LEN`.
///
/// # Safety
///
/// Both `rows` and `cols` are at most `LEN`; `from` is valid for `cols` rows of `rows` elements, `to` for writing
/// `rows` rows of `LEN`.
#[inline(always)]
unsafe fn square<T: Float, S: Simd>(
    rows: usize,
    cols: usize,
    from: *const T,
    fs: usize,
    to: *mut T,
    ts: usize,
) {
    let len = T::Wide::<S>::LEN;
    let mut x = [T::Wide::<S>::splat(T::default()); MAX_LEN];
    // SAFETY: `j < cols` in `from`, `p < rows` in `to`.
    unsafe {
        for (j, x) in x.iter_mut().enumerate().take(len) {
            if cols == len && rows == len {
                *x = T::Wide::<S>::load(from_raw_parts(from.add(j * fs), len));
            } else if j < cols {
                *x = T::Wide::<S>::load_part(from_raw_parts(from.add(j * fs), rows));
            }
        }
        // Each round interleaves the upper half of the rows with the lower: the bits of (row, column) rotate by one.
        let mut round = 1;
        while round < len {
            let mut y = x;
            for i in 0..len / 2 {
                (y[2 * i], y[2 * i + 1]) = x[i].interleave(x[i + len / 2]);
            }
            x = y;
            round *= 2;
        }
        for (p, x) in x.iter().enumerate().take(len) {
            if p < rows {
                x.store(from_raw_parts_mut(to.add(p * ts), len));
            }
        }
    }
}
