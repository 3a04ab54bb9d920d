//! Branches and loops.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    if x > 0.0 { x } else { -x }
}

#[differentiable]
fn g(x: f64) -> f64 {
    match x {
        y => y * y,
    }
}

#[differentiable]
fn h(x: f64, y: f64) -> f64 {
    let larger = x > y;
    let _ = larger;
    x
}

fn main() {}
