//! Parameters and data of each workload.

use super::data::{labels, layer, matrix, uniform, unit, vector};
use super::functions::{Deep, Digits, Square, Tiny};
use ndarray::{Array1, Array2};
use std::f64::consts::PI;

pub fn rosenbrock(n: usize) -> Array1<f64> {
    vector(1001, n, 2.0).mapv(f64::from)
}

/// W2 with `batch` rows.
pub fn tiny(batch: usize) -> (Tiny, Array2<f32>, Array2<f32>) {
    let ((w1, b1), (w2, b2), (w3, b3)) = (layer(2001, (2, 16)), layer(2003, (16, 16)), layer(2005, (16, 1)));
    let net = Tiny { w1, b1, w2, b2, w3, b3 };
    (net, matrix(2007, (batch, 2), 1.0), matrix(2008, (batch, 1), 1.0))
}

/// W3 with `batch` pictures.
pub fn digits(batch: usize) -> (Digits, Array2<f32>, Vec<usize>) {
    let ((w1, b1), (w2, b2), (w3, b3)) =
        (layer(3001, (784, 128)), layer(3003, (128, 64)), layer(3005, (64, 10)));
    let x = Array2::from_shape_vec((batch, 784), unit(3007, batch * 784)).expect("batch times 784");
    (Digits { w1, b1, w2, b2, w3, b3 }, x, labels(3008, batch, 10))
}

/// W4 with `batch` rows.
pub fn deep(batch: usize) -> (Deep, Array2<f32>, Array2<f32>) {
    let layers = std::array::from_fn(|k| {
        let (w, b) = layer(4001 + 2 * k as u64, (64, 64));
        Square { w, b }
    });
    (Deep { layers }, matrix(4017, (batch, 64), 1.0), matrix(4018, (batch, 64), 1.0))
}

/// W8 with `n` points.
pub struct Mixture {
    pub alphas: Array1<f64>,
    pub means: Array2<f64>,
    pub icf: Array2<f64>,
    pub x: Array2<f64>,
    pub places: Vec<usize>,
    pub constant: f64,
}

pub const D: usize = 10;
pub const K: usize = 25;

pub fn mixture(n: usize) -> Mixture {
    let wide = |m: Array2<f32>| m.mapv(f64::from);
    let x = uniform(8004, n * D, 2.0).into_iter().map(f64::from).collect();
    Mixture {
        alphas: vector(8001, K, 1.0).mapv(f64::from),
        means: wide(matrix(8002, (K, D), 1.0)),
        icf: wide(matrix(8003, (K, 55), 0.5)),
        x: Array2::from_shape_vec((n, D), x).expect("n times D"),
        places: (0..D * D).map(|p| place(p / D, p % D)).collect(),
        constant: -((n * D) as f64) * 0.5 * (2.0 * PI).ln() - K as f64 * normaliser(),
    }
}

/// Where Q(row, col) is found in a row of `[exp(diagonal), below, 0]`.
fn place(row: usize, col: usize) -> usize {
    match row.cmp(&col) {
        std::cmp::Ordering::Equal => row,
        std::cmp::Ordering::Greater => D + (0..col).map(|m| D - 1 - m).sum::<usize>() + row - col - 1,
        std::cmp::Ordering::Less => 55,
    }
}

/// C of the Wishart prior with gamma = 1 and m = 0.
fn normaliser() -> f64 {
    let (n, d) = (D + 1, D as f64);
    // lgamma of half integers by the recurrence from 1/2 or 1
    let lgamma = |twice: usize| -> f64 {
        let start = if twice % 2 == 0 { 0.0 } else { 0.5 * PI.ln() };
        start
            + (if twice % 2 == 0 { 2 } else { 1 }..twice)
                .step_by(2)
                .map(|t| (t as f64 / 2.0).ln())
                .sum::<f64>()
    };
    let multivariate = 0.25 * d * (d - 1.0) * PI.ln() + (1..=D).map(|j| lgamma(n + 1 - j)).sum::<f64>();
    n as f64 * d * (-0.5 * 2f64.ln()) - multivariate
}
