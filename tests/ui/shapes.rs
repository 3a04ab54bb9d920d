//! Shapes that cannot meet, at the operator.
use chainrule::differentiable;
use ndarray::{ArrayView1, ArrayView2};

#[differentiable]
fn f(#[dims(3)] x: ArrayView1<f64>, #[dims(4)] y: ArrayView1<f64>) -> f64 {
    (&x + &y).sum()
}

#[differentiable]
fn g(#[dims(3, 4)] a: ArrayView2<f64>) -> f64 {
    a.dot(&a).sum()
}

fn main() {}
