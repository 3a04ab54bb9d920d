//! Control flow that is not supported.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    let mut s = 0.0;
    for _ in 0..3 {
        let mut y = x;
        while y > 1.0 {
            y = y / 2.0;
        }
        s += y;
    }
    s
}

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
