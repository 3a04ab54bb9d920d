//! What derivatives at compile time do without.
use chainrule::{differentiable, math};

#[differentiable(const)]
fn not_constant(x: f64) -> f64 {
    x * x
}

#[differentiable(const, jvp, checkpoint = 10)]
const fn more(x: f64) -> f64 {
    x * x
}

#[differentiable(const)]
const fn slices(x: &[f64]) -> f64 {
    x[0] * x[1]
}

#[differentiable(const, wrt(w))]
const fn labels(w: &[f64; 3], labels: &[usize]) -> f64 {
    w[labels[0]]
}

#[differentiable(const)]
const fn until(x: f64) -> f64 {
    let mut y = x;
    while y < 10.0 {
        y = y * y;
    }
    y
}

#[differentiable(const)]
const fn leaves(x: &[f64; 8]) -> f64 {
    let mut y = 0.0;
    let mut i = 0;
    while i < 8 {
        if x[i] < 0.0 {
            i += 1;
            continue;
        }
        y += math::sqrt(x[i]);
        i += 1;
    }
    y
}

#[differentiable(const)]
const fn first_negative(x: &[f64; 8]) -> f64 {
    let mut i = 0;
    while i < 8 {
        if x[i] < 0.0 {
            break;
        }
        i += 1;
    }
    x[i]
}

#[differentiable(const)]
const fn power(x: f64, n: usize) -> f64 {
    if n == 0 {
        return 1.0;
    }
    x * power(x, n - 1)
}

#[differentiable(const, wrt(x))]
const fn kept(x: f64, n: usize) -> f64 {
    let mut y = x;
    let mut i = 0;
    while i < n {
        y = y * y;
        i += 1;
    }
    y
}

#[differentiable(const)]
const fn arrays(x: f64) -> [f64; 2] {
    [x, x * x]
}

fn main() {}
