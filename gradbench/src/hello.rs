//! A number squared.

use chainrule::differentiable;

#[differentiable]
pub fn square(x: f64) -> f64 {
    x * x
}
