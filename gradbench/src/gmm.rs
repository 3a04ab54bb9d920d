//! A mixture of Gaussians with a Wishart prior.
//!
//! Component c has the weight exp(αc), up to a common factor, the mean μc, and the inverse covariance QᵀQ. Q is lower
//! triangular: its diagonal is exp(q), and what lies below it is `l`, column by column.

use crate::lse::logsumexp;
use chainrule::differentiable;
use std::f64::consts::PI;

/// The parameters of Wishart's distribution.
#[derive(Clone, Copy, Debug)]
pub struct Wishart {
    pub gamma: f64,
    /// By how many the degrees of freedom exceed one more than the dimension.
    pub m: f64,
}

/// The logarithm of the posterior density of the parameters, as GradBench has it.
#[differentiable(wrt(alpha, mu, q, l))]
pub fn objective(
    alpha: &[f64],
    mu: &[f64],
    q: &[f64],
    l: &[f64],
    x: &[f64],
    d: usize,
    wishart: Wishart,
) -> f64 {
    log_likelihood(alpha, mu, q, l, x, d) + log_prior(q, l, d, wishart)
}

/// The same with the sign that ADBench gives to the prior.
#[differentiable(wrt(alpha, mu, q, l))]
pub fn adbench_objective(
    alpha: &[f64],
    mu: &[f64],
    q: &[f64],
    l: &[f64],
    x: &[f64],
    d: usize,
    wishart: Wishart,
) -> f64 {
    log_likelihood(alpha, mu, q, l, x, d) - log_prior(q, l, d, wishart)
}

/// The logarithm of the likelihood of the points `x`, rows of `d`.
#[differentiable(wrt(alpha, mu, q, l))]
pub fn log_likelihood(alpha: &[f64], mu: &[f64], q: &[f64], l: &[f64], x: &[f64], d: usize) -> f64 {
    let (k, n) = (alpha.len(), x.len() / d);
    let diagonal: Vec<f64> = q.iter().map(|q| q.exp()).collect();
    let mut total = 0.0;
    for i in 0..n {
        let x = &x[i * d..][..d];
        let mut beta = vec![0.0; k];
        for c in 0..k {
            let (mu, q, diagonal) = (&mu[c * d..][..d], &q[c * d..][..d], &diagonal[c * d..][..d]);
            let l = &l[c * below(d)..][..below(d)];
            let mut square = 0.0;
            for row in 0..d {
                let mut z = diagonal[row] * (x[row] - mu[row]);
                for column in 0..row {
                    z += l[place(row, column, d)] * (x[column] - mu[column]);
                }
                square += z * z;
            }
            beta[c] = alpha[c] + q.iter().sum::<f64>() - 0.5 * square;
        }
        total += logsumexp(&beta);
    }
    total - n as f64 * (logsumexp(alpha) + 0.5 * d as f64 * (2.0 * PI).ln())
}

/// The logarithm of Wishart's density for the inverse covariances.
#[differentiable(wrt(q, l))]
pub fn log_prior(q: &[f64], l: &[f64], d: usize, wishart: Wishart) -> f64 {
    let diagonal = q.iter().map(|q| (2.0 * q).exp()).sum::<f64>();
    let below = l.iter().map(|l| l * l).sum::<f64>();
    let k = (q.len() / d) as f64;
    k * normaliser(d, wishart) - 0.5 * wishart.gamma * wishart.gamma * (diagonal + below)
        + wishart.m * q.iter().sum::<f64>()
}

/// How many entries a triangular matrix of `d` rows has below its diagonal.
pub fn below(d: usize) -> usize {
    d * (d - 1) / 2
}

/// Where the entry (row, column) is found in `l`.
fn place(row: usize, column: usize, d: usize) -> usize {
    column * (2 * d - column - 1) / 2 + row - column - 1
}

/// The logarithm of the constant of Wishart's density.
fn normaliser(d: usize, wishart: Wishart) -> f64 {
    let (p, n) = (d as f64, d as f64 + wishart.m + 1.0);
    let gammas: f64 = (0..d).map(|j| libm::lgamma(0.5 * (n - j as f64))).sum();
    n * p * (wishart.gamma.ln() - 0.5 * 2f64.ln()) - 0.25 * p * (p - 1.0) * PI.ln() - gammas
}
