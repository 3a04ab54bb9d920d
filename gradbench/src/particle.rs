//! A charged particle that is steered to a target: a gradient within the function that is differentiated.

use crate::descent::Mode;
use chainrule::differentiable;

/// The square of the place where the particle lands, when one of the charges is moved by `w`.
#[differentiable(wrt(w), jvp)]
pub fn miss(w: f64, inner: Mode) -> f64 {
    let charges = [[10.0, 10.0 - w], [10.0, 0.0]];
    let dt = 0.1;
    let mut x = [0.0, 8.0];
    let mut v = [0.75, 0.0];
    loop {
        let force = force(&x, &charges, inner);
        for i in 0..2 {
            x[i] += dt * v[i];
        }
        if x[1] <= 0.0 {
            let t = -x[1] / v[1];
            return (x[0] + t * v[0]).powi(2);
        }
        for i in 0..2 {
            v[i] += dt * force[i];
        }
    }
}

/// Down the slope of the potential.
#[differentiable(vjp, wrt(x, charges))]
fn force(x: &[f64; 2], charges: &[[f64; 2]; 2], inner: Mode) -> [f64; 2] {
    let slope = match inner {
        Mode::Reverse => potential::gradient(x, charges),
        Mode::Forward => {
            [potential::jvp(x, charges, &[1.0, 0.0]).1, potential::jvp(x, charges, &[0.0, 1.0]).1]
        }
    };
    [-slope[0], -slope[1]]
}

/// The potential at x.
#[differentiable(wrt(x), jvp)]
pub fn potential(x: &[f64; 2], charges: &[[f64; 2]; 2]) -> f64 {
    charges.iter().map(|c| 1.0 / ((x[0] - c[0]).powi(2) + (x[1] - c[1]).powi(2)).sqrt()).sum::<f64>()
}
