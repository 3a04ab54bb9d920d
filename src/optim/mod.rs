//! Optimisers: gradient descent with momentum, Adam and AdamW, with the semantics and defaults of PyTorch.
//!
//! They step any [`Differentiable`](trait@crate::Differentiable) value: a struct of layers, an array, a tuple.
//!
//! ```
//! use chainrule::optim::Sgd;
//!
//! let (mut x, mut sgd) = ([3.0_f64, -2.0], Sgd::new(0.1));
//! for _ in 0..100 {
//!     let gradient = [2.0 * x[0], 2.0 * x[1]]; // of x₀² + x₁²
//!     sgd.step(&mut x, &gradient);
//! }
//! assert!(x[0].abs() < 1e-8 && x[1].abs() < 1e-8);
//! ```
//!
//! Invariants: hyperparameters are `f64` and are rounded to the type of the parameters once per step, so one spelling
//! serves both; the state is one flat vector per moment in the order of the parameters' walk, made at the first step,
//! after which a step allocates nothing; a step checks all shapes before it writes anything.

mod adam;
mod sgd;

pub use adam::{Adam, AdamW};
pub use sgd::Sgd;

use crate::params::ShapeMismatch;
use crate::{Differentiable, Real};

/// Calls `update(start, params, gradient)` for each piece of the parameters, `start` counting all parameters before it.
fn update<P: Differentiable>(
    optimiser: &str,
    params: &mut P,
    gradient: &P,
    mut update: impl FnMut(usize, &mut [P::Scalar], &[P::Scalar]),
) {
    let mut start = 0;
    let visited = params.visit2_mut(gradient, |_, params, gradient| {
        update(start, params, gradient);
        start += params.len();
    });
    if let Err(ShapeMismatch { parameter, left, right }) = visited {
        panic!("{optimiser}::step: parameter `{parameter}` has shape {left:?}, but its gradient has shape {right:?}");
    }
}

/// Prepares a flat state for `params`: zeros at the first step, and the right length ever after.
fn prepare<P: Differentiable>(optimiser: &str, state: &mut Vec<P::Scalar>, params: &P, first: bool) {
    let count = params.count();
    if first {
        state.clear();
        state.resize(count, P::Scalar::ZERO);
    }
    assert!(
        state.len() == count,
        "{optimiser}::step: `params` has {count} parameters, but the steps before had {}; call `reset` for another model",
        state.len(),
    );
}

/// Panics unless the hyperparameter is a number ≥ 0.
fn assert_not_negative(optimiser: &str, name: &str, value: f64) {
    assert!(value >= 0.0, "{optimiser}: `{name}` must not be negative, but is {value}");
}

/// Panics unless the hyperparameter is in [0, 1).
fn assert_fraction(optimiser: &str, name: &str, value: f64) {
    assert!((0.0..1.0).contains(&value), "{optimiser}: `{name}` must lie in [0, 1), but is {value}");
}
