//! The gradients of the workloads as a careful programmer writes them, without a macro.
//!
//! They run behind the same dispatch and call the same matrix products and mathematics as generated code does: what is
//! compared is the arrangement.

mod deep;
mod digits;
mod mixture;
mod rosenbrock;
mod rows;
mod tiny;

pub use deep::{deep, DeepScratch};
pub use digits::{digits, DigitsScratch};
pub use mixture::{mixture, MixtureScratch};
pub use rosenbrock::rosenbrock;
pub use tiny::{tiny, TinyScratch};
