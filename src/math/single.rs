//! The functions of [`math`](crate::math) for `f32`: computed in `f64` and rounded.
//!
//! *Error*: below 0.51 ulp; `powi` as its `f64` form, rounded. Invariant: one body for both types.

use super::{self as double};

#[doc(hidden)]
pub use super::names::{
    abs, copysign, cos, cosh, exp, exp_m1, hypot, ln, ln_1p, max, min, powf, powi, sigmoid, sin, sinh,
    softplus, sqrt, tan, tanh,
};

macro_rules! rounded {
    ($($(#[$attribute:meta])* $name:ident($($arg:ident),+);)*) => {$(
        #[doc = concat!("[`", stringify!($name), "`](super::", stringify!($name), "), rounded.")]
        $(#[$attribute])*
        pub const fn $name($($arg: f32),+) -> f32 {
            double::$name($($arg as f64),+) as f32
        }
    )*};
}
rounded! {
    sqrt(x);
    exp(x);
    exp_m1(x);
    ln(x);
    ln_1p(x);
    sin(x);
    cos(x);
    tan(x);
    sinh(x);
    cosh(x);
    tanh(x);
    sigmoid(x);
    softplus(x);
    hypot(a, b);
    powf(x, y);
    abs(x);
    max(a, b);
    min(a, b);
    copysign(x, sign);
    #[doc(hidden)]
    tanh_slope(x);
    #[doc(hidden)]
    sigmoid_slope(x);
    #[doc(hidden)]
    floor(x);
    #[doc(hidden)]
    ceil(x);
    #[doc(hidden)]
    round(x);
    #[doc(hidden)]
    trunc(x);
    #[doc(hidden)]
    fract(x);
    #[doc(hidden)]
    signum(x);
    #[doc(hidden)]
    recip(x);
    #[doc(hidden)]
    rem_euclid(a, b);
    #[doc(hidden)]
    diff(a, b);
    #[doc(hidden)]
    xlogy(x, y);
}

/// `x^n` by repeated squaring.
pub const fn powi(x: f32, n: i32) -> f32 {
    double::powi(x as f64, n) as f32
}

/// `e^x` for `x <= 0`, 0 below `e^-80`: the weight of a term of a sum beside the largest one, which is 1.
#[doc(hidden)]
pub const fn weight(x: f32) -> f32 {
    if x < -80.0 {
        0.0
    } else {
        exp(x)
    }
}

/// `x * a + b`, rounded once.
#[doc(hidden)]
pub const fn mul_add(x: f32, a: f32, b: f32) -> f32 {
    x.mul_add(a, b)
}
