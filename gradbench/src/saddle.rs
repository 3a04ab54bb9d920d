//! A saddle point: the least of what is greatest in another direction.

use crate::descent::{argmin, Mode};
use chainrule::differentiable;

#[differentiable(wrt(y), jvp)]
pub fn height(x: &[f64; 2], y: &[f64; 2]) -> f64 {
    (x[0] * x[0] + x[1] * x[1]) - (y[0] * y[0] + y[1] * y[1])
}

/// The greatest height above x.
#[differentiable(wrt(x), jvp)]
pub fn ridge(x: &[f64; 2], start: &[f64; 2], inner: Mode) -> f64 {
    height(x, &summit(x, start, inner))
}

/// Where the height above x is greatest, sought from `start`.
#[differentiable(wrt(x), vjp)]
pub fn summit(x: &[f64; 2], start: &[f64; 2], inner: Mode) -> [f64; 2] {
    argmin(|y| -height(x, y), |y| fall(x, y, inner), *start)
}

/// How the height falls in y.
#[differentiable(wrt(x, y), vjp)]
fn fall(x: &[f64; 2], y: &[f64; 2], inner: Mode) -> [f64; 2] {
    let rise = match inner {
        Mode::Reverse => height::gradient(x, y),
        Mode::Forward => [height::jvp(x, y, &[1.0, 0.0]).1, height::jvp(x, y, &[0.0, 1.0]).1],
    };
    [-rise[0], -rise[1]]
}
