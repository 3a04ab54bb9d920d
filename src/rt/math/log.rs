//! Logarithms: ln, ln_1p, log2, log10.
//!
//! Invariant: `x = 2^k (1 + f)` with `1 + f` in [√½, √2), so that near 1 `k` is 0 and nothing cancels.

use super::{pick, poly};
use crate::rt::simd::{Float, Vector};

/// `k` and `f` for a positive finite `x`, subnormal too.
#[inline(always)]
pub(super) fn split<V: Vector>(x: V) -> (V, V) {
    let mantissa = V::Elem::MANTISSA;
    let bias = V::Elem::BIAS as f64;
    let tiny = x.lt(V::bits(1 << mantissa));
    let up = V::bits(((V::Elem::BIAS + mantissa + 1) as u64) << mantissa);
    let x = V::select(tiny, x * up, x);
    // Counted from √½, the exponent field steps where the range of 1 + f ends.
    let root = if V::Elem::IS_F32 { 0x3f35_04f3 } else { 0x3fe6_a09e_667f_3bcd };
    let shifted = x.int_add(V::of(1.0).int_sub(V::bits(root)));
    let part = V::bits((1 << mantissa) - 1);
    let m = shifted.bit_and(part).int_add(V::bits(root));
    // The exponent as an integer in the low bits of 2^MANTISSA is that many units.
    let unit = ((V::Elem::BIAS + mantissa) as u64) << mantissa;
    let big = 2f64.powi(mantissa as i32);
    let k = shifted.shr(mantissa).bit_or(V::bits(unit))
        - V::select(tiny, V::of(big + bias + mantissa as f64 + 1.0), V::of(big + bias));
    (k, m - V::of(1.0))
}

/// `ln(1 + f) - f + f²/2` for `1 + f` in [√½, √2).
///
/// *Source*: f32: own minimax fit of a cubic times a polynomial, 2^-30; f64: the series in `s = f / (2 + f)` as fdlibm
/// arranges it, own minimax fit, 2^-58.
#[inline(always)]
fn tail<V: Vector>(f: V) -> V {
    let half_square = V::of(0.5) * f * f;
    if V::Elem::IS_F32 {
        let p = super::horner(
            f,
            [
                3.333331043e-1,
                -2.49999862e-1,
                2.000222856e-1,
                -1.666927358e-1,
                1.421861395e-1,
                -1.238392176e-1,
                1.187301018e-1,
                -1.179241427e-1,
                6.918246719e-2,
            ],
        );
        return f * f * f * p;
    }
    let s = f / (V::of(2.0) + f);
    let z = s * s;
    s * (half_square + z * series(z))
}

/// `R` with `ln((1 + s) / (1 - s)) = 2 s + s z R(z)`, `z = s²`. *Source*: own minimax fit, 2^-36 (f32), 2^-58 (f64).
#[inline(always)]
fn series<V: Vector>(z: V) -> V {
    poly!(z;
        f32 [6.666666566e-1, 4.000033269e-1, 2.853742464e-1, 2.358050971e-1];
        f64 [
            6.666_666_666_666_731e-1, 3.999_999_999_943_371e-1, 2.857_142_873_896_087e-1, 2.222219886749582e-1,
            1.818355127527646e-1, 1.531433873803387e-1, 1.4793444635452223e-1,
        ],
    )
}

/// `ln(x) + correction` for a positive finite `x`.
#[inline(always)]
fn ln_positive<V: Vector>(x: V, correction: V) -> V {
    let (k, f) = split(x);
    let low = k.mul_add(pick(1.428_606_820_309_417_3e-6, 1.908_214_929_270_587_7e-10), tail(f) + correction);
    let high = k * pick(0.693145751953125, 0.6931471803691238);
    high - ((V::of(0.5) * f * f - low) - f)
}

/// What a logarithm gives outside the positive finite numbers.
#[inline(always)]
fn edges<V: Vector>(x: V, y: V) -> V {
    let zero = V::of(0.0);
    let y = V::select(x.eq(V::of(f64::INFINITY)), x, y);
    let y = V::select(x.eq(zero), V::of(f64::NEG_INFINITY), y);
    V::select(x.ge(zero), y, V::of(f64::NAN))
}

/// Natural logarithm.
///
/// *Error*: at most 0.83 (f32), 0.76 (f64) units in the last place.
#[inline(always)]
pub fn ln<V: Vector>(x: V) -> V {
    edges(x, ln_positive(x, V::of(0.0)))
}

/// `ln(1 + x)`, accurate near zero. *Source*: the error of `1 + x`, divided by it, corrects the logarithm (as in fdlibm).
///
/// *Error*: at most 0.86 (f32), 0.76 (f64) units in the last place.
#[inline(always)]
pub fn ln_1p<V: Vector>(x: V) -> V {
    let one = V::of(1.0);
    let (u, error) = super::two_sum(one, x);
    let y = ln_positive(u, error / u);
    edges(u, y).copysign(V::select(u.lt(V::of(0.0)), u, x))
}

/// `ln(1 + x)` for x in [0, 1].
#[inline(always)]
pub(super) fn ln_1p_unit<V: Vector>(x: V) -> V {
    let (u, error) = super::fast_two_sum(V::of(1.0), x);
    ln_positive(u, error / u)
}

/// `k` and `ln(1 + f)` as a short leading part and the rest.
#[inline(always)]
fn two_parts<V: Vector>(x: V) -> (V, V, V) {
    let (k, f) = split(x);
    let half_square = V::of(0.5) * f * f;
    let mask = if V::Elem::IS_F32 { 0xffff_f000 } else { 0xffff_ffff_0000_0000 };
    let high = (f - half_square).bit_and(V::bits(mask));
    (k, high, ((f - high) - half_square) + tail(f))
}

/// Logarithm to base 2; exact on powers of 2. *Source*: the two-part products of fdlibm.
///
/// *Error*: at most 0.79 (f32), 0.68 (f64) units in the last place.
#[inline(always)]
pub fn log2<V: Vector>(x: V) -> V {
    let (k, high, low) = two_parts(x);
    let (ch, cl) =
        (pick(1.4423828125, 1.4426946640014648), pick(3.1222838896340733e-4, 3.768874985636099e-7));
    let rest = (low + high) * cl + low * ch;
    let (sum, error) = super::fast_two_sum(k, high * ch);
    edges(x, sum + (error + rest))
}

/// Logarithm to base 10. *Source*: the two-part products of fdlibm.
///
/// *Error*: at most 0.71 (f32), 0.61 (f64) units in the last place.
#[inline(always)]
pub fn log10<V: Vector>(x: V) -> V {
    let (k, high, low) = two_parts(x);
    let (ch, cl) =
        (pick(0.4342041015625, 0.4342944622039795), pick(9.038034075182765e-5, 1.9699272335463627e-8));
    let (kh, kl) =
        (pick(0.301025390625, 0.3010299955494702), pick(4.605038981195214e-6, 1.1451100898021838e-10));
    let rest = k.mul_add(kl, (low + high) * cl) + low * ch;
    let (sum, error) = super::fast_two_sum(k * kh, high * ch);
    edges(x, sum + (error + rest))
}

/// `log2(x)` of a positive finite `x` as a sum of two, to about 2^-36 (f32) and 2^-64 (f64).
#[inline(always)]
pub(super) fn log2_pair<V: Vector>(x: V) -> (V, V) {
    let (two_sum, two_prod) = (super::fast_two_sum::<V>, super::two_prod::<V>);
    let (k, f) = split(x);
    // s = f / (2 + f) and its error
    let w = V::of(2.0) + f;
    let w_low = f - (w - V::of(2.0));
    let s = f / w;
    let (p, p_low) = two_prod(s, w);
    let s_low = (((f - p) - p_low) - s * w_low) / w;
    // u = z (2/3 + z …), z = s²: the first term with its error
    let (z, z_low) = two_prod(s, s);
    let z_low = (s + s).mul_add(s_low, z_low);
    let c = V::of(2.0 / 3.0);
    let c_low = pick(-1.986_821_492_513_020_7e-8, 3.700_743_415_417_188e-17);
    let more = poly!(z;
        f32 [4.000015074e-1, 2.854724291e-1, 2.34165797e-1];
        f64 [
            4.000_000_000_000_139e-1, 2.8571428570450287e-1, 2.222_222_246_533_224e-1, 1.8181788622682028e-1,
            1.5386579988202096e-1, 1.326_059_690_944_092e-1, 1.316_394_041_694_917e-1,
        ],
    );
    let (u, u_low) = two_prod(z, c);
    let u_low = (z * z).mul_add(more, z.mul_add(c_low, z_low.mul_add(c, u_low)));
    let (v, v_low) = two_prod(s, u);
    let v_low = s.mul_add(u_low, s_low.mul_add(u, v_low));
    let (h, h_low) = two_sum(s + s, v);
    let h_low = h_low + (s_low + s_low + v_low);
    let (g, g_low) = two_prod(h, V::of(std::f64::consts::LOG2_E));
    let e_low = pick(1.925_962_991_126_617_5e-8, 2.035_527_374_093_103_3e-17);
    let g_low = h.mul_add(e_low, h_low.mul_add(V::of(std::f64::consts::LOG2_E), g_low));
    let (sum, low) = two_sum(k, g);
    two_sum(sum, low + g_low)
}
