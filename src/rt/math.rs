//! Functions of mathematics, generic over [`Vector`]: one branch-free body for every level, and for `f32` and `f64`.
//!
//! Invariant: no lane depends on another; a vector gives in each lane the bits that it gives alone.
//!
//! Errors are the largest found at any level, with FMA and without, as vectors and as scalars: for `f32` over 8.6 million bit
//! patterns of the whole range and dense stretches, against std in `f64`; for `f64` over 30,000 random arguments up to 700 at
//! the baseline and the best level, against 32-digit arithmetic (`powf`: half a unit above the distance to std). They are
//! found, not proven. `tests::measure` and `tests::dump` repeat them.

use super::simd::{Float, Mask, Std1, Std2, Vector};

mod erf;
mod exp;
mod log;
mod pow;
mod trig;

#[cfg(test)]
mod tests;

pub use erf::{erf, erf_partial};
pub use exp::{cosh, exp, exp2, exp_m1, sigmoid, sigmoid_slope, sinh, softplus, tanh, tanh_slope, weight};
pub use log::{ln, ln_1p, log10, log2};
pub use pow::{powf, powi};
pub use trig::{cos, sin, sin_cos, tan};

/// A polynomial with coefficients from the constant term on, one list per element type.
macro_rules! poly {
    ($x:expr; f32 [$($s:expr),* $(,)?]; f64 [$($d:expr),* $(,)?] $(,)?) => {
        if $crate::rt::math::is_f32::<_>($x) {
            $crate::rt::math::horner($x, [$($s),*])
        } else {
            $crate::rt::math::horner($x, [$($d),*])
        }
    };
}
use poly;

#[inline(always)]
fn is_f32<V: Vector>(_: V) -> bool {
    V::Elem::IS_F32
}

/// `c[0] + c[1] x + c[2] x² + …`; long ones as two chains, over the even and the odd powers.
#[inline(always)]
fn horner<V: Vector, const N: usize>(x: V, c: [f64; N]) -> V {
    // An iterator would do, but one that is not inlined into a large kernel is compiled without the kernel's instructions.
    if N < 6 {
        let (mut sum, mut i) = (V::of(c[N - 1]), N - 1);
        while i > 0 {
            i -= 1;
            sum = sum.mul_add(x, V::of(c[i]));
        }
        return sum;
    }
    let z = x * x;
    let mut sums = [V::of(c[N - 2]), V::of(c[N - 1])];
    let mut i = N - 2;
    while i > 0 {
        i -= 1;
        let sum = &mut sums[(i + N) % 2];
        *sum = sum.mul_add(z, V::of(c[i]));
    }
    // The chain that got c[0] holds the even powers.
    let even = N % 2;
    sums[1 - even].mul_add(x, sums[even])
}

/// A constant that differs by element type.
#[inline(always)]
fn pick<V: Vector>(single: f64, double: f64) -> V {
    V::of(if V::Elem::IS_F32 { single } else { double })
}

/// `a + b` as the rounded sum and its error. *Source*: Knuth's 2Sum.
#[inline(always)]
fn two_sum<V: Vector>(a: V, b: V) -> (V, V) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// The same for |a| >= |b| or a = 0. *Source*: Dekker's Fast2Sum.
#[inline(always)]
fn fast_two_sum<V: Vector>(a: V, b: V) -> (V, V) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// `a * b` as the rounded product and its error, by FMA or by Veltkamp's splitting.
#[inline(always)]
fn two_prod<V: Vector>(a: V, b: V) -> (V, V) {
    let product = a * b;
    if V::FUSED {
        return (product, a.mul_add(b, -product));
    }
    let split = |x: V| {
        let t = x * pick::<V>(4097.0, 134217729.0);
        let high = t - (t - x);
        (high, x - high)
    };
    let ((ah, al), (bh, bl)) = (split(a), split(b));
    (product, ((ah * bh - product) + ah * bl + al * bh) + al * bl)
}

/// Lane-wise std for lanes where `mask` is set; outlined, since it is rare.
#[inline(always)]
fn patch<V: Vector>(mask: V::Mask, x: V, y: V, f: Std1) -> V {
    if !mask.any() {
        return y;
    }
    let mut lanes = [V::Elem::default(); super::simd::MAX_LEN];
    x.store(&mut lanes);
    each(&mut lanes[..V::LEN], f);
    V::select(mask, V::load(&lanes), y)
}

#[cold]
#[inline(never)]
fn each<T: Float>(lanes: &mut [T], f: Std1) {
    for lane in lanes {
        *lane = lane.std1(f);
    }
}

macro_rules! lane_wise {
    ($($name:ident: $std:ident;)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of std, lane by lane.")]
        #[inline(always)]
        pub fn $name<V: Vector>(x: V) -> V {
            x.map(|x| x.std1(Std1::$std))
        }
    )*};
}
lane_wise! {
    asin: Asin;
    acos: Acos;
    atan: Atan;
    asinh: Asinh;
    acosh: Acosh;
    atanh: Atanh;
    cbrt: Cbrt;
}

macro_rules! lane_wise2 {
    ($($name:ident: $std:ident;)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of std, lane by lane.")]
        #[inline(always)]
        pub fn $name<V: Vector>(x: V, y: V) -> V {
            V::from_fn(|i| x.lane(i).std2(y.lane(i), Std2::$std))
        }
    )*};
}
lane_wise2! {
    atan2: Atan2;
    hypot: Hypot;
    rem: Rem;
    rem_euclid: RemEuclid;
    div_euclid: DivEuclid;
}

macro_rules! method {
    ($($name:ident($($arg:ident),*): $doc:literal;)*) => {$(
        #[doc = $doc]
        #[inline(always)]
        pub fn $name<V: Vector>(x: V $(, $arg: V)*) -> V {
            x.$name($($arg),*)
        }
    )*};
}
method! {
    sqrt(): "Square root, correctly rounded.";
    abs(): "Absolute value.";
    floor(): "The nearest integer below or at.";
    ceil(): "The nearest integer above or at.";
    trunc(): "The integer part.";
    round(): "The nearest integer, half away from zero.";
    min(y): "The lesser; a NaN operand is ignored.";
    max(y): "The greater; a NaN operand is ignored.";
    copysign(sign): "The magnitude of `x` with the sign of `sign`.";
    mul_add(a, b): "`x * a + b`, rounded once where the level has FMA.";
}

/// `1 / x`, correctly rounded.
#[inline(always)]
pub fn recip<V: Vector>(x: V) -> V {
    V::of(1.0) / x
}

/// 1 or -1 with the sign of `x`, of zeros too; NaN for NaN. *Source*: `f32::signum`.
#[inline(always)]
pub fn signum<V: Vector>(x: V) -> V {
    V::select(x.is_nan(), x, V::of(1.0).copysign(x))
}

/// `x - trunc(x)`.
#[inline(always)]
pub fn fract<V: Vector>(x: V) -> V {
    x - x.trunc()
}

/// `x` held between `low` and `high`; NaN stays NaN. Unlike std, `low > high` gives `high` instead of a panic.
#[inline(always)]
pub fn clamp<V: Vector>(x: V, low: V, high: V) -> V {
    high.lesser(low.greater(x))
}

/// `a - b`, and 0 where both are equal, infinite or not: the argument of `exp` in a softmax.
#[inline(always)]
pub fn diff<V: Vector>(a: V, b: V) -> V {
    V::select(a.eq(b), V::of(0.0), a - b)
}

/// `x ln(y)`, and 0 at `x = 0` unless `y` is NaN: the entropy form.
#[inline(always)]
pub fn xlogy<V: Vector>(x: V, y: V) -> V {
    let product = x * ln(y);
    V::select(x.eq(V::of(0.0)) & y.eq(y), V::of(0.0), product)
}
