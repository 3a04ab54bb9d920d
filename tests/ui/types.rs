//! Types whose numbers cannot be found.
use chainrule::differentiable;
use ndarray::{Array2, ArrayViewD};

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

/// Elements of a list are read by number.
#[differentiable]
fn k(x: &[Array2<f64>], i: usize) -> f64 {
    x[i].sum() + x[300].sum() + x.iter().map(|a| a.sum()).sum::<f64>()
}

fn main() {}
