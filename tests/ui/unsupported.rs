//! Expressions that are not supported.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    unsafe { x * x }
}

#[differentiable]
fn g(x: f64) -> f64 {
    let Some(y) = Some(x) else { return 0.0 };
    y
}

fn main() {}
