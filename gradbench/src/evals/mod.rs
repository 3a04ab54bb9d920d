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

/// What comes of an evaluation. An error is for people to read.
pub type Outcome = Result<Answer, String>;

/// A function that GradBench asks for.
pub type Function = fn(&RawValue) -> Outcome;

/// All of them, with their modules.
pub const FUNCTIONS: &[(&str, &str, Function)] = &[
    ("hello", "square", hello::square),
    ("hello", "double", hello::double),
    ("lse", "primal", lse::primal),
    ("lse", "gradient", lse::gradient),
    ("llsq", "primal", llsq::primal),
    ("llsq", "gradient", llsq::gradient),
    ("ode", "primal", ode::primal),
    ("ode", "gradient", ode::gradient),
    ("det", "primal", det::primal),
    ("det", "gradient", det::gradient),
    ("kmeans", "cost", kmeans::cost),
    ("kmeans", "dir", kmeans::dir),
    ("gmm", "objective", gmm::objective),
    ("gmm", "jacobian", gmm::jacobian),
    ("lstm", "objective", lstm::objective),
    ("lstm", "jacobian", lstm::jacobian),
    ("ba", "objective", ba::objective),
    ("ba", "jacobian", ba::jacobian),
    ("ht", "objective", ht::objective),
    ("ht", "jacobian", ht::jacobian),
    ("particle", "rr", particle::rr),
    ("particle", "ff", particle::ff),
    ("particle", "fr", particle::fr),
    ("particle", "rf", particle::rf),
    ("saddle", "rr", saddle::rr),
    ("saddle", "ff", saddle::ff),
    ("saddle", "fr", saddle::fr),
    ("saddle", "rf", saddle::rf),
];

/// Whether there is such a module.
pub fn has(module: &str) -> bool {
    FUNCTIONS.iter().any(|f| f.0 == module)
}

/// The function of that name.
pub fn function(module: &str, name: &str) -> Result<Function, String> {
    let found = FUNCTIONS.iter().find(|f| f.0 == module && f.1 == name);
    found.map(|f| f.2).ok_or_else(|| format!("there is no function `{name}` in a module `{module}`"))
}
