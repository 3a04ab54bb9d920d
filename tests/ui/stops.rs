//! Checks that cannot run on entry.
use chainrule::differentiable;

#[differentiable]
fn f(x: &[f64]) -> f64 {
    let mut s = 0.0;
    for v in x {
        s += v * v;
        assert!(s < 100.0);
    }
    s
}

#[differentiable]
fn g(x: f64) -> f64 {
    let y = x.sin();
    if y > 0.5 {
        panic!("too much");
    }
    y * y
}

fn main() {}
