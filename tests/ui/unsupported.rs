//! Expressions that are not supported.
use chainrule::differentiable;

struct Pair {
    a: f64,
}

#[differentiable]
fn f(x: f64) -> f64 {
    let p = Pair { a: x };
    p.a
}

#[differentiable]
fn g(x: f64) -> f64 {
    let Some(y) = Some(x) else { return 0.0 };
    y
}

fn main() {}
