//! `lse`: a list of numbers.

use super::run::{read, require, run, run_into};
use super::Outcome;
use crate::lse::logsumexp;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
}

fn arguments(input: &RawValue) -> Result<Input, String> {
    let input: Input = read(input)?;
    require(!input.x.is_empty(), || "`x` is empty".into())?;
    Ok(input)
}

pub fn primal(input: &RawValue) -> Outcome {
    run(input, arguments(input)?, |a| logsumexp(&a.x), |value| value)
}

pub fn gradient(input: &RawValue) -> Outcome {
    let memory = (vec![], logsumexp::Workspace::default());
    let function = |a: &Input, (gradient, workspace): &mut _| {
        logsumexp::value_and_gradient_into(&a.x, gradient, workspace);
    };
    run_into(input, arguments(input)?, memory, function, |(gradient, _)| gradient)
}
