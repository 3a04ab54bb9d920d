//! `ode`: the rates of the equations, and the number of steps.

use super::run::{read, require, run};
use super::Outcome;
use crate::ode::solution;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    s: usize,
}

fn arguments(input: &RawValue) -> Result<Input, String> {
    let input: Input = read(input)?;
    require(!input.x.is_empty(), || "`x` is empty".into())?;
    require(input.s >= 1, || "`s` is 0: there must be a step".into())?;
    Ok(input)
}

pub fn primal(input: &RawValue) -> Outcome {
    run(input, arguments(input)?, |a| solution(&a.x, a.s), |value| value)
}
