//! The exponential and what is made of it.
//!
//! The approximations are those of `rt::math`, with plain multiplications and additions. Invariant: `x = n ln 2 + r` with
//! |r| <= ln 2 / 2, and `2^n` is applied last.

// `x != x` is one comparison, where `x.is_nan()` is a call
#![allow(clippy::eq_op)]

use super::log::ln_1p_unit;
use super::{fast_two_sum, horner, scaled, MAGIC};

/// `n` nearest to `x / ln 2` for |x| < 2000, and `x - n ln 2` as a sum of two (Cody and Waite: the first part of ln 2 is short, so its
/// product is exact). A macro, as [`near_zero`]: at compile time a call costs as much as three operations.
macro_rules! reduce {
    ($x:expr) => {{
        let n = ($x * std::f64::consts::LOG2_E + MAGIC) - MAGIC;
        (n, $x - n * 0.6931471803691238, n * -1.908_214_929_270_587_7e-10)
    }};
}

/// `exp(high + low)` for |high + low| <= ln 2 / 2.
macro_rules! near_zero {
    ($high:expr, $low:expr) => {{
        let r = $high + $low;
        let q = horner!(
            r;
            5.000_000_000_000_006e-1,
            1.6666666666666687e-1,
            4.166_666_666_657_151e-2,
            8.333_333_333_313_769e-3,
            1.388_888_893_313_908e-3,
            1.984126990474173e-4,
            2.4801503476226687e-5,
            2.7557226460798837e-6,
            2.762_672_958_053_35e-7,
            2.5114939720145594e-8
        );
        ($high + (r * r * q + $low)) + 1.0
    }};
}

/// `2^(j/64)`, rounded.
#[rustfmt::skip]
#[allow(clippy::approx_constant)]
static ROOTS: [f64; 64] = [
    1.0, 1.0108892860517005, 1.0218971486541166, 1.0330248790212284,
    1.0442737824274138, 1.0556451783605572, 1.0671404006768237, 1.0787607977571199,
    1.0905077326652577, 1.102382583307841, 1.1143867425958924, 1.1265216186082418,
    1.1387886347566916, 1.1511892299529827, 1.1637248587775775, 1.1763969916502812,
    1.189207115002721, 1.202156731452703, 1.215247359980469, 1.22848053610687,
    1.241857812073484, 1.255380757024691, 1.2690509571917332, 1.2828700160787783,
    1.2968395546510096, 1.3109612115247644, 1.3252366431597413, 1.339667524053303,
    1.3542555469368927, 1.3690024229745905, 1.383909881963832, 1.3989796725383112,
    1.4142135623730951, 1.42961333839197, 1.4451808069770467, 1.460917794180647,
    1.4768261459394993, 1.4929077282912648, 1.5091644275934228, 1.5255981507445384,
    1.5422108254079407, 1.559004400237837, 1.5759808451078865, 1.593142151342267,
    1.6104903319492543, 1.6280274218573478, 1.645755478153965, 1.6636765803267364,
    1.681792830507429, 1.7001063537185235, 1.718619298122478, 1.7373338352737062,
    1.7562521603732995, 1.7753764925265212, 1.7947090750031072, 1.8142521755003989,
    1.8340080864093424, 1.8539791250833855, 1.8741676341103, 1.8945759815869656,
    1.9152065613971474, 1.9360617934922943, 1.9571441241754002, 1.978456026387951,
];

/// `2^(k - 1022)`, up to infinity. At compile time, to look a number up costs less than to make it of its bits.
static POWERS: [f64; 2047] = {
    let mut powers = [f64::INFINITY; 2047];
    let (mut k, mut power) = (0, f64::MIN_POSITIVE);
    while k < 2046 {
        powers[k] = power;
        power *= 2.0;
        k += 1;
    }
    powers
};

/// `e^x`. *Source*: `x = (64 k + j) ln 2 / 64 + r`, so that `e^x = 2^k 2^(j/64) e^r`; own fit of `e^r`, 2^-60.
///
/// *Error*: at most 1.1 ulp.
pub const fn exp(x: f64) -> f64 {
    // NaN goes on
    if x > 709.0 {
        return if x > 709.8 { f64::INFINITY } else { exp(x - 64.0) * 6.235149080811617e27 };
    }
    if x < -708.0 {
        return if x < -745.2 { 0.0 } else { exp(x + 64.0) * 1.603810890548638e-28 };
    }
    let n = (x * 92.33248261689366 + 6755399441055744.0) - 6755399441055744.0;
    // the first part of ln 2 / 64 is short, so its product is exact
    let r = (x - n * 0.010830424695086549) - n * 1.162596423439437e-12;
    let p = r + r
        * r
        * (0.49999999999985073
            + r * (0.16666666666664534 + r * (0.04166670739526965 + r * 0.008333339151704595)));
    let k = (n + 65408.0) as usize;
    let root = ROOTS[k & 63];
    (root + root * p) * POWERS[k >> 6]
}

/// `e^x` for `x <= 0`, 0 below `e^-700`: the weight of a term of a sum beside the largest one, which is 1.
pub const fn weight(x: f64) -> f64 {
    if x < -700.0 {
        0.0
    } else {
        exp(x)
    }
}

/// `e^x - 1`, accurate near zero.
///
/// *Error*: at most 1.4 ulp.
pub const fn exp_m1(x: f64) -> f64 {
    if x > 709.8 {
        return f64::INFINITY;
    }
    if x < -40.0 {
        return -1.0;
    }
    // also where 1 + x is 1, and zeros keep their sign
    if x < 1e-17 && x > -1e-17 {
        return x;
    }
    let (n, high, low) = reduce!(x);
    let r = high + low;
    let q = horner!(
        r;
        5.0e-1,
        1.6666666666666677e-1,
        4.1666666666666703e-2,
        8.333_333_333_321_398e-3,
        1.388_888_888_886_605e-3,
        1.9841269886809185e-4,
        2.480_158_736_211_933e-5,
        2.7557243434900122e-6,
        2.755_724_142_553_485e-7,
        2.5109334572543572e-8,
        2.0924854417351755e-9
    );
    // 2^n ((exp(r) - 1) + (1 - 2^-n)); 2^-n that is below the last place is as good as none
    let back = if n > 1000.0 { 0.0 } else { scaled(1.0, -(n as i64)) };
    scaled((1.0 - back) + (high + (r * r * q + low)), n as i64)
}

/// `e / (1 + e)` for `e = exp(-2|x|)`: half of what tanh lacks to 1, and what the sigmoid of 2|x| does.
const fn rest(x: f64) -> f64 {
    let e = exp(if x < 0.0 { x + x } else { -(x + x) });
    e / (1.0 + e)
}

/// `tanh x`.
///
/// *Error*: at most 1.3 ulp.
pub const fn tanh(x: f64) -> f64 {
    if x < 0.625 && x > -0.625 {
        let z = x * x;
        // zeros keep their sign
        if z < 1e-18 {
            return x;
        }
        let p = horner!(
            z;
            -3.333_333_333_333_288e-1,
            1.333333333326544e-1,
            -5.3968253932671956e-2,
            2.186_948_760_551_743e-2,
            -8.863_221_358_623_549e-3,
            3.591991845827816e-3,
            -1.4549717230314056e-3,
            5.863_561_427_952_789e-4,
            -2.286_399_479_194_671e-4,
            7.722_616_147_580_148e-5,
            -1.611069783015097e-5
        );
        return x + x * z * p;
    }
    if x < 0.0 {
        let e = exp(x + x);
        2.0 * (e / (1.0 + e)) - 1.0
    } else {
        let e = exp(-(x + x));
        1.0 - 2.0 * (e / (1.0 + e))
    }
}

/// The derivative of tanh, down to subnormal results. *Source*: `p (2 - p)` with `p = 1 - tanh |x|`.
///
/// *Error*: at most 3 ulp.
pub const fn tanh_slope(x: f64) -> f64 {
    let p = 2.0 * rest(x);
    p * (2.0 - p)
}

/// `1 / (1 + e^-x)`, without overflow and down to subnormal results.
///
/// *Error*: at most 2.6 ulp.
pub const fn sigmoid(x: f64) -> f64 {
    if x < 0.0 {
        let e = exp(x);
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + exp(-x))
    }
}

/// The derivative of the sigmoid, down to subnormal results. *Source*: `p (1 - p)` with `p = sigmoid(-|x|)`.
///
/// *Error*: at most 2.6 ulp.
pub const fn sigmoid_slope(x: f64) -> f64 {
    let p = rest(0.5 * x);
    p * (1.0 - p)
}

/// `ln(1 + e^x)`, without overflow and down to subnormal results.
///
/// *Error*: at most 1.9 ulp.
pub const fn softplus(x: f64) -> f64 {
    if x != x {
        return x;
    }
    let small = ln_1p_unit(exp(-x.abs()));
    if x > 0.0 {
        x + small
    } else {
        small
    }
}

/// `e^a / 2` for a >= 0, where that is finite.
const fn half_exp(a: f64) -> f64 {
    if a > 711.0 {
        return f64::INFINITY;
    }
    let (n, high, low) = reduce!(a);
    scaled(near_zero!(high, low), n as i64 - 1)
}

/// `sinh x`. *Source*: `h - 1/(4h)` with `h = e^|x| / 2`, below 1 an odd polynomial.
///
/// *Error*: at most 1.4 ulp.
pub const fn sinh(x: f64) -> f64 {
    let a = x.abs();
    if a < 1.0 {
        let z = x * x;
        let p = horner!(
            z;
            1.6666666666666667e-1,
            8.333_333_333_333_139e-3,
            1.9841269841437342e-4,
            2.7557319155428669e-6,
            2.5052123386089893e-8,
            1.6057241170164795e-10,
            7.759_290_712_223_145e-13
        );
        return x + x * z * p;
    }
    let half = half_exp(a);
    let y = half - 0.25 / half;
    if x < 0.0 {
        -y
    } else {
        y
    }
}

/// `cosh x`. *Source*: `h + 1/(4h)` with `h = e^|x| / 2`.
///
/// *Error*: at most 1.3 ulp.
pub const fn cosh(x: f64) -> f64 {
    let half = half_exp(x.abs());
    half + 0.25 / half
}

/// `2^(high + low)` for a rounded `high` and its small correction.
pub(super) const fn exp2_pair(high: f64, low: f64) -> f64 {
    if high > 1100.0 {
        return f64::INFINITY;
    }
    if high < -1100.0 {
        return 0.0;
    }
    let n = (high + MAGIC) - MAGIC;
    let (r, rest) = fast_two_sum(high - n, low);
    let ln2 = std::f64::consts::LN_2;
    // what the number ln 2 lacks
    let lack = 2.319_046_813_846_3e-17;
    let (high, low) = (r * ln2, r * lack + rest * ln2);
    scaled(near_zero!(high, low), n as i64)
}
