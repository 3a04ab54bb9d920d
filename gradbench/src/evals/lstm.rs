//! `lstm`: the parameters and the state of a network, and a sequence of bits.

use super::run::{matrix, read, require, run, run_into};
use super::Outcome;
use crate::lstm;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    main_params: Vec<Vec<f64>>,
    extra_params: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    sequence: Vec<Vec<f64>>,
}

/// Parameters, state and sequence, row by row.
#[derive(Clone, Debug)]
pub struct Arguments {
    pub main: Vec<f64>,
    pub extra: Vec<f64>,
    pub state: Vec<f64>,
    pub sequence: Vec<f64>,
    pub b: usize,
}

fn arguments(input: &RawValue) -> Result<Arguments, String> {
    let Input { main_params, extra_params, state, sequence } = read(input)?;
    let b = extra_params.first().ok_or("`extra_params` is empty")?.len();
    require(b >= 1, || "the rows of `extra_params` are empty".into())?;
    let (rows, c) = (main_params.len(), sequence.len());
    require(rows >= 2 && rows % 2 == 0, || {
        format!("`main_params` has {rows} rows, but each layer has two, and there is a layer")
    })?;
    require(c >= 2, || format!("`sequence` has {c} rows, too few to predict one by another"))?;
    Ok(Arguments {
        main: matrix("main_params", main_params, rows, 4 * b)?,
        extra: matrix("extra_params", extra_params, 3, b)?,
        state: matrix("state", state, rows, b)?,
        sequence: matrix("sequence", sequence, c, b)?,
        b,
    })
}

pub fn objective(input: &RawValue) -> Outcome {
    let objective = |a: &Arguments| lstm::objective(&a.main, &a.extra, &a.state, &a.sequence, a.b);
    run(input, arguments(input)?, objective, |value| value)
}

pub fn jacobian(input: &RawValue) -> Outcome {
    let gradient = lstm::objective::Gradient { main: vec![], extra: vec![] };
    let memory = (gradient, lstm::objective::Workspace::default());
    let function = |a: &Arguments, (gradient, workspace): &mut _| {
        let Arguments { main, extra, state, sequence, b } = a;
        lstm::objective::value_and_gradient_into(main, extra, state, sequence, *b, gradient, workspace);
    };
    run_into(input, arguments(input)?, memory, function, |(g, _)| [g.main, g.extra].concat())
}
