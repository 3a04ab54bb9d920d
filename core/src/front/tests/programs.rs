//! Whole programs: networks, parameters in structs, calls, long bodies.

use super::*;

const AROUND: (f64, f64) = (-1.0, 1.0);

/// Definitions whose bodies see all those before them.
fn layered(items: &[(&str, &str)]) -> Definitions {
    let mut defs = definitions(&[]);
    for (path, item) in items {
        let inner = defs.clone();
        let definition = match item.contains("struct") {
            true => Definition::Struct { item: tokens(item), defs: inner },
            false => Definition::Function {
                attr: TokenStream::new(),
                item: tokens(item),
                defs: inner,
                surroundings: vec![],
            },
        };
        defs.insert(tokens(path), definition);
    }
    defs
}

#[test]
fn rosenbrock() {
    for body in [
        "(0..x.len() - 1).map(|i| 100.0 * (x[i + 1] - x[i] * x[i]).powi(2) + (1.0 - x[i]).powi(2)).sum()",
        "x.windows(2).map(|w| 100.0 * (w[1] - w[0].powi(2)).powi(2) + (1.0 - w[0]).powi(2)).sum::<f64>()",
        "x.iter().zip(&x[1..]).map(|(a, b)| 100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)).sum()",
    ] {
        let source = format!("fn f(x: &[f64]) -> f64 {{ {body} }}");
        gradient_holds("", &source, &definitions(&[]), &[], AROUND);
        let graph = check(&source);
        assert!(!graph.contains(") ["), "{graph}");
    }
    let views = "fn f(x: ArrayView1<f64>) -> f64 { let (a, b) = (x.slice(s![..-1]), x.slice(s![1..])); \
        let d = &b - &a * &a; let e = 1.0 - &a; 100.0 * (&d * &d).sum() + (&e * &e).sum() }";
    gradient_holds("", views, &definitions(&[]), &[], AROUND);
}

#[test]
fn a_deep_network_in_structs() {
    let defs = layered(&[
        ("Linear", "pub struct Linear { pub w: Array2<f64>, pub b: Array1<f64> }"),
        ("Net", "pub struct Net { layers: [Linear; 3], head: Linear, #[constant] name: String }"),
        ("linear", "pub fn linear(x: &Array2<f64>, l: &Linear) -> Array2<f64> { x.dot(&l.w) + &l.b }"),
        ("hidden", "fn hidden(x: &Array2<f64>, l: &Linear) -> Array2<f64> { let y = linear(x, l); y.mapv(f64::tanh) }"),
    ]);
    let source = "fn loss(net: &Net, x: ArrayView2<f64>, labels: &[usize]) -> f64 {
        let h = hidden(&x.to_owned(), &net.layers[0]);
        let h = hidden(&h, &net.layers[1]);
        let h = hidden(&h, &net.layers[2]);
        cross_entropy(linear(&h, &net.head), labels) }";
    // labels are below 3
    let p = accepted("wrt(net)", source, &defs);
    let names: Vec<&str> = p.graph.inputs.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names[..4], ["net.layers[0].w", "net.layers[0].b", "net.layers[1].w", "net.layers[1].b"]);
    let given: Vec<(String, i64)> = names.iter().map(|n| (format!("{n}.len()"), 3)).collect();
    let given: Vec<(&str, i64)> =
        given.iter().map(|g| (g.0.as_str(), g.1)).chain([("labels.len()", 4)]).collect();
    gradient_holds("wrt(net)", source, &defs, &given, AROUND);
}

#[test]
fn tuple_structs_and_generic_sizes() {
    let defs = layered(&[
        ("Affine", "struct Affine<const N: usize, T>([T; N], f64);"),
        ("apply", "fn apply<const N: usize>(a: &Affine<N, f64>, x: &[f64; N]) -> f64 { a.0.iter().zip(x).map(|(w, v)| w * v).sum::<f64>() + a.1 }"),
    ]);
    let source = "fn f<const K: usize>(a: &Affine<K, f64>, x: [f64; K], p: &Affine<2, f64>) -> f64 { apply(a, &x) * apply(p, &[x[0], 1.0]) * (K as f64) }";
    gradient_holds("", source, &defs, &[("K", 3)], AROUND);
}

#[test]
fn sizes_in_fields_belong_to_each_struct() {
    let defs = layered(&[(
        "Layer",
        "struct Layer<const FROM: usize, const TO: usize> { #[dims(TO, FROM)] w: Array2<f64> }",
    )]);
    let source =
        "fn f(a: &Layer<2, 3>, b: &Layer<3, 4>, x: ArrayView1<f64>) -> f64 { b.w.dot(&a.w.dot(&x)).sum() }";
    let p = accepted("", source, &defs);
    let shape =
        |k: usize| -> Vec<Option<i64>> { p.graph.inputs[k].dims.iter().map(|d| d.as_const()).collect() };
    assert_eq!((shape(0), shape(1)), (vec![Some(3), Some(2)], vec![Some(4), Some(3)]));
    gradient_holds("", source, &defs, &[("x.len()", 2)], AROUND);
}

/// The caller does not ask for the type of a struct that it does not differentiate. Of its fields, only those that the callee
/// reads become inputs.
#[test]
fn fields_that_only_the_callee_knows() {
    let mut defs = layered(&[
        ("Layer", "struct Layer { w: Array2<f64>, b: Array1<f64>, scale: f64, other: Array1<f64> }"),
        ("Net", "struct Net { first: Layer, second: Layer }"),
        ("layer", "fn layer(l: &Layer, x: &Array1<f64>) -> Array1<f64> { let b = &l.b; (l.w.dot(x) + b).mapv(f64::tanh) * l.scale }"),
        ("net", "fn net(net: &Net, x: &Array1<f64>) -> f64 { let first = &net.first; layer(&net.second, &layer(first, x)).sum() }"),
    ]);
    defs.entries.retain(|e| e.0.to_string() == "net");
    let source = "fn f(n: &Net, x: &Array1<f64>) -> f64 { net(n, x) * 2.0 }";
    let p = accepted("wrt(x)", source, &defs);
    let names: Vec<&str> = p.graph.inputs.iter().map(|i| i.name.as_str()).collect();
    let read = ["n.first.b", "n.first.w", "n.first.scale", "n.second.b", "n.second.w", "n.second.scale"];
    assert_eq!(names, [&["x"][..], &read].concat());
    gradient_holds("wrt(x)", source, &defs, &[], AROUND);

    // the place would be another one in each iteration
    let source = "fn f(n: &[Net], x: &Array1<f64>) -> f64 { let mut s = 0.0; for k in 0..2 { s += net(&n[k], x); } s }";
    let errors = lowered("wrt(x)", source, &defs).expect_err("it is refused");
    assert!(errors.list[0].text().contains("missing type information"), "{}", errors.list[0].text());
}

#[test]
fn callees_keep_to_themselves() {
    let defs = layered(&[
        ("scaled", "fn scaled(x: f64, n: usize) -> f64 { let w: f64 = weight(n); x * w + n as f64 }"),
        ("twice", "fn twice(x: f64) -> f64 { let n = 2.0; scaled(x, 3) * n }"),
        ("bad", "fn bad(x: f64) -> f64 { unknown(x) }"),
        ("looped", "fn looped(x: f64) -> f64 { x }"),
    ]);
    let p =
        accepted("", "fn f(x: f64, k: usize) -> f64 { let w = 1.5; scaled(x, k + 1) * w + twice(x) }", &defs);
    let host: Vec<String> = p.host.iter().map(|t| crate::diag::source(t)).collect();
    assert_eq!(
        host,
        [
            "let w_2: f64 = scaled::scope::weight((k + 1));",
            "let w_3: f64 = twice::scope::scaled::scope::weight({ let argument: usize = 3; argument });"
        ]
    );
    let errors = lowered("", "fn f(x: f64) -> f64 { bad(x) }", &defs).expect_err("refused");
    assert!(errors.list[0].text().contains("in the call of `bad`: unknown function `unknown`"));
    let mut recursive = definitions(&[]);
    let item = "fn looped(x: f64) -> f64 { looped(x) }";
    let mut inner = definitions(&[]);
    for _ in 0..3 {
        let definition = Definition::Function {
            attr: TokenStream::new(),
            item: tokens(item),
            defs: inner.clone(),
            surroundings: vec![],
        };
        inner.insert(tokens("looped"), definition);
    }
    recursive.insert(
        tokens("looped"),
        Definition::Function {
            attr: TokenStream::new(),
            item: tokens(item),
            defs: inner,
            surroundings: vec![],
        },
    );
    let errors = lowered("", item, &recursive).expect_err("refused");
    assert!(errors.list[0].text().contains("calls itself"), "{}", errors.list[0].text());
}

#[test]
fn a_long_chain_takes_linear_time() {
    let chain = |n: usize| {
        let lines: String =
            (0..n).map(|i| format!("let a{} = a{i}.sin() * a{i}.exp() + a{i};\n", i + 1)).collect();
        format!("fn f(a0: f64) -> f64 {{ {lines} a{n} }}")
    };
    let p = accepted("", &chain(128), &definitions(&[]));
    assert_eq!(p.graph.len(), 1 + 4 * 128);
}

#[test]
fn a_single_precision_network() {
    let source = "fn loss(#[dims(2, 16)] w1: ArrayView2<f32>, b1: ArrayView1<f32>, #[dims(16, 1)] w2: ArrayView2<f32>, #[dims(1)] b2: ArrayView1<f32>,
        #[dims(B, 2)] x: ArrayView2<f32>, #[dims(B, 1)] y: ArrayView2<f32>) -> f32 {
        let h = (x.dot(&w1) + &b1).mapv(f32::tanh); mse(h.dot(&w2) + &b2, y) }";
    gradient_holds("wrt(w1, b1, w2, b2)", source, &definitions(&[]), &[("B", 3)], AROUND);
    let p = accepted("wrt(w1, b1, w2, b2)", source, &definitions(&[]));
    assert!(text(&p).contains("= x[B, 2]"), "{}", text(&p));
}

#[test]
fn gaussian_mixture() {
    let source = "fn gmm(#[dims(K)] alphas: ArrayView1<f64>, #[dims(K, 3)] means: ArrayView2<f64>, #[dims(K, 6)] icf: ArrayView2<f64>,
        #[dims(N, 3)] x: ArrayView2<f64>, #[dims(9)] place: &[usize], #[dims(3, 3)] below: ArrayView2<f64>) -> f64 {
        let (n, k, d) = (x.nrows(), means.nrows(), x.ncols());
        let q = icf.slice(s![.., ..d]);
        let l = icf.select(Axis(1), place).into_shape_with_order((k, d, d)).unwrap() * &below;
        let v = &x.insert_axis(Axis(1)) - &means;
        let qx = &q.exp() * &v + (&l * &v.view().insert_axis(Axis(2))).sum_axis(Axis(3));
        let t = &alphas + &q.sum_axis(Axis(1)) - 0.5 * (&qx * &qx).sum_axis(Axis(2));
        let constant = -0.5 * (n * d) as f64 * (2.0 * std::f64::consts::PI).ln();
        let prior = 0.5 * (q.mapv(|v| (2.0 * v).exp()).sum() + icf.slice(s![.., d..]).mapv(|v| v * v).sum());
        constant + logsumexp(&t).sum() - n as f64 * logsumexp(&alphas) + prior }";
    gradient_holds("wrt(alphas, means, icf)", source, &definitions(&[]), &[("K", 2), ("N", 4)], AROUND);
}
