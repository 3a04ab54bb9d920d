//! Arrays that are put together, taken apart and changed in place.

use super::*;

const AROUND: (f64, f64) = (0.2, 1.0);

fn holds(source: &str) {
    gradient_holds("", source, &definitions(&[]), &[], AROUND);
}

#[test]
fn matrices_in_a_vector() {
    holds("fn f(x: &[f64]) -> f64 { let m = (0..x.len()).map(|i| [[x[i], 1.0], [x[0], x[i] * x[i]]]).collect::<Vec<_>>(); \
        let mut s = 0.0; for i in 0..x.len() { s += m[i][0][0] * m[i][1][1] + m[i][1][0]; } s }");
}

#[test]
fn overwritten_and_read_after() {
    holds("fn f(x: &[f64]) -> f64 { let (mut a, mut b) = (1.0, x[0]); for v in x { a = b * v; b += a.sin(); } a * b }");
}

#[test]
fn iterators_that_are_moved() {
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; for (i, v) in y.iter_mut().rev().enumerate() { *v *= x[i]; } y[0] * y[1] + y[3] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; for v in y.iter_mut().skip(1) { *v *= x[0]; } y[0] * y[1] + y[3] * x[2] }");
}

#[test]
fn arguments_that_are_changed() {
    let holds = |source: &str| gradient_holds("vjp", source, &definitions(&[]), &[], AROUND);
    holds("fn f(x: &[f64], y: &mut [f64]) { for (y, x) in y.iter_mut().rev().zip(x) { *y *= x; } }");
    holds("fn f(x: f64, y: &mut [[f64; 2]; 3]) { for row in y { row[1] = row[0] * x; if x > 0.5 { return; } } }");
    holds("fn f(x: f64, y: &mut [f64; 3]) -> f64 { y.swap(0, 1); y[2] = x * y[0]; y.iter().sum::<f64>() * y[2] }");
}

#[test]
fn elements_behind_mutable_references() {
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = x.to_vec(); for v in y.iter_mut() { *v *= x[1]; } y[0] += x[1]; y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = x.to_vec(); for y in y.iter_mut() { *y *= x[1]; } y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; let mut k = 1; for v in y.iter_mut() { *v *= x[k]; k = 2; } y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = [*x, *x]; let mut k = 1; for v in y[k].iter_mut() { k = 0; *v *= x[k]; } y[0][0] * y[1][1] + y[1][2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; for (i, v) in y.iter_mut().enumerate() { *v *= x[3 - i]; } let mut s = 0.0; for i in 0..4 { s += y[i] * x[i]; } s * y[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; let mut s = 1.0; for (v, w) in y.iter_mut().zip(x) { s *= w; *v += s; } y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = [*x, *x]; for row in y.iter_mut() { for v in row.iter_mut() { *v = v.sin(); } } y[0][0] * y[1][1] + y[1][2] * x[2] }");
}

#[test]
fn shapes_that_only_rustc_knows() {
    let holds = |source: &str| {
        let given = [("HEADS", 2), ("WIDTH / HEADS", 3)];
        gradient_holds("", source, &definitions(&[]), &given, AROUND);
    };
    holds("fn f(x: ArrayView1<f64>) -> f64 { let y = x.into_shape_with_order((HEADS, WIDTH / HEADS)).unwrap(); (&y.row(0) * &y.row(1)).sum() }");
    holds("fn f(x: ArrayView1<f64>) -> f64 { (Array2::<f64>::ones((HEADS, x.len())) * &x * &x).sum() }");
    check_error(
        "",
        "fn f(x: ArrayView1<f64>) -> f64 { x.into_shape_with_order(SHAPE).unwrap().sum() }",
        "this shape",
    );
}
