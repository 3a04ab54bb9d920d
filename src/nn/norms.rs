//! Normalisation along the last axis: layer norm and root mean square norm.
//!
//! Invariant: [`root_mean_square`] scales by the largest element, so that no square overflows.

use super::operand::{Operand, Rows, Tensor};
use crate::Real;

/// √(mean of the squares) of the elements; NaN where one of them is infinite.
pub(super) fn root_mean_square(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(0.0, |max: f64, x| max.max(x.abs()));
    // all zeros, or some of them NaN
    let scale = if largest == 0.0 { 1.0 } else { largest };
    let (mut count, mut total) = (0_usize, 0.0);
    for x in values {
        total += (x / scale) * (x / scale);
        count += 1;
    }
    scale * (total / count as f64).sqrt()
}

/// What elements are divided by: √(mean of the squares + eps).
pub(super) fn deviation(values: impl Iterator<Item = f64> + Clone, eps: f64) -> f64 {
    root_mean_square(values).hypot(eps.sqrt())
}

/// The elements of an argument that has one number for each of the `length` elements of a row of `x`.
fn weights<W: Operand>(function: &str, name: &str, w: W, x: &[usize]) -> Vec<f64> {
    let mut w = w.into_owned();
    let (shape, length) = (w.shape(), x.last().copied().unwrap_or(1));
    assert!(
        shape == [length],
        "{function}: `{name}` has shape {shape:?}, but the last axis of `x` of shape {x:?} is {length} long"
    );
    let mut out = Vec::with_capacity(length);
    w.each(&mut |w| out.push(w.to_f64()));
    out
}

/// Layer normalisation along the last axis: (x - mean) / √(variance + eps) · gain + bias, with the mean and the (biased)
/// variance of each row.
///
/// *Shapes:* `x` of rank ≥ 1 with rows of D elements, `gain` and `bias` of shape `[D]`, `eps` a scalar; the result has
/// the shape of `x`. With an `eps` of 0 a row of equal elements gives NaN; so does an infinite element for its row.
/// *Panics* if `gain` or `bias` differ in length from the rows, or for an `ArrayD` of rank 0.
///
/// *Source:* Ba, Kiros, Hinton, "Layer Normalization", arXiv:1607.06450, eq. 3 and 4.
///
/// ```
/// use chainrule::nn::layer_norm;
/// assert_eq!(layer_norm([[1.0, 3.0], [7.0, 3.0]], [1.0, 2.0], [0.0, 0.5], 0.0), [[-1.0, 2.5], [1.0, -1.5]]);
/// ```
pub fn layer_norm<X: Operand, G, B>(x: X, gain: G, bias: B, eps: X::Scalar) -> X::Owned
where
    X::Owned: Rows,
    G: Operand<Scalar = X::Scalar>,
    B: Operand<Scalar = X::Scalar>,
{
    let mut out = x.into_owned();
    let shape = out.shape();
    let (gain, bias) =
        (weights("layer_norm", "gain", gain, &shape), weights("layer_norm", "bias", bias, &shape));
    out.each_row(&mut |row| {
        let mean = row.iter().map(|x| x.to_f64()).sum::<f64>() / row.len() as f64;
        let deviation = deviation(row.iter().map(|x| x.to_f64() - mean), eps.to_f64());
        for ((x, gain), bias) in row.iter_mut().zip(&gain).zip(&bias) {
            *x = X::Scalar::from_f64((x.to_f64() - mean) / deviation * gain + bias);
        }
    });
    out
}

/// Root mean square normalisation along the last axis: x / √(mean of x² + eps) · gain.
///
/// *Shapes:* `x` of rank ≥ 1 with rows of D elements, `gain` of shape `[D]`, `eps` a scalar; the result has the shape
/// of `x`. With an `eps` of 0 a row of zeros gives NaN; so does an infinite element for its row. *Panics* if `gain`
/// differs in length from the rows, or for an `ArrayD` of rank 0.
///
/// *Source:* Zhang, Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467, eq. 4; eps as in all
/// implementations.
///
/// ```
/// assert_eq!(chainrule::nn::rms_norm([[5.0, 5.0], [-2.0, 2.0]], [1.0, 2.0], 0.0), [[1.0, 2.0], [-1.0, 2.0]]);
/// ```
pub fn rms_norm<X: Operand, G: Operand<Scalar = X::Scalar>>(x: X, gain: G, eps: X::Scalar) -> X::Owned
where
    X::Owned: Rows,
{
    let mut out = x.into_owned();
    let gain = weights("rms_norm", "gain", gain, &out.shape());
    out.each_row(&mut |row| {
        let deviation = deviation(row.iter().map(|x| x.to_f64()), eps.to_f64());
        for (x, gain) in row.iter_mut().zip(&gain) {
            *x = X::Scalar::from_f64(x.to_f64() / deviation * gain);
        }
    });
    out
}
