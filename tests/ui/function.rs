//! Functions that cannot be differentiated.
use chainrule::differentiable;

#[differentiable]
async fn f(x: f64) -> f64 {
    x
}

#[differentiable]
unsafe fn g(x: f64) -> f64 {
    x
}

#[differentiable]
fn h<T: Copy>(t: T, x: f64) -> f64 {
    let _ = t;
    x
}

#[differentiable]
fn k(x: impl Copy, y: f64) -> f64 {
    let _ = x;
    y
}

#[differentiable]
fn l((x, y): (f64, f64)) -> f64 {
    x * y
}

#[differentiable]
fn m(x: f64) {
    let _ = x;
}

#[differentiable]
extern "C" fn n(x: f64) -> f64 {
    x
}

fn main() {}
