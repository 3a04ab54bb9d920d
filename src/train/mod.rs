//! What stands around a gradient and an optimiser in a training: mini-batches, clipping, accumulation, checks, when to stop, and with the
//! features `progress` and `plot`, a bar of progress and learning curves.
//!
//! ```
//! use chainrule::optim::{AdamW, Schedule};
//! use chainrule::train::{check_finite, clip_norm, Batches};
//! use chainrule::{differentiable, Differentiable};
//!
//! #[derive(Clone, Differentiable)]
//! struct Line { slope: f64, bias: f64 }
//!
//! #[differentiable(wrt(line))]
//! fn error(line: &Line, x: &[f64], y: &[f64]) -> f64 {
//!     x.iter().zip(y).map(|(x, y)| (line.slope * x + line.bias - y).powi(2)).sum()
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let x: Vec<f64> = (0..50).map(|i| f64::from(i) / 25.0 - 1.0).collect();
//!     let y: Vec<f64> = x.iter().map(|x| 3.0 * x - 1.0).collect();
//!
//!     let batches = Batches::new(x.len(), 8).shuffled(1);
//!     let schedule = Schedule::cosine(0.1, 60 * batches.len() as u64).warm_up(10);
//!     let mut adam = AdamW::new(0.0).weight_decay(1e-4).no_decay(|path| path.ends_with("bias"));
//!     let mut line = Line { slope: 0.0, bias: 0.0 };
//!     for epoch in 0..60 {
//!         for batch in &batches.epoch(epoch) {
//!             let pick = |from: &[f64]| batch.iter().map(|&i| from[i]).collect::<Vec<_>>();
//!             let mut gradient = error::gradient(&line, &pick(&x), &pick(&y));
//!             check_finite(&gradient)?;
//!             clip_norm(&mut gradient, 1.0);
//!             adam.set_learning_rate(schedule.rate(adam.steps()));
//!             adam.step(&mut line, &gradient);
//!         }
//!     }
//!     assert!((line.slope - 3.0).abs() < 1e-2 && (line.bias + 1.0).abs() < 1e-2);
//!     Ok(())
//! }
//! ```
//!
//! Where [`check_finite`] finds something, the option `debug_nans` names the line of the function that it comes from, as a [`NonFinite`].
//!
//! Everything takes any [`Differentiable`](trait@crate::Differentiable) value. To go on with a training after a break, see the
//! checkpoints of the module `safetensors`.
//!
//! Invariant: every result, but for what a bar shows of time, depends on the arguments alone, not on the platform, the number of processors, or the run.

mod batches;
#[cfg(feature = "plot")]
mod curves;
mod gradients;
mod nans;
#[cfg(feature = "parallel")]
mod parallel;
#[cfg(feature = "progress")]
mod progress;
mod stopping;

pub use batches::{Batches, Epoch};
#[cfg(feature = "plot")]
pub use curves::Curves;
#[cfg(feature = "ndarray")]
pub(crate) use gradients::index;
pub use gradients::{accumulate, check_finite, clip_norm, norm, NotFinite};
pub use nans::NonFinite;
#[cfg(feature = "parallel")]
pub use parallel::in_chunks;
#[cfg(feature = "progress")]
pub use progress::Progress;
pub use stopping::{EarlyStopping, Verdict};
