//! Types whose numbers cannot be found.
use chainrule::differentiable;
use ndarray::ArrayViewD;

#[differentiable]
fn f(x: ArrayViewD<f64>) -> f64 {
    x.sum()
}

#[differentiable]
fn g(x: &[(f64, f64)]) -> f64 {
    x[0].0
}

#[differentiable]
fn h(x: f64) -> String {
    x.to_string()
}

fn main() {}
