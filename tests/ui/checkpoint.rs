//! Plans of checkpoints that are none, and checkpoints that save nothing.
use chainrule::differentiable;

#[differentiable(checkpoint = 0)]
fn zero(x: f64) -> f64 {
    x
}

#[differentiable(checkpoint = "sqrt")]
fn root(x: f64) -> f64 {
    x
}

#[differentiable(checkpoint = 2.5)]
fn fraction(x: f64) -> f64 {
    x
}

#[differentiable(checkpoint)]
fn nothing(x: f64) -> f64 {
    x
}

#[differentiable(checkpoint = 100)]
fn no_recurrence(x: &[f64]) -> f64 {
    let mut sum = 0.0;
    for x in x {
        sum += x * x;
    }
    sum
}

#[differentiable(checkpoint = "log")]
fn linear(x: &[f64]) -> f64 {
    let mut y = 0.0;
    for x in x {
        y = 0.5 * y + x;
    }
    y
}

fn main() {}
