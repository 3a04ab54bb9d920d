//! `llsq`: the coefficients of a polynomial, and the number of points.

use super::run::{read, require, run, run_into};
use super::Outcome;
use crate::llsq::residual;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    n: usize,
}

fn arguments(input: &RawValue) -> Result<Input, String> {
    let input: Input = read(input)?;
    require(input.n >= 2, || format!("`n` is {}, but two points at least divide an interval", input.n))?;
    Ok(input)
}

pub fn primal(input: &RawValue) -> Outcome {
    run(input, arguments(input)?, |a| residual(&a.x, a.n), |value| value)
}

pub fn gradient(input: &RawValue) -> Outcome {
    let memory = (vec![], residual::Workspace::default());
    let function = |a: &Input, (gradient, workspace): &mut _| {
        residual::value_and_gradient_into(&a.x, a.n, gradient, workspace);
    };
    run_into(input, arguments(input)?, memory, function, |(gradient, _)| gradient)
}
