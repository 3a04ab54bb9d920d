//! Every class of product against a plain sum in f64, at every level of the machine.

use super::super::simd::{available, dispatch_at, Float, Kernel, Level, Simd};
use super::*;
use std::panic::catch_unwind;

/// A small generator; the seed is printed by the assertions that use it.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }
    fn numbers<T: Float>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| T::of(self.below(2001) as f64 / 1000.0 - 1.0)).collect()
    }
}

/// One product: sizes, and strides of A, B and the rows of C.
#[derive(Clone, Copy, Debug)]
struct Case {
    m: usize,
    k: usize,
    n: usize,
    a: (usize, usize),
    b: (usize, usize),
    ldc: usize,
}

impl Case {
    /// Strides number `layout` of 36: both operands by rows, by columns, and neither, all tight or with gaps.
    fn new(m: usize, k: usize, n: usize, layout: usize) -> Self {
        let strides = |rows: usize, cols: usize, which: usize, gap: usize| match which {
            0 => (cols + gap, 1),
            1 => (1, rows + gap),
            _ => (2 * cols + gap, 2),
        };
        let gap = layout / 9 % 2 * 3;
        let (a, b) = (strides(m, k, layout % 3, gap), strides(k, n, layout / 3 % 3, gap));
        Case { m, k, n, a, b, ldc: n + layout / 18 % 2 * 5 }
    }
}

enum How {
    Call,
    Inlined(Level),
}

struct Inlined<'a, T>(Case, &'a [T], &'a [T], &'a mut [T], bool);

impl<T: Float> Kernel for Inlined<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Inlined(Case { m, k, n, a, b, ldc }, x, y, c, accumulate) = self;
        contract_sized::<T, S, ANY, ANY>(
            m,
            k,
            n,
            Mat::new(x, a.0, a.1),
            Mat::new(y, b.0, b.1),
            c,
            ldc,
            accumulate,
        );
    }
}

fn check<T: Float>(case: Case, how: How, accumulate: bool, seed: u64) {
    let mut random = Random(seed);
    let Case { m, k, n, a, b, ldc } = case;
    let extent = |rows: usize, cols: usize, (rs, cs): (usize, usize)| match (rows, cols) {
        (0, _) | (_, 0) => 0,
        _ => (rows - 1) * rs + (cols - 1) * cs + 1,
    };
    let x: Vec<T> = random.numbers(extent(m, k, a));
    let y: Vec<T> = random.numbers(extent(k, n, b));
    let before: Vec<T> = random.numbers(extent(m, n, (ldc, 1)));
    let mut c = before.clone();
    match how {
        How::Call => gemm(m, k, n, Mat::new(&x, a.0, a.1), Mat::new(&y, b.0, b.1), &mut c, ldc, accumulate),
        How::Inlined(level) => {
            dispatch_at(level, Inlined(case, &x, &y, &mut c, accumulate)).expect("available")
        }
    }
    let tolerance = if T::IS_F32 { 2e-7 } else { 4e-16 } * (k as f64 + 2.0);
    for (at, &got) in c.iter().enumerate() {
        let (i, j) = (at / ldc, at % ldc);
        if j >= n {
            assert!(got == before[at], "{case:?}: wrote between rows, at {at}");
            continue;
        }
        let mut want = if accumulate { before[at].to_f64() } else { 0.0 };
        for p in 0..k {
            want += x[i * a.0 + p * a.1].to_f64() * y[p * b.0 + j * b.1].to_f64();
        }
        let off = (got.to_f64() - want).abs();
        assert!(
            off <= tolerance,
            "{case:?} accumulate {accumulate} seed {seed}: C[{i}, {j}] is off by {off:e}"
        );
    }
}

/// The sizes of a case once more, in the type.
struct Fixed<'a, T, const M: usize, const K: usize, const N: usize>(Inlined<'a, T>);

impl<T: Float, const M: usize, const K: usize, const N: usize> Kernel for Fixed<'_, T, M, K, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Inlined(Case { a, b, ldc, .. }, x, y, c, accumulate) = self.0;
        contract_fixed::<T, S, M, K, N>(Mat::new(x, a.0, a.1), Mat::new(y, b.0, b.1), c, ldc, accumulate);
    }
}

/// Sizes in the type must give the same bits as the same sizes as values.
fn check_fixed<T: Float, const M: usize, const K: usize, const N: usize>() {
    for layout in 0..36 {
        let case = Case::new(M, K, N, layout);
        let mut random = Random(layout as u64);
        let x: Vec<T> = random.numbers(2 * M * K + 3 * M.max(K) + 1);
        let y: Vec<T> = random.numbers(2 * K * N + 3 * N.max(K) + 1);
        let mut c: [Vec<T>; 2] = std::array::from_fn(|_| vec![T::of(0.5); M * case.ldc]);
        for &level in available() {
            let accumulate = layout % 2 == 0;
            let [values, types] = &mut c;
            dispatch_at(level, Inlined(case, &x, &y, values, accumulate));
            dispatch_at(level, Fixed::<T, M, K, N>(Inlined(case, &x, &y, types, accumulate)));
            assert_eq!(c[0], c[1], "{case:?} at {level:?}");
        }
    }
}

#[test]
fn sizes_in_the_type() {
    check_fixed::<f32, 1, 2, 16>();
    check_fixed::<f32, 32, 16, 16>();
    check_fixed::<f32, 16, 32, 1>();
    check_fixed::<f32, 13, 7, 1>();
    check_fixed::<f32, 3, 20, 5>();
    check_fixed::<f32, 29, 70, 47>();
    check_fixed::<f64, 1, 1, 1>();
    check_fixed::<f64, 2, 9, 33>();
    check_fixed::<f64, 39, 5, 10>();
}

fn check_both(case: Case, seed: u64) {
    for accumulate in [false, true] {
        check::<f32>(case, How::Call, accumulate, seed);
        check::<f64>(case, How::Call, accumulate, seed);
        for &level in available() {
            check::<f32>(case, How::Inlined(level), accumulate, seed);
            check::<f64>(case, How::Inlined(level), accumulate, seed);
        }
    }
}

#[test]
fn all_small_sizes_in_all_layouts() {
    let sizes = [0, 1, 2, 3, 5, 16, 17, 33];
    let mut layout = 0;
    for m in sizes {
        for k in sizes {
            for n in sizes {
                // every size meets several layouts; the step is prime to 36
                for _ in 0..3 {
                    layout = (layout + 7) % 36;
                    check_both(Case::new(m, k, n, layout), layout as u64);
                }
            }
        }
    }
}

#[test]
fn random_sizes() {
    let mut random = Random(1);
    for seed in 0..150 {
        let mut size = |most: usize| random.below(most);
        let case = Case::new(size(45), size(140), size(80), size(36));
        check_both(case, seed);
    }
}

#[test]
fn several_blocks_of_k() {
    for layout in 0..36 {
        check_both(Case::new(19, 600, 35, layout), 3);
        check_both(Case::new(3, 1030, 1, layout), 4);
        check_both(Case::new(1, 1030, 37, layout), 5);
    }
}

#[test]
fn a_zero_stride_repeats_a_row() {
    let (x, y) = ([1.0f32, 2.0, 3.0], [1.0f32, 10.0]);
    let mut c = [0.0; 6];
    gemm(3, 3, 2, Mat::new(&x, 0, 1), Mat::new(&y, 0, 1), &mut c, 2, false);
    assert_eq!(c, [6.0, 60.0, 6.0, 60.0, 6.0, 60.0]);
}

#[test]
fn strides_that_are_never_taken_do_not_matter() {
    let far = usize::MAX;
    let x = [1.0f32, 2.0];
    let mut c = [0.0; 4];
    gemm(1, 1, 1, Mat::new(&x, far, far), Mat::new(&x, far, far), &mut c, far, false);
    assert_eq!(c[0], 1.0);
    gemm(2, 1, 2, Mat::new(&x, 1, far), Mat::new(&x, far, 1), &mut c, 2, true);
    assert_eq!(c, [2.0, 2.0, 2.0, 4.0]);
    let (a, b) = (vec![1.0f32; 80], [1.0f32; 2]);
    gemm(40, 2, 1, Mat::new(&a, 2, 1), Mat::new(&b, 1, far), &mut [0.0; 80], 2, false);
}

#[test]
fn transposed_twice_is_the_same() {
    let x = [1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0];
    let (mut once, mut twice) = ([0.0; 4], [0.0; 4]);
    let rows = Mat::row_major(&x, 3);
    gemm(2, 3, 2, rows, rows.t(), &mut once, 2, false);
    gemm(2, 3, 2, rows.t().t(), rows.t(), &mut twice, 2, false);
    assert_eq!(once, [14.0, 32.0, 32.0, 77.0]);
    assert_eq!(once, twice);
}

fn message(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(f).expect_err("must panic");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn short_slices_are_named() {
    let call =
        |a: usize, b: usize, c: usize, (m, k, n): (usize, usize, usize), strides: [usize; 4], ldc: usize| {
            message(move || {
                let (a, b, mut c) = (vec![0f32; a], vec![0f32; b], vec![0f32; c]);
                let [ar, ac, br, bc] = strides;
                gemm(m, k, n, Mat::new(&a, ar, ac), Mat::new(&b, br, bc), &mut c, ldc, false);
            })
        };
    let tight = [3, 1, 4, 1];
    assert_eq!(
        call(5, 12, 8, (2, 3, 4), tight, 4),
        "matrix product: A is [2, 3] with strides [3, 1] but its slice holds 5 elements"
    );
    assert!(call(6, 11, 8, (2, 3, 4), tight, 4).contains("B is [3, 4]"));
    assert!(call(6, 12, 7, (2, 3, 4), tight, 4).contains("C is [2, 4]"));
    assert!(call(6, 12, 8, (2, 3, 4), tight, 3).contains("C is [2, 4] with strides [3, 1]"));
    // products of sizes and strides that wrap around
    assert!(call(6, 12, 8, (2, 3, 4), [usize::MAX, 1, 4, 1], 4).contains("A is"));
    assert!(call(6, 12, 8, (2, 3, 4), [3, usize::MAX / 2 + 1, 4, 1], 4).contains("A is"));
    assert!(call(6, 12, 8, (2, 3, 4), [3, 1, usize::MAX / 2, 1], 4).contains("B is"));
    assert!(call(6, 12, 8, (usize::MAX, 3, 4), tight, 4).contains("C is"));
}
