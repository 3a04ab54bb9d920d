//! Loops, branches and assignments: graphs against differences, and what kind of loop was found.

use super::*;

const AROUND: (f64, f64) = (-1.0, 1.0);

fn holds(source: &str) {
    gradient_holds("", source, &definitions(&[]), &[], AROUND);
}

/// Holds, and no recurrence is left.
fn parallel(source: &str) {
    holds(source);
    let graph = check(source);
    assert!(!graph.contains("carry"), "{source}\n{graph}");
}

#[test]
fn sums_and_elements_are_no_recurrences() {
    parallel("fn f(x: &[f64]) -> f64 { let mut s = 0.0; for v in x { s += v * v; } s }");
    parallel("fn f(x: &[f64]) -> f64 { let mut s = 1.0; for i in 0..x.len() { s -= x[i].sin(); s += 2.0 * x[i]; } s }");
    parallel("fn f(x: &[f64]) -> f64 { let mut y = vec![0.0; x.len()]; for i in 0..x.len() { y[i] = x[i].exp(); } \
        let mut s = 0.0; for i in 0..x.len() { s += y[i] * x[i]; } s }");
    parallel(
        "fn f(x: &[f64]) -> f64 { let mut y = x.to_vec(); for i in 0..x.len() { y[i] *= x[i]; } \
        let mut s = 0.0; for i in 0..x.len() { s += y[i].sin(); } s }",
    );
    parallel(
        "fn f(a: &[[f64; 3]; 4], b: &[[f64; 2]; 3]) -> f64 { let mut c = [[0.0; 2]; 4]; \
        for i in 0..4 { for j in 0..2 { for k in 0..3 { c[i][j] += a[i][k] * b[k][j]; } } } \
        let mut s = 0.0; for i in 0..4 { for j in 0..2 { s += c[i][j].sin(); } } s }",
    );
    parallel("fn f(x: &[f64]) -> f64 { let mut m = f64::NEG_INFINITY; for v in x { m = m.max(*v); } m * m }");
    parallel("fn f(x: &[f64; 8]) -> f64 { let mut y = [0.0; 8]; for i in 0..4 { y[2 * i] = x[i]; y[2 * i + 1] = x[i] * x[i]; } \
        let mut s = 0.0; for i in 0..8 { s += y[i] * x[i]; } s }");
    parallel(
        "fn f(x: &[f64; 6]) -> f64 { let mut y = [1.0; 6]; for i in 1..5 { y[i] = x[i] * y[i]; } \
        let mut s = 0.0; for i in 0..6 { s += y[i].sin(); } s }",
    );
    parallel("fn f(x: &[f64; 6]) -> f64 { let mut k = 0; let mut s = 0.0; for _ in 0..3 { s += x[k] * x[k]; k += 2; } s }");
    parallel("fn f(x: &[f64]) -> f64 { let mut y = x.to_vec(); for v in y.iter_mut() { *v = v.sin() + 1.0; } y.iter().sum() }");
}

#[test]
fn triangles() {
    parallel("fn f(x: &[f64; 5]) -> f64 { let mut s = 0.0; for i in 0..5 { for j in 0..i { s += x[i] * x[j].sin(); } } s }");
    parallel("fn f(x: &[f64; 5]) -> f64 { let mut s = 0.0; for i in 0..5 { for j in i + 1..5 { s += x[i] * x[j].sin(); } } s }");
    parallel(
        "fn f(l: &[f64; 10], x: &[f64; 5]) -> f64 { let mut s = 0.0; for i in 0..5 { \
        let mut z = x[i]; for j in 0..i { z += l[i * (i - 1) / 2 + j] * x[j]; } s += z * z; } s }",
    );
}

#[test]
fn branches() {
    holds("fn f(x: f64) -> f64 { if x > 0.1 { x.sqrt() } else { x * x } }");
    holds("fn f(x: f64, y: f64) -> f64 { let mut s = x; if x < y { s *= y; } else if y > 0.5 { s += y; } s * y }");
    holds("fn f(x: &[f64]) -> f64 { let mut s = 0.0; for v in x { if *v > 0.0 { s += v.sqrt(); } else { s -= v * v; } } s }");
    holds("fn f(x: &[f64]) -> f64 { let mut s = 0.0; for i in 0..x.len() { if i > 0 { s += x[i] * x[i - 1]; } } s }");
    holds("fn f(x: f64) -> f64 { if x < 0.0 { return x * x; } let y = x.sqrt(); if y > 0.7 { return y; } y.sin() }");
    holds("fn f(x: &[f64]) -> f64 { let mut s = 0.0; for v in x { if *v < 0.0 { continue; } s += v.sqrt(); } s }");
    holds("fn f(x: &[f64]) -> f64 { let mut s = 0.0; for v in x { if *v < 0.0 && s > 0.0 { break; } s += v * v; } s }");
    holds(
        "fn f(x: &[f64]) -> f64 { for i in 0..x.len() { if x[i] > 0.3 { return x[i].sqrt(); } } x[0].sin() }",
    );
}

#[test]
fn recurrences() {
    holds("fn f(x: &[f64]) -> f64 { let mut p = 1.0; for v in x { p *= v; } p }");
    holds("fn f(x: &[f64]) -> f64 { let mut h = 0.0; for v in x { h = (0.5 * h + v).tanh(); } h }");
    holds("fn f(x: &[f64]) -> f64 { let mut h = 0.3; let mut s = 0.0; for v in x { h = (h * h + v).sin(); s += h * v; } s }");
    holds("fn f(x: f64) -> f64 { let (mut a, mut b) = (x, 1.0); for i in 0..4 { let c = a * b; a = b + x; b = c.sin() * (i as f64 + 1.0); } a * b }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; for i in 1..4 { y[i] = y[i] + y[i - 1].sin() * x[i]; } y[3] }");
    holds("fn f(x: &[f64; 4]) -> f64 { let mut y = *x; for _ in 0..3 { let z = y; for i in 1..4 { y[i] = z[i] * z[i - 1].sin(); } } y[3] + y[1] }");
    holds("fn f(x: &[f64], w: f64) -> f64 { let mut s = 0.0; for i in 0..x.len() { let mut p = 1.0; for _ in 0..3 { s += p * x[i]; p *= w; } } s }");
}

#[test]
fn a_network_with_memory() {
    let body = "let (layers, steps) = (main.len() / (4 * b), sequence.len() / b - 1);
    let mut state = state.to_vec(); let mut total = 0.0;
    for t in 0..steps {
        let now = &sequence[t * b..][..b];
        let mut z = vec![0.0; b];
        for j in 0..b { z[j] = now[j] * extra[j]; }
        for layer in 0..layers {
            let weight = &main[4 * b * layer..][..4 * b];
            for j in 0..b {
                let (hidden, cell) = (2 * b * layer + j, 2 * b * layer + b + j);
                state[cell] = state[cell] * weight[j] + (z[j] * weight[b + j]).sin();
                state[hidden] = weight[2 * b + j] * state[cell].tanh();
                z[j] = state[hidden];
            }
        }
        for j in 0..b { total += z[j] * extra[b + j]; }
    }
    total";
    for (name, b) in [("b", 1), ("b", 2)] {
        let given = [
            (name, b),
            ("main.len()", 8 * b),
            ("main.len() / (4 * b)", 2),
            ("(main.len()) / (4 * b)", 2),
            ("sequence.len()", 3 * b),
            ("(sequence.len()) / (b)", 3),
            ("state.len()", 4 * b),
            ("extra.len()", 2 * b),
        ];
        let source = format!("fn f(main: &[f64], extra: &[f64], state: &[f64], sequence: &[f64], b: usize) -> f64 {{ {body} }}");
        gradient_holds("wrt(main, extra)", &source, &definitions(&[]), &given, AROUND);
    }
}

#[test]
fn turns_that_only_the_run_counts() {
    holds("fn f(x: f64) -> f64 { let mut y = x * x + 3.0; while y > 0.4 { y = y * 0.5 * x.cos(); } y }");
    holds("fn f(x: f64) -> f64 { let mut y = x; let mut s = 0.0; while s < 3.0 { s += 1.0 + y * y; y = y.sin() + 0.1; } s * y }");
    holds("fn f(x: f64) -> f64 { let mut y = x; let mut k = 0; loop { y = (y + x).cos(); k += 1; if k > 4 { break; } } y }");
    holds("fn f(x: f64) -> f64 { let mut y = x; loop { y = y * 0.7 + 0.2 * x.sin(); if y < 0.3 { return y * y; } y -= 0.1; } }");
    holds("fn f(x: &[f64; 3]) -> f64 { let mut y = *x; let mut n = 0; while n < 4 { for i in 0..3 { y[i] = (y[i] * x[(i + 1) % 3]).sin() + 0.5; } n += 1; } y[0] + y[1] * y[2] }");
}

#[test]
fn while_loops_that_count() {
    for source in [
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; while i < 3 { s = (s * x[i]).sin() + 1.0; i += 1; } s * i as f64 }",
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 3; while i > 0 { i -= 1; s = (s * x[i]).sin() + 1.0; } s * (i + 2) as f64 }",
        "fn f(x: &[f64; 5]) -> f64 { let mut s = 0.5; let mut i = 1; while 4 >= i { s = (s * x[i]).sin() + 1.0; i += 2; } s * i as f64 }",
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; let mut j = 0; while i < 3 { j = i; while j < 3 { s += x[i] * x[j]; j = j + 1; } i += 1; } s * x[2] + j as f64 }",
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; while i < 3 { if x[i] < 0.0 { return s * x[i]; } s += x[i].sin(); i += 1; } s }",
        // these stay loops whose turns the run counts
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; while i < 3 { if x[i] < 0.0 { break; } s += x[i].sin(); i += 1; } s * i as f64 }",
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; while i < 3 { if x[i] < 0.0 { i += 1; continue; } s += x[i].sin(); i += 1; } s * i as f64 }",
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; let mut n = 1; while i < n { s += x[i].sin(); if n < 3 { n += 1; } i += 1; } s * i as f64 }",
        "fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; let mut i = 0; while i < 3 { let i = 2 - i; s += x[i].sin() * i as f64; if s > 9.0 { return s; } let _ = i; break; } s }",
    ] {
        holds(source);
    }
}

#[test]
fn turns_in_other_loops() {
    holds("fn f(x: &[f64; 3]) -> f64 { let mut s = 0.0; for i in 0..3 { let mut z = x[i] + 2.0; while z > 0.4 { z = z * 0.5 * x[i].cos(); } s += z; } s }");
    holds("fn f(x: &[f64; 3]) -> f64 { let mut s = 0.5; for i in 0..3 { let mut z = x[i] + 2.0; while z > 0.4 { z = z * 0.5 * s.cos(); } s = (s + z).sin(); } s }");
    holds("fn f(x: f64) -> f64 { let mut y = x + 2.0; let mut s = 0.0; while y > 0.4 { let mut z = y; while z > 0.3 { z *= 0.6; s += z * y; } y = 0.5 * y + 0.1 * z; } y + s }");
    holds("fn f(x: &[f64; 2]) -> f64 { let mut s = 0.0; for i in 0..2 { let mut y = x[i] + 2.0; let mut a = [x[i], 1.0]; while y > 0.6 { for j in 0..2 { a[j] = (a[j] * y).sin(); } y *= 0.7; } s += a[0] * a[1]; } s }");
    holds("fn f(x: &[f64; 3]) -> f64 { let mut s = 1.0; for i in 0..3 { let mut k = 0; loop { s = (s + x[i]).cos(); k += 1; if k > i { break; } } } s }");
    holds("fn f(x: &[f64; 3]) -> f64 { let mut s = 1.0; for i in 0..3 { if x[i] > 0.0 { let mut z = s; while z < 3.0 { z = z * 1.5 + x[i] * x[i]; } s = z.sin(); } } s }");
    holds("fn f(x: &[f64; 3]) -> f64 { let mut s = 1.0; for i in 0..3 { let mut y = s + 2.0; while y > 0.5 { let mut z = y; while z > 0.3 { z *= 0.6; s += (z * x[i]).sin(); } y = 0.5 * y; } } s }");
    holds("fn f(x: &[f64; 3]) -> f64 { x.iter().map(|v| { let mut z = v + 2.0; while z > 0.4 { z = z * 0.5 * v.cos(); } z }).sum() }");
}

/// The graph of a function says what the function gives where it runs.
macro_rules! as_it_runs {
    ($f:item, $x:expr) => {{
        $f
        let x = $x;
        let p = accepted("", stringify!($f), &definitions(&[]));
        let mut at = point(&p, &[], AROUND);
        at.inputs[0] = x.iter().map(|v| Dual::constant(*v)).collect();
        let (graph, value) = (values(&p, &at, 0)[0], f(&x));
        assert!((graph - value).abs() < 1e-12, "{graph} against {value}\n{}", text(&p));
    }};
}

#[test]
#[rustfmt::skip]
fn scans_in_scans_decide_what_is_read() {
    let x = [0.3, 0.55, -0.25, 0.9];
    as_it_runs!(
        fn f(x: &[f64; 4]) -> f64 {
            let mut s = x[0];
            let mut a = *x;
            let mut k = 1;
            for i in 0..3 {
                for _ in 0..4 {
                    s += 2.5;
                    if i > 0 { break; }
                    k = (k * 2 + 1) % 4;
                }
                a[3] = x[k];
            }
            s + a[0] * 0.5 + a[1] - a[2] + a[3] * 2.0
        },
        x
    );
    as_it_runs!(
        fn f(x: &[f64; 4]) -> f64 {
            let mut a = *x;
            let mut b = [0.25; 4];
            let k = 1;
            for i in 0..3 {
                for j in i..4 {
                    for _ in 1..2 {
                        b = a;
                        a.fill(x[0]);
                    }
                    for _ in j..4 { a[3] += a[k] - b[2]; }
                }
            }
            a[0] * 0.5 + a[1] - a[2] + a[3] * 2.0 + b[k]
        },
        x
    );
}
