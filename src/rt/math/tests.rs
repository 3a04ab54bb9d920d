//! Errors of the functions in units in the last place, at every level, as vectors and as scalars.
//!
//! Invariant: bounds stand in [`BOUNDS`] alone; the documentation quotes what the exhaustive run prints.

use super::super::simd::{self, dispatch_at, Kernel, Simd};
use super::*;
use std::marker::PhantomData;

mod table;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Exp,
    Exp2,
    ExpM1,
    Ln,
    Ln1p,
    Log2,
    Log10,
    Tanh,
    TanhSlope,
    Sigmoid,
    SigmoidSlope,
    Softplus,
    Sin,
    Cos,
    Tan,
    Sinh,
    Cosh,
    Erf,
}
use Name::*;

/// Largest errors allowed: f32, f64 against std's f64 (whose own error, up to one unit, is included).
const BOUNDS: [(Name, f64, f64); 18] = [
    (Exp, 2.0, 2.0),
    (Exp2, 2.0, 2.0),
    (ExpM1, 2.0, 3.0),
    (Ln, 2.0, 2.0),
    (Ln1p, 2.0, 3.0),
    (Log2, 2.0, 2.0),
    (Log10, 2.0, 3.0),
    (Tanh, 2.0, 3.0),
    (TanhSlope, 4.0, 4.0),
    (Sigmoid, 2.0, 3.0),
    (SigmoidSlope, 4.0, 4.0),
    (Softplus, 2.0, 3.0),
    (Sin, 2.0, 2.0),
    (Cos, 2.0, 2.0),
    (Tan, 2.0, 3.0),
    (Sinh, 2.0, 3.0),
    (Cosh, 2.0, 3.0),
    (Erf, 2.0, 60.0),
];

#[inline(always)]
fn apply<V: Vector>(name: Name, x: V) -> V {
    match name {
        Exp => exp(x),
        Exp2 => exp2(x),
        ExpM1 => exp_m1(x),
        Ln => ln(x),
        Ln1p => ln_1p(x),
        Log2 => log2(x),
        Log10 => log10(x),
        Tanh => tanh(x),
        TanhSlope => tanh_slope(x),
        Sigmoid => sigmoid(x),
        SigmoidSlope => sigmoid_slope(x),
        Softplus => softplus(x),
        Sin => sin(x),
        Cos => cos(x),
        Tan => tan(x),
        Sinh => sinh(x),
        Cosh => cosh(x),
        Erf => erf(x),
    }
}

/// The reference in f64.
fn reference(name: Name, x: f64) -> f64 {
    match name {
        Exp => x.exp(),
        Exp2 => x.exp2(),
        ExpM1 => x.exp_m1(),
        Ln => x.ln(),
        Ln1p => x.ln_1p(),
        Log2 => x.log2(),
        Log10 => x.log10(),
        Tanh => x.tanh(),
        TanhSlope => 4.0 * reference(SigmoidSlope, 2.0 * x),
        SigmoidSlope => (-x.abs()).exp() / (1.0 + (-x.abs()).exp()) / (1.0 + (-x.abs()).exp()),
        Sigmoid if x < 0.0 => x.exp() / (1.0 + x.exp()),
        Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Softplus if x > 0.0 => x + (-x).exp().ln_1p(),
        Softplus => x.exp().ln_1p(),
        Sin => x.sin(),
        Cos => x.cos(),
        Tan => x.tan(),
        Sinh => x.sinh(),
        Cosh => x.cosh(),
        Erf => erf_series(x),
    }
}

/// erf by its series of positive terms, `2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!` (DLMF 7.6.2); to some 1e-15.
fn erf_series(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// Applies a function to a slice at a level, as vectors or one by one.
struct Sweep<'a, T> {
    name: Name,
    from: &'a [T],
    to: &'a mut [T],
    wide: bool,
    of: PhantomData<T>,
}

impl<T: Float> Kernel for Sweep<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.wide {
            sweep::<T, T::Wide<S>>(self.name, self.from, self.to);
        } else {
            sweep::<T, T::One<S>>(self.name, self.from, self.to);
        }
    }
}

#[inline(always)]
fn sweep<T: Float, V: Vector<Elem = T>>(name: Name, from: &[T], to: &mut [T]) {
    for (from, to) in from.chunks(V::LEN).zip(to.chunks_mut(V::LEN)) {
        apply(name, V::load_part(from)).store_part(to);
    }
}

/// The distance of `got` from `want` in units of the last place of `want` as a `T`.
fn ulps<T: Float>(got: T, want: f64) -> f64 {
    let (g, rounded) = (got.to_f64(), T::of(want).to_f64());
    if g.is_nan() || rounded.is_nan() {
        return if g.is_nan() && rounded.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if g == rounded && (g != 0.0 || g.is_sign_negative() == rounded.is_sign_negative()) {
        return if g.is_infinite() { 0.0 } else { (g - want).abs() / unit::<T>(want) };
    }
    let largest = T::from_raw((((2 * T::BIAS + 1) as u64) << T::MANTISSA) - 1).to_f64();
    if g.is_infinite() || rounded.is_infinite() {
        // An overflow one unit early or late is an error of that size.
        let near = |x: f64| x.abs() >= largest * (1.0 - 4.0 * f32::EPSILON as f64) && T::IS_F32;
        return if near(g) && near(want) && g.signum() == want.signum() { 1.0 } else { f64::INFINITY };
    }
    if g == 0.0 && rounded == 0.0 {
        return f64::INFINITY; // the sign of zero differs
    }
    (g - want).abs() / unit::<T>(want)
}

fn unit<T: Float>(x: f64) -> f64 {
    let exponent = ((x.abs().to_bits() >> 52) as i32 - 1023).max(1 - T::BIAS as i32);
    let power = exponent - T::MANTISSA as i32;
    if power < -1022 {
        f64::from_bits(1 << (power + 1074))
    } else {
        2f64.powi(power)
    }
}

/// Bit patterns at a stride, the edges, and dense stretches where functions turn or cancel.
fn points<T: Float>(stride: u64) -> Vec<T> {
    let edges = [
        0.0,
        1.0,
        0.5,
        0.625,
        2.0,
        4.0,
        88.72283,
        89.0,
        89.4,
        90.5,
        104.0,
        103.97,
        127.99,
        128.0,
        149.0,
        150.5,
        745.2,
        709.78,
        710.4,
        1074.0,
        1024.0,
        3200.0,
        1.6e6,
        1e10,
        1e30,
        3e38,
        1e300,
        1e-310,
        5e-324,
        std::f64::consts::FRAC_PI_2,
        std::f64::consts::PI,
        f64::INFINITY,
        f64::NAN,
    ];
    let mut points: Vec<T> = edges.iter().flat_map(|x| [T::of(*x), T::of(-*x)]).collect();
    let shift = T::WIDTH - 32;
    let mut random = simd::tests::Random(3);
    // f64 gets random low bits below the 32 high ones.
    let low = |random: &mut simd::tests::Random| if shift == 0 { 0 } else { random.next() >> 32 };
    points
        .extend((0..1u64 << 32).step_by(stride as usize).map(|b| T::from_raw(b << shift | low(&mut random))));
    let n = (0x1_0000_0000 / stride / 8).max(64);
    for i in 0..n {
        let u = i as f64 / n as f64;
        points.extend(
            [0.5 + u, 3.0 * u - 1.5, 40.0 * u - 20.0, 220.0 * u - 110.0, 6400.0 * u - 3200.0].map(T::of),
        );
        // next to multiples of π/2 and to 1
        points.push(T::of((i % 2000) as f64 * std::f64::consts::FRAC_PI_2));
        points.push(T::from_raw(T::of(1.0).to_raw() + i - n / 2));
    }
    points
}

/// The largest error of a function over points: (error, where).
fn worst<T: Float>(level: simd::Level, wide: bool, name: Name, points: &[T], wants: &[f64]) -> (f64, T) {
    let mut got = vec![T::default(); points.len()];
    dispatch_at(level, Sweep { name, from: points, to: &mut got, wide, of: PhantomData }).unwrap();
    let mut worst = (0.0, T::default());
    for ((x, got), want) in points.iter().zip(&got).zip(wants) {
        let error = ulps(*got, *want);
        if error > worst.0 {
            worst = (error, *x);
        }
    }
    worst
}

fn sweep_all<T: Float>(stride: u64, print: bool) {
    let points = points::<T>(stride);
    for (name, single, double) in BOUNDS {
        let bound = if T::IS_F32 { single } else { double };
        let wants: Vec<f64> = points.iter().map(|x| reference(name, x.to_f64())).collect();
        for level in simd::available() {
            for wide in [true, false] {
                let (error, at) = worst(*level, wide, name, &points, &wants);
                if print {
                    println!("f{} {name:?} {level:?} {wide}: {error:.3} at {at:?}", T::WIDTH);
                } else {
                    assert!(error <= bound, "f{} {name:?} {level:?} {wide}: {error:.3} at {at:?}", T::WIDTH);
                }
            }
        }
    }
}

const STRIDE: u64 = if cfg!(debug_assertions) { 4_000_037 } else { 29_989 };

#[test]
fn f32_is_within_bounds() {
    sweep_all::<f32>(STRIDE, false);
}

#[test]
fn f64_is_within_bounds_of_std() {
    sweep_all::<f64>(STRIDE, false);
}

/// `cargo test --release -- --ignored --nocapture measure` prints the table of errors.
#[test]
#[ignore]
fn measure() {
    sweep_all::<f32>(499, true);
    sweep_all::<f64>(4999, true);
    println!("powf {:?} {:?}", powers::<f32>(1_000_000), powers::<f64>(1_000_000));
}

#[test]
fn f64_is_within_two_units_of_the_table() {
    let from: Vec<f64> = table::TABLE.iter().map(|row| row.1).collect();
    for level in simd::available() {
        for (i, (name, x, want)) in table::TABLE.iter().enumerate() {
            let mut to = [0.0];
            let from = &from[i..=i];
            dispatch_at(*level, Sweep { name: *name, from, to: &mut to, wide: true, of: PhantomData })
                .unwrap();
            let error = ulps(to[0], *want);
            assert!(error <= 2.0, "{name:?} {level:?} {x}: {error}");
        }
    }
}

struct Plain;
impl Kernel for Plain {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        plain::<S::F32>();
        plain::<S::F64>();
        plain::<S::S32>();
        plain::<S::S64>();
        plain::<f32>();
        plain::<f64>();
    }
}

#[inline(always)]
fn plain<V: Vector>() {
    let same = |y: V, want: f64| {
        let want = V::Elem::of(want);
        let got = y.lane(V::LEN - 1);
        assert!(
            got.to_raw() == want.to_raw() || (got.to_f64().is_nan() && want.to_f64().is_nan()),
            "{got:?} {want:?}"
        );
    };
    let of = V::of;
    let nan = f64::NAN;
    for (x, sign) in [(0.0, 1.0), (-0.0, -1.0), (-3.5, -1.0), (nan, nan), (f64::INFINITY, 1.0)] {
        same(signum(of(x)), sign);
    }
    same(fract(of(-3.75)), -0.75);
    same(recip(of(-0.0)), f64::NEG_INFINITY);
    for (x, want) in [(-2.0, -1.0), (0.5, 0.5), (7.0, 3.0), (nan, nan)] {
        same(clamp(of(x), of(-1.0), of(3.0)), want);
    }
    same(min(of(nan), of(1.0)), 1.0);
    same(max(of(2.0), of(nan)), 2.0);
    same(rem(of(-7.5), of(2.0)), -1.5);
    same(rem_euclid(of(-7.5), of(2.0)), 0.5);
    same(div_euclid(of(-7.5), of(2.0)), -4.0);
    same(hypot(of(3.0), of(4.0)), 5.0);
    same(atan2(of(0.0), of(-0.0)), V::Elem::of(0.0).std2(V::Elem::of(-0.0), Std2::Atan2).to_f64());
    same(cbrt(of(-27.0)), -3.0);
    same(asin(of(2.0)), nan);
    same(round(of(-2.5)), -3.0);
    same(copysign(of(2.0), of(-0.0)), -2.0);
    same(mul_add(of(2.0), of(3.0), of(1.0)), 7.0);
    for (n, want) in [(0, 1.0), (1, -1.5), (2, 2.25), (-3, -1.0 / 3.375), (5, -7.59375)] {
        same(powi(of(-1.5), n), want);
    }
    same(powi(of(1.0), i32::MIN), 1.0);
    same(powi(of(nan), 0), 1.0);
    let (s, c) = sin_cos(of(1e5));
    same(s, sin(of(1e5)).lane(0).to_f64());
    same(c, cos(of(1e5)).lane(0).to_f64());
    same(erf_partial(of(0.0)), std::f64::consts::FRAC_2_SQRT_PI);
}

#[test]
fn plain_operations_agree_with_std() {
    for level in simd::available() {
        dispatch_at(*level, Plain).unwrap();
    }
}

/// Prints arguments and results as bits, for a check by other arithmetic.
#[test]
#[ignore]
fn dump() {
    let mut random = simd::tests::Random(9);
    for (name, ..) in BOUNDS {
        let scales = [2.0, 20.0, 700.0];
        let from: Vec<f64> = (0..30_000)
            .map(|i| {
                let u = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
                let x = (2.0 * u - 1.0) * scales[i % 3];
                match name {
                    Ln | Log2 | Log10 => x.abs(),
                    Ln1p => x.abs() - 0.9 * (x.abs() < 1.0) as i32 as f64,
                    _ => x,
                }
            })
            .collect();
        for level in [simd::Level::Baseline, simd::best()] {
            let mut to = vec![0.0; from.len()];
            dispatch_at(level, Sweep { name, from: &from, to: &mut to, wide: true, of: PhantomData })
                .unwrap();
            for (x, y) in from.iter().zip(&to) {
                println!("{name:?} {level:?} {:016x} {:016x}", x.to_bits(), y.to_bits());
            }
        }
    }
}

/// `powf` over pairs.
struct Powers<'a, T> {
    from: &'a [(T, T)],
    to: &'a mut Vec<T>,
    wide: bool,
}

impl<T: Float> Kernel for Powers<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for pair in self.from.chunks(T::Wide::<S>::LEN) {
            if self.wide {
                let at = |i: usize| pair.get(i).copied().unwrap_or_default();
                let y: T::Wide<S> = powf(Vector::from_fn(|i| at(i).0), Vector::from_fn(|i| at(i).1));
                self.to.extend((0..pair.len()).map(|i| y.lane(i)));
            } else {
                self.to.extend(
                    pair.iter().map(|(x, y)| powf(T::One::<S>::splat(*x), T::One::<S>::splat(*y)).lane(0)),
                );
            }
        }
    }
}

fn powers<T: Float>(count: usize) -> (f64, (T, T)) {
    let special =
        [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 1e10, 16777217.0, 1e-10, 5e-324, 1e308, f64::INFINITY, f64::NAN];
    let special: Vec<T> = special.iter().flat_map(|x| [T::of(*x), T::of(-*x)]).collect();
    let mut pairs: Vec<(T, T)> = special.iter().flat_map(|x| special.iter().map(|y| (*x, *y))).collect();
    let mut random = simd::tests::Random(5);
    let mut unit = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
    let most = if T::IS_F32 { 160.0 } else { 1100.0 };
    for i in 0..count {
        // Exponents such that the result uses the whole range.
        let x = if i % 2 == 0 { 2f64.powf(60.0 * unit() - 30.0) } else { 1.0 + 0.1 * unit() };
        let x = T::of(x).to_f64();
        let y = (2.0 * unit() - 1.0) * most / x.log2().abs().max(1e-6);
        pairs.push((T::of(x), T::of(y)));
    }
    let mut worst = (0.0, pairs[0]);
    for level in simd::available() {
        for wide in [true, false] {
            let mut got = vec![];
            dispatch_at(*level, Powers { from: &pairs, to: &mut got, wide }).unwrap();
            for ((x, y), got) in pairs.iter().zip(&got) {
                let error = ulps(*got, x.to_f64().powf(y.to_f64()));
                if error > worst.0 {
                    worst = (error, (*x, *y));
                }
            }
        }
    }
    worst
}

#[test]
fn powf_is_within_bounds() {
    let count = if cfg!(debug_assertions) { 1000 } else { 300_000 };
    let (error, at) = powers::<f32>(count);
    assert!(error <= 2.0, "f32: {error} at {at:?}");
    let (error, at) = powers::<f64>(count);
    assert!(error <= 2.0, "f64: {error} at {at:?}");
}

struct Weights<T>(PhantomData<T>);

impl<T: Float> Kernel for Weights<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let least = if T::IS_F32 { -80.0 } else { -700.0 };
        let at = |x: f64| weight(T::Wide::<S>::splat(T::of(x))).lane(0).to_f64();
        let exp = |x: f64| exp(T::Wide::<S>::splat(T::of(x))).lane(0).to_f64();
        for x in [0.0, -1e-9, -0.5, -17.3, 0.99 * least, least] {
            assert_eq!(at(x), exp(x), "{x}");
        }
        for x in [1.001 * least, 2.0 * least, f64::NEG_INFINITY] {
            assert_eq!(at(x).to_bits(), 0, "{x}");
        }
        assert!(at(f64::NAN).is_nan());
    }
}

#[test]
fn weights_are_exponentials_or_nothing() {
    for level in simd::available() {
        dispatch_at(*level, Weights::<f32>(PhantomData)).unwrap();
        dispatch_at(*level, Weights::<f64>(PhantomData)).unwrap();
    }
}
