//! Changes that a closure makes to variables around it: a rival drops them silently.
use chainrule::differentiable;

#[differentiable]
fn f(x: &[f64]) -> f64 {
    let mut count = 0.0;
    x.iter()
        .map(|v| {
            count += 1.0;
            v * count
        })
        .sum()
}

#[differentiable]
fn g(x: f64) -> f64 {
    let mut a = x;
    let b = &mut a;
    *b * 2.0
}

#[differentiable]
fn h(x: &[f64; 2]) -> f64 {
    let mut a = *x;
    for v in a.iter_mut().map(|v| v) {
        *v *= x[0];
    }
    a[0] * a[1]
}

fn main() {}
