//! Mathematics that also runs at compile time: `const fn` for `f64`, and for `f32` in [`single`].
//!
//! The methods of `f64` are no `const fn`, so that a function that is evaluated at compile time cannot call `x.exp()`. These
//! functions it can call, and `#[differentiable]` knows them: they are operations of the table, like the methods.
//!
//! ```
//! use chainrule::math;
//!
//! const E: f64 = math::exp(1.0);
//! assert!((E - std::f64::consts::E).abs() < 1e-15);
//! assert_eq!(E, math::exp(std::hint::black_box(1.0))); // the same bits when the program runs
//! ```
//!
//! All is plain arithmetic on `f64` and on its bits, without fused multiply-adds: the same bits at compile time, at run time, and
//! on every platform. (NaN is NaN; which one is open, as everywhere in Rust.)
//!
//! The errors that the functions state are the largest found, in units in the last place (ulp), against 80-digit arithmetic, at
//! 20,000 random arguments over each function's range, at as many over all of `f64`, and at the edges. They are found, not proven; `tests/data/math.py` repeats
//! them. When the program runs, the methods of std are faster.
//!
//! Invariant: no function here depends on the machine.

mod exp;
mod log;
mod names;
mod plain;
mod pow;
pub mod single;
#[cfg(test)]
mod tests;
mod trig;

pub use exp::{cosh, exp, exp_m1, sigmoid, sinh, softplus, tanh};
#[doc(hidden)]
pub use exp::{sigmoid_slope, tanh_slope, weight};
pub use log::{ln, ln_1p};
#[doc(hidden)]
pub use names::{
    abs, copysign, cos, cosh, exp, exp_m1, hypot, ln, ln_1p, max, min, powf, powi, sigmoid, sin, sinh,
    softplus, sqrt, tan, tanh,
};
pub use plain::{abs, copysign, hypot, max, min, sqrt};
#[doc(hidden)]
pub use plain::{ceil, diff, floor, fract, mul_add, recip, rem_euclid, round, signum, trunc, xlogy};
pub use pow::{powf, powi};
pub use trig::{cos, sin, tan};

/// The sum of a polynomial's terms, written out: `c0 + x (c1 + x (c2 + …))`.
macro_rules! horner {
    ($x:expr; $last:expr) => { $last };
    ($x:expr; $first:expr, $($rest:expr),+) => { $first + $x * $crate::math::horner!($x; $($rest),+) };
}
use horner;

/// 1.5 · 2^52: a number below 2^51 that is added to it is rounded to an integer.
const MAGIC: f64 = 6755399441055744.0;

/// `a + b` as the rounded sum and its error. *Source*: Knuth's 2Sum.
const fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// The same for |a| >= |b| or a = 0. *Source*: Dekker's Fast2Sum.
const fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// `a * b` as the rounded product and its error. *Source*: Dekker's product, with Veltkamp's splitting.
const fn two_prod(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let (t, u) = (a * 134217729.0, b * 134217729.0);
    let (ah, bh) = (t - (t - a), u - (u - b));
    let (al, bl) = (a - ah, b - bh);
    (product, ((ah * bh - product) + ah * bl + al * bh) + al * bl)
}

/// `x * 2^n`, rounded once where `x` is a normal number of moderate size.
const fn scaled(x: f64, n: i64) -> f64 {
    if n >= -1021 && n <= 1022 {
        return x * power_of_two(n);
    }
    // one factor may be the largest power of two or the smallest normal one
    let half = if n > 0 { 1022 } else { -1021 };
    x * power_of_two(half) * power_of_two(n - half)
}

/// `2^n` for n in -1022..=1023.
const fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}
