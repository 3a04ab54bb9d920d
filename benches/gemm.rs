//! GFLOP/s of matrix products: `gemm` per shape, and the inlined `contract_fixed` per level for small constant sizes.
//!
//! `cargo bench --bench gemm [-- MILLISECONDS]`: time per figure, 50 if not given; the best of its calls is printed.

use chainrule::rt::gemm::{contract_fixed, contract_sized, gemm, Mat, ANY};
use chainrule::rt::simd::{available, dispatch_at, Float, Kernel, Level, Simd};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Operands by rows (`n`) or transposed (`t`), as in BLAS.
#[derive(Clone, Copy)]
struct Shape(usize, usize, usize, &'static str);

impl Shape {
    fn operands<'a, T>(self, a: &'a [T], b: &'a [T]) -> (Mat<'a, T>, Mat<'a, T>) {
        let Shape(m, k, n, layout) = self;
        let a = if layout.starts_with('t') { Mat::row_major(a, m).t() } else { Mat::row_major(a, k) };
        let b = if layout.ends_with('t') { Mat::row_major(b, k).t() } else { Mat::row_major(b, n) };
        (a, b)
    }
}

#[rustfmt::skip]
const F32: &[Shape] = &[
    // W3 and W4
    Shape(64, 784, 128, "nn"), Shape(784, 64, 128, "tn"), Shape(64, 128, 64, "nn"), Shape(128, 64, 64, "tn"),
    Shape(64, 64, 128, "nt"), Shape(64, 64, 10, "nn"), Shape(64, 64, 10, "tn"), Shape(64, 10, 64, "nt"),
    Shape(128, 64, 64, "nn"), Shape(64, 128, 64, "tn"), Shape(128, 64, 64, "nt"),
    // W6 and W7
    Shape(16, 32, 256, "nn"), Shape(16, 64, 256, "nn"), Shape(16, 256, 64, "nt"), Shape(256, 64, 192, "nn"),
    Shape(256, 256, 64, "nt"),
    // square
    Shape(32, 32, 32, "nn"), Shape(256, 256, 256, "nn"), Shape(512, 512, 512, "nn"), Shape(1024, 1024, 1024, "nn"),
];

#[rustfmt::skip]
const F64: &[Shape] = &[
    Shape(1000, 10, 250, "nn"), Shape(10, 1000, 250, "tn"), Shape(250, 1000, 10, "tn"), Shape(1000, 250, 10, "nt"),
    Shape(64, 64, 64, "nn"), Shape(64, 64, 64, "nt"), Shape(256, 256, 256, "nn"), Shape(512, 512, 512, "nn"),
];

/// Seconds of the best of the calls that fit into `budget`.
fn best(budget: Duration, flops: f64, mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    let inner = ((5e6 / flops) as usize).clamp(1, 1000);
    let mut least = f64::MAX;
    loop {
        let t = Instant::now();
        for _ in 0..inner {
            f();
        }
        least = least.min(t.elapsed().as_secs_f64() / inner as f64);
        if start.elapsed() >= budget {
            return least;
        }
    }
}

fn data<T: Float>(n: usize) -> Vec<T> {
    (0..n).map(|i| T::of((i * 7919 % 1000) as f64 / 500.0 - 1.0)).collect()
}

struct AtLevel<'a, T>(Shape, &'a [T], &'a [T], &'a mut [T]);

impl<T: Float> Kernel for AtLevel<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let AtLevel(shape @ Shape(m, k, n, _), a, b, c) = self;
        let (a, b) = shape.operands(a, b);
        contract_sized::<T, S, ANY, ANY>(m, k, n, a, b, c, n, false);
    }
}

struct Constant<'a, const M: usize, const K: usize, const N: usize>(
    &'static str,
    &'a [f32],
    &'a [f32],
    &'a mut [f32],
);

impl<const M: usize, const K: usize, const N: usize> Kernel for Constant<'_, M, K, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (a, b) = Shape(M, K, N, self.0).operands(self.1, self.2);
        contract_fixed::<f32, S, M, K, N>(a, b, self.3, N, false);
    }
}

fn levels() -> impl Iterator<Item = Level> {
    available().iter().copied().filter(|&level| level != Level::Portable)
}

fn calls<T: Float>(name: &str, shapes: &[Shape], budget: Duration) {
    for &shape in shapes {
        let Shape(m, k, n, layout) = shape;
        let (a, b, mut c) = (data::<T>(m * k), data::<T>(k * n), vec![T::default(); m * n]);
        let flops = 2.0 * (m * k * n) as f64;
        let seconds = best(budget, flops, || {
            let (a, b) = shape.operands(black_box(&a[..]), black_box(&b[..]));
            gemm(m, k, n, a, b, black_box(&mut c[..]), n, false);
        });
        print!("{name} {m:4} x {k:4} x {n:4} {layout}  gemm {:6.1}", flops / seconds * 1e-9);
        for level in levels() {
            let seconds = best(budget, flops, || {
                dispatch_at(
                    level,
                    AtLevel(shape, black_box(&a[..]), black_box(&b[..]), black_box(&mut c[..])),
                );
            });
            print!("  {level:?} {:6.1}", flops / seconds * 1e-9);
        }
        println!();
    }
}

fn constant<const M: usize, const K: usize, const N: usize>(layout: &'static str, budget: Duration) {
    let (a, b, mut c) = (data::<f32>(M * K), data::<f32>(K * N), vec![0.0; M * N]);
    let flops = 2.0 * (M * K * N) as f64;
    let seconds = best(budget, flops, || {
        let (a, b) = Shape(M, K, N, layout).operands(black_box(&a[..]), black_box(&b[..]));
        gemm(M, K, N, a, b, black_box(&mut c[..]), N, false);
    });
    print!("f32 {M:4} x {K:4} x {N:4} {layout}  gemm {:7.1} ns", seconds * 1e9);
    for level in levels() {
        let seconds = best(budget, flops, || {
            dispatch_at(
                level,
                Constant::<M, K, N>(layout, black_box(&a[..]), black_box(&b[..]), black_box(&mut c[..])),
            );
        });
        print!("  {level:?} {:7.1} ns", seconds * 1e9);
    }
    println!();
}

fn main() {
    let budget = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(50);
    let budget = Duration::from_millis(budget);
    println!("GFLOP/s, sizes known at run time");
    calls::<f32>("f32", F32, budget);
    calls::<f64>("f64", F64, budget);
    println!("time, sizes constant");
    constant::<1, 2, 16>("nn", budget);
    constant::<1, 16, 16>("nn", budget);
    constant::<1, 16, 16>("nt", budget);
    constant::<1, 16, 1>("nn", budget);
    constant::<16, 1, 16>("tn", budget);
    constant::<32, 2, 16>("nn", budget);
    constant::<32, 16, 16>("nn", budget);
    constant::<32, 16, 16>("nt", budget);
    constant::<16, 32, 16>("tn", budget);
    constant::<32, 16, 1>("nn", budget);
    constant::<16, 32, 1>("tn", budget);
    constant::<32, 32, 32>("nn", budget);
    constant::<64, 64, 10>("nn", budget);
}
