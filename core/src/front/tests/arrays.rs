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
fn elements_behind_mutable_references() {
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = x.to_vec(); for v in y.iter_mut() { *v *= x[1]; } y[0] += x[1]; y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = x.to_vec(); for y in y.iter_mut() { *y *= x[1]; } y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; let mut k = 1; for v in y.iter_mut() { *v *= x[k]; k = 2; } y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = [*x, *x]; let mut k = 1; for v in y[k].iter_mut() { k = 0; *v *= x[k]; } y[0][0] * y[1][1] + y[1][2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; for (i, v) in y.iter_mut().enumerate() { *v *= x[3 - i]; } let mut s = 0.0; for i in 0..4 { s += y[i] * x[i]; } s * y[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; let mut s = 1.0; for (v, w) in y.iter_mut().zip(x) { s *= w; *v += s; } y[0] * y[1] + y[2] * x[2] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = [*x, *x]; for row in y.iter_mut() { for v in row.iter_mut() { *v = v.sin(); } } y[0][0] * y[1][1] + y[1][2] * x[2] }");
}
