//! `wrt` names no argument.
use chainrule::differentiable;

#[differentiable(wrt(z))]
fn f(x: f64, y: f64) -> f64 {
    x * y
}

#[differentiable(wrt())]
fn nothing(x: f64) -> f64 {
    x
}

fn main() {}
