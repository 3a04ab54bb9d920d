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
                    Definition::Function { attr, item, defs: inner.clone() }
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
