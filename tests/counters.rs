//! Loops that count, whatever their bounds: the value by generated code is the function's own, and so are its differences.
//!
//! Invariant: a `while` that counts leaves in its counter what Rust leaves there.

use chainrule::{check_gradient, differentiable, math};

/// Bounds that only the run knows, in the right order or not.
#[differentiable(value)]
fn ends(x: &[f64; 4], n: usize, m: usize) -> f64 {
    let mut s = 0.0;
    let mut i = 2;
    while i < n {
        s += x[0] * i as f64;
        i += 1;
    }
    let mut j = n;
    while j > m {
        j -= 1;
        s += x[1] * j as f64;
    }
    let mut k = m;
    while k <= n {
        s += x[2];
        k += 1;
    }
    s + x[3] * (i + 10 * j + 100 * k) as f64
}

/// One counter for several loops.
#[differentiable(value)]
fn reused(x: &[f64; 4]) -> f64 {
    let mut s = 1.0;
    let mut i = 0;
    while i < 4 {
        s *= x[i];
        i += 1;
    }
    i = 1;
    while i < 4 {
        s += x[i] * i as f64;
        i += 1;
    }
    let mut total = 0.0;
    while i > 0 {
        i -= 1;
        total += s * math::exp(x[i]);
    }
    let mut twice = 0;
    while twice < 2 {
        i = 0;
        while i < 3 {
            total = math::sin(total + x[i]);
            i += 1;
        }
        twice += 1;
    }
    total * i as f64
}

/// The bound's name means something else in the body.
#[differentiable(value)]
fn shadowed(x: &[f64; 4]) -> f64 {
    let n = 3;
    let mut s = 1.0;
    let mut i = 0;
    while i < n {
        let n = 10.0;
        s += x[i] * n;
        i += 1;
    }
    s
}

/// Each turn adds the same.
#[differentiable(value)]
fn same(x: &[f64; 4], n: usize, m: usize) -> f64 {
    let mut s = 0.0;
    for _ in m..n {
        s += x[2];
    }
    s
}

const X: [f64; 4] = [0.3, -0.4, 0.9, 1.1];

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} is not {b}");
}

#[test]
fn bounds_in_any_order() {
    for (n, m) in (0..7).flat_map(|n| (0..7).map(move |m| (n, m))) {
        near(ends::value(&X, n, m), ends(&X, n, m));
        check_gradient(|x| ends(x, n, m), |x| ends::gradient(x, n, m), &X).expect("differences");
        near(same::value(&X, n, m), same(&X, n, m));
        check_gradient(|x| same(x, n, m), |x| same::gradient(x, n, m), &X).expect("differences");
    }
}

#[test]
fn counters_that_serve_twice() {
    near(reused::value(&X), reused(&X));
    check_gradient(reused, reused::gradient, &X).expect("differences");
    near(shadowed::value(&X), shadowed(&X));
    check_gradient(shadowed, shadowed::gradient, &X).expect("differences");
}

#[test]
fn counting_keeps_no_turns() {
    assert!(!reused::SOURCE.contains("loop {"), "{}", reused::SOURCE);
}
