//! Register tiles: turns checked sizes and pointers into loops over tiles of C that stay in registers.
//!
//! Invariant: nothing here is called with a size of 0, and each tile reads and writes only inside the `m` by `k`,
//! `k` by `n` and `m` by `n` elements that [`run`]'s caller has checked.
//!
//! This file holds raw pointers because a bounds check per load costs more than the load: a tile step is ten loads
//! for sixteen multiply-adds.

// A tile is indexed by row, vector and chain at once; iterators over one of them hide that.
#![allow(clippy::needless_range_loop)]

use super::super::simd::{Float, Simd, Vector};
use super::pack;
use core::mem::MaybeUninit;
use core::slice::{from_raw_parts, from_raw_parts_mut};

/// Sizes and operands of a product, checked by the caller.
#[derive(Clone, Copy)]
pub(super) struct Job<T> {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: *const T,
    pub ars: usize,
    pub acs: usize,
    pub b: *const T,
    pub brs: usize,
    pub bcs: usize,
}

/// Room for a packed panel of B; aligned to a cache line, so that no vector load straddles two.
#[repr(C, align(64))]
pub(super) struct Panel<T, const P: usize>([MaybeUninit<T>; P]);

impl<T, const P: usize> Panel<T, P> {
    #[inline(always)]
    pub fn new() -> Self {
        Panel([const { MaybeUninit::uninit() }; P])
    }
}

/// Bytes of A that are read again for every panel: a part of the second-level cache.
const A_BLOCK: usize = 512 * 1024;

/// Rows of C from which packing B always pays.
const MANY: usize = 256;

/// Bytes between two rows of B up to which a panel of it is read in place.
const NEAR: usize = 3072;

/// Vectors in a row of a tile.
const NV: usize = 2;

/// Rows of a tile: as many as leave registers for the B row and one element of A.
const fn tile_rows(lanes_bytes: usize) -> usize {
    match lanes_bytes {
        64 => 8, // 32 registers: 16 of C, 2 of B
        32 => 6, // 16 registers: 12 of C, 2 of B
        _ => 4,
    }
}

/// A size that only the call knows. Where `M` and `N` are numbers, they say the sizes a second time, so that tiles that
/// cannot occur are not even compiled: twenty shapes of tile become two or three.
pub const ANY: usize = usize::MAX;

/// Rows that are left after the full tiles (all bits set where that is not known).
const fn rest<T: Float, S: Simd, const M: usize>() -> usize {
    let full = tile_rows(size_of::<T::Wide<S>>());
    if M == ANY {
        full.next_power_of_two() - 1
    } else {
        M % full
    }
}

/// The whole product.
///
/// # Safety
///
/// Sizes are positive; `(m-1)*ars + (k-1)*acs`, `(k-1)*brs + (n-1)*bcs` and `(m-1)*ldc + n-1` are indices of the
/// allocations that `a`, `b` and `c` point to the start of; `ldc >= n` if `m > 1`; `c` overlaps neither operand.
#[inline(always)]
pub(super) unsafe fn run<T: Float, S: Simd, const P: usize, const M: usize, const N: usize>(
    job: Job<T>,
    c: *mut T,
    ldc: usize,
    accumulate: bool,
    panel: &mut Panel<T, P>,
) {
    let Job { m, k, n, a, ars, acs, b, brs, bcs } = job;
    // SAFETY: each callee gets the same matrices, or all of their rows or columns in parts.
    unsafe {
        if const { M < 4 || M == ANY } && m < 4 && acs == 1 && bcs != 1 && brs == 1 {
            // rows of A against columns of B, both contiguous over k: sums across vectors
            for i in 0..m {
                dots::<T, S>(n, k, a.add(i * ars), b, bcs, c.add(i * ldc), 1, accumulate);
            }
        } else if const { N == 1 || N == ANY } && n == 1 && acs == 1 && (brs == 1 || k == 1) {
            dots::<T, S>(m, k, b, a, ars, c, ldc, accumulate);
        } else if const { N == 1 || N == ANY } && n == 1 && m > 1 && ldc == 1 {
            // a column is a row of the transposed product
            let job = Job { m: 1, k, n: m, a: b, ars: 0, acs: brs, b: a, brs: acs, bcs: ars };
            panels::<T, S, P, 1, M>(job, c, m, accumulate, panel);
        } else {
            panels::<T, S, P, M, N>(job, c, ldc, accumulate, panel);
        }
    }
}

/// Blocks of k and of rows, then panels of columns, then tiles.
///
/// # Safety: as [`run`].
#[inline(always)]
unsafe fn panels<T: Float, S: Simd, const P: usize, const M: usize, const N: usize>(
    job: Job<T>,
    c: *mut T,
    ldc: usize,
    accumulate: bool,
    panel: &mut Panel<T, P>,
) {
    let Job { m, k, n, a, ars, acs, b, brs, bcs } = job;
    let len = T::Wide::<S>::LEN;
    let width = NV * len;
    // B is read where it is if there are few rows of C, or not very many while the rows of B are whole vectors and not so far
    // apart that they fall on the same lines of the cache.
    let few = m <= 2 * const { tile_rows(size_of::<T::Wide<S>>()) };
    let direct = bcs == 1 && (few || (m <= MANY && n % len == 0 && brs <= NEAR / size_of::<T>()));
    // Blocks of equal size, so that the last one is not short.
    let most = P * size_of::<f32>() / size_of::<T>() / width;
    let kb = if direct { k } else { k.div_ceil(k.div_ceil(most)) };
    let most = (A_BLOCK / size_of::<T>() / kb).max(32);
    let mb = m.div_ceil(m.div_ceil(most));
    // SAFETY: `k0..k0 + kc` are rows of B and columns of A, `i0..i0 + mc` rows of A and C, `j..j + w` columns of B and C;
    // a packed panel has `kc <= P / width` rows of `width` initialised elements.
    unsafe {
        let mut k0 = 0;
        while k0 < k {
            let kc = kb.min(k - k0);
            let acc = accumulate || k0 > 0;
            let mut i0 = 0;
            while i0 < m {
                let mc = mb.min(m - i0);
                let mut j = 0;
                while j < n {
                    let w = width.min(n - j);
                    let from = b.add(k0 * brs + j * bcs);
                    let (bp, ldb) = if direct {
                        (from, brs)
                    } else {
                        let to = panel.0.as_mut_ptr().cast::<T>();
                        pack::panel::<T, S>(kc, w, width, from, brs, bcs, to);
                        (to.cast_const(), width)
                    };
                    let (a, c) = (a.add(i0 * ars + k0 * acs), c.add(i0 * ldc + j));
                    let tiles = Tiles { m: mc, k: kc, a, ars, acs, b: bp, ldb, w, c, ldc, acc };
                    if const { N >= NV * T::Wide::<S>::LEN } && w == width {
                        tiles.rows::<S, NV, false, false, M>();
                    } else if const { left::<T, S, N>(NV) } && w > len {
                        match direct {
                            true => tiles.rows::<S, NV, true, true, M>(),
                            false => tiles.rows::<S, NV, false, true, M>(),
                        }
                    } else if const { left::<T, S, N>(1) } {
                        match direct && w < len {
                            true => tiles.rows::<S, 1, true, true, M>(),
                            false => tiles.rows::<S, 1, false, true, M>(),
                        }
                    }
                    j += width;
                }
                i0 += mc;
            }
            k0 += kc;
        }
    }
}

/// Whether the last panel can be `vectors` wide, the last of them perhaps in part.
const fn left<T: Float, S: Simd, const N: usize>(vectors: usize) -> bool {
    let len = T::Wide::<S>::LEN;
    N == ANY || (N % (NV * len)).div_ceil(len) == vectors
}

/// The tiles of one panel: A `[m, k]` by strides, B `[k, w]` with rows `ldb` apart, C `[m, w]` with rows `ldc` apart.
#[derive(Clone, Copy)]
struct Tiles<T> {
    m: usize,
    k: usize,
    a: *const T,
    ars: usize,
    acs: usize,
    b: *const T,
    ldb: usize,
    w: usize,
    c: *mut T,
    ldc: usize,
    acc: bool,
}

impl<T: Float> Tiles<T> {
    /// All rows: full tiles, then what is left by powers of two. `BP`, `CP`: the last of the `N` vectors of a row of
    /// B, or of C, is `w - (N - 1) * LEN` elements, else whole.
    ///
    /// # Safety: the matrices above are valid, C for writing; `(N - 1) * LEN < w <= N * LEN`; rows of B have `N * LEN`
    /// elements unless `BP`, rows of C unless `CP`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const N: usize, const BP: bool, const CP: bool, const M: usize>(self) {
        let full = const { tile_rows(size_of::<T::Wide<S>>()) };
        let m = self.m;
        let mut i = 0;
        // SAFETY: rows `i..i + R` exist in every call.
        unsafe {
            if const { M >= tile_rows(size_of::<T::Wide<S>>()) } {
                while m - i >= full {
                    match const { tile_rows(size_of::<T::Wide<S>>()) } {
                        8 => self.tile::<S, 8, N, 1, BP, CP>(i),
                        6 => self.tile::<S, 6, N, 1, BP, CP>(i),
                        _ => self.tile::<S, 4, N, 1, BP, CP>(i),
                    }
                    i += full;
                }
            }
            if const { rest::<T, S, M>() & 4 != 0 } && m - i >= 4 {
                self.tile::<S, 4, N, 1, BP, CP>(i);
                i += 4;
            }
            if const { rest::<T, S, M>() & 2 != 0 } && m - i >= 2 {
                self.tile::<S, 2, N, 2, BP, CP>(i);
                i += 2;
            }
            if const { rest::<T, S, M>() & 1 != 0 } && m - i >= 1 {
                self.tile::<S, 1, N, 4, BP, CP>(i);
            }
        }
    }

    /// Rows `i..i + R`, summed in `U` chains over k (one chain waits for each addition; small tiles need several).
    ///
    /// # Safety: as [`Tiles::rows`], and `i + R <= m`.
    #[inline(always)]
    unsafe fn tile<
        S: Simd,
        const R: usize,
        const N: usize,
        const U: usize,
        const BP: bool,
        const CP: bool,
    >(
        self,
        i: usize,
    ) {
        let Tiles { k, ars, w, ldc, acc, .. } = self;
        let len = T::Wide::<S>::LEN;
        let zero = T::Wide::<S>::splat(T::default());
        let last = w - (N - 1) * len;
        // SAFETY: `p < k`, `r < R` and `v < N` stay inside the matrices by this function's contract.
        unsafe {
            let a = self.a.add(i * ars);
            let c = self.c.add(i * ldc);
            let mut sum = [[[zero; N]; R]; U];
            if acc {
                for r in 0..R {
                    for v in 0..N {
                        let at = c.add(r * ldc + v * len);
                        sum[0][r][v] = if CP && v + 1 == N {
                            T::Wide::<S>::load_part(from_raw_parts(at, last))
                        } else {
                            T::Wide::<S>::load(from_raw_parts(at, len))
                        };
                    }
                }
            }
            let mut p = 0;
            while k - p >= U {
                for u in 0..U {
                    self.step::<S, R, N, BP>(a, p + u, &mut sum[u]);
                }
                p += U;
            }
            while p < k {
                self.step::<S, R, N, BP>(a, p, &mut sum[0]);
                p += 1;
            }
            for r in 0..R {
                for v in 0..N {
                    let mut s = sum[0][r][v];
                    for u in 1..U {
                        s += sum[u][r][v];
                    }
                    let at = c.add(r * ldc + v * len);
                    if CP && v + 1 == N {
                        s.store_part(from_raw_parts_mut(at, last));
                    } else {
                        s.store(from_raw_parts_mut(at, len));
                    }
                }
            }
        }
    }

    /// `sum[r] += a[r, p] * b[p]` for the `R` rows that start at `a`.
    ///
    /// # Safety: as [`Tiles::tile`], and `p < k`.
    #[inline(always)]
    unsafe fn step<S: Simd, const R: usize, const N: usize, const BP: bool>(
        &self,
        a: *const T,
        p: usize,
        sum: &mut [[T::Wide<S>; N]; R],
    ) {
        let len = T::Wide::<S>::LEN;
        // SAFETY: row `p` of B and column `p` of A are inside by this function's contract.
        unsafe {
            let row = self.b.add(p * self.ldb);
            let mut x = [T::Wide::<S>::splat(T::default()); N];
            for v in 0..N {
                x[v] = if BP && v + 1 == N {
                    T::Wide::<S>::load_part(from_raw_parts(row.add(v * len), self.w - (N - 1) * len))
                } else {
                    T::Wide::<S>::load(from_raw_parts(row.add(v * len), len))
                };
            }
            for r in 0..R {
                let s = T::Wide::<S>::splat(*a.add(r * self.ars + p * self.acs));
                for v in 0..N {
                    sum[r][v] = s.mul_add(x[v], sum[r][v]);
                }
            }
        }
    }
}

/// `out[j * os] = Σ_p x[p] · y[j * ys + p]` for `j < n`, or `+=`.
///
/// # Safety: `k` elements of `x`, `n` rows of `k` elements of `y` and `n` elements of `out` are valid; all positive.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
unsafe fn dots<T: Float, S: Simd>(
    n: usize,
    k: usize,
    x: *const T,
    y: *const T,
    ys: usize,
    out: *mut T,
    os: usize,
    acc: bool,
) {
    // SAFETY: `j..j + C` are rows of `y`.
    unsafe {
        let mut j = 0;
        while n - j >= 8 {
            dots_of::<T, S, 8>(k, x, y.add(j * ys), ys, out.add(j * os), os, acc);
            j += 8;
        }
        while j < n {
            dots_of::<T, S, 1>(k, x, y.add(j * ys), ys, out.add(j * os), os, acc);
            j += 1;
        }
    }
}

/// `C` of the sums of [`dots`]. Safety: as there.
#[inline(always)]
unsafe fn dots_of<T: Float, S: Simd, const C: usize>(
    k: usize,
    x: *const T,
    y: *const T,
    ys: usize,
    out: *mut T,
    os: usize,
    acc: bool,
) {
    let len = T::Wide::<S>::LEN;
    let mut sum = [T::Wide::<S>::splat(T::default()); C];
    // SAFETY: `p + len <= k` for whole vectors, and the rest ends at `k`.
    unsafe {
        let mut p = 0;
        while k - p >= len {
            let xv = T::Wide::<S>::load(from_raw_parts(x.add(p), len));
            for (j, s) in sum.iter_mut().enumerate() {
                *s = xv.mul_add(T::Wide::<S>::load(from_raw_parts(y.add(j * ys + p), len)), *s);
            }
            p += len;
        }
        if p < k {
            let xv = T::Wide::<S>::load_part(from_raw_parts(x.add(p), k - p));
            for (j, s) in sum.iter_mut().enumerate() {
                *s = xv.mul_add(T::Wide::<S>::load_part(from_raw_parts(y.add(j * ys + p), k - p)), *s);
            }
        }
        for (j, s) in sum.iter().enumerate() {
            let at = &mut *out.add(j * os);
            *at = if acc { *at + s.reduce_sum() } else { s.reduce_sum() };
        }
    }
}
