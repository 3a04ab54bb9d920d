//! A function without the attribute: the message is rustc's, and the module beside the caller is missing.
use chainrule::differentiable;

fn square(x: f64) -> f64 {
    x * x
}

#[differentiable]
fn f(x: f64) -> f64 {
    square(x)
}

fn main() {
    f::gradient(1.0);
}
