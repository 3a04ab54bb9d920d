//! `gmm`: points, and the parameters of a mixture.

use super::run::{length, matrix, read, require, rows_of, run, run_into};
use super::Outcome;
use crate::gmm::{self, Wishart};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    d: usize,
    k: usize,
    n: usize,
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
    x: Vec<Vec<f64>>,
    gamma: f64,
    m: i64,
}

/// Points and a mixture, all matrices row by row.
#[derive(Clone, Debug)]
pub struct Arguments {
    pub d: usize,
    pub alpha: Vec<f64>,
    pub mu: Vec<f64>,
    pub q: Vec<f64>,
    pub l: Vec<f64>,
    pub x: Vec<f64>,
    pub wishart: Wishart,
}

fn arguments(input: &RawValue) -> Result<Arguments, String> {
    let Input { d, k, n, alpha, mu, q, l, x, gamma, m } = read(input)?;
    require(d >= 1 && k >= 1, || format!("`d` is {d} and `k` is {k}: both must be at least 1"))?;
    length("alpha", &alpha, k)?;
    Ok(Arguments {
        alpha,
        // the first of all: then `d` is no greater than what was read
        mu: matrix("mu", mu, k, d)?,
        q: matrix("q", q, k, d)?,
        l: matrix("l", l, k, gmm::below(d))?,
        x: matrix("x", x, n, d)?,
        d,
        wishart: Wishart { gamma, m: m as f64 },
    })
}

pub fn objective(input: &RawValue) -> Outcome {
    let objective = |a: &Arguments| gmm::objective(&a.alpha, &a.mu, &a.q, &a.l, &a.x, a.d, a.wishart);
    run(input, arguments(input)?, objective, |value| value)
}

pub fn jacobian(input: &RawValue) -> Outcome {
    let a = arguments(input)?;
    let (k, d) = (a.alpha.len(), a.d);
    let gradient = gmm::objective::Gradient { alpha: vec![], mu: vec![], q: vec![], l: vec![] };
    let memory = (gradient, gmm::objective::Workspace::default());
    let function = |a: &Arguments, (gradient, workspace): &mut _| {
        let Arguments { d, alpha, mu, q, l, x, wishart } = a;
        gmm::objective::value_and_gradient_into(alpha, mu, q, l, x, *d, *wishart, gradient, workspace);
    };
    run_into(input, a, memory, function, |(g, _)| {
        let (mu, q, l) = (rows_of(&g.mu, k, d), rows_of(&g.q, k, d), rows_of(&g.l, k, gmm::below(d)));
        json!({"alpha": g.alpha, "mu": mu, "q": q, "l": l})
    })
}
