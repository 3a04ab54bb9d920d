//! Products of lists of matrices, and cells of recurrent networks, whose arguments do not fit.
use chainrule::differentiable;
use chainrule::nn::{gru_cell, matmul};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3};

#[differentiable(vjp)]
fn lists(#[dims(2, 3, 4)] a: ArrayView3<f64>, #[dims(5, 4, 3)] b: ArrayView3<f64>) -> Array3<f64> {
    matmul(a, b)
}

#[differentiable(vjp)]
fn inner(#[dims(2, 3, 4)] a: ArrayView3<f64>, #[dims(5, 3)] b: ArrayView2<f64>) -> Array3<f64> {
    matmul(a, b)
}

#[differentiable(vjp)]
fn gates(#[dims(B, 3)] x: ArrayView2<f64>, #[dims(B, 4)] h: ArrayView2<f64>, #[dims(16, 3)] w: ArrayView2<f64>, #[dims(12, 4)] v: ArrayView2<f64>, b: &Array1<f64>) -> Array2<f64> {
    gru_cell(x, h, w, v, b, b)
}

#[differentiable(vjp)]
fn columns(#[dims(B, 3)] x: ArrayView2<f64>, #[dims(B, 4)] h: ArrayView2<f64>, #[dims(12, 5)] w: ArrayView2<f64>, #[dims(12, 4)] v: ArrayView2<f64>, b: &Array1<f64>) -> Array2<f64> {
    gru_cell(x, h, w, v, b, b)
}

fn main() {}
