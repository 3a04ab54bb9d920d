//! Gradients as wholes: their norm, their sums, and whether they are finite.
//!
//! Invariant: sums are taken in the order of the walk, whatever the memory layout.

use std::fmt;

use crate::params::ShapeMismatch;
use crate::{Differentiable, Real};

/// The square root of the sum of the squares of all elements, taken in `f64`, without overflow or underflow between.
///
/// NaN if an element is NaN, else infinite if one is infinite or if the norm is above `f64::MAX`.
///
/// ```
/// assert_eq!(chainrule::train::norm(&([3.0_f32], 4.0_f32)), 5.0);
/// assert!((chainrule::train::norm(&[3e200, 4e200]) / 5e200 - 1.0).abs() < 1e-15);
/// ```
pub fn norm<P: Differentiable>(value: &P) -> f64 {
    let (mut squares, mut largest) = (0.0_f64, 0.0_f64);
    let each = |visit: &mut dyn FnMut(f64)| {
        value.visit(|_, values| values.iter().for_each(|x| visit(x.to_f64())));
    };
    each(&mut |x| {
        squares += x * x;
        largest = largest.max(x.abs());
    });
    if squares.is_normal() || squares.is_nan() || largest == 0.0 || largest.is_infinite() {
        return squares.sqrt();
    }
    // the squares are out of range, their ratios are not
    squares = 0.0;
    each(&mut |x| squares += (x / largest) * (x / largest));
    largest * squares.sqrt()
}

/// Scales a gradient down to the [`norm`] `max` if its norm is larger. Returns the norm that it had.
///
/// If that norm is not finite, because an element is NaN or infinite, nothing is changed: no factor would repair the gradient. Test
/// the result for it, or let [`check_finite`] name the parameter. *Panics* if `max` is negative or NaN; an infinite one clips
/// nothing.
///
/// *Source:* Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", arXiv:1211.5063, algorithm 1.
/// `torch.nn.utils.clip_grad_norm_` divides by the norm + 10⁻⁶ instead, and turns infinities into zeros and NaN.
///
/// ```
/// use chainrule::train::clip_norm;
///
/// let mut gradient = ([3.0, 0.0], 4.0);
/// assert_eq!(clip_norm(&mut gradient, 1.0), 5.0);
/// assert_eq!(gradient, ([0.6000000000000001, 0.0], 0.8));
/// assert_eq!(clip_norm(&mut gradient, 10.0), 1.0);
/// ```
pub fn clip_norm<P: Differentiable>(gradient: &mut P, max: f64) -> f64 {
    assert!(max >= 0.0, "clip_norm: `max` must not be negative, but is {max}");
    let norm = norm(gradient);
    if norm.is_finite() && norm > max {
        let scale = max / norm;
        gradient
            .visit_mut(|_, values| values.iter_mut().for_each(|x| *x = Real::from_f64(x.to_f64() * scale)));
    }
    norm
}

/// Adds `scale` times a gradient to a sum: the gradient of a large batch from those of its parts.
///
/// *Shapes:* those of `total` are those of `gradient`. *Errors:* the first parameter whose shapes differ, with both shapes;
/// `total` is unchanged then.
///
/// ```
/// use chainrule::{train::accumulate, Differentiable};
///
/// let parts = [(vec![1.0, 2.0], 3.0), (vec![3.0, 6.0], 5.0)];
/// let mut mean = parts[0].zeros_like();
/// for part in &parts {
///     accumulate(&mut mean, part, 0.5)?;
/// }
/// assert_eq!(mean, (vec![2.0, 4.0], 4.0));
///
/// let error = accumulate(&mut mean, &(vec![1.0], 0.0), 1.0).unwrap_err();
/// assert_eq!(error.to_string(), "parameter `0` has shape [2] in one value, but [1] in the other");
/// # Ok::<(), chainrule::params::ShapeMismatch>(())
/// ```
pub fn accumulate<P: Differentiable>(total: &mut P, gradient: &P, scale: f64) -> Result<(), ShapeMismatch> {
    let scale = P::Scalar::from_f64(scale);
    total.visit2_mut(gradient, |_, total, gradient| {
        total.iter_mut().zip(gradient).for_each(|(t, &g)| *t += scale * g);
    })
}

/// An element that is NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct NotFinite {
    /// The path of its parameter.
    pub parameter: String,
    /// Its index along each axis of the parameter; empty for a scalar.
    pub position: Vec<usize>,
    /// The element.
    pub value: f64,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let NotFinite { parameter, position, value } = self;
        match position.is_empty() {
            true => write!(f, "parameter `{parameter}` is {value}"),
            false => write!(f, "parameter `{parameter}` is {value} at {position:?}"),
        }
    }
}

impl std::error::Error for NotFinite {}

/// Checks that no element is NaN or infinite.
///
/// *Errors:* the first one that is.
///
/// ```
/// use chainrule::train::check_finite;
///
/// assert_eq!(check_finite(&(1.0, [[2.0, 3.0]; 2])), Ok(()));
/// let error = check_finite(&(1.0, [[2.0, 3.0], [4.0, f64::NAN]])).unwrap_err();
/// assert_eq!(error.to_string(), "parameter `1` is NaN at [1, 1]");
/// ```
pub fn check_finite<P: Differentiable>(value: &P) -> Result<(), NotFinite> {
    let mut found = Ok(());
    value.visit(|part, values| {
        if found.is_err() {
            return;
        }
        if let Some(k) = values.iter().position(|x| !x.to_f64().is_finite()) {
            found = Err(NotFinite {
                parameter: part.path().to_string(),
                position: index(part.start() + k, part.shape()),
                value: values[k].to_f64(),
            });
        }
    });
    found
}

/// The index along each axis of element number `k` in logical order.
pub(crate) fn index(mut k: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape.iter().rev().map(|len| (k % len, k /= len).0).collect();
    index.reverse();
    index
}
