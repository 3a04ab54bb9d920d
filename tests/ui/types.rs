//! Types whose numbers cannot be found.
use chainrule::differentiable;
use ndarray::{Array2, ArrayViewD};

#[differentiable]
fn f(x: ArrayViewD<f64>) -> f64 {
    x.sum()
}

#[differentiable]
fn g(x: &[Vec<f64>]) -> f64 {
    x[0][0]
}

#[differentiable]
fn h(x: f64) -> String {
    x.to_string()
}

#[differentiable]
fn k(x: &[Array2<f64>; 2]) -> f64 {
    x[0].sum()
}

#[differentiable]
fn written(x: ndarray::ArrayViewMut1<f64>) -> f64 {
    x.sum()
}

fn main() {}
