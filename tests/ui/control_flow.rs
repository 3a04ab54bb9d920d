//! Control flow that is not supported.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    let mut y = x;
    while y > 1.0 {
        y = y / 2.0;
    }
    y
}

#[differentiable]
fn h(x: f64) -> f64 {
    let y = loop {
        break x;
    };
    y
}

fn main() {}
