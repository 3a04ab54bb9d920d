//! Loops over what the macro knows nothing of.
use chainrule::differentiable;

#[differentiable]
fn over_host_code(x: f64, text: &str) -> f64 {
    let mut s = x;
    for _ in text.chars() {
        s *= x;
    }
    s
}

#[differentiable]
fn until_nothing_is_left(x: f64, text: &str) -> f64 {
    let mut s = x;
    let mut left = text.chars();
    while let Some(_) = left.next() {
        s *= x;
    }
    s
}

#[differentiable]
fn from_a_position_that_is_looked_up(x: &[f64; 4]) -> f64 {
    let mut s = 0.0;
    let mut n = 0;
    while n < 4 {
        let from = n % 3;
        n += 1;
        for i in from..4 {
            s += x[i];
        }
    }
    s
}

fn main() {}
