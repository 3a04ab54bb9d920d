//! An inactive array whose type only rustc knows.
use chainrule::differentiable;
use ndarray::{Array1, ArrayView1};

fn weights() -> Array1<f64> {
    Array1::ones(3)
}

#[differentiable]
fn f(x: ArrayView1<f64>) -> f64 {
    let w = weights();
    x.dot(&w)
}

fn main() {}
