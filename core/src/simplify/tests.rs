//! Soundness, cost, determinism and speed on the fixtures, and the kinks of logsumexp.

use super::fixtures::{chain, joint, joints, point, primals, transformer, Build};
use super::{expand, inline, recognise, simplify};
use crate::derive::forward;
use crate::ir::{interp, text, AxisId, Graph, InputId, Math, Node, NodeId, Op, RedOp};
use std::time::Instant;

/// The values of the roots, each over the axes that it has in `like`.
fn values(graph: &Graph, roots: &[NodeId], axes: &[Vec<AxisId>]) -> Vec<Vec<f64>> {
    let at = point(graph);
    let all = interp::evaluate(graph, roots, &at);
    roots
        .iter()
        .zip(axes)
        .map(|(r, axes)| interp::over(graph, &all, &at, *r, axes).iter().map(|d| d.value).collect())
        .collect()
}

fn axes_of(graph: &Graph, roots: &[NodeId]) -> Vec<Vec<AxisId>> {
    roots.iter().map(|r| graph.axes(*r).to_vec()).collect()
}

fn assert_same(name: &str, before: &[Vec<f64>], after: &[Vec<f64>]) {
    for (k, (a, b)) in before.iter().zip(after).enumerate() {
        let size = a.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
        for (x, y) in a.iter().zip(b) {
            assert!((x - y).abs() <= 1e-12 * size, "{name}, root {k}: {x} became {y}");
        }
    }
}

fn show(graph: &Graph, roots: &[NodeId]) -> String {
    let named: Vec<(String, NodeId)> = roots.iter().enumerate().map(|(i, r)| (format!("r{i}"), *r)).collect();
    text::show(graph, &named)
}

#[test]
fn values_stay() {
    for math in [Math::Real, Math::Strict] {
        for f in joints(math) {
            let axes = axes_of(&f.graph, &f.roots);
            let before = values(&f.graph, &f.roots, &axes);
            let (g, r) = inline::inline(&f.graph, &f.roots);
            assert_same(&format!("{} inlined", f.name), &before, &values(&g, &r, &axes));
            let (g, r, _) = simplify(&f.graph, &f.roots);
            assert_same(&format!("{} {math:?}", f.name), &before, &values(&g, &r, &axes));
            for (old, new) in f.roots.iter().zip(&r) {
                assert!(g.axes(*new).iter().all(|a| f.graph.axes(*old).contains(a)), "{}", f.name);
            }
        }
    }
}

#[test]
fn recognition_keeps_values_and_gradients() {
    for math in [Math::Real, Math::Strict] {
        for (name, graph, root) in primals(math) {
            let (g, r) = recognise(&graph, &[root]);
            let (a, b) = (joint(&graph, root), joint(&g, r[0]));
            let axes = axes_of(&a.0, &a.1);
            assert_same(&name, &values(&a.0, &a.1, &axes), &values(&b.0, &b.1, &axes));
        }
    }
}

#[test]
fn simplification_is_idempotent_and_never_dearer() {
    for math in [Math::Real, Math::Strict] {
        for f in joints(math) {
            let (g, r, report) = simplify(&f.graph, &f.roots);
            assert!(report.cost_after <= report.cost_before, "{}: {report:?}", f.name);
            let (_, _, again) = simplify(&g, &r);
            assert_eq!(again.cost_after, report.cost_after, "{} {math:?} {:?}", f.name, again.fired);
            if std::env::var("SHOW").is_ok_and(|s| f.name == s) {
                println!("{}\n{}", show(&f.graph, &f.roots), show(&g, &r));
            }
            println!(
                "{math:?} {}: {} -> {} ops, cost {} -> {} {:?}",
                f.name,
                report.ops_before,
                report.ops_after,
                report.cost_before,
                report.cost_after,
                report.fired
            );
        }
    }
}

#[test]
fn the_output_is_a_function_of_the_input() {
    let run = |order: &[usize]| {
        let all = joints(Math::Real);
        let mut out = vec![String::new(); all.len()];
        for i in order {
            let (g, r, report) = simplify(&all[*i].graph, &all[*i].roots);
            out[*i] = format!("{}{report:?}", show(&g, &r));
        }
        out
    };
    let n = joints(Math::Real).len();
    let straight: Vec<usize> = (0..n).collect();
    let shuffled: Vec<usize> = (0..n).map(|i| (i * 7 + 3) % n).collect();
    let mut twice: Vec<usize> = (0..n).rev().collect();
    twice.extend(&straight);
    let first = run(&straight);
    assert_eq!(first, run(&shuffled));
    assert_eq!(first, run(&twice));
}

#[test]
fn idioms_are_recognised() {
    let has = |graph: &Graph, roots: &[NodeId], want: &dyn Fn(&Node) -> bool| {
        let needed = graph.reachable(roots);
        graph.ids().any(|id| needed[id.0 as usize] && want(graph.node(id)))
    };
    let op = |o: Op| move |n: &Node| matches!(n, Node::Apply(p, _) if *p == o);
    type Case<'a> = (&'a str, &'a dyn Fn(&Build) -> NodeId, Box<dyn Fn(&Node) -> bool>);
    fn k(b: &Build) -> AxisId {
        b.axis(3)
    }
    let cases: Vec<Case> = vec![
        ("sigmoid", &|b| (1.0 / (1.0 + (-b.input("x", &[])).exp())).id, Box::new(op(Op::Sigmoid))),
        ("softplus", &|b| (1.0 + b.input("x", &[]).exp()).ln().id, Box::new(op(Op::Softplus))),
        (
            "xlogy",
            &|b| {
                let x = b.input("x", &[]);
                (x.ln() * x).id
            },
            Box::new(op(Op::XLogY)),
        ),
        (
            "abs",
            &|b| {
                let x = b.input("x", &[]);
                (x * x).sqrt().id
            },
            Box::new(op(Op::Abs)),
        ),
        (
            "hypot",
            &|b| {
                let (x, y) = (b.input("x", &[]), b.input("y", &[]));
                (x * x + y * y).sqrt().id
            },
            Box::new(op(Op::Hypot)),
        ),
        (
            "tanh",
            &|b| {
                let x = b.input("x", &[]);
                ((x.exp() - (-x).exp()) / (x.exp() + (-x).exp())).id
            },
            Box::new(op(Op::Tanh)),
        ),
        (
            "logsumexp",
            &|b| {
                let k = k(b);
                b.sum(&[k], b.input("x", &[k]).exp()).ln().id
            },
            Box::new(|n| matches!(n, Node::Reduce(RedOp::LogSumExp, ..))),
        ),
        (
            "logsumexp shifted",
            &|b| {
                let k = k(b);
                let x = b.input("x", &[k]);
                let m = b.reduce(RedOp::Max, &[k], x);
                (b.sum(&[k], (x - m).exp()).ln() + m).id
            },
            Box::new(|n| matches!(n, Node::Reduce(RedOp::LogSumExp, ..))),
        ),
        (
            "softmax",
            &|b| {
                let k = k(b);
                let x = b.input("x", &[k]);
                let m = b.reduce(RedOp::Max, &[k], x);
                let e = (x - m).exp();
                (e / b.sum(&[k], e)).id
            },
            Box::new(|n| matches!(n, Node::Reduce(RedOp::LogSumExp, ..))),
        ),
    ];
    for (name, build, want) in cases {
        let b = Build::new(Math::Real);
        let root = build(&b);
        let (graph, root) = b.done(root);
        let (g, r) = recognise(&graph, &[root]);
        assert!(has(&g, &r, &want), "{name}:\n{}", show(&g, &r));
        // the hand-written maximum is gone
        assert!(!has(&g, &r, &|n| matches!(n, Node::Reduce(RedOp::Max, ..))), "{name}:\n{}", show(&g, &r));
    }
}

/// Value and gradient of logsumexp by both modes, simplified.
fn logsumexp_at(x: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let b = Build::new(Math::Real);
    let k = b.axis(x.len() as i64);
    let root = b.reduce(RedOp::LogSumExp, &[k], b.input("x", &[k])).id;
    let (graph, root) = b.done(root);
    let (g, roots) = joint(&graph, root);
    let (g, roots, _) = simplify(&g, &roots);
    let needed = g.reachable(&roots);
    let exps = g
        .ids()
        .filter(|id| needed[id.0 as usize] && matches!(g.node(*id), Node::Apply(Op::Weight, _)))
        .count();
    assert_eq!(exps, 1, "value and gradient share the weights:\n{}", show(&g, &roots));
    let duals = |v: &[f64]| v.iter().map(|v| interp::Dual::constant(*v)).collect::<Vec<_>>();
    let at = interp::Point { inputs: vec![duals(x)], syms: vec![], functions: vec![] };
    let all = interp::evaluate(&g, &roots, &at);
    let value = interp::over(&g, &all, &at, roots[0], &[])[0].value;
    let reverse = interp::over(&g, &all, &at, roots[1], &[k]).iter().map(|d| d.value).collect();
    let mut g = graph.clone();
    let (_, tangents) = forward(&mut g, &[root], &[InputId(0)]);
    let tangent = tangents[0].unwrap_or(root);
    let (g, r, _) = simplify(&g, &[tangent]);
    let forward = (0..x.len())
        .map(|i| {
            let dot: Vec<f64> = (0..x.len()).map(|j| f64::from(u8::from(i == j))).collect();
            let at = interp::Point { inputs: vec![duals(x), duals(&dot)], syms: vec![], functions: vec![] };
            let all = interp::evaluate(&g, &r, &at);
            interp::over(&g, &all, &at, r[0], &[])[0].value
        })
        .collect();
    (value, reverse, forward)
}

#[test]
fn logsumexp_keeps_its_kinks() {
    let inf = f64::INFINITY;
    for (x, value, gradient) in [
        (vec![-inf, -inf], -inf, vec![0.0, 0.0]),
        (vec![-inf, 0.0], 0.0, vec![0.0, 1.0]),
        (vec![inf, 0.0], inf, vec![1.0, 0.0]),
        (vec![inf, inf], inf, vec![0.5, 0.5]),
        (vec![1000.0, 1000.0], 1000.0 + 2f64.ln(), vec![0.5, 0.5]),
    ] {
        let (v, r, f) = logsumexp_at(&x);
        assert_eq!(v, value, "{x:?}");
        assert_eq!(r, gradient, "{x:?} reverse");
        assert_eq!(f, gradient, "{x:?} forward");
    }
}

#[test]
fn logaddexp_keeps_its_kinks() {
    let inf = f64::INFINITY;
    let b = Build::new(Math::Real);
    let (x, y) = (b.input("x", &[]), b.input("y", &[]));
    let root = (x.exp() + y.exp()).ln().id;
    let (graph, root) = b.done(root);
    let (g, r) = recognise(&graph, &[root]);
    let (g, roots) = joint(&g, r[0]);
    let (g, roots, _) = simplify(&g, &roots);
    for (x, y, want) in [
        (inf, inf, [inf, 0.5, 0.5]),
        (inf, 0.0, [inf, 1.0, 0.0]),
        (-inf, 0.0, [0.0, 0.0, 1.0]),
        (1000.0, 1000.0, [1000.0 + 2f64.ln(), 0.5, 0.5]),
    ] {
        let inputs = [x, y].map(|v| vec![interp::Dual::constant(v)]).to_vec();
        let at = interp::Point { inputs, syms: vec![], functions: vec![] };
        let all = interp::evaluate(&g, &roots, &at);
        let got: Vec<f64> = roots.iter().map(|r| interp::over(&g, &all, &at, *r, &[])[0].value).collect();
        assert_eq!(got, want, "{x} {y}");
    }
}

#[test]
fn renaming_loads_are_inlined() {
    let b = Build::new(Math::Real);
    let (i, j) = (b.nth(4, 0), b.nth(4, 1));
    let x = b.input("x", &[i]);
    // Σ_j x[i]·x[j], read at j: the inner axis must step aside
    let inner = b.sum(&[j], x * b.rename(x, &[i], &[j])).exp();
    let moved = b.rename(inner, &[i], &[j]);
    let root = b.sum(&[j], moved * x).id;
    let (graph, root) = b.done(root);
    let axes = axes_of(&graph, &[root]);
    let (g, r) = inline::inline(&graph, &[root]);
    let needed = g.reachable(&r);
    let loads = g
        .ids()
        .filter(|id| needed[id.0 as usize])
        .filter(|id| matches!(g.node(*id), Node::Load { array: crate::ir::Array::Node(..), .. }))
        .count();
    assert_eq!(loads, 0, "{}", show(&g, &r));
    assert_same("inlined", &values(&graph, &[root], &axes), &values(&g, &r, &axes));
}

#[test]
fn deep_graphs_do_not_overflow_the_stack() {
    let b = Build::new(Math::Real);
    let root = chain(&b, 1500);
    let (graph, root) = b.done(root);
    let (g, roots) = joint(&graph, root);
    let (g, r) = inline::inline(&g, &roots);
    let (g, r) = expand::expand(&g, &r);
    let (_, _, report) = simplify(&g, &r);
    assert!(report.cost_after <= report.cost_before);
}

#[test]
fn timings_are_printed() {
    let time = |name: &str, graph: &Graph, root: NodeId| {
        let t = Instant::now();
        let (p, r) = recognise(graph, &[root]);
        let recognised = t.elapsed();
        let (g, roots) = joint(&p, r[0]);
        let nodes = g.reachable(&roots).iter().filter(|n| **n).count();
        let t = Instant::now();
        let (_, _, report) = simplify(&g, &roots);
        println!(
            "{name}: {nodes} nodes, recognise {recognised:.2?}, simplify {:.2?}, cost {} -> {} {:?}",
            t.elapsed(),
            report.cost_before,
            report.cost_after,
            report.fired
        );
    };
    for lines in [8, 8, 16, 32, 64, 128] {
        let b = Build::new(Math::Real);
        let root = chain(&b, lines);
        let (graph, root) = b.done(root);
        time(&format!("chain {lines}"), &graph, root);
    }
    for (name, graph, root) in primals(Math::Real) {
        time(&name, &graph, root);
    }
    for blocks in [1, 2, 4] {
        let b = Build::new(Math::Real);
        let root = transformer(&b, blocks);
        let (graph, root) = b.done(root);
        time(&format!("transformer {blocks}"), &graph, root);
    }
}
