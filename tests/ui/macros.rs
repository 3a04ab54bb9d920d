//! Macros in the body.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    println!("{x}");
    x * x
}

#[differentiable]
fn g(x: f64) -> f64 {
    x * dbg!(x)
}

fn main() {}
