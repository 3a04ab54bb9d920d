//! Functions that are nothing by themselves: generic over functions or float types, or changing their arguments.
use chainrule::{differentiable, Real};

#[differentiable(jvp)]
fn twice(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    f(f(x))
}

#[differentiable(vjp)]
fn squares(x: &[f64], out: &mut [f64]) {
    for i in 0..x.len() {
        out[i] = x[i] * x[i];
    }
}

#[differentiable]
fn square<T: Real>(x: T) -> T {
    x * x
}

fn main() {
    let _ = square::gradient(1.0);
}
