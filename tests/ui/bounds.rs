//! An index behind the end.
use chainrule::differentiable;

#[differentiable]
fn f(x: [f64; 3]) -> f64 {
    x[0] * x[2 + 1]
}

fn main() {}
