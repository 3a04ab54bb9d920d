//! An option of a later version.
use chainrule::differentiable;

#[differentiable(hessian)]
fn f(x: f64) -> f64 {
    x
}

fn main() {}
