//! `llsq`: the coefficients of a polynomial, and the number of points.

use super::run::{read, require, run};
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
