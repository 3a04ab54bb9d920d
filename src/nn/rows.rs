//! Functions along the last axis: softmax, its logarithm, and the logarithm of a sum of exponentials.
//!
//! Invariant: all three are one function of the row, [`LogSum`], so they agree on rows with infinite elements.

use super::operand::{Operand, Rows};
use crate::Real;

/// ln Σ eˣ of a row, kept as its two terms.
pub(super) struct LogSum {
    /// The largest element.
    max: f64,
    /// ln Σ e^(x - max)
    rest: f64,
}

impl LogSum {
    pub(super) fn of<T: Real>(row: &[T]) -> LogSum {
        let max = row.iter().fold(f64::NEG_INFINITY, |max, x| max.max(x.to_f64()));
        let sum: f64 = row.iter().map(|x| difference(x.to_f64(), max).exp()).sum();
        LogSum { max, rest: sum.ln() }
    }

    fn total(&self) -> f64 {
        self.max + self.rest
    }

    /// x - ln Σ eˣ, in the order of operations that does not lose the digits of small differences of large numbers.
    ///
    /// It is -inf for an element of -inf, also in a fully masked row, and NaN in a row that holds a NaN.
    pub(super) fn log_probability(&self, x: f64) -> f64 {
        if x == f64::NEG_INFINITY && !self.rest.is_nan() {
            return f64::NEG_INFINITY;
        }
        difference(x, self.max) - self.rest
    }
}

/// x - max, where infinities stand for limits: an element that is -inf contributes nothing, even if it is the
/// largest (a fully masked row); an element that is +inf equals a largest element of +inf.
fn difference(x: f64, max: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if x == max {
        0.0
    } else {
        x - max
    }
}

/// The logarithm of the sum of exponentials along the last axis, ln Σⱼ exp(xⱼ), as max + ln Σⱼ exp(xⱼ - max).
///
/// *Shapes:* rank ≥ 1; the last axis disappears: a rank-1 operand gives a scalar, a matrix gives one element per row.
/// A row without elements, or with only -inf, gives -inf; a row with +inf and no NaN gives +inf. *Panics* for an
/// `ArrayD` of rank 0.
///
/// *Source:* Blanchard, Higham, Higham, "Accurately computing the log-sum-exp and softmax functions", IMA J. Numer.
/// Anal. 41 (2021), eq. 1.3.
///
/// ```
/// use chainrule::nn::logsumexp;
/// assert_eq!(logsumexp([1000.0, 1000.0]), 1000.0 + std::f64::consts::LN_2);
/// assert_eq!(logsumexp([f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
/// ```
pub fn logsumexp<X: Operand>(x: X) -> <X::Owned as Rows>::Reduced
where
    X::Owned: Rows,
{
    x.into_owned().reduce_rows(&mut |row| X::Scalar::from_f64(LogSum::of(row).total()))
}

/// The softmax along the last axis, exp(xᵢ) / Σⱼ exp(xⱼ), as exp(xᵢ - max) / Σⱼ exp(xⱼ - max).
///
/// *Shapes:* rank ≥ 1; the result has the shape of `x`. A row of only -inf (fully masked) gives zeros; elements of +inf
/// share the row equally. *Panics* for an `ArrayD` of rank 0.
///
/// *Source:* Blanchard, Higham, Higham (2021), eq. 1.5; the values at infinities are the gradient of [`logsumexp`]
/// there.
///
/// ```
/// assert_eq!(chainrule::nn::softmax([3.0, 3.0]), [0.5, 0.5]);
/// ```
pub fn softmax<X: Operand>(x: X) -> X::Owned
where
    X::Owned: Rows,
{
    let mut out = x.into_owned();
    out.each_row(&mut softmax_row);
    out
}

pub(super) fn softmax_row<T: Real>(row: &mut [T]) {
    let sum = LogSum::of(row);
    let scale = sum.rest.exp();
    for x in row {
        let weight = difference(x.to_f64(), sum.max).exp();
        // the scale vanishes only for a fully masked row
        *x = T::from_f64(if scale == 0.0 { 0.0 } else { weight / scale });
    }
}

/// The logarithm of [`softmax`] along the last axis, (xᵢ - max) - ln Σⱼ exp(xⱼ - max).
///
/// *Shapes:* rank ≥ 1; the result has the shape of `x`. A row of only -inf (fully masked) gives -inf. *Panics* for an
/// `ArrayD` of rank 0.
///
/// *Source:* Blanchard, Higham, Higham (2021), eq. 1.6.
///
/// ```
/// assert_eq!(chainrule::nn::log_softmax([0.0, -1000.0]), [0.0, -1000.0]);
/// ```
pub fn log_softmax<X: Operand>(x: X) -> X::Owned
where
    X::Owned: Rows,
{
    let mut out = x.into_owned();
    out.each_row(&mut |row| {
        let sum = LogSum::of(row);
        for x in row {
            *x = X::Scalar::from_f64(sum.log_probability(x.to_f64()));
        }
    });
    out
}
