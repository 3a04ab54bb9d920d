//! A function that calls itself.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    x * f(x - 1.0)
}

fn main() {}
