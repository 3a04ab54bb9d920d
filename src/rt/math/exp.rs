//! The exponential and what is made of it: exp, exp2, exp_m1, tanh, sinh, cosh, sigmoid, softplus, and two slopes.
//!
//! Invariant: `x = n ln 2 + r` with |r| <= ln 2 / 2, and `2^n` is applied last, so only results that are subnormal round twice.

use super::{fast_two_sum, log::ln_1p_unit, pick, poly};
use crate::rt::simd::Vector;

/// `magic + n` with `n` nearest to `x / ln 2`, and `r = x - n ln 2` as a sum of two (Cody and Waite: the first part of ln 2 is short, so its
/// product is exact).
#[inline(always)]
fn reduce<V: Vector>(x: V) -> (V, V, V) {
    let magic = V::magic();
    let counted = x.mul_add(V::of(std::f64::consts::LOG2_E), magic);
    let n = counted - magic;
    let r = n.mul_add(pick(-0.693145751953125, -0.6931471803691238), x);
    (counted, r, n * pick(-1.428_606_820_309_417_3e-6, -1.908_214_929_270_587_7e-10))
}

/// `exp(high + low)` for |high + low| <= ln 2 / 2. *Source*: own minimax fit, 2^-28 (f32), 2^-57 (f64).
#[inline(always)]
fn near_zero<V: Vector>(high: V, low: V) -> V {
    let r = high + low;
    let q = poly!(r;
        f32 [5.000000063e-1, 1.666654167e-1, 4.166627783e-2, 8.366766636e-3, 1.394674651e-3];
        f64 [
            5.000_000_000_000_006e-1, 1.6666666666666687e-1, 4.166_666_666_657_151e-2, 8.333_333_333_313_769e-3,
            1.388_888_893_313_908e-3, 1.984126990474173e-4, 2.4801503476226687e-5, 2.7557226460798837e-6,
            2.762_672_958_053_35e-7, 2.5114939720145594e-8,
        ],
    );
    (high + (r * r).mul_add(q, low)) + V::of(1.0)
}

/// `exp(high + low) - 1` for |high + low| <= ln 2 / 2. *Source*: own minimax fit, 2^-31 (f32), 2^-61 (f64).
#[inline(always)]
fn near_zero_m1<V: Vector>(high: V, low: V) -> V {
    let r = high + low;
    let q = poly!(r;
        f32 [5.000000047e-1, 1.666666682e-1, 4.166635112e-2, 8.333272292e-3, 1.394130465e-3, 1.991462137e-4];
        f64 [
            5.0e-1, 1.6666666666666677e-1, 4.1666666666666703e-2, 8.333_333_333_321_398e-3, 1.388_888_888_886_605e-3,
            1.9841269886809185e-4, 2.480_158_736_211_933e-5, 2.7557243434900122e-6, 2.755_724_142_553_485e-7,
            2.5109334572543572e-8, 2.0924854417351755e-9,
        ],
    );
    high + (r * r).mul_add(q, low)
}

/// `x` held to where the result leaves the range of the type; NaN stays.
#[inline(always)]
fn hold<V: Vector>(x: V, low: V, high: V) -> V {
    high.lesser(low.greater(x))
}

/// `2^k exp(x)` for a small integer `k`.
#[inline(always)]
fn exp_scaled<V: Vector>(x: V, k: f64) -> V {
    let (counted, r, low) = reduce(hold(x, pick(-105.0, -747.0), pick(90.0, 711.0)));
    near_zero(r, low).scale2(if k == 0.0 { counted } else { counted + V::of(k) })
}

/// `e^x`.
///
/// *Error*: at most 0.91 (f32), 0.87 (f64) units in the last place.
#[inline(always)]
pub fn exp<V: Vector>(x: V) -> V {
    exp_scaled(x, 0.0)
}

/// `2^x`.
///
/// *Error*: at most 1.03 (f32), 0.99 (f64) units in the last place.
#[inline(always)]
pub fn exp2<V: Vector>(x: V) -> V {
    let x = hold(x, pick(-151.0, -1076.0), pick(129.0, 1025.0));
    let magic = V::magic();
    let counted = x + magic;
    exp2_near_zero(x - (counted - magic), V::of(0.0)).scale2(counted)
}

/// `e^x` for `x <= 0`, or NaN: one bound less to hold.
#[inline(always)]
fn exp_below<V: Vector>(x: V) -> V {
    let (counted, r, low) = reduce(pick::<V>(-105.0, -747.0).greater(x));
    near_zero(r, low).scale2(counted)
}

/// `e^x` for `x <= 0`, the weight of a term of a sum beside the largest one, which is 1; 0 below `e^-700` (f64), `e^-80` (f32).
/// Such a term changes no sum, and its products would be subnormal, which costs some processors a hundred times more.
///
/// *Error*: where it is not 0, at most 0.91 (f32), 0.87 (f64) units in the last place.
#[inline(always)]
pub fn weight<V: Vector>(x: V) -> V {
    V::select(x.lt(pick(-80.0, -700.0)), V::of(0.0), exp_below(x))
}

/// `e / (1 + e)` for `e = exp(-a)`: what a sigmoid lacks to 1 at |x| = a, and half of what tanh lacks at |x| = a / 2. The
/// functions and their slopes are made of it, so that a loop with both has one exponential.
#[inline(always)]
fn rest<V: Vector>(a: V) -> (V, V) {
    let e = exp_below(-a);
    (e, e / (e + V::of(1.0)))
}

/// `e^x - 1`, accurate near zero.
///
/// *Error*: at most 1.60 (f32), 1.33 (f64) units in the last place.
#[inline(always)]
pub fn exp_m1<V: Vector>(x: V) -> V {
    let (counted, r, low) = reduce(hold(x, pick(-20.0, -40.0), pick(90.0, 711.0)));
    // 2^n ((exp(r) - 1) + (1 - 2^-n)); the smallest 2^-n that is normal is as good as a smaller one.
    let back = (V::magic() - (counted - V::magic()).lesser(pick(126.0, 1022.0))).pow2();
    let y = ((V::of(1.0) - back) + near_zero_m1(r, low)).scale2(counted);
    V::select(x.is_nan(), x, y.copysign(x))
}

/// `tanh x`.
///
/// *Source*: `1 - 2e / (1 + e)` with `e = exp(-2|x|)`, below 0.625 an own minimax fit of an odd polynomial.
///
/// *Error*: at most 1.41 (f32), 1.31 (f64) units in the last place.
#[inline(always)]
pub fn tanh<V: Vector>(x: V) -> V {
    let a = x.abs();
    let z = a * a;
    let p = poly!(z;
        f32 [-3.333328411e-1, 1.333149517e-1, -5.374374781e-2, 2.06512276e-2, -5.717617473e-3];
        f64 [
            -3.333_333_333_333_288e-1, 1.333333333326544e-1, -5.3968253932671956e-2, 2.186_948_760_551_743e-2,
            -8.863_221_358_623_549e-3, 3.591991845827816e-3, -1.4549717230314056e-3, 5.863_561_427_952_789e-4,
            -2.286_399_479_194_671e-4, 7.722_616_147_580_148e-5, -1.611069783015097e-5,
        ],
    );
    let small = (a * z).mul_add(p, a);
    let (_, half) = rest(a + a);
    let large = V::of(1.0) - (half + half);
    V::select(a.lt(V::of(0.625)), small, large).copysign(x)
}

/// The derivative of tanh, down to subnormal results. *Source*: `p (2 - p)` with `p = 1 - tanh |x|`.
///
/// *Error*: at most 3.09 (f32), 2.70 (f64) units in the last place.
#[inline(always)]
pub fn tanh_slope<V: Vector>(x: V) -> V {
    let a = x.abs();
    let (_, half) = rest(a + a);
    let p = half + half;
    (-p).mul_add(p, p + p)
}

/// `1 / (1 + e^-x)`, without overflow and down to subnormal results.
///
/// *Error*: at most 1.76 (f32), 1.70 (f64) units in the last place.
#[inline(always)]
pub fn sigmoid<V: Vector>(x: V) -> V {
    let (e, rest) = rest(x.abs());
    // a - a e / (1 + e): the rounding of 1 + e counts only as much as e.
    let a = V::select(x.lt(V::of(0.0)), e, V::of(1.0));
    a.mul_add(-rest, a)
}

/// The derivative of the sigmoid, down to subnormal results. *Source*: `p (1 - p)` with `p = sigmoid(-|x|)`.
///
/// *Error*: at most 3.03 (f32), 2.34 (f64) units in the last place.
#[inline(always)]
pub fn sigmoid_slope<V: Vector>(x: V) -> V {
    let (_, p) = rest(x.abs());
    (-p).mul_add(p, p)
}

/// `ln(1 + e^x)`, without overflow and down to subnormal results.
///
/// *Error*: at most 1.55 (f32), 1.40 (f64) units in the last place.
#[inline(always)]
pub fn softplus<V: Vector>(x: V) -> V {
    V::of(0.0).greater(x) + ln_1p_unit(exp_below(-x.abs()))
}

/// `sinh x`. *Source*: `h - 1/(4h)` with `h = e^|x| / 2`, below 1 an own minimax fit of an odd polynomial.
///
/// *Error*: at most 1.62 (f32), 1.46 (f64) units in the last place.
#[inline(always)]
pub fn sinh<V: Vector>(x: V) -> V {
    let a = x.abs();
    let z = a * a;
    let p = poly!(z;
        f32 [1.666666649e-1, 8.333350588e-3, 1.983606753e-4, 2.817434719e-6];
        f64 [
            1.6666666666666667e-1, 8.333_333_333_333_139e-3, 1.9841269841437342e-4, 2.7557319155428669e-6,
            2.5052123386089893e-8, 1.6057241170164795e-10, 7.759_290_712_223_145e-13,
        ],
    );
    let small = (a * z).mul_add(p, a);
    let half = exp_scaled(a, -1.0);
    let large = half - V::of(0.25) / half;
    V::select(a.lt(V::of(1.0)), small, large).copysign(x)
}

/// `cosh x`. *Source*: `h + 1/(4h)` with `h = e^|x| / 2`.
///
/// *Error*: at most 1.34 (f32), 1.22 (f64) units in the last place.
#[inline(always)]
pub fn cosh<V: Vector>(x: V) -> V {
    let half = exp_scaled(x.abs(), -1.0);
    half + V::of(0.25) / half
}

/// `2^(high + low)` for a rounded `high` and its small correction.
#[inline(always)]
pub(super) fn exp2_pair<V: Vector>(high: V, low: V) -> V {
    let bound = pick::<V>(160.0, 1100.0);
    let held = hold(high, -bound, bound);
    let low = V::select(held.eq(high), low, V::of(0.0));
    let magic = V::magic();
    let counted = held + magic;
    let (r, rest) = fast_two_sum(held - (counted - magic), low);
    exp2_near_zero(r, rest).scale2(counted)
}

/// `2^(high + low)` for |high + low| <= 1/2.
#[inline(always)]
fn exp2_near_zero<V: Vector>(high: V, low: V) -> V {
    let ln2 = V::of(std::f64::consts::LN_2);
    // What the float ln 2 lacks.
    let rest = pick(-1.904_654_299_957_768e-9, 2.319_046_813_846_3e-17);
    near_zero(high * ln2, high.mul_add(rest, low * ln2))
}
