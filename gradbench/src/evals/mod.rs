//! The functions that GradBench asks for: which there are, what their inputs must be, and how their outputs are written.

pub mod ba;
mod det;
pub mod gmm;
mod hello;
pub mod ht;
pub mod kmeans;
mod llsq;
mod lse;
pub mod lstm;
mod ode;
mod particle;
pub(crate) mod run;
mod saddle;

use crate::protocol::Answer;
use serde_json::value::RawValue;
use Function::{Pending, Ready};

/// What comes of an evaluation. An error is for people to read.
pub type Outcome = Result<Answer, String>;

/// A function that GradBench asks for.
#[derive(Clone, Copy)]
pub enum Function {
    Ready(fn(&RawValue) -> Outcome),
    /// It is not derived here yet, for want of what the text says: of `chainrule`, or of a driver that calls it.
    Pending(&'static str),
}

/// All of them, with their modules. What is not ready is here and nowhere else.
pub const FUNCTIONS: &[(&str, &str, Function)] = &[
    ("hello", "square", Ready(hello::square)),
    ("hello", "double", Ready(hello::double)),
    ("lse", "primal", Ready(lse::primal)),
    ("lse", "gradient", Ready(lse::gradient)),
    ("llsq", "primal", Ready(llsq::primal)),
    ("llsq", "gradient", Ready(llsq::gradient)),
    ("ode", "primal", Ready(ode::primal)),
    ("ode", "gradient", Ready(ode::gradient)),
    ("det", "primal", Ready(det::primal)),
    ("det", "gradient", Ready(det::gradient)),
    ("kmeans", "cost", Ready(kmeans::cost)),
    ("kmeans", "dir", Ready(kmeans::dir)),
    ("gmm", "objective", Ready(gmm::objective)),
    ("gmm", "jacobian", Ready(gmm::jacobian)),
    ("lstm", "objective", Ready(lstm::objective)),
    ("lstm", "jacobian", Ready(lstm::jacobian)),
    ("ba", "objective", Ready(ba::objective)),
    ("ba", "jacobian", Ready(ba::jacobian)),
    ("ht", "objective", Ready(ht::objective)),
    ("ht", "jacobian", Ready(ht::jacobian)),
    ("particle", "rr", Ready(particle::rr)),
    ("particle", "ff", Ready(particle::ff)),
    ("particle", "fr", Ready(particle::fr)),
    ("particle", "rf", Ready(particle::rf)),
    ("saddle", "rr", Ready(saddle::rr)),
    ("saddle", "ff", Ready(saddle::ff)),
    ("saddle", "fr", Ready(saddle::fr)),
    ("saddle", "rf", Ready(saddle::rf)),
];

/// Whether there is such a module.
pub fn has(module: &str) -> bool {
    FUNCTIONS.iter().any(|f| f.0 == module)
}

/// The function of that name, or what is in its way.
pub fn function(module: &str, name: &str) -> Result<fn(&RawValue) -> Outcome, String> {
    match FUNCTIONS.iter().find(|f| f.0 == module && f.1 == name) {
        Some((_, _, Ready(function))) => Ok(*function),
        Some((_, _, Pending(lack))) => Err(format!("`{module}::{name}` is pending for want of {lack}")),
        None => Err(format!("there is no function `{name}` in a module `{module}`")),
    }
}
