//! Derivatives of lowered functions against differences.

use super::*;

const POSITIVE: (f64, f64) = (0.2, 0.9);
const AROUND: (f64, f64) = (-1.3, 1.7);

fn holds(source: &str) {
    gradient_holds("vjp", source, &definitions(&[]), &[], AROUND);
}
fn holds_positive(source: &str) {
    gradient_holds("vjp", source, &definitions(&[]), &[], POSITIVE);
}

#[test]
fn scalar_methods() {
    for m in [
        "sqrt()",
        "cbrt()",
        "exp()",
        "exp2()",
        "exp_m1()",
        "ln()",
        "ln_1p()",
        "log(3.0)",
        "log2()",
        "log10()",
        "powi(3)",
        "powi(-2)",
        "powf(1.7)",
        "powf(y)",
        "sin()",
        "cos()",
        "tan()",
        "asin()",
        "acos()",
        "atan()",
        "sinh()",
        "cosh()",
        "tanh()",
        "asinh()",
        "atanh()",
        "atan2(y)",
        "hypot(y)",
        "abs()",
        "max(y)",
        "min(0.5)",
        "clamp(0.3, 0.6)",
        "signum()",
        "floor()",
        "fract()",
        "recip()",
        "mul_add(y, 2.0)",
        "copysign(y)",
        "rem_euclid(0.37)",
        "to_radians()",
        "to_degrees()",
    ] {
        holds_positive(&format!("fn f(x: f64, y: f64) -> f64 {{ x.{m} * y }}"));
    }
    holds_positive(
        "fn f(x: f64) -> f64 { let (s, c) = x.sin_cos(); s * c + x % 0.4 + f64::exp(x) * f64::max(x, 0.1) }",
    );
    holds_positive("fn f(x: f64) -> f64 { (x + 1.0).acosh() * std::f64::consts::PI + f64::consts::E * x }");
    holds_positive("fn f(x: f32) -> f64 { (x as f64).exp() * 2f64.sqrt() }");
    holds_positive("fn f(x: f64, n: i32) -> f64 { x.powi(n) * (n as f64) }");
}

#[test]
fn array_arithmetic() {
    holds("fn f(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 { (&a * &b + 2.0 * &a - &b / 3.0).sum() }");
    holds("fn f(a: ArrayView2<f64>, b: ArrayView1<f64>) -> f64 { (&a * &b).mean().unwrap() }");
    holds("fn f(#[dims(3, 1)] a: &Array2<f64>, b: &Array1<f64>) -> f64 { (a * b).mapv(|v| v * v).sum() }");
    holds("fn f(#[dims(n, n)] a: &Array2<f64>) -> f64 { (a * &a.t()).sum() + (&a.t() + a).mapv(f64::sin).sum() }");
    holds("fn f(a: &Array2<f64>) -> f64 { (a.sum_axis(Axis(0)) * a.mean_axis(Axis(0)).unwrap()).sum() }");
    holds(
        "fn f(a: &Array2<f64>) -> f64 { let s = a.sum_axis(Axis(1)); s.mapv(|v| v.exp() * s.sum()).sum() }",
    );
    holds("fn f(#[dims(n, n)] a: &Array2<f64>) -> Array1<f64> { a.sum_axis(Axis(0)) * a.sum_axis(Axis(1)) }");
    holds("fn f(#[dims(n, n)] a: &Array2<f64>, b: &Array1<f64>) -> Array2<f64> { a.dot(a) * b + b.dot(a) }");
    holds("fn f(a: &Array2<f64>, b: &Array1<f64>) -> f64 { a.dot(b).dot(&a.dot(b)) + a.t().dot(a).sum() }");
    holds("fn f(a: &Array2<f64>, k: f64) -> f64 { let g = |v: f64| (k * v).tanh(); a.mapv(g).product() }");
    holds_positive(
        "fn f(a: &Array2<f64>) -> f64 { (a.exp() + a.ln() + a.powi(2) + a.abs()).sum() / a.len() as f64 }",
    );
}

#[test]
fn network_functions() {
    for f in ["relu", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus", "softmax", "log_softmax"] {
        holds(&format!("fn f(a: &Array2<f64>) -> Array2<f64> {{ {f}(a) }}"));
        holds(&format!("fn f(w: &Array2<f64>, x: &Array1<f64>) -> f64 {{ (x * {f}(w.dot(x))).sum() }}"));
    }
    holds("fn f(a: &Array2<f64>) -> Array1<f64> { logsumexp(a) }");
    holds("fn f(a: f64) -> f64 { leaky_relu(a, 0.1) + relu(a) }");
    holds("fn f(a: &Array2<f64>, b: &Array2<f64>) -> f64 { mse(a, b) + dropout(a, b).sum() }");
    let ce = "fn f(#[dims(B, 3)] z: ArrayView2<f64>, labels: &[usize]) -> f64 { cross_entropy(z, labels) }";
    holds(ce);
    holds("fn f(x: ArrayView2<f64>, #[dims(H, 3)] w: ArrayView2<f64>, labels: &[usize]) -> f64 { cross_entropy(&relu(x.dot(&w)), labels) }");
}

#[test]
fn struct_parameters_and_calls() {
    let defs = definitions(&[
        ("Layer", "struct Layer<const N: usize> { w: Array2<f64>, #[dims(N)] b: Array1<f64>, #[constant] scale: f64 }"),
        ("layer", "fn layer<const N: usize>(x: ArrayView2<f64>, l: &Layer<N>) -> Array2<f64> { let h = x.dot(&l.w) + &l.b; h * l.scale }"),
        ("sq", "fn sq(x: f64, #[dims(n)] y: &[f64; 2]) -> f64 { x * x }"),
    ]);
    let defs = {
        let mut all = defs.clone();
        all.entries.retain(|e| e.0.to_string() == "Layer");
        let inner = all.clone();
        for (path, definition) in defs.entries {
            let definition = match definition {
                Definition::Function { attr, item, .. } => {
                    Definition::Function { attr, item, defs: inner.clone(), surroundings: vec![] }
                }
                other => other,
            };
            all.insert(path, definition);
        }
        all
    };
    gradient_holds(
        "wrt(net)",
        "fn f(net: &Layer<3>, x: ArrayView2<f64>) -> f64 { relu(layer(x, net)).sum() }",
        &defs,
        &[],
        AROUND,
    );
}

#[test]
fn views_and_indices() {
    let square = "#[dims(4, 4)] a: &Array2<f64>";
    for body in [
        "a.slice(s![1..3, ..]).mapv(|v| v * v).sum()",
        "a.slice(s![..-1, 1..]).sum() * a.slice(s![.., ..;2]).mapv(f64::sin).sum()",
        "(&a.slice(s![..;-1, ..]) * a).sum()",
        "(&a.slice(s![1, ..]) * &a.slice(s![-1, ..])).sum() + (&a.slice(s![.., NewAxis, 0]) * &a.slice(s![0, ..])).sum()",
        "a.row(1).dot(&a.column(2)) + a[[0, 1]] * a[(3, 3)] + a.diag().dot(&a.row(0))",
        "a.t().slice(s![0..2, ..]).dot(a).mapv(f64::tanh).sum()",
        "a.index_axis(Axis(1), 2).mapv(f64::exp).sum()",
        "(a.row(0).insert_axis(Axis(1)) * a.row(1)).mapv(|v| v.sin()).sum()",
        "{ let b = a.to_shape((2, 8)).unwrap(); b.dot(&b.t()).mapv(f64::cos).sum() }",
        "{ let b = a.dot(a).into_shape_with_order((2, 2, 4)).unwrap(); b.sum_axis(Axis(1)).mapv(|v| v * v).sum() }",
        "{ let b = a.permuted_axes([1, 0]); (b * a.row(0)).sum() }",
        "{ let c = concatenate![Axis(0), a.slice(s![..2, ..]), a.t()]; c.dot(a).mapv(|v| v * v).sum() }",
        "{ let c = stack![Axis(1), a.row(0), a.column(1)]; c.mapv(|v| v.powi(3)).sum() }",
        "a.fold(f64::NEG_INFINITY, |m, v| m.max(*v)) + a.fold(0.0, |s, v| s + v * v)",
        "a.fold_axis(Axis(0), f64::INFINITY, |m, v| m.min(*v)).sum()",
        "a.map_axis(Axis(1), |row| row.dot(&row) + a.row(0).dot(&row)).mapv(f64::sqrt).sum()",
        "a.row(0).broadcast((3, 4)).unwrap().dot(a).sum()",
        "a.select(Axis(0), &[0, 2, 0]).mapv(|v| v * v).sum()",
        "a.axis_iter(Axis(1)).map(|c| c.dot(&c).sqrt()).sum::<f64>()",
        "{ let (u, v) = a.view().split_at(Axis(0), 1); (u.sum() * v.mapv(f64::exp)).sum() }",
        "{ let z = Array2::<f64>::from_elem((4, 4), 2.0); (&z * a + Array1::<f64>::ones(4)).sum() }",
    ] {
        holds_positive(&format!("fn f({square}) -> f64 {{ {body} }}"));
    }
    holds("fn f(x: &Array1<f64>, i: usize) -> f64 { let n = x.len(); (&x.slice(s![1..]) - &x.slice(s![..n - 1])).mapv(|d| d * d).sum() }");
    holds("fn f(x: &Array2<f64>, idx: &[usize]) -> f64 { x.select(Axis(0), idx).mapv(|v| v.sin() * v).sum() + x.dot(&x.t()).select(Axis(1), idx).mapv(|v| v * v).sum() }");
    holds("fn f(x: &Array3<f64>) -> Array3<f64> { let y = x.clone().permuted_axes((2, 0, 1)); y.mapv(f64::sin) }");
    gradient_holds(
        "vjp",
        "fn f(x: &[f64], idx: &[usize], i: usize) -> f64 { x[i] * x[idx[1]] + x[2] }",
        &definitions(&[]),
        &[("i", 1)],
        AROUND,
    );
}

#[test]
fn arrays_and_slices() {
    holds("fn f(x: [f64; 3], y: &[f64; 3]) -> f64 { x[0] * y[1] + x[2].sin() * x[0] }");
    holds("fn f(x: [[f64; 3]; 2]) -> [f64; 2] { [x[0][1] * x[1][2], x[1][0]] }");
    holds("fn f(x: [[f64; 3]; 2]) -> [[f64; 3]; 2] { [x[1], x[0]].map(|r| r.map(|v| v * v)) }");
    holds("fn f(x: &[f64]) -> f64 { x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64 }");
    holds("fn f(x: &[f64], y: &[f64]) -> f64 { x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() }");
    holds("fn f(x: &[f64]) -> f64 { x.iter().enumerate().map(|(i, v)| i as f64 * v.sin()).sum::<f64>() + x.iter().sum::<f64>() * x.iter().product::<f64>() }");
    holds("fn f(x: &[f64]) -> f64 { (0..x.len()).map(|i| x[i] * x[i]).sum::<f64>() + (0..x.len() - 1).map(|i| x[i] * x[i + 1]).sum::<f64>() }");
    holds("fn f(x: &[f64]) -> f64 { x.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum::<f64>() + x.iter().rev().zip(x).map(|(a, b)| a * b.exp()).sum::<f64>() }");
    holds("fn f(x: &[[f64; 3]]) -> f64 { x.iter().map(|r| r.iter().map(|v| v.sin()).sum::<f64>().powi(2)).sum() }");
    holds("fn f(x: &[f64; 6]) -> f64 { x.chunks_exact(2).map(|c| c[0] * c[1]).fold(1.0, |p, v| p * v) + x.iter().fold(f64::INFINITY, |m, v| m.min(*v)) }");
    holds("fn f(x: &[f64]) -> Vec<f64> { let s: f64 = x.iter().map(|v| v.exp()).sum(); x.iter().map(|v| v.exp() / s).collect() }");
    holds("fn f(x: &[f64]) -> f64 { x.iter().skip(1).map(|a| x.iter().map(|b| (a - b).powi(2)).sum::<f64>().sqrt()).sum::<f64>() }");
    holds("fn f(x: &[f64]) -> Array1<f64> { let v = aview1(x); let w = ArrayView1::from(&x[..]); &v * &w }");
    holds("fn f<const N: usize>(w: &[[f64; N]; N], x: &[f64; N]) -> [f64; N] { w.map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>()) }");
    holds("fn f(x: f64, y: f64) -> (f64, [f64; 2]) { (x * y, [x, y * y]) }");
}
