//! What a rival gets wrong in silence, and sizes that do not fit at run time.

use chainrule::differentiable;
use ndarray::{array, Array1, Array2, ArrayView1, ArrayView2};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[differentiable]
fn root_of_square(x: f64) -> f64 {
    (x * x).sqrt()
}
#[differentiable]
fn ln_of_exp(x: f64) -> f64 {
    x.exp().ln()
}
#[differentiable(math = "strict")]
fn ln_of_exp_strict(x: f64) -> f64 {
    x.exp().ln()
}

#[test]
fn the_root_of_a_square_is_not_its_argument() {
    assert_eq!(root_of_square::value_and_gradient(-3.0), (3.0, -1.0));
}

#[test]
fn the_logarithm_of_an_exponential_does_not_overflow() {
    assert_eq!(ln_of_exp::value_and_gradient(1000.0), (1000.0, 1.0));
    let (value, g) = ln_of_exp_strict::value_and_gradient(1000.0);
    assert!(value == f64::INFINITY && g.is_nan(), "{value}, d {g}");
}

#[differentiable]
fn product(a: ArrayView2<f64>, x: ArrayView1<f64>) -> f64 {
    a.dot(&x).sum()
}
#[differentiable(wrt(x))]
fn chosen(x: ArrayView1<f64>, at: &[usize]) -> f64 {
    at.iter().map(|k| x[*k] * x[*k]).sum()
}
#[differentiable]
fn tail(x: &[f64]) -> f64 {
    x[2..].iter().map(|v| v * v).sum()
}

/// The message of a panic.
fn message(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => panic.downcast_ref::<&str>().expect("a text").to_string(),
    }
}

fn mentions(text: &str, parts: &[&str]) {
    parts.iter().for_each(|p| assert!(text.contains(p), "`{p}` is not in: {text}"));
}

#[test]
fn shapes_that_do_not_fit_are_named_and_nothing_is_written() {
    let (a, x) = (Array2::<f64>::ones((2, 3)), Array1::<f64>::ones(4));
    let mut g = product::gradient(a.view(), array![1.0, 2.0, 3.0].view());
    let before = g.clone();
    let mut workspace = product::Workspace::default();
    let text = message(|| {
        product::value_and_gradient_into(a.view(), x.view(), &mut g, &mut workspace);
    });
    mentions(&text, &["product", "`x`", "`a`", "3", "4"]);
    assert_eq!(g, before);
}

#[test]
fn positions_out_of_bounds_are_named_and_nothing_is_written() {
    let x = array![1.0, 2.0, 3.0];
    let mut g = array![7.0, 7.0, 7.0];
    let text = message(|| {
        chosen::value_and_gradient_into(x.view(), &[0, 3], &mut g, &mut chosen::Workspace::default());
    });
    mentions(&text, &["chosen", "at[1]", "3"]);
    assert_eq!(g, array![7.0, 7.0, 7.0]);
}

#[test]
fn ranges_that_do_not_fit_are_named_and_nothing_is_written() {
    let mut g = vec![7.0];
    let text = message(|| {
        tail::value_and_gradient_into(&[1.0], &mut g, &mut tail::Workspace::default());
    });
    mentions(&text, &["tail", "x"]);
    assert_eq!(g, [7.0]);
}
