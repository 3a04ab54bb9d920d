//! Training: optimisers and schedules against PyTorch and optax, what stands around them, and a training that is resumed.

#[path = "training/checkpoints.rs"]
mod checkpoints;
#[path = "training/curves.rs"]
mod curves;
#[rustfmt::skip]
#[path = "data/training.rs"]
mod expected;
#[path = "training/initial.rs"]
mod initial;
#[path = "training/nans.rs"]
mod nans;
#[path = "training/optimisers.rs"]
mod optimisers;
#[path = "training/pieces.rs"]
mod pieces;
#[path = "training/steps.rs"]
mod steps;

use chainrule::{Differentiable, Real};
use ndarray::{Array1, Array2};

/// Parameters of which weight decay spares one.
#[derive(Clone, Debug, PartialEq, Differentiable)]
pub struct Layer<T: Real> {
    weight: Array2<T>,
    bias: Array1<T>,
}

/// The message of a panic.
fn panic<T>(work: impl FnOnce() -> T) -> String {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let caught = done.err().expect("it should panic");
    caught
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| caught.downcast_ref::<&str>().unwrap().to_string())
}
