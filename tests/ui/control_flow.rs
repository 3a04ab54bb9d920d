//! Control flow that is not supported.
use chainrule::differentiable;

#[differentiable]
fn g(x: f64) -> f64 {
    let mut y = x;
    loop {
        y = y * x;
    }
}

#[differentiable]
fn h(x: f64) -> f64 {
    let y = loop {
        break x;
    };
    y
}

fn main() {}
