//! An option that does not exist.
use chainrule::differentiable;

#[differentiable(fast)]
fn f(x: f64) -> f64 {
    x
}

#[differentiable(math = "loose")]
fn g(x: f64) -> f64 {
    x
}

fn main() {}
