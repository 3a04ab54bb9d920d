//! Functions that turn each element into one element: activations.

use super::assert_same_shape;
use super::operand::{Operand, Tensor};
use crate::Real;

/// Applies a function of one `f64` to each element.
fn map<X: Operand>(x: X, f: impl Fn(f64) -> f64) -> X::Owned {
    let mut out = x.into_owned();
    out.each(&mut |x| *x = X::Scalar::from_f64(f(x.to_f64())));
    out
}

/// The rectifier, max(x, 0).
///
/// *Shapes:* any; the result has the shape of `x`. A NaN becomes 0, as by [`f64::max`]. The derivative at 0 is 0.
///
/// ```
/// assert_eq!(chainrule::nn::relu([-1.0, 0.0, 2.0]), [0.0, 0.0, 2.0]);
/// ```
pub fn relu<X: Operand>(x: X) -> X::Owned {
    let mut out = x.into_owned();
    out.each(&mut |x| *x = x.max(X::Scalar::ZERO));
    out
}

/// The leaky rectifier: x where x > 0, `slope` · x elsewhere.
///
/// *Shapes:* `x` any, `slope` a scalar; the result has the shape of `x`. The derivative at 0 is the smaller of 1 and
/// `slope` in magnitude.
///
/// *Source:* Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013), eq. 2.
///
/// ```
/// assert_eq!(chainrule::nn::leaky_relu([-1.0, 2.0], 0.5), [-0.5, 2.0]);
/// ```
pub fn leaky_relu<X: Operand>(x: X, slope: X::Scalar) -> X::Owned {
    let mut out = x.into_owned();
    out.each(&mut |x| {
        if *x <= X::Scalar::ZERO {
            *x *= slope;
        }
    });
    out
}

/// The logistic function, 1 / (1 + e⁻ˣ).
///
/// *Shapes:* any; the result has the shape of `x`. Small values keep their relative accuracy: `sigmoid(-700.0)` is
/// e⁻⁷⁰⁰ to the last digits.
///
/// ```
/// assert_eq!(chainrule::nn::sigmoid(0.0), 0.5);
/// ```
pub fn sigmoid<X: Operand>(x: X) -> X::Owned {
    map(x, sigmoid_f64)
}

pub(super) fn sigmoid_f64(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 {
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + e)
    }
}

/// The sigmoid-weighted linear unit, x · sigmoid(x), also known as swish.
///
/// *Shapes:* any; the result has the shape of `x`. `silu(-inf)` is the limit 0.
///
/// *Source:* Elfwing, Uchibe, Doya, arXiv:1702.03118, eq. 1.
///
/// ```
/// assert_eq!(chainrule::nn::silu([0.0, 1000.0, -1000.0]), [0.0, 1000.0, 0.0]);
/// ```
pub fn silu<X: Operand>(x: X) -> X::Owned {
    map(x, |x| weighted(x, sigmoid_f64(x)))
}

/// x · weight, with 0 where the weight vanishes, also at x = -inf.
pub(super) fn weighted(x: f64, weight: f64) -> f64 {
    if weight == 0.0 {
        0.0
    } else {
        x * weight
    }
}

/// The Gaussian error linear unit, x · Φ(x) with Φ the normal distribution function, in its exact form.
///
/// Φ(x) is computed as erfc(-x/√2) / 2, so that the tail at negative x keeps its relative accuracy.
///
/// *Shapes:* any; the result has the shape of `x`. `gelu(-inf)` is the limit 0.
///
/// *Source:* Hendrycks, Gimpel, arXiv:1606.08415, section 2; Φ by DLMF 7.1.2 and 7.2.2.
///
/// ```
/// assert_eq!(chainrule::nn::gelu(1.0_f32), 0.8413448);
/// ```
pub fn gelu<X: Operand>(x: X) -> X::Owned {
    map(x, |x| weighted(x, 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)))
}

/// The Gaussian error linear unit in the approximation x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).
///
/// Computed as x · sigmoid(2u) with the same u, which is the same function without cancellation at negative x.
///
/// *Shapes:* any; the result has the shape of `x`. `gelu_tanh(-inf)` is the limit 0.
///
/// *Source:* Hendrycks, Gimpel, arXiv:1606.08415, section 2.
///
/// ```
/// assert_eq!(chainrule::nn::gelu_tanh(1.0_f32), 0.841192);
/// ```
pub fn gelu_tanh<X: Operand>(x: X) -> X::Owned {
    let scale = (2.0 / std::f64::consts::PI).sqrt();
    map(x, |x| weighted(x, sigmoid_f64(2.0 * scale * (x + 0.044715 * x * x * x))))
}

/// The smooth rectifier, ln(1 + eˣ), computed as max(x, 0) + ln(1 + e^-|x|).
///
/// *Shapes:* any; the result has the shape of `x`. Exact to rounding everywhere: there is no threshold above which it
/// becomes x.
///
/// *Source:* Dugas et al., "Incorporating Second-Order Functional Knowledge" (2001), section 3.
///
/// ```
/// assert_eq!(chainrule::nn::softplus([0.0, 1000.0]), [std::f64::consts::LN_2, 1000.0]);
/// ```
pub fn softplus<X: Operand>(x: X) -> X::Owned {
    map(x, |x| x.max(0.0) + (-x.abs()).exp().ln_1p())
}

/// x ln y, and 0 where x is 0: the term of an entropy or a divergence.
///
/// The convention is a choice for y = 0, where `x * y.ln()` is 0 · -∞ = NaN; that form is left alone, for no limit exists
/// at (0, 0). Of one variable it does: `x * x.ln()` is understood as `xlogy(x, x)` unless `math = "strict"`.
///
/// *Shapes:* `x` and `y` have the same shape and the same owned type, and so has the result. *Panics* if the shapes differ.
/// The partial derivatives are ln y and x / y, with 0 for the second where x is 0. NaN where y is NaN.
///
/// ```
/// use chainrule::nn::xlogy;
/// assert_eq!(xlogy([0.0, 0.0, 2.0], [0.0, 5.0, 1.0]), [0.0, 0.0, 0.0]);
/// ```
pub fn xlogy<X: Operand, Y: Operand<Scalar = X::Scalar, Owned = X::Owned>>(x: X, y: Y) -> X::Owned {
    let (mut out, y) = (x.into_owned(), y.into_owned());
    assert_same_shape("xlogy", ["x", "y"], [&out.shape(), &y.shape()]);
    out.each_pair(&y, &mut |x, y| {
        let (a, b) = (x.to_f64(), y.to_f64());
        *x = X::Scalar::from_f64(if a == 0.0 && !b.is_nan() { 0.0 } else { a * b.ln() });
    });
    out
}
