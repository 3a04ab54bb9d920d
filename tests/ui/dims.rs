//! Stated dimensions that are not those of the type.
use chainrule::differentiable;
use ndarray::ArrayView1;

#[differentiable]
fn f(#[dims(2, 3)] x: ArrayView1<f64>) -> f64 {
    x.sum()
}

fn main() {}
