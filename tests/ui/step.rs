//! Steps of training that have nothing to move.
use chainrule::differentiable;

#[differentiable(step)]
fn two(a: &[f64; 2], b: &[f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

#[differentiable(step)]
fn slice(a: &[f64]) -> f64 {
    a.iter().sum()
}

#[differentiable(step)]
fn number(a: f64) -> f64 {
    a * a
}

fn main() {}
