//! Roots, choices, rounding: what is exact, and the helpers of the op table.
//!
//! Invariant: what std rounds correctly is correctly rounded here.

// `x != x` is one comparison, where `x.is_nan()` is a call
#![allow(clippy::eq_op)]

use super::{ln, two_prod};

/// Square root, correctly rounded.
pub const fn sqrt(x: f64) -> f64 {
    if !(x > 0.0 && x < f64::INFINITY) {
        // zeros, ∞ and NaN are their own roots
        return if x < 0.0 { f64::NAN } else { x };
    }
    // x = m 4^e with m in [2^52, 2^54)
    let tiny = x < f64::MIN_POSITIVE;
    let bits = if tiny { (x * 18014398509481984.0).to_bits() } else { x.to_bits() };
    let exponent = (bits >> 52) as i64 - 1075 - if tiny { 54 } else { 0 };
    let (odd, m) = (exponent & 1, (bits & 0x000f_ffff_ffff_ffff) | 1 << 52);
    let m = m << odd;
    // a guess to 5 bits from the exponent field, and Newton's steps, which double them
    let z = m as f64;
    let mut y = f64::from_bits((z.to_bits() >> 1) + 0x1ff7_a3be_a91d_9b1b);
    y = 0.5 * (y + z / y);
    y = 0.5 * (y + z / y);
    y = 0.5 * (y + z / y);
    y = 0.5 * (y + z / y);
    // the root of m 2^52 as an integer of 53 bits, to the nearest: no root lies half-way
    let square = (m as u128) << 54;
    let mut root = (y * 67108864.0) as u64;
    while (2 * root as u128 + 1) * (2 * root as u128 + 1) < square {
        root += 1;
    }
    while (2 * root as u128 - 1) * (2 * root as u128 - 1) > square {
        root -= 1;
    }
    // √x is root 2^((exponent - odd - 52) / 2), a normal number
    let half = (exponent - odd) / 2 - 26;
    root as f64 * f64::from_bits(((half + 1023) as u64) << 52)
}

/// Euclidean length of (a, b), without overflow on the way.
///
/// *Error*: at most 2 ulp, against std.
pub const fn hypot(a: f64, b: f64) -> f64 {
    let (a, b) = (a.abs(), b.abs());
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    let (large, small) = if a < b { (b, a) } else { (a, b) };
    // NaN, or one that the other does not change
    let counts = small > large * 1e-17;
    if !counts {
        return large + small;
    }
    let (up, down) = match large {
        x if x > 1e100 => (2.409919865102884e-181, 4.149515568880993e180),
        x if x < 1e-100 => (4.149515568880993e180, 2.409919865102884e-181),
        _ => (1.0, 1.0),
    };
    let (x, y) = (large * up, small * up);
    let ((p, p_low), (q, q_low)) = (two_prod(x, x), two_prod(y, y));
    let sum = p + q;
    let low = (q - (sum - p)) + (p_low + q_low);
    let root = sqrt(sum);
    // the root of the sum with what its rounding lost, and what the root's own lost
    let (r, r_low) = two_prod(root, root);
    (root + (((sum - r) - r_low) + low) / (2.0 * root)) * down
}

/// Absolute value.
pub const fn abs(x: f64) -> f64 {
    x.abs()
}

/// The greater; a NaN operand is ignored.
pub const fn max(a: f64, b: f64) -> f64 {
    if a > b || b != b {
        a
    } else {
        b
    }
}

/// The lesser; a NaN operand is ignored.
pub const fn min(a: f64, b: f64) -> f64 {
    if a < b || b != b {
        a
    } else {
        b
    }
}

/// The magnitude of `x` with the sign of `sign`.
pub const fn copysign(x: f64, sign: f64) -> f64 {
    x.copysign(sign)
}

/// The nearest integer below or at.
pub const fn floor(x: f64) -> f64 {
    x.floor()
}

/// The nearest integer above or at.
pub const fn ceil(x: f64) -> f64 {
    x.ceil()
}

/// The nearest integer, half away from zero.
pub const fn round(x: f64) -> f64 {
    x.round()
}

/// The integer part.
pub const fn trunc(x: f64) -> f64 {
    x.trunc()
}

/// `x - trunc(x)`.
pub const fn fract(x: f64) -> f64 {
    x - x.trunc()
}

/// 1 or -1 with the sign of `x`, of zeros too; NaN for NaN.
pub const fn signum(x: f64) -> f64 {
    x.signum()
}

/// `1 / x`.
pub const fn recip(x: f64) -> f64 {
    1.0 / x
}

/// `x * a + b`, rounded once.
pub const fn mul_add(x: f64, a: f64, b: f64) -> f64 {
    x.mul_add(a, b)
}

/// The remainder that is not negative.
pub const fn rem_euclid(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r < 0.0 {
        r + b.abs()
    } else {
        r
    }
}

/// `a - b`, and 0 where both are equal, infinite or not.
pub const fn diff(a: f64, b: f64) -> f64 {
    if a == b {
        0.0
    } else {
        a - b
    }
}

/// `x ln(y)`, and 0 at `x = 0` unless `y` is NaN.
pub const fn xlogy(x: f64, y: f64) -> f64 {
    if x == 0.0 && y == y {
        0.0
    } else {
        x * ln(y)
    }
}
