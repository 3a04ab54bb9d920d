//! Optimisers with the semantics and defaults of PyTorch (Sgd, Adam, AdamW, RmsProp) and of its paper (Lion), and
//! [`Schedule`]s for their learning rates.
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
//! Parameters that weight decay should spare are named by their [`Path`](crate::params::Path):
//!
//! ```
//! use chainrule::{optim::AdamW, Differentiable};
//!
//! #[derive(Differentiable)]
//! struct Layer { w: [f64; 2], bias: f64 }
//!
//! let mut layer = Layer { w: [1.0, 1.0], bias: 1.0 };
//! let mut adam = AdamW::new(0.1).weight_decay(0.5).no_decay(|path| path.ends_with("bias"));
//! adam.step(&mut layer, &Layer { w: [0.0, 0.0], bias: 0.0 });
//! assert_eq!((layer.w, layer.bias), ([0.95, 0.95], 1.0));
//! ```
//!
//! Invariants: hyperparameters are `f64` and are rounded to the type of the parameters where they are used, so one spelling
//! serves both; the state is one flat vector per moment in the order of the parameters' walk, made at the first step,
//! after which a step allocates nothing; a step checks all shapes before it writes anything.

mod adam;
mod lion;
mod rmsprop;
mod schedule;
mod sgd;
mod state;

pub use adam::{Adam, AdamW};
pub use lion::Lion;
pub use rmsprop::RmsProp;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use state::Optimiser;
#[doc(hidden)]
pub use state::Stateful;

/// Panics unless the hyperparameter is a number ≥ 0.
fn assert_not_negative(optimiser: &str, name: &str, value: f64) {
    assert!(value >= 0.0, "{optimiser}: `{name}` must not be negative, but is {value}");
}

/// Panics unless the hyperparameter is in [0, 1).
fn assert_fraction(optimiser: &str, name: &str, value: f64) {
    assert!((0.0..1.0).contains(&value), "{optimiser}: `{name}` must lie in [0, 1), but is {value}");
}
