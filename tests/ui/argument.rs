//! Calls with the wrong arguments.
use chainrule::differentiable;
use chainrule::nn::{cross_entropy, relu};
use ndarray::{ArrayView2, Axis};

#[differentiable]
fn f(x: f64) -> f64 {
    relu(x, x)
}

#[differentiable]
fn g(x: ArrayView2<f64>) -> f64 {
    cross_entropy(x, 0.5)
}

#[differentiable]
fn h(x: ArrayView2<f64>) -> f64 {
    x.sum_axis(Axis(2)).sum()
}

fn main() {}
