//! Functions that are nothing by themselves: generic over functions or float types.
use chainrule::{differentiable, Real};

#[differentiable(jvp)]
fn twice(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    f(f(x))
}

#[differentiable]
fn square<T: Real>(x: T) -> T {
    x * x
}

fn main() {
    let _ = square::gradient(1.0);
}
