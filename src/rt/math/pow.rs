//! Powers.
//!
//! Invariant: the logarithm is carried as a sum of two, since the exponent multiplies its error.

use super::{exp::exp2_pair, log::log2_pair, pick, two_prod};
use crate::rt::simd::Vector;

/// `x^y`, with the special cases of `f32::powf` (C99 annex F).
///
/// *Error*: at most 1.02 (f32), 1.1 (f64) units in the last place.
#[inline(always)]
pub fn powf<V: Vector>(x: V, y: V) -> V {
    let (zero, one) = (V::of(0.0), V::of(1.0));
    let infinity = V::of(f64::INFINITY);
    let a = x.abs();
    // No base but 1 has a power between 0 and ∞ at this exponent.
    let bound = pick::<V>(1e12, 1e22);
    let held = bound.lesser((-bound).greater(y));
    let (log, log_low) = log2_pair(a);
    let (p, p_low) = two_prod(held, log);
    let size = exp2_pair(p, held.mul_add(log_low, p_low));
    let down = y.lt(zero);
    let size = V::select(a.eq(zero), V::select(down, infinity, zero), size);
    let size = V::select(a.eq(infinity), V::select(down, zero, infinity), size);
    // An integer whose half is none is odd.
    let whole = y.trunc().eq(y);
    let half = y * V::of(0.5);
    let flips = whole & half.trunc().ne(half);
    let negative = one.copysign(x).lt(zero);
    let y_value = V::select(negative & flips, -size, size);
    let allowed = x.ge(zero) | whole | a.eq(infinity) | a.eq(zero);
    let value = V::select(allowed, y_value, V::of(f64::NAN));
    let value = V::select(x.is_nan() | y.is_nan(), x + y, value);
    V::select(x.eq(one) | y.eq(zero), one, value)
}

/// `x^n` by repeated squaring; the error grows with the logarithm of `n` factors, about `|n|` half units at worst.
#[inline(always)]
pub fn powi<V: Vector>(x: V, n: i32) -> V {
    let mut left = n.unsigned_abs();
    let mut square = x;
    let mut power = V::of(1.0);
    while left != 0 {
        if left & 1 == 1 {
            power = power * square;
        }
        left >>= 1;
        if left != 0 {
            square = square * square;
        }
    }
    if n < 0 {
        V::of(1.0) / power
    } else {
        power
    }
}
