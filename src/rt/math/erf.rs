//! The error function and its derivative.
//!
//! Invariant: from 1 on, only `1 - erf` is approximated, so its error is divided by the ratio of the two.

use super::{exp::exp, pick, poly};
use crate::rt::simd::Vector;

/// `erf x`.
///
/// *Source*: own minimax fits: below 1 an odd polynomial, 2^-34 (f32), 2^-62 (f64); from 1 on `1 - exp(-x²) Q(t)` with
/// `t = (x - a) / (x + a)`, 2^-34 and 2^-61 of erf.
///
/// *Error*: at most 1.42 (f32), 1.05 (f64) units in the last place.
#[inline(always)]
pub fn erf<V: Vector>(x: V) -> V {
    let one = V::of(1.0);
    let a = x.abs();
    let z = a * a;
    // x + x (c - 1 + …): the constant 2/√π itself is not a float
    let p = poly!(z;
        f32 [
            0.128379167, -3.761263848e-1, 1.128378275e-1, -2.686544589e-2, 5.221075017e-3, -8.484712696e-4,
            1.127054876e-4, -9.680137052e-6,
        ];
        f64 [
            0.1283791670955126, -3.761_263_890_318_375e-1, 1.1283791670954884e-1, -2.6866170645077875e-2,
            5.223_977_624_828_431e-3, -8.548_326_981_425_542e-4, 1.205533113295582e-4, -1.4925595772180905e-5,
            1.646_100_847_780_27e-6, -1.6350396222864616e-7, 1.466032872274226e-8, -1.137495573607015e-9,
            5.960685338520971e-11,
        ],
    );
    let small = a.mul_add(p, a);
    // Beyond the bound erf rounds to 1.
    let b = pick::<V>(4.0, 6.0).lesser(a);
    let center = pick::<V>(2.0, 3.0);
    let q = poly!((b - center) / (b + center);
        f32 [2.55395678e-1, -4.271858542e-1, 2.416572131e-1, -7.898743655e-2, 3.727935072e-3, 7.210454574e-3];
        f64 [
            1.7900115118138994e-1, -3.2623356004317055e-1, 2.456_038_017_076_393e-1, -1.5011593654599934e-1,
            7.166_583_747_047_547e-2, -2.4392489502901002e-2, 4.269_236_248_457_276e-3, 7.083_217_504_570_833e-4,
            -5.949_517_694_774_432e-4, 5.0312685729111309e-5, 7.173_999_535_263_77e-5, -6.358_810_436_846_491e-6,
            -6.553_879_766_079_101e-6,
        ],
    );
    let large = one - exp(-(b * b)) * q;
    V::select(a.lt(one), small, large).copysign(x)
}

/// The derivative of [`erf`]: `2/√π exp(-x²)`. Its relative error grows as `x²` units, by the rounding of the square.
#[inline(always)]
pub fn erf_partial<V: Vector>(x: V) -> V {
    exp(-(x * x)) * V::of(std::f64::consts::FRAC_2_SQRT_PI)
}
