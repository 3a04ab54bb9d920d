//! Options that are no Rust.
use chainrule::differentiable;

#[differentiable(wrt(1 + 2))]
fn f(x: f64) -> f64 {
    x
}

fn main() {}
