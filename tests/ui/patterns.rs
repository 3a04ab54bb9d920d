//! Patterns over differentiated values that no condition can tell apart.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64, n: usize) -> f64 {
    match (x, n) {
        (a, 0) | (a, 1) => a,
        (a, _) => a * a,
    }
}

enum Shape {
    Round { r: f64 },
    Flat { w: f64 },
}

#[differentiable]
fn g(x: f64) -> f64 {
    let shape = Shape::Round { r: x };
    match shape {
        Shape::Flat { w } => w,
        Shape::Round { r } => r * r,
    }
}

#[differentiable]
fn h(x: &[f64]) -> f64 {
    if let Some(v) = x.first() {
        v * v
    } else {
        0.0
    }
}

fn main() {}
