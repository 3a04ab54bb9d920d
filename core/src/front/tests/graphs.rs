//! Functions as source text against their graphs.

use super::*;

#[test]
fn a_scalar_function() {
    let graph = check("fn f(x: f64, y: f64) -> f64 { (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2) }");
    assert!(graph.contains("out0 ="), "{graph}");
    assert!(graph.contains("f64[] = x[]"), "{graph}");
}

#[test]
fn a_layer_has_canonical_axes() {
    let graph = check(
        "fn f(#[dims(B, 784)] x: ArrayView2<f32>, w: ArrayView2<f32>, b: ArrayView1<f32>) -> f32 { (x.dot(&w) + &b).mapv(f32::tanh).sum() }",
    );
    assert!(graph.contains("f32[B, 784] = x[B, 784]"), "{graph}");
    assert!(graph.contains("sum[784]"), "{graph}");
    assert_eq!(graph.lines().count(), 9, "no renaming is left:\n{graph}");
}

#[test]
fn inactive_code_is_kept_only_where_it_is_needed() {
    let p = accepted(
        "wrt(x)",
        "fn f(x: f64, n: usize) -> f64 { let table = make(n); let unused = other(n); let k: f64 = table[n + 1]; x * k }",
        &definitions(&[]),
    );
    let host: Vec<String> = p.host.iter().map(|t| t.to_string()).collect();
    assert_eq!(host.len(), 2, "{host:?}");
    assert_eq!(p.graph.inputs[1].name, "k");
}

#[test]
fn inactive_variables_may_change() {
    let p = accepted(
        "wrt(x)",
        "fn f(x: f64, n: usize) -> f64 { let mut w = 1.0; let a = x * w; for i in 0..n { w += table[i]; } a * w }",
        &definitions(&[]),
    );
    let host: Vec<String> = p.host.iter().map(|t| crate::diag::source(t)).collect();
    assert_eq!(host, ["let mut w = 1.0;", "let mut w_2 = w.clone();", "for i in 0..n { w_2 += table[i]; };"]);
    let names: Vec<&str> = p.graph.inputs.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["x", "w_2"]);
}
