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
