//! Dropout, and the masks that it takes.
//!
//! Invariant: whoever calls holds the generator of random numbers; there is no hidden state.

use super::assert_same_shape;
use super::operand::{Operand, Tensor};
#[cfg(feature = "ndarray")]
use crate::{random::Random, Real};

/// Dropout with a given mask: x · mask, element by element.
///
/// The mask carries the scale: to drop elements with probability p, it holds 0 with probability p and 1 / (1 - p) otherwise, as
/// `dropout_mask` draws it. It is data, an argument of the function that is differentiated, drawn anew for each step. For inference leave
/// the call out, or pass ones.
///
/// *Shapes:* `x` and `mask` have the same shape and the same owned type, and so has the result. *Panics* if the shapes differ.
///
/// *Source:* Srivastava et al., "Dropout", JMLR 15 (2014), section 10, "inverted" scaling at training time.
///
/// ```
/// assert_eq!(chainrule::nn::dropout([1.0, 2.0, 3.0], [2.0, 0.0, 2.0]), [2.0, 0.0, 6.0]);
/// ```
pub fn dropout<X: Operand, M: Operand<Scalar = X::Scalar, Owned = X::Owned>>(x: X, mask: M) -> X::Owned {
    let (mut out, mask) = (x.into_owned(), mask.into_owned());
    assert_same_shape("dropout", ["x", "mask"], [&out.shape(), &mask.shape()]);
    out.each_pair(&mask, &mut |x, m| *x *= m);
    out
}

/// A mask for [`dropout`]: each element is 0 with probability `p`, and 1 / (1 - p) otherwise.
///
/// *Shapes:* `shape` is that of the mask, as `ndarray` takes it. Elements are drawn in logical order, so that a seed gives the same mask on every
/// platform. *Panics* unless `p` lies between 0 and 1.
///
/// ```
/// use chainrule::nn::{dropout, dropout_mask};
/// use chainrule::{differentiable, random::Random};
/// use ndarray::{array, Array1, ArrayView1};
///
/// #[differentiable(wrt(w))]
/// fn loss(w: ArrayView1<f64>, mask: ArrayView1<f64>) -> f64 {
///     dropout(w, mask).mapv(|v| v * v).sum()
/// }
///
/// fn main() {
///     let mut random = Random::new(1);
///     let w = array![1.0, 2.0, 3.0];
///     for _ in 0..3 {
///         let mask: Array1<f64> = dropout_mask(3, 0.5, &mut random); // of zeros and twos
///         assert_eq!(loss::gradient(w.view(), mask.view()), 2.0 * &mask * &mask * &w);
///     }
/// }
/// ```
#[cfg(feature = "ndarray")]
pub fn dropout_mask<T: Real, S: ndarray::IntoDimension>(
    shape: S,
    p: f64,
    random: &mut Random,
) -> ndarray::Array<T, S::Dim> {
    assert!((0.0..=1.0).contains(&p), "dropout_mask: `p` is {p}, but a probability lies between 0 and 1");
    let kept = T::from_f64(1.0 / (1.0 - p));
    ndarray::Array::from_shape_simple_fn(shape, || if random.unit() < p { T::ZERO } else { kept })
}
