//! Windows that do not fit, and strides that only the run knows.
use chainrule::differentiable;
use chainrule::nn::{conv2d, max_pool2d, Window};
use ndarray::{Array1, Array4, ArrayView4};

#[differentiable(vjp)]
fn channels(#[dims(B, 3, 8, 8)] x: ArrayView4<f64>, #[dims(4, 2, 3, 3)] w: ArrayView4<f64>, b: &Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new())
}

#[differentiable(vjp)]
fn too_large(#[dims(B, 3, 4, 4)] x: ArrayView4<f64>) -> Array4<f64> {
    max_pool2d(x, 5, 1)
}

#[differentiable(vjp)]
fn run_time_stride(#[dims(B, 3, 4, 4)] x: ArrayView4<f64>, stride: usize) -> Array4<f64> {
    max_pool2d(x, 2, stride)
}

#[differentiable(vjp)]
fn unknown_length(x: ArrayView4<f64>) -> Array4<f64> {
    max_pool2d(x, 2, 2)
}

#[differentiable(vjp)]
fn too_much_padding(#[dims(B, 3, 8, 8)] x: ArrayView4<f64>) -> Array4<f64> {
    max_pool2d(x, 3, Window::new().padding(2))
}

fn main() {}
