//! Jacobians and Hessians that no type holds.
use chainrule::{differentiable, Differentiable};
use ndarray::Array1;

#[derive(Clone, Differentiable)]
struct Line {
    slope: f64,
    offset: f64,
}

#[differentiable(jacobian)]
fn of_a_struct(line: &Line, x: f64) -> [f64; 2] {
    [line.slope * x, line.offset]
}

#[differentiable(hessian)]
fn of_rows(rows: &[Vec<f64>]) -> f64 {
    rows[0][0]
}

#[differentiable(jacobian)]
fn of_two_kinds(x: &[f64; 2], y: Array1<f64>) -> Array1<f64> {
    y * x[0]
}

#[differentiable(jacobian(z))]
fn of_nothing(x: f64) -> f64 {
    x
}

#[differentiable(hessian)]
fn of_two_numbers(x: f64) -> (f64, f64) {
    (x, x)
}

mod library {
    #[chainrule::differentiable(vjp)]
    pub fn two(x: f64) -> [f64; 2] {
        [x, x * x]
    }
}

#[differentiable]
fn of_a_pair(x: f64) -> f64 {
    library::two::gradient(x)
}

fn main() {}
