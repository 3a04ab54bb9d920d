//! A result that the signature does not promise.
use chainrule::differentiable;
use ndarray::ArrayView1;

#[differentiable]
fn f(x: ArrayView1<f64>) -> f64 {
    x.mapv(f64::sin)
}

fn main() {}
