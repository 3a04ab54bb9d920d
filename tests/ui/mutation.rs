//! Changes of differentiated values: a rival drops them silently.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    let mut a = x;
    a += 1.0;
    a * a
}

#[differentiable]
fn g(x: f64) -> f64 {
    let mut a = x;
    a = a * 2.0;
    a
}

fn main() {}
