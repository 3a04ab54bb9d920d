//! Integers that a loop changes, under operations that depend on their type.
use chainrule::differentiable;

#[differentiable]
fn f(x: &[f64]) -> f64 {
    let mut k = 3_usize;
    let mut s = 0.0;
    for i in 0..x.len() {
        s += x[k.saturating_sub(i)] * x[i];
        k = k * 2 % 5;
    }
    s
}

fn main() {}
