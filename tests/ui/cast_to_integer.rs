//! A cast that loses the derivative: a rival gives 0 silently.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    x * (x as i64 as f64)
}

fn main() {}
