//! Sine, cosine and tangent, of arguments of any size.
//!
//! The approximations are those of `rt::math`. Invariant: the reduced argument is a sum of two with a relative error far below the
//! last place, however near a multiple of π/2 it lies.

use super::{fast_two_sum, horner, two_prod, two_sum, MAGIC};

/// The largest |x| whose products with the parts of π/2 are exact.
const NEAR: f64 = 1.6e6;

/// `x - n π/2` as a sum of two, and `n` modulo 4.
const fn reduce(x: f64) -> (f64, f64, u64) {
    if x < -NEAR || x > NEAR {
        return reduce_far(x);
    }
    // Cody and Waite, in four parts, with the errors of the inner ones kept
    let n = (x * std::f64::consts::FRAC_2_PI + MAGIC) - MAGIC;
    let first = x - n * 1.5707963267341256;
    let (r, e1) = two_sum(first, n * -6.077100506303966e-11);
    let (r, e2) = two_sum(r, n * -2.0222662487111665e-21);
    let (r, low) = fast_two_sum(r, n * -8.478_427_660_368_9e-32 + (e1 + e2));
    (r, low, n as i64 as u64 & 3)
}

/// A word of zeros, and 2/π in binary, 64 digits a word.
#[rustfmt::skip]
const TWO_OVER_PI: [u64; 22] = [
    0,
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
    0xa9e391615ee61b08,
];

/// 64 digits of 2/π from a position on, which counts the word of zeros.
const fn digits(at: usize) -> u64 {
    let (word, shift) = (at / 64, at % 64);
    match shift {
        0 => TWO_OVER_PI[word],
        _ => TWO_OVER_PI[word] << shift | TWO_OVER_PI[word + 1] >> (64 - shift),
    }
}

/// The same for large arguments. *Source*: Payne and Hanek (1983): of 2/π only the digits count whose products with x are neither
/// multiples of 4 nor far below the last place.
const fn reduce_far(x: f64) -> (f64, f64, u64) {
    if !x.is_finite() {
        return (f64::NAN, 0.0, 0);
    }
    // |x| = m 2^e
    let m = (x.to_bits() & 0x000f_ffff_ffff_ffff) | (1 << 52);
    let e = (x.to_bits() >> 52 & 0x7ff) as i64 - 1075;
    // digits from weight 2^(1-e) on; m times 192 of them is |x| 2/π in units of 2^-190, modulo 4
    let at = (e - 2 + 64) as usize;
    let (a, b, c) = (digits(at), digits(at + 64), digits(at + 128));
    let low = m as u128 * c as u128;
    let middle = m as u128 * b as u128 + (low >> 64);
    let high = m.wrapping_mul(a).wrapping_add((middle >> 64) as u64);
    // two digits before the point, 190 behind it: the first 128 of them, and 62 more
    let mut quadrant = high >> 62;
    let mut part = (high as u128) << 66 | (middle as u64 as u128) << 2 | low as u64 as u128 >> 62;
    let mut more = (low as u64) << 2;
    // to the nearest multiple
    let below = part >> 127 == 1;
    if below {
        quadrant += 1;
        (part, more) = (!part, !more);
    }
    let zeros = part.leading_zeros();
    if zeros > 0 && zeros < 64 {
        part = part << zeros | more as u128 >> (64 - zeros);
    }
    let scale = f64::from_bits(((1023 - 53 - zeros as i64) as u64) << 52);
    let first = (part >> 75) as u64 as f64 * scale;
    let second = (part as u64 >> 11) as f64 * (scale * 5.421010862427522e-20);
    let second = second + ((part >> 64) as u64 & 0x7ff) as f64 * (scale * 4.8828125e-4);
    // times π/2
    let (product, error) = two_prod(first, std::f64::consts::FRAC_PI_2);
    let error = error + first * 6.123233995736766e-17 + second * std::f64::consts::FRAC_PI_2;
    let (r, low) = fast_two_sum(product, error);
    let (r, low) = if below { (-r, -low) } else { (r, low) };
    // sin and cos of -x are those of x but for a sign
    if x < 0.0 {
        (-r, -low, quadrant.wrapping_neg() & 3)
    } else {
        (r, low, quadrant & 3)
    }
}

/// sin of `r + low`, |r| <= π/4, and its error.
const fn sin_near(r: f64, low: f64) -> (f64, f64) {
    let z = r * r;
    let s = horner!(
        z;
        -1.6666666666666632e-1,
        8.333_333_333_322_342e-3,
        -1.984_126_982_974_299e-4,
        2.7557313667149524e-6,
        -2.5050753926935416e-8,
        1.589653707426007e-10
    );
    fast_two_sum(r, r * z * s + (1.0 - 0.5 * z) * low)
}

/// cos of `r + low`, |r| <= π/4, and its error.
const fn cos_near(r: f64, low: f64) -> (f64, f64) {
    let z = r * r;
    let c = horner!(
        z;
        4.16666666666666e-2,
        -1.3888888888874117e-3,
        2.480158728946245e-5,
        -2.755_731_434_317_337e-7,
        2.087_572_164_438_08e-9,
        -1.135954671324036e-11
    );
    let half = 0.5 * z;
    let w = 1.0 - half;
    fast_two_sum(w, ((1.0 - w) - half) + (z * z * c - r * low))
}

/// `sin x`.
///
/// *Error*: at most 0.8 ulp.
pub const fn sin(x: f64) -> f64 {
    // zeros keep their sign
    if x == 0.0 {
        return x;
    }
    let (r, low, quadrant) = reduce(x);
    let y = if quadrant & 1 == 0 { sin_near(r, low).0 } else { cos_near(r, low).0 };
    if quadrant & 2 == 0 {
        y
    } else {
        -y
    }
}

/// `cos x`.
///
/// *Error*: at most 0.8 ulp.
pub const fn cos(x: f64) -> f64 {
    let (r, low, quadrant) = reduce(x);
    let y = if quadrant & 1 == 0 { cos_near(r, low).0 } else { sin_near(r, low).0 };
    if (quadrant + 1) & 2 == 0 {
        y
    } else {
        -y
    }
}

/// `tan x`, as the quotient of sine and cosine, corrected for the errors of both.
///
/// *Error*: at most 0.9 ulp.
pub const fn tan(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let (r, low, quadrant) = reduce(x);
    let ((s, s_low), (c, c_low)) = (sin_near(r, low), cos_near(r, low));
    let (up, up_low, down, down_low) =
        if quadrant & 1 == 0 { (s, s_low, c, c_low) } else { (-c, -c_low, s, s_low) };
    let y = up / down;
    let (p, p_low) = two_prod(y, down);
    y + (((up - p) - p_low) + (up_low - y * down_low)) / down
}
