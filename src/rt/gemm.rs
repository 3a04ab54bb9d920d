//! Matrix products over strided operands: `C = A·B` or `C += A·B`.
//!
//! One algorithm at two places: [`contract_sized`] is inlined into a function that already runs at a SIMD level, so that
//! constant sizes unroll; [`gemm`] is out of line and finds the level by itself. Both keep a tile of C in registers,
//! read A through its strides (a transpose is never materialised) and pack B, one panel of two vectors' width at a
//! time, on the stack. Invariant: no heap allocation, ever; every bound is checked once, on entry.
//! Measurements and the reason why no library is called: `docs/adr/0002-gemm.md`.

mod pack;
mod tile;

use super::simd::{dispatch, Float, Kernel, Simd};
pub use tile::ANY;
use tile::{Job, Panel};

/// A read-only matrix in a slice: element (i, j) is `data[i * rs + j * cs]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, T> {
    data: &'a [T],
    rs: usize,
    cs: usize,
}

impl<'a, T> Mat<'a, T> {
    /// The matrix with row stride `rs` and column stride `cs`; sizes are given, and checked, where it is used.
    #[inline(always)]
    pub fn new(data: &'a [T], rs: usize, cs: usize) -> Self {
        Mat { data, rs, cs }
    }

    /// Rows of `cols` elements, one after the other.
    #[inline(always)]
    pub fn row_major(data: &'a [T], cols: usize) -> Self {
        Mat { data, rs: cols, cs: 1 }
    }

    /// The transposed matrix; nothing moves.
    #[inline(always)]
    pub fn t(self) -> Self {
        Mat { data: self.data, rs: self.cs, cs: self.rs }
    }
}

/// `C = A·B`, or `C += A·B` when `accumulate`, for sizes known at run time; a call, not inlined.
///
/// *Shapes*: A `[m, k]`, B `[k, n]`, C `[m, n]` with rows `ldc` apart. With `k = 0`, C becomes 0 (or stays).
///
/// *Panics* if a slice is too short for its sizes and strides, or if `ldc < n` with more than one row.
#[allow(clippy::too_many_arguments)]
#[inline]
pub fn gemm<T: Float>(
    m: usize,
    k: usize,
    n: usize,
    a: Mat<T>,
    b: Mat<T>,
    c: &mut [T],
    ldc: usize,
    accumulate: bool,
) {
    struct Product<'a, T>(usize, usize, usize, Mat<'a, T>, Mat<'a, T>, &'a mut [T], usize, bool);
    impl<T: Float> Kernel for Product<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            let Product(m, k, n, a, b, c, ldc, accumulate) = self;
            product::<T, S, GEMM_PANEL, ANY, ANY>(m, k, n, a, b, c, ldc, accumulate);
        }
    }
    dispatch(Product(m, k, n, a, b, c, ldc, accumulate))
}

/// [`gemm`] inlined into a function that runs at the SIMD level `S`, with sizes in the type: compiles only the tiles that
/// occur.
///
/// *Shapes*, *Panics*: as [`gemm`].
#[inline(always)]
pub fn contract_fixed<T: Float, S: Simd, const M: usize, const K: usize, const N: usize>(
    a: Mat<T>,
    b: Mat<T>,
    c: &mut [T],
    ldc: usize,
    accumulate: bool,
) {
    product::<T, S, CONTRACT_PANEL, M, N>(M, K, N, a, b, c, ldc, accumulate);
}

/// [`contract_fixed`] where only some sizes are known: [`ANY`] in the type for rows or columns that are not.
///
/// *Shapes*, *Panics*: as [`gemm`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub fn contract_sized<T: Float, S: Simd, const M: usize, const N: usize>(
    m: usize,
    k: usize,
    n: usize,
    a: Mat<T>,
    b: Mat<T>,
    c: &mut [T],
    ldc: usize,
    accumulate: bool,
) {
    product::<T, S, CONTRACT_PANEL, M, N>(m, k, n, a, b, c, ldc, accumulate);
}

/// Elements of the stack panel of a call: 256 rows of two 16-lane vectors, 32 KiB of `f32`.
const GEMM_PANEL: usize = 256 * 32;
/// The same for an inlined product: 64 rows, 8 KiB of `f32`.
const CONTRACT_PANEL: usize = 64 * 32;

/// Checks every bound, then runs the product on a panel of `P` elements.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn product<T: Float, S: Simd, const P: usize, const M: usize, const N: usize>(
    m: usize,
    k: usize,
    n: usize,
    a: Mat<T>,
    b: Mat<T>,
    c: &mut [T],
    ldc: usize,
    accumulate: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    if !fits(c.len(), m, n, ldc, 1) || (m > 1 && ldc < n) {
        too_short("C", c.len(), m, n, ldc, 1);
    }
    if k == 0 {
        if !accumulate {
            for row in c.chunks_mut(ldc.max(n)).take(m) {
                row[..n].fill(T::default());
            }
        }
        return;
    }
    if !fits(a.data.len(), m, k, a.rs, a.cs) {
        too_short("A", a.data.len(), m, k, a.rs, a.cs);
    }
    if !fits(b.data.len(), k, n, b.rs, b.cs) {
        too_short("B", b.data.len(), k, n, b.rs, b.cs);
    }
    let job =
        Job { m, k, n, a: a.data.as_ptr(), ars: a.rs, acs: a.cs, b: b.data.as_ptr(), brs: b.rs, bcs: b.cs };
    let mut panel = Panel::<T, P>::new();
    // SAFETY: the three checks above are exactly the contract of `run`: with all sizes positive, the last element of
    // each operand is in its slice, and rows of C do not overlap.
    unsafe { tile::run::<T, S, P, M, N>(job, c.as_mut_ptr(), ldc, accumulate, &mut panel) }
}

/// Whether the last of `rows` by `cols` elements (both positive) lies in a slice of `len`.
#[inline(always)]
fn fits(len: usize, rows: usize, cols: usize, rs: usize, cs: usize) -> bool {
    match ((rows - 1).checked_mul(rs), (cols - 1).checked_mul(cs)) {
        (Some(i), Some(j)) => i.checked_add(j).is_some_and(|last| last < len),
        _ => false,
    }
}

#[cold]
#[inline(never)]
fn too_short(name: &str, len: usize, rows: usize, cols: usize, rs: usize, cs: usize) -> ! {
    panic!("matrix product: {name} is [{rows}, {cols}] with strides [{rs}, {cs}] but its slice holds {len} elements")
}

#[cfg(test)]
mod tests;
