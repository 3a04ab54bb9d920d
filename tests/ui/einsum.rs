//! Texts of `einsum!` that mean nothing, and letters with two sizes.
use chainrule::{differentiable, einsum};
use ndarray::{Array1, Array2, ArrayView2};

fn outside(a: &Array2<f64>) {
    let _ = einsum!("ij,jk->ik", a);
    let _ = einsum!("i1->i", a);
    let _ = einsum!("ij->ik", a);
    let _ = einsum!("ij->ii", a);
    let _ = einsum!("...j->j", a);
    let _ = einsum!("abcdefg->", a);
    let _ = einsum!(a, "ij->i");
}

#[differentiable(vjp)]
fn two_sizes(#[dims(2, 3)] a: ArrayView2<f64>, #[dims(4, 5)] b: ArrayView2<f64>) -> Array2<f64> {
    einsum!("ij,jk", a, b)
}

#[differentiable(vjp)]
fn not_square(#[dims(2, 3)] a: ArrayView2<f64>) -> Array1<f64> {
    einsum!("ii->i", a)
}

#[differentiable(vjp)]
fn missing(a: ArrayView2<f64>) -> Array1<f64> {
    einsum!("i->i", a.row(0), a)
}

fn main() {}
