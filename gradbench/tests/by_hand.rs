//! What generated derivatives are measured by is right: gradients by hand against differences, and against ADBench.

#[path = "../benches/by_hand/mod.rs"]
mod by_hand;

use gradbench::adbench::{read, Derivative, Problem, DATA};
use gradbench::{det, kmeans, llsq, lse, ode};
use serde_json::Value;
use std::path::Path;

/// `n` numbers between 0 and 1.
fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..n).map(|_| next()).collect()
}

/// Holds a gradient against central differences.
fn gradient(f: impl Fn(&[f64]) -> f64, x: &[f64], value: f64, gradient: &[f64]) {
    assert!((f(x) - value).abs() <= 1e-12 * value.abs().max(1.0), "{} instead of {value}", f(x));
    for i in 0..x.len() {
        let moved = |h: f64| {
            let mut x = x.to_vec();
            x[i] += h;
            f(&x)
        };
        let h = 1e-5;
        let difference = (moved(h) - moved(-h)) / (2.0 * h);
        let error = (gradient[i] - difference).abs();
        assert!(error <= 1e-7 * difference.abs().max(1.0), "{i}: {} instead of {difference}", gradient[i]);
    }
}

#[test]
fn lse() {
    for n in [1, 3, 8, 33, 70] {
        let x = numbers(n, 1);
        let mut g = vec![0.0; n];
        let value = by_hand::logsumexp(&x, &mut g);
        gradient(lse::logsumexp, &x, value, &g);
    }
}

#[test]
fn llsq() {
    for n in [2, 9, 40, 71] {
        let x = numbers(6, 2);
        let mut g = vec![0.0; x.len()];
        let value = by_hand::Llsq::default().gradient(&x, n, &mut g);
        gradient(|x| llsq::residual(x, n), &x, value, &g);
    }
}

#[test]
fn ode() {
    for (n, steps) in [(1, 1), (2, 3), (5, 2), (9, 4)] {
        let x = numbers(n, 3);
        let mut g = vec![0.0; n];
        let mut space = by_hand::Ode::default();
        for _ in 0..2 {
            let value = space.gradient(&x, steps, &mut g);
            gradient(|x| ode::last(x, steps), &x, value, &g);
        }
    }
}

#[test]
fn det() {
    for ell in 1..6 {
        let a = numbers(ell * ell, 4);
        let mut g = vec![0.0; a.len()];
        let value = by_hand::determinant(&a, ell, &mut g);
        gradient(|a| det::determinant(a, ell), &a, value, &g);
    }
}

#[test]
fn kmeans() {
    for (n, k, d) in [(7, 1, 1), (30, 3, 2), (60, 11, 5)] {
        let points = numbers(n * d, 5);
        let centroids = points[(n - k) * d..].iter().map(|x| x + 0.01).collect::<Vec<_>>();
        let mut direction = vec![0.0; centroids.len()];
        let value = by_hand::Kmeans::default().direction(&centroids, &points, d, &mut direction);
        // the Hessian by differences of the generated gradient
        let slopes = |h: f64| {
            let moved: Vec<f64> = centroids.iter().map(|x| x + h).collect();
            kmeans::cost::gradient(&moved, &points, d)
        };
        let (ahead, behind) = (slopes(1e-6), slopes(-1e-6));
        let hessian = ahead.iter().zip(&behind).map(|(a, b)| (a - b) / 2e-6);
        let g: Vec<f64> = direction.iter().zip(hessian).map(|(x, h)| x * h).collect();
        gradient(|c| kmeans::cost(c, &points, d), &centroids, value, &g);
    }
}

/// Holds a derivative by hand against what ADBench expects, for each file here of which there is one.
fn adbench(problem: &str, mut derivative: impl FnMut(&Problem, &Value) -> Option<Derivative>) {
    let text = std::fs::read_to_string(Path::new(DATA).join("expected.json")).expect("expected.json");
    let all: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("an object");
    let mut checked = 0;
    for (name, expected) in all.iter().filter(|e| e.0.starts_with(problem)) {
        if Path::new(DATA).join(name).exists() {
            let problem = read(Path::new(DATA), name, expected).expect("a file that can be read");
            let Some(derivative) = derivative(&problem, expected) else { continue };
            derivative.check(expected).unwrap_or_else(|e| panic!("{name}: {e}"));
            checked += 1;
        }
    }
    assert!(checked >= 2, "{checked} files of {problem}");
}

fn near(value: f64, expected: &Value) {
    let expected = expected.as_f64().expect("a number");
    assert!((value - expected).abs() <= 1e-12 * expected.abs(), "{value} instead of {expected}");
}

#[test]
fn gmm() {
    let mut g = by_hand::Gmm::default();
    adbench("gmm/", |problem, expected| {
        let Problem::Gmm(a) = problem else { return None };
        near(g.gradient(a, -1.0), &expected["objective"]);
        let by_hand::Gmm { alpha, mu, q, l, .. } = g.clone();
        Some(Derivative::Gmm { alpha, mu, q, l })
    });
}

#[test]
fn lstm() {
    let mut g = by_hand::Lstm::default();
    adbench("lstm/", |problem, expected| {
        let Problem::Lstm(a) = problem else { return None };
        near(g.gradient(a), &expected["objective"]);
        Some(Derivative::Lstm { main: g.main.clone(), extra: g.extra.clone() })
    });
}

#[test]
fn ba() {
    let mut jacobian = chainrule::sparse::Csr::new(0);
    adbench("ba/", |problem, _| {
        let Problem::Ba(a) = problem else { return None };
        if a.weights.len() > 50_000 {
            return None; // too many for a program that is not optimised
        }
        by_hand::jacobian(a, &mut jacobian);
        Some(Derivative::Ba(jacobian.clone()))
    });
}

#[test]
fn hand() {
    let mut rows = vec![];
    adbench("hand/", |problem, _| {
        let Problem::Hand(a) = problem else { return None };
        by_hand::hand(a, &mut rows);
        let skip = if a.us.is_empty() { 2 } else { 0 };
        Some(Derivative::Hand(rows.iter().map(|row| row[skip..].to_vec()).collect()))
    });
}
