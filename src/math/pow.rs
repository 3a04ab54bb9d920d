//! Powers.
//!
//! Invariant: the logarithm is carried as a sum of two, since the exponent multiplies its error.

// `x != x` is one comparison, where `x.is_nan()` is a call
#![allow(clippy::eq_op)]

use super::exp::exp2_pair;
use super::log::log2_pair;
use super::two_prod;

/// `x^y`, with the special cases of `f64::powf` (C99 annex F).
///
/// *Error*: at most 2 ulp, against std.
pub const fn powf(x: f64, y: f64) -> f64 {
    if x == 1.0 || y == 0.0 {
        return 1.0;
    }
    if x != x || y != y {
        return x + y;
    }
    // an integer whose half is none is odd
    let whole = y.trunc() == y;
    let half = y * 0.5;
    let negative = x.is_sign_negative() && whole && half.trunc() != half;
    let a = x.abs();
    let size = if a == 0.0 || a == f64::INFINITY {
        if (a == 0.0) == (y < 0.0) {
            f64::INFINITY
        } else {
            0.0
        }
    } else if x < 0.0 && !whole {
        return f64::NAN;
    } else {
        // no base but 1 has a power between 0 and ∞ at a greater exponent
        let held = if y > 1e22 {
            1e22
        } else if y < -1e22 {
            -1e22
        } else {
            y
        };
        let (log, log_low) = log2_pair(a);
        let (p, p_low) = two_prod(held, log);
        exp2_pair(p, held * log_low + p_low)
    };
    if negative {
        -size
    } else {
        size
    }
}

/// `x^n` by repeated squaring; the error grows with the logarithm of `n` factors, about `|n|` half ulp at worst.
pub const fn powi(x: f64, n: i32) -> f64 {
    let mut left = n.unsigned_abs();
    let (mut square, mut power) = (x, 1.0);
    while left != 0 {
        if left & 1 == 1 {
            power *= square;
        }
        left >>= 1;
        if left != 0 {
            square *= square;
        }
    }
    if n < 0 {
        1.0 / power
    } else {
        power
    }
}
