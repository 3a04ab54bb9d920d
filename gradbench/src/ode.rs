//! A chain of differential equations, solved by the classic method of Runge and Kutta.

use chainrule::differentiable;

/// y at time 2 after `steps` equal steps, where y₀' = x₀, yᵢ' = xᵢ yᵢ₋₁, and y = 0 at time 0.
#[differentiable(vjp)]
pub fn solution(x: &[f64], steps: usize) -> Vec<f64> {
    let h = 2.0 / steps as f64;
    let mut y = vec![0.0; x.len()];
    for _ in 0..steps {
        let k1 = rate(x, &y);
        let k2 = rate(x, &ahead(&y, 0.5 * h, &k1));
        let k3 = rate(x, &ahead(&y, 0.5 * h, &k2));
        let k4 = rate(x, &ahead(&y, h, &k3));
        for i in 0..y.len() {
            y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
        }
    }
    y
}

/// The last component of the solution: what is differentiated.
#[differentiable]
pub fn last(x: &[f64], steps: usize) -> f64 {
    solution(x, steps)[x.len() - 1]
}

#[differentiable(vjp)]
fn rate(x: &[f64], y: &[f64]) -> Vec<f64> {
    let mut rate = x.to_vec();
    for i in 1..x.len() {
        rate[i] *= y[i - 1];
    }
    rate
}

#[differentiable(vjp, wrt(y, rate))]
fn ahead(y: &[f64], h: f64, rate: &[f64]) -> Vec<f64> {
    y.iter().zip(rate).map(|(y, rate)| y + h * rate).collect()
}
