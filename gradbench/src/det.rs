//! The determinant, expanded by minors.

use chainrule::differentiable;

/// The determinant of a matrix of `ell` rows, row by row.
#[differentiable(wrt(a))]
pub fn determinant(a: &[f64], ell: usize) -> f64 {
    minor(a, ell, 0, 0)
}

/// The determinant of the rows from `row` on, without the columns whose bits are set in `gone`.
#[differentiable(wrt(a))]
fn minor(a: &[f64], ell: usize, row: usize, gone: u64) -> f64 {
    if row + 1 == ell {
        return a[row * ell + gone.trailing_ones() as usize];
    }
    let mut sum = 0.0;
    let mut sign = 1.0;
    for column in 0..ell {
        if gone >> column & 1 == 0 {
            sum += sign * a[row * ell + column] * minor(a, ell, row + 1, gone | 1 << column);
            sign = -sign;
        }
    }
    sum
}
