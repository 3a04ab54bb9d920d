//! Functions that call themselves, as far as that is not supported.
use chainrule::differentiable;

#[differentiable]
fn f(x: f64) -> f64 {
    x * f(x - 1.0)
}

#[differentiable(vjp)]
fn doubled(x: [f64; 2], n: usize) -> [f64; 2] {
    if n == 0 {
        return x;
    }
    doubled([x[0] + x[1], x[1]], n - 1)
}

#[differentiable(hvp)]
fn power(x: f64, n: usize) -> f64 {
    if n == 0 {
        return 1.0;
    }
    x * power(x, n - 1)
}

#[differentiable]
fn reverse_only(x: f64, n: usize) -> f64 {
    if n == 0 {
        return x;
    }
    reverse_only(x, n - 1).sin()
}

#[differentiable(jvp)]
fn forward(x: f64) -> f64 {
    reverse_only(x, 3)
}

fn main() {}
