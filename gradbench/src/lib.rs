//! The benchmarks of [GradBench](https://github.com/gradbench/gradbench) and
//! [ADBench](https://github.com/microsoft/ADBench): each function once, as one would write it without a thought of
//! derivatives, in a module of its name.

pub mod adbench;
pub mod ba;
pub mod descent;
pub mod det;
pub mod evals;
pub mod gmm;
pub mod hello;
pub mod ht;
pub mod kmeans;
pub mod llsq;
pub mod lse;
pub mod lstm;
pub mod ode;
pub mod particle;
pub mod protocol;
pub mod saddle;
