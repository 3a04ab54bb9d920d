//! `det`: a square matrix, row by row.

use super::run::{length, read, require, run, run_into};
use super::Outcome;
use crate::det::determinant;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "A")]
    a: Vec<f64>,
    ell: usize,
}

fn arguments(input: &RawValue) -> Result<Input, String> {
    let input: Input = read(input)?;
    require((1..=64).contains(&input.ell), || format!("`ell` is {}, not from 1 to 64", input.ell))?;
    length("A", &input.a, input.ell * input.ell)?;
    Ok(input)
}

pub fn primal(input: &RawValue) -> Outcome {
    run(input, arguments(input)?, |a| determinant(&a.a, a.ell), |value| value)
}

pub fn gradient(input: &RawValue) -> Outcome {
    let memory = (vec![], determinant::Workspace::default());
    let function = |a: &Input, (gradient, workspace): &mut _| {
        determinant::value_and_gradient_into(&a.a, a.ell, gradient, workspace);
    };
    run_into(input, arguments(input)?, memory, function, |(gradient, _)| gradient)
}
