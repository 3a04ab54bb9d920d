//! An option of a later version.
use chainrule::differentiable;

#[differentiable(custom = g)]
fn f(x: f64) -> f64 {
    x
}

fn main() {}
