//! Logarithms.
//!
//! The approximations are those of `rt::math`. Invariant: `x = 2^k (1 + f)` with `1 + f` in [√½, √2), so that near 1 `k` is 0 and
//! nothing cancels.

use super::{fast_two_sum, horner, two_prod, two_sum};

/// The bits of √½.
const ROOT: u64 = 0x3fe6_a09e_667f_3bcd;

/// `k` and `f` for a positive finite `x`, subnormal too.
const fn split(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let bits = if tiny { (x * 18014398509481984.0).to_bits() } else { x.to_bits() };
    // counted from √½, the exponent field steps where the range of 1 + f ends
    let shifted = bits + (1023 << 52) - ROOT;
    let k = (shifted >> 52) as i64 - 1023 - if tiny { 54 } else { 0 };
    (k as f64, f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + ROOT) - 1.0)
}

/// `ln(x) + correction` for a positive finite `x`. *Source*: the series in `s = f / (2 + f)` as fdlibm arranges it.
const fn ln_positive(x: f64, correction: f64) -> f64 {
    let (k, f) = split(x);
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = horner!(
        z;
        6.666_666_666_666_731e-1,
        3.999_999_999_943_371e-1,
        2.857_142_873_896_087e-1,
        2.222219886749582e-1,
        1.818355127527646e-1,
        1.531433873803387e-1,
        1.4793444635452223e-1
    );
    let low = k * 1.908_214_929_270_587_7e-10 + (s * (half_square + z * series) + correction);
    k * 0.6931471803691238 - ((half_square - low) - f)
}

/// Natural logarithm.
///
/// *Error*: at most 0.8 ulp.
pub const fn ln(x: f64) -> f64 {
    if x > 0.0 && x < f64::INFINITY {
        ln_positive(x, 0.0)
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x > 0.0 {
        x
    } else {
        f64::NAN
    }
}

/// `ln(1 + x)`, accurate near zero. *Source*: the error of `1 + x`, divided by it, corrects the logarithm (as in fdlibm).
///
/// *Error*: at most 0.8 ulp.
pub const fn ln_1p(x: f64) -> f64 {
    let (u, error) = two_sum(1.0, x);
    if u == 1.0 {
        // 1 + x is 1, and zeros keep their sign
        x
    } else if u > 0.0 && u < f64::INFINITY {
        ln_positive(u, error / u)
    } else {
        ln(u)
    }
}

/// `ln(1 + x)` for x in [0, 1].
pub(super) const fn ln_1p_unit(x: f64) -> f64 {
    let (u, error) = fast_two_sum(1.0, x);
    ln_positive(u, error / u)
}

/// `log2(x)` of a positive finite `x` as a sum of two, to about 2^-64.
pub(super) const fn log2_pair(x: f64) -> (f64, f64) {
    let (k, f) = split(x);
    // s = f / (2 + f) and its error
    let w = 2.0 + f;
    let w_low = f - (w - 2.0);
    let s = f / w;
    let (p, p_low) = two_prod(s, w);
    let s_low = (((f - p) - p_low) - s * w_low) / w;
    // u = z (2/3 + z …), z = s²: the first term with its error
    let (z, z_low) = two_prod(s, s);
    let z_low = 2.0 * s * s_low + z_low;
    let more = horner!(
        z;
        4.000_000_000_000_139e-1,
        2.8571428570450287e-1,
        2.222_222_246_533_224e-1,
        1.8181788622682028e-1,
        1.5386579988202096e-1,
        1.326_059_690_944_092e-1,
        1.316_394_041_694_917e-1
    );
    let (u, u_low) = two_prod(z, 2.0 / 3.0);
    let u_low = z * z * more + (z * 3.700_743_415_417_188e-17 + (z_low * (2.0 / 3.0) + u_low));
    let (v, v_low) = two_prod(s, u);
    let v_low = s * u_low + (s_low * u + v_low);
    let (h, h_low) = two_sum(2.0 * s, v);
    let h_low = h_low + (2.0 * s_low + v_low);
    let log2_e = std::f64::consts::LOG2_E;
    let (g, g_low) = two_prod(h, log2_e);
    let g_low = h * 2.035_527_374_093_103_3e-17 + (h_low * log2_e + g_low);
    let (sum, low) = two_sum(k, g);
    two_sum(sum, low + g_low)
}
