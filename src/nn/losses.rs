//! Losses: functions of predictions and targets that give one scalar, summed in `f64`.

use super::elementwise::weighted;
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
    mean_of_labels("cross_entropy", "logits", logits, labels, |row, x| -LogSum::of(row).log_probability(x))
}

/// The negative log likelihood of class indices: the mean over the rows of -row\[label\].
///
/// *Shapes:* `log_probabilities` of any rank ≥ 1, its last axis running over the classes; one label for each row, in
/// row-major order (a rank-1 operand is a single row). Without any row the mean is NaN. *Panics* if the number of
/// labels differs from the number of rows, or if a label is no class, naming it.
///
/// *Source:* Bishop, "Pattern Recognition and Machine Learning" (2006), eq. 4.108, divided by the number of rows.
///
/// ```
/// use chainrule::nn::nll_loss;
/// assert_eq!(nll_loss([[-1.0, -2.0], [-3.0, -4.0]], &[1, 0]), 2.5);
/// ```
pub fn nll_loss<X: Operand>(log_probabilities: X, labels: impl Labels) -> X::Scalar
where
    X::Owned: Rows,
{
    mean_of_labels("nll_loss", "log_probabilities", log_probabilities, labels, |_, x| -x)
}

/// The mean over the rows of `f(row, row[label])`.
fn mean_of_labels<X: Operand>(
    function: &str,
    name: &str,
    x: X,
    labels: impl Labels,
    f: impl Fn(&[X::Scalar], f64) -> f64,
) -> X::Scalar
where
    X::Owned: Rows,
{
    let mut x = x.into_owned();
    let shape = x.shape();
    let rows = shape.iter().rev().skip(1).product::<usize>();
    assert!(
        labels.count() == rows,
        "{function}: `{name}` of shape {shape:?} has {rows} row(s), but `labels` has {} label(s)",
        labels.count(),
    );
    let (mut row_index, mut total) = (0, 0.0);
    x.each_row(&mut |row| {
        let label = labels.get(row_index);
        assert!(
            label < row.len(),
            "{function}: label {label} in row {row_index} is out of range: `{name}` has {} classes",
            row.len(),
        );
        total += f(row, row[label].to_f64());
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
    mean_of_pairs("mse", ["a", "b"], a, b, |a, b| (a - b) * (a - b))
}

/// The mean over all elements of `f(a, b)`.
fn mean_of_pairs<A: Operand, B: Operand<Scalar = A::Scalar, Owned = A::Owned>>(
    function: &str,
    names: [&str; 2],
    a: A,
    b: B,
    f: impl Fn(f64, f64) -> f64,
) -> A::Scalar {
    let (mut a, b) = (a.into_owned(), b.into_owned());
    assert_same_shape(function, names, [&a.shape(), &b.shape()]);
    let (mut count, mut total) = (0_usize, 0.0);
    a.each_pair(&b, &mut |a, b| {
        total += f(a.to_f64(), b.to_f64());
        count += 1;
    });
    A::Scalar::from_f64(total / count as f64)
}

/// The mean absolute error, the mean of |x - y| over all elements.
///
/// *Shapes:* `x` and `y` have the same shape and the same owned type. Without any element the mean is NaN. Where x = y the
/// derivative is 0. *Panics* if the shapes differ.
///
/// *Source:* Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning" (2009), section 10.6.
///
/// ```
/// assert_eq!(chainrule::nn::l1([1.0, 2.0], [4.0, 1.0]), 2.0);
/// ```
pub fn l1<X: Operand, Y: Operand<Scalar = X::Scalar, Owned = X::Owned>>(x: X, y: Y) -> X::Scalar {
    mean_of_pairs("l1", ["x", "y"], x, y, |x, y| (x - y).abs())
}

/// The Huber loss, with d = x - y the mean over all elements of d² / 2 where |d| ≤ `delta`, and of
/// `delta` · (|d| - `delta` / 2) elsewhere.
///
/// *Shapes:* `x` and `y` have the same shape and the same owned type, `delta` ≥ 0 is a scalar. Without any element the
/// mean is NaN. *Panics* if the shapes differ.
///
/// *Source:* Huber, "Robust Estimation of a Location Parameter", Ann. Math. Statist. 35 (1964).
///
/// ```
/// assert_eq!(chainrule::nn::huber([0.0, 3.0], [1.0, 0.0], 1.0), (0.5 + 2.5) / 2.0);
/// ```
pub fn huber<X: Operand, Y: Operand<Scalar = X::Scalar, Owned = X::Owned>>(
    x: X,
    y: Y,
    delta: X::Scalar,
) -> X::Scalar {
    let delta = delta.to_f64();
    mean_of_pairs("huber", ["x", "y"], x, y, |x, y| {
        let d = (x - y).abs();
        if d <= delta {
            0.5 * d * d
        } else {
            delta * (d - 0.5 * delta)
        }
    })
}

/// The mean over all elements of the cross entropy of a probability y under sigmoid(x): of softplus(x) - x y, in a form
/// that loses no digits at large |x|.
///
/// *Shapes:* `x` and `y` have the same shape and the same owned type; the targets `y` lie between 0 and 1. Without any
/// element the mean is NaN. A certain and correct prediction (x = ∞ with y = 1, x = -∞ with y = 0) costs 0. *Panics* if
/// the shapes differ.
///
/// *Source:* Bishop, "Pattern Recognition and Machine Learning" (2006), eq. 4.90 with eq. 4.59, divided by the number of
/// elements.
///
/// ```
/// use chainrule::nn::binary_cross_entropy_with_logits;
/// assert_eq!(binary_cross_entropy_with_logits([0.0, -1000.0], [1.0, 1.0]), (std::f64::consts::LN_2 + 1000.0) / 2.0);
/// ```
pub fn binary_cross_entropy_with_logits<X: Operand, Y: Operand<Scalar = X::Scalar, Owned = X::Owned>>(
    x: X,
    y: Y,
) -> X::Scalar {
    mean_of_pairs("binary_cross_entropy_with_logits", ["x", "y"], x, y, |x, y| {
        // softplus(x) is max(x, 0) + ln(1 + e^-|x|)
        let linear = if x > 0.0 { weighted(x, 1.0 - y) } else { weighted(-x, y) };
        linear + (-x.abs()).exp().ln_1p()
    })
}

/// The Kullback-Leibler divergence of q from p, given ln p: the sum of q (ln q - ln p) over all elements, divided by
/// the number of rows.
///
/// An element with q = 0 contributes 0, also where ln p is -inf.
///
/// *Shapes:* `log_p` and `q` have the same shape and the same owned type; the last axis runs over the classes (a rank-1
/// operand is a single row). Without any row the result is NaN. *Panics* if the shapes differ.
///
/// *Source:* Bishop, "Pattern Recognition and Machine Learning" (2006), eq. 1.113, with the names p and q exchanged.
///
/// ```
/// let (log_p, q) = ([[0.5_f64.ln(), 0.5_f64.ln()]], [[1.0, 0.0]]);
/// assert_eq!(chainrule::nn::kl_div(log_p, q), std::f64::consts::LN_2);
/// ```
pub fn kl_div<P: Operand, Q: Operand<Scalar = P::Scalar, Owned = P::Owned>>(log_p: P, q: Q) -> P::Scalar {
    let (mut log_p, q) = (log_p.into_owned(), q.into_owned());
    let shape = log_p.shape();
    assert_same_shape("kl_div", ["log_p", "q"], [&shape, &q.shape()]);
    let (rows, mut total) = (shape.iter().rev().skip(1).product::<usize>(), 0.0);
    log_p.each_pair(&q, &mut |log_p, q| {
        let (log_p, q) = (log_p.to_f64(), q.to_f64());
        if q != 0.0 || log_p.is_nan() {
            total += q * (q.ln() - log_p);
        }
    });
    P::Scalar::from_f64(total / rows as f64)
}

/// The cosine of the angle between a and b along the last axis: a·b / max(|a| |b|, 1e-8).
///
/// *Shapes:* `a` and `b` have the same shape of rank ≥ 1 and the same owned type; the last axis disappears: two vectors
/// give a scalar, two matrices one element for each row. A row of zeros gives 0, an infinite element NaN. *Panics* if
/// the shapes differ, or for an `ArrayD` of rank 0.
///
/// *Source:* Manning, Raghavan, Schütze, "Introduction to Information Retrieval" (2008), eq. 6.10; the bound at the
/// bottom is PyTorch's.
///
/// ```
/// assert_eq!(chainrule::nn::cosine_similarity([[3.0, 4.0], [0.0, 0.0]], [[6.0, 8.0], [1.0, 0.0]]), [1.0, 0.0]);
/// ```
pub fn cosine_similarity<A: Operand, B: Operand<Scalar = A::Scalar, Owned = A::Owned>>(
    a: A,
    b: B,
) -> <A::Owned as Rows>::Reduced
where
    A::Owned: Rows,
{
    let (mut a, mut b) = (a.into_owned(), b.into_owned());
    assert_same_shape("cosine_similarity", ["a", "b"], [&a.shape(), &b.shape()]);
    let mut rows = Vec::new();
    b.each_row(&mut |row| rows.push(row.to_vec()));
    let mut rows = rows.iter();
    // the result of each row waits in its first element
    a.each_row(&mut |a| {
        let cosine = rows.next().map_or(0.0, |b| cosine(a, b));
        if let Some(first) = a.first_mut() {
            *first = A::Scalar::from_f64(cosine);
        }
    });
    a.reduce_rows(&mut |row| row.first().copied().unwrap_or(A::Scalar::ZERO))
}

/// The cosine of two rows, with both scaled by their greatest elements, so that no square overflows.
fn cosine<T: Real>(a: &[T], b: &[T]) -> f64 {
    let scale = |row: &[T]| row.iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()));
    let product = |a: &[T], scale_a: f64, b: &[T], scale_b: f64| {
        a.iter().zip(b).map(|(a, b)| a.to_f64() / scale_a * (b.to_f64() / scale_b)).sum::<f64>()
    };
    let [scale_a, scale_b] = [a, b].map(|row| Some(scale(row)).filter(|&s| s > 0.0).unwrap_or(1.0));
    let lengths = (product(a, scale_a, a, scale_a) * product(b, scale_b, b, scale_b)).sqrt();
    let least = 1e-8 / scale_a / scale_b;
    product(a, scale_a, b, scale_b) / if lengths < least { least } else { lengths }
}
