//! Three mistakes, three messages.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    let a = unknown(x);
    let b = x.cosinus();
    let c = x as u8;
    a + b + c as f64
}

fn main() {}
