//! Values and gradients of the parts of a batch, at the same time.
//!
//! Invariant: the sum is taken in the order of the parts, so its bits depend on their number, not on how many processors there are.

use std::ops::Range;

use rayon::prelude::*;

use super::accumulate;
use crate::params::ShapeMismatch;
use crate::Differentiable;

/// The sum of the values and gradients of `chunks` parts of a range of examples, which are computed in parallel.
///
/// The range is cut into `chunks` parts that differ in length by at most one (into fewer, if it has fewer examples, but at
/// least one, which may be empty). `value_and_gradient` says what a part adds to the value and to the gradient. For a
/// mean, divide by the length of the whole range, not of the part. The parts are added from first to last: the same number of parts
/// gives the same bits on any number of threads. Another number may round differently.
///
/// The work runs on rayon's threads: those of the pool that this is called in, or the global ones. Each part's gradient is held until
/// all are there.
///
/// *Panics* if `chunks` is 0, or if the shapes of two gradients differ, naming the parameter and both shapes.
///
/// ```
/// use chainrule::{differentiable, train};
///
/// #[differentiable(wrt(w))]
/// fn loss(w: &[f64; 2], x: &[[f64; 2]], y: &[f64], count: f64) -> f64 {
///     x.iter().zip(y).map(|(x, y)| (w[0] * x[0] + w[1] * x[1] - y).powi(2) / count).sum()
/// }
///
/// # fn main() {
/// let (w, x, y) = ([0.5, -1.0], [[1.0, 2.0], [3.0, -4.0], [0.0, 1.0]], [1.0, 2.0, 3.0]);
/// let (value, gradient) = train::in_chunks(0..3, 2, |part| {
///     loss::value_and_gradient(&w, &x[part.clone()], &y[part], 3.0)
/// });
/// let (whole, direction) = loss::value_and_gradient(&w, &x, &y, 3.0);
/// assert!((value - whole).abs() < 1e-12 && (gradient[0] - direction[0]).abs() < 1e-12);
/// # }
/// ```
pub fn in_chunks<P: Differentiable + Send>(
    range: Range<usize>,
    chunks: usize,
    value_and_gradient: impl Fn(Range<usize>) -> (P::Scalar, P) + Sync,
) -> (P::Scalar, P) {
    assert!(chunks > 0, "in_chunks: `chunks` must be at least 1");
    let len = range.len();
    let count = chunks.min(len).max(1);
    // the first `longer` parts have one more
    let (size, longer) = (len / count, len % count);
    let start = |k: usize| range.start + k * size + k.min(longer);
    let parts: Vec<(P::Scalar, P)> = (0..count)
        .into_par_iter()
        .with_max_len(1)
        .map(|k| value_and_gradient(start(k)..start(k + 1)))
        .collect();
    let sum = parts.into_iter().reduce(|(mut value, mut gradient), (more_value, more_gradient)| {
        value += more_value;
        if let Err(ShapeMismatch { parameter, left, right }) = accumulate(&mut gradient, &more_gradient, 1.0) {
            panic!("in_chunks: the gradients' parameter `{parameter}` has shape {left:?} in one part, but {right:?} in another");
        }
        (value, gradient)
    });
    sum.expect("there is at least one part")
}
