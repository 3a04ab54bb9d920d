//! sin, cos, tan.
//!
//! Invariant: the reduced argument is a sum of two with a relative error far below the last place, however near a multiple of
//! π/2 it lies; arguments beyond the range of the reduction go to std, lane by lane.

use super::{fast_two_sum, patch, pick, poly, two_prod, two_sum};
use crate::rt::simd::{Float, Std1, Vector};

/// The largest |x| that [`reduce`] takes: the first products must be exact.
#[inline(always)]
fn limit<V: Vector>() -> V {
    pick(3200.0, 1.6e6)
}

/// `x - n π/2` as a sum of two, and `n + magic`, whose low bits are the quadrant. *Source*: Cody and Waite, in four parts, with
/// the errors of the inner ones kept.
#[inline(always)]
fn reduce<V: Vector>(x: V) -> (V, V, V) {
    let counted = x.mul_add(V::of(std::f64::consts::FRAC_2_PI), V::magic());
    let n = counted - V::magic();
    let first = n.mul_add(pick(-1.570556640625, -1.5707963267341256), x);
    let (r, e1) = two_sum(first, n * pick(-0.0002396702766418457, -6.077100506303966e-11));
    let (r, e2) = two_sum(r, n * pick(-1.5890691429376602e-8, -2.0222662487111665e-21));
    let low = n.mul_add(pick(-2.563_344_151_594_519e-12, -8.478_427_660_368_9e-32), e1 + e2);
    let (r, low) = fast_two_sum(r, low);
    (r, low, counted)
}

/// sin and cos of `r + low`, |r| <= π/4, with the errors of their last sums. *Source*: own minimax fits, 2^-37 and 2^-33 (f32), 2^-57 and 2^-64 (f64).
#[inline(always)]
fn near_zero<V: Vector>(r: V, low: V) -> ((V, V), (V, V)) {
    let z = r * r;
    let s = poly!(z;
        f32 [-1.666666664e-1, 8.333329365e-3, -1.983932776e-4, 2.718241435e-6];
        f64 [
            -1.6666666666666632e-1, 8.333_333_333_322_342e-3, -1.984_126_982_974_299e-4, 2.7557313667149524e-6,
            -2.5050753926935416e-8, 1.589653707426007e-10,
        ],
    );
    let c = poly!(z;
        f32 [4.166664679e-2, -1.388736286e-3, 2.443785386e-5];
        f64 [
            4.16666666666666e-2, -1.3888888888874117e-3, 2.480158728946245e-5, -2.755_731_434_317_337e-7,
            2.087_572_164_438_08e-9, -1.135954671324036e-11,
        ],
    );
    let half = V::of(0.5) * z;
    // sin' = cos = 1 - z/2 + …, cos' = -sin = -r + …
    let sin = fast_two_sum(r, (r * z).mul_add(s, (V::of(1.0) - half) * low));
    let one = V::of(1.0);
    let w = one - half;
    let cos = fast_two_sum(w, ((one - w) - half) + (z * z).mul_add(c, -(r * low)));
    (sin, cos)
}

/// Where bit 0 of the counted quadrant is set.
#[inline(always)]
fn odd<V: Vector>(counted: V) -> V::Mask {
    let one = V::of(1.0);
    counted.bit_and(V::bits(1)).bit_or(one).ne(one)
}

/// Bit 1 of the counted quadrant as a sign bit.
#[inline(always)]
fn sign<V: Vector>(counted: V) -> V {
    counted.bit_and(V::bits(2)).shl(V::Elem::WIDTH - 2)
}

/// Whether this is a single `f32`, for which std is faster: it computes in `f64`.
#[inline(always)]
fn one_single<V: Vector>() -> bool {
    V::LEN == 1 && V::Elem::IS_F32
}

/// `sin x`.
///
/// *Error*: at most 0.79 (f32), 0.75 (f64) units in the last place.
#[inline(always)]
pub fn sin<V: Vector>(x: V) -> V {
    if one_single::<V>() {
        return x.map(|x| x.std1(Std1::Sin));
    }
    let (r, low, counted) = reduce(x);
    let ((s, _), (c, _)) = near_zero(r, low);
    let y = V::select(odd(counted), c, s).bit_xor(sign(counted));
    // Keeps the sign of zero.
    let y = V::select(x.eq(V::of(0.0)), x, y);
    patch(x.abs().gt(limit()), x, y, Std1::Sin)
}

/// `cos x`.
///
/// *Error*: at most 0.80 (f32), 0.75 (f64) units in the last place.
#[inline(always)]
pub fn cos<V: Vector>(x: V) -> V {
    if one_single::<V>() {
        return x.map(|x| x.std1(Std1::Cos));
    }
    let (r, low, counted) = reduce(x);
    let ((s, _), (c, _)) = near_zero(r, low);
    let y = V::select(odd(counted), s, c).bit_xor(sign(counted.int_add(V::bits(1))));
    patch(x.abs().gt(limit()), x, y, Std1::Cos)
}

/// `(sin x, cos x)`, sharing the reduction; the same bits as [`sin`] and [`cos`].
#[inline(always)]
pub fn sin_cos<V: Vector>(x: V) -> (V, V) {
    if one_single::<V>() {
        return (sin(x), cos(x));
    }
    let (r, low, counted) = reduce(x);
    let ((s, _), (c, _)) = near_zero(r, low);
    let odd = odd(counted);
    let sin = V::select(odd, c, s).bit_xor(sign(counted));
    let sin = V::select(x.eq(V::of(0.0)), x, sin);
    let cos = V::select(odd, s, c).bit_xor(sign(counted.int_add(V::bits(1))));
    let far = x.abs().gt(limit());
    (patch(far, x, sin, Std1::Sin), patch(far, x, cos, Std1::Cos))
}

/// `tan x`, as the quotient of sine and cosine, corrected for the errors of both.
///
/// *Error*: at most 1.13 (f32), 1.01 (f64) units in the last place.
#[inline(always)]
pub fn tan<V: Vector>(x: V) -> V {
    let (r, low, counted) = reduce(x);
    let ((s, s_low), (c, c_low)) = near_zero(r, low);
    let odd = odd(counted);
    let (up, up_low) = (V::select(odd, -c, s), V::select(odd, -c_low, s_low));
    let (down, down_low) = (V::select(odd, s, c), V::select(odd, s_low, c_low));
    let inverse = V::of(1.0) / down;
    let y = up * inverse;
    let (p, p_low) = two_prod(y, down);
    let y = y + (((up - p) - p_low) + (up_low - y * down_low)) * inverse;
    let y = V::select(x.eq(V::of(0.0)), x, y);
    patch(x.abs().gt(limit()), x, y, Std1::Tan)
}
