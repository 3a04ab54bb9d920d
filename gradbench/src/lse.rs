//! The logarithm of a sum of exponentials.

use chainrule::differentiable;

/// ln Σ exp(xᵢ), without overflow.
#[differentiable]
pub fn logsumexp(x: &[f64]) -> f64 {
    let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + x.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}
