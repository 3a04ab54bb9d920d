//! A polynomial fitted to the sign function by least squares.

use chainrule::differentiable;

/// ½ Σ (sign tᵢ - Σ xⱼ tᵢʲ)² over n points tᵢ that divide [-1, 1] evenly.
#[differentiable]
pub fn residual(x: &[f64], n: usize) -> f64 {
    let mut total = 0.0;
    for i in 0..n {
        let t = 2.0 * i as f64 / (n - 1) as f64 - 1.0;
        let mut difference = if t == 0.0 { 0.0 } else { t.signum() };
        let mut power = 1.0;
        for x in x {
            difference -= x * power;
            power *= t;
        }
        total += difference * difference;
    }
    0.5 * total
}
