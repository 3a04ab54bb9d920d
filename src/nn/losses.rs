//! Losses: functions of predictions and targets that give one scalar, summed in `f64`.

use super::operand::{Operand, Rows, Tensor};
use super::rows::LogSum;
use super::{assert_same_shape, Labels};
use crate::Real;

/// The mean cross entropy of class indices under the softmax of `logits`: the mean over the rows of
/// logsumexp(row) - row\[label\].
///
/// *Shapes:* `logits` of any rank ≥ 1, its last axis running over the classes; one label for each row, in row-major order
/// (a rank-1 operand is a single row). Without any row the mean is NaN. Where a whole row is -inf (fully masked), or
/// only the labelled logit, the loss is +inf. *Panics* if the number of labels differs from the number of rows, or if a
/// label is no class, naming it.
///
/// *Source:* Bishop, "Pattern Recognition and Machine Learning" (2006), eq. 4.108, divided by the number of rows.
///
/// ```
/// use chainrule::nn::cross_entropy;
/// let loss = cross_entropy([[0.0, 0.0], [1000.0, 0.0]], &[1, 0]);
/// assert_eq!(loss, std::f64::consts::LN_2 / 2.0);
/// assert_eq!(cross_entropy([0.0_f32, 0.0], 1), std::f32::consts::LN_2);
/// ```
pub fn cross_entropy<X: Operand>(logits: X, labels: impl Labels) -> X::Scalar
where
    X::Owned: Rows,
{
    let mut logits = logits.into_owned();
    let shape = logits.shape();
    let rows = shape.iter().rev().skip(1).product::<usize>();
    assert!(
        labels.count() == rows,
        "cross_entropy: `logits` of shape {shape:?} has {rows} row(s), but `labels` has {} label(s)",
        labels.count(),
    );
    let (mut row_index, mut total) = (0, 0.0);
    logits.each_row(&mut |row| {
        let label = labels.get(row_index);
        assert!(
            label < row.len(),
            "cross_entropy: label {label} in row {row_index} is out of range: `logits` has {} classes",
            row.len(),
        );
        let x = row[label].to_f64();
        let sum = LogSum::of(row);
        total -= sum.log_probability(x);
        row_index += 1;
    });
    X::Scalar::from_f64(total / rows as f64)
}

/// The mean squared error, the mean of (a - b)² over all elements.
///
/// *Shapes:* `a` and `b` have the same shape and the same owned type. Without any element the mean is NaN. *Panics* if
/// the shapes differ.
///
/// *Source:* Bishop (2006), eq. 3.12, doubled and divided by the number of elements.
///
/// ```
/// assert_eq!(chainrule::nn::mse([1.0, 2.0], [1.0, 4.0]), 2.0);
/// ```
pub fn mse<A: Operand, B: Operand<Scalar = A::Scalar, Owned = A::Owned>>(a: A, b: B) -> A::Scalar {
    let (mut a, b) = (a.into_owned(), b.into_owned());
    assert_same_shape("mse", ["a", "b"], [&a.shape(), &b.shape()]);
    let (mut count, mut total) = (0_usize, 0.0);
    a.each_pair(&b, &mut |a, b| {
        let difference = a.to_f64() - b.to_f64();
        total += difference * difference;
        count += 1;
    });
    A::Scalar::from_f64(total / count as f64)
}
