//! Random graphs over three axes: every pass keeps the values of all roots.

use super::fixtures::{joint, point, Build};
use super::{collect, expand, inline, recognise, simplify};
use crate::ir::ops::Ex;
use crate::ir::{interp, text, AxisId, Graph, Math, NodeId, Op, RedOp};

struct Stream(u64);
impl Stream {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A sum of a random expression whose operations keep values small.
fn program(b: &Build, s: &mut Stream, steps: usize) -> NodeId {
    let axes = [b.nth(3, 0), b.nth(3, 1), b.nth(3, 2)];
    let mut pool: Vec<Ex> = vec![
        b.input("x", &axes[..1]),
        b.input("y", &[axes[1]]),
        b.input("z", &axes[..2]),
        b.input("w", &[]),
        b.input("v", &[axes[2], axes[0]]),
    ];
    for _ in 0..steps {
        let x = pool[s.below(pool.len())];
        let y = pool[s.below(pool.len())];
        let k = [0.5, 2.0, -1.0, 0.25, 3.0, -0.1][s.below(6)];
        let own: Vec<AxisId> = b.0.borrow().axes(x.id).to_vec();
        let new = match s.below(16) {
            0 | 1 => x + y,
            2 => x - y,
            3 | 4 => b.un(Op::Tanh, x * y),
            5 => -x,
            6 => x * k,
            7 => x / (y * y + 1.0),
            8 => b.un(Op::Sigmoid, x),
            9 => 1.0 / (1.0 + (-x).exp()),
            10 => x.sin() * y.cos(),
            11 => b.un(Op::Tanh, x).exp(),
            12 => (b.un(Op::Tanh, x).exp() + 1.0).ln(),
            13 if !own.is_empty() => b.sum(&[own[s.below(own.len())]], x * y) * 0.3,
            14 if !own.is_empty() => {
                let over = [own[s.below(own.len())]];
                let m = b.reduce(RedOp::Max, &over, x);
                let e = (x - m).exp();
                e / b.sum(&over, e)
            }
            15 if !own.is_empty() => {
                // other names, where they are free
                let from = own[s.below(own.len())];
                match axes.iter().find(|a| !own.contains(a)) {
                    Some(to) => b.rename(x, &[from], &[*to]),
                    None => b.reduce(RedOp::LogSumExp, &own[..1], b.un(Op::Tanh, x)),
                }
            }
            _ => (x * x + 0.5).sqrt(),
        };
        pool.push(b.un(Op::Tanh, new * 0.7));
    }
    let mut total = pool[pool.len() - 1];
    for x in pool.iter().rev().skip(1).take(3) {
        total = total + *x * 0.5;
    }
    let all = b.0.borrow().axes(total.id).to_vec();
    b.sum(&all, total).id
}

fn values(graph: &Graph, roots: &[NodeId], axes: &[Vec<AxisId>]) -> Vec<Vec<f64>> {
    let at = point(graph);
    let all = interp::evaluate(graph, roots, &at);
    let of = |(r, axes): (&NodeId, &Vec<AxisId>)| {
        interp::over(graph, &all, &at, *r, axes).iter().map(|d| d.value).collect()
    };
    roots.iter().zip(axes).map(of).collect()
}

#[test]
fn random_graphs_keep_their_values() {
    for seed in 0..120u64 {
        let mut s = Stream(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let math = if seed % 4 == 3 { Math::Strict } else { Math::Real };
        let b = Build::new(math);
        let steps = 3 + s.below(12);
        let root = program(&b, &mut s, steps);
        let (primal, root) = b.done(root);
        let (graph, roots) = joint(&primal, root);
        let axes: Vec<Vec<AxisId>> = roots.iter().map(|r| graph.axes(*r).to_vec()).collect();
        let want = values(&graph, &roots, &axes);
        let recognised = {
            let (g, r) = recognise(&primal, &[root]);
            joint(&g, r[0])
        };
        let simplified = {
            let (g, r, report) = simplify(&recognised.0, &recognised.1);
            assert!(report.cost_after <= report.cost_before);
            (g, r)
        };
        let plain = simplify(&graph, &roots);
        let stages = [
            ("inline", inline::inline(&graph, &roots)),
            ("collect", collect::collect(&graph, &roots)),
            ("expand", expand::expand(&graph, &roots)),
            ("recognise", recognised),
            ("simplify", simplified),
            ("simplify alone", (plain.0, plain.1)),
        ];
        for (stage, (g, r)) in stages {
            let got = values(&g, &r, &axes);
            for (k, (a, b)) in want.iter().zip(&got).enumerate() {
                let size = a.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
                for (x, y) in a.iter().zip(b) {
                    let named = |r: &[NodeId]| r.iter().map(|r| (String::from("r"), *r)).collect::<Vec<_>>();
                    assert!(
                        (x - y).abs() <= 1e-11 * size,
                        "seed {seed}, {stage}, root {k}: {x} became {y}\n{}\n{}",
                        text::show(&graph, &named(&roots)),
                        text::show(&g, &named(&r))
                    );
                }
            }
        }
    }
}
