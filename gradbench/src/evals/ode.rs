//! `ode`: the rates of the equations, and the number of steps.

use super::run::{read, require, run, run_into};
use super::Outcome;
use crate::ode::{last, solution};
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

pub fn gradient(input: &RawValue) -> Outcome {
    let memory = (vec![], last::Workspace::default());
    let function = |a: &Input, (gradient, workspace): &mut _| {
        last::value_and_gradient_into(&a.x, a.s, gradient, workspace);
    };
    run_into(input, arguments(input)?, memory, function, |(gradient, _)| gradient)
}
