//! Graphs for tests: the primal of each, and its joint graph with the gradient.

use crate::derive::reverse;
use crate::ir::ops::Ex;
use crate::ir::{
    interp, Array, AxisId, Dtype, Graph, Index, Input, InputId, Math, NodeId, Op, RedOp, Size, Sizes,
};
use std::cell::RefCell;

pub struct Fixture {
    pub name: String,
    pub graph: Graph,
    pub roots: Vec<NodeId>,
}

/// A graph under construction.
pub struct Build(pub RefCell<Graph>);

impl Build {
    pub fn new(math: Math) -> Self {
        Build(RefCell::new(Graph::new(math, Sizes::default())))
    }
    pub fn ex(&self, id: NodeId) -> Ex<'_> {
        Ex { graph: &self.0, id }
    }
    pub fn axis(&self, n: i64) -> AxisId {
        self.0.borrow_mut().axis_of(&Size::constant(n), 0)
    }
    pub fn nth(&self, n: i64, occ: u32) -> AxisId {
        self.0.borrow_mut().axis_of(&Size::constant(n), occ)
    }
    /// A differentiated input, read at the axes.
    pub fn input(&self, name: &str, axes: &[AxisId]) -> Ex<'_> {
        let mut g = self.0.borrow_mut();
        let dims = axes.iter().map(|a| g.axis_size(*a).clone()).collect();
        let input =
            g.add_input(Input { name: name.into(), dtype: Dtype::F64, dims, active: true, computed: false });
        let id = g.load(Array::Input(input), None, axes.iter().map(|a| Index::axis(*a)).collect());
        drop(g);
        self.ex(id)
    }
    pub fn reduce<'g>(&'g self, op: RedOp, axes: &[AxisId], x: Ex<'g>) -> Ex<'g> {
        let id = self.0.borrow_mut().reduce(op, axes, x.id);
        self.ex(id)
    }
    pub fn sum<'g>(&'g self, axes: &[AxisId], x: Ex<'g>) -> Ex<'g> {
        self.reduce(RedOp::Sum, axes, x)
    }
    pub fn rename<'g>(&'g self, x: Ex<'g>, from: &[AxisId], to: &[AxisId]) -> Ex<'g> {
        let id = self.0.borrow_mut().rename(x.id, from, to);
        self.ex(id)
    }
    pub fn un<'g>(&'g self, op: Op, x: Ex<'g>) -> Ex<'g> {
        let id = self.0.borrow_mut().apply(op, &[x.id]);
        self.ex(id)
    }
    pub fn relu<'g>(&'g self, x: Ex<'g>) -> Ex<'g> {
        let zero = x.like(0.0);
        let id = self.0.borrow_mut().apply(Op::Max, &[x.id, zero.id]);
        self.ex(id)
    }
    pub fn done(self, root: NodeId) -> (Graph, NodeId) {
        (self.0.into_inner(), root)
    }
}

/// The value and the gradient with respect to all inputs.
pub fn joint(graph: &Graph, root: NodeId) -> (Graph, Vec<NodeId>) {
    let mut graph = graph.clone();
    let seed = graph.constant(1.0, Dtype::F64);
    let wrt: Vec<InputId> = (0..graph.inputs.len() as u32).map(InputId).collect();
    let gradients = reverse(&mut graph, &[(root, seed)], &wrt);
    let mut roots = vec![root];
    roots.extend(gradients.iter().map(|g| g.node));
    (graph, roots)
}

fn sigmoid_by_hand<'g>(x: Ex<'g>) -> Ex<'g> {
    1.0 / (1.0 + (-x).exp())
}

fn rosenbrock(b: &Build) -> NodeId {
    let (x, y) = (b.input("x", &[]), b.input("y", &[]));
    ((1.0 - x) * (1.0 - x) + (y - x * x) * (y - x * x) * 100.0).id
}

fn mlp(b: &Build) -> NodeId {
    let (n, i, h, o) = (b.axis(5), b.axis(4), b.axis(6), b.axis(3));
    let (x, w1, b1) = (b.input("x", &[n, i]), b.input("w1", &[i, h]), b.input("b1", &[h]));
    let (w2, y) = (b.input("w2", &[h, o]), b.input("y", &[n, o]));
    let a = b.un(Op::Tanh, b.sum(&[i], x * w1) + b1);
    let d = b.sum(&[h], a * w2) - y;
    (b.sum(&[n, o], d * d) / 15.0).id
}

fn cross_entropy(b: &Build) -> NodeId {
    let (n, k) = (b.axis(5), b.axis(3));
    let (x, t) = (b.input("x", &[n, k]), b.input("t", &[n, k]));
    let m = b.reduce(RedOp::Max, &[k], x);
    let e = (x - m).exp();
    let p = e / b.sum(&[k], e);
    (-(b.sum(&[n, k], t * p.ln()) / 5.0)).id
}

fn cross_entropy_primitive(b: &Build) -> NodeId {
    let (n, k) = (b.axis(5), b.axis(3));
    let (x, t) = (b.input("x", &[n, k]), b.input("t", &[n, k]));
    let l = x - b.reduce(RedOp::LogSumExp, &[k], x);
    (-(b.sum(&[n, k], t * l) / 5.0)).id
}

fn lstm(b: &Build) -> NodeId {
    let (h, k) = (b.axis(4), b.axis(3));
    let x = b.input("x", &[k]);
    let c = b.input("c", &[h]);
    let gate = |name: &str| b.sum(&[k], b.input(name, &[h, k]) * x);
    let (i, f, o) = (sigmoid_by_hand(gate("wi")), sigmoid_by_hand(gate("wf")), sigmoid_by_hand(gate("wo")));
    let g = b.un(Op::Tanh, gate("wg"));
    let next = f * c + i * g;
    b.sum(&[h], o * b.un(Op::Tanh, next)).id
}

fn layer_norm(b: &Build) -> NodeId {
    let (n, d) = (b.axis(4), b.axis(5));
    let (x, gamma, beta) = (b.input("x", &[n, d]), b.input("gamma", &[d]), b.input("beta", &[d]));
    let mean = b.sum(&[d], x) / 5.0;
    let z = x - mean;
    let var = b.sum(&[d], z * z) / 5.0;
    let y = z / (var + 1e-5).sqrt() * gamma + beta;
    b.sum(&[n, d], b.un(Op::Tanh, y)).id
}

fn gelu(b: &Build) -> NodeId {
    let n = b.axis(7);
    let x = b.input("x", &[n]);
    let inner = (x + x * x * x * 0.044715) * (2.0 / std::f64::consts::PI).sqrt();
    b.sum(&[n], x * 0.5 * (b.un(Op::Tanh, inner) + 1.0)).id
}

fn norms(b: &Build) -> NodeId {
    let n = b.axis(4);
    let (x, y) = (b.input("x", &[n]), b.input("y", &[]));
    let norm = b.sum(&[n], x * x).sqrt();
    (norm * norm + norm * y + (y * y).sqrt() + b.un(Op::Recip, y).exp() * y.exp()).id
}

/// `a₁ = x; aᵢ₊₁ = sin(aᵢ)·exp(aᵢ) + aᵢ`
pub fn chain(b: &Build, lines: usize) -> NodeId {
    let mut a = b.input("x", &[]);
    for _ in 0..lines {
        a = a.sin() * a.exp() + a;
    }
    a.id
}

/// Self-attention, a gated layer and layer norms, `blocks` times.
pub fn transformer(b: &Build, blocks: usize) -> NodeId {
    let (t, s, d, k, h) = (b.axis(6), b.nth(6, 1), b.axis(4), b.nth(4, 1), b.axis(8));
    let mut x = b.input("x", &[t, d]);
    for block in 0..blocks {
        let w = |name: &str, axes: &[AxisId]| b.input(&format!("{name}{block}"), axes);
        let project = |name: &str, x: Ex<'_>| b.sum(&[d], b.ex(x.id) * w(name, &[d, k]));
        let mean = b.sum(&[d], x) / 4.0;
        let z = x - mean;
        let x1 = z / (b.sum(&[d], z * z) / 4.0 + 1e-5).sqrt() * w("gamma", &[d]) + w("beta", &[d]);
        let (q, key, v) = (project("wq", x1), project("wk", x1), project("wv", x1));
        let (key, v) = (b.rename(key, &[t], &[s]), b.rename(v, &[t], &[s]));
        let score = b.sum(&[k], q * key) * 0.5;
        let m = b.reduce(RedOp::Max, &[s], score);
        let e = (score - m).exp();
        let p = e / b.sum(&[s], e);
        let mixed = b.rename(b.sum(&[s], p * v), &[k], &[d]);
        let x2 = x + mixed;
        let a = b.sum(&[d], x2 * w("w1", &[d, h])) + w("b1", &[h]);
        let gated = a * sigmoid_by_hand(a);
        let out = b.sum(&[h], gated * w("w2", &[h, d])) + w("b2", &[d]);
        x = x2 + out;
    }
    b.sum(&[t, d], x * x).id
}

type Fill<'a> = &'a dyn Fn(&Build) -> NodeId;

/// All primals by name.
pub fn primals(math: Math) -> Vec<(String, Graph, NodeId)> {
    let table: &[(&str, Fill)] = &[
        ("rosenbrock", &rosenbrock),
        ("mlp", &mlp),
        ("cross entropy", &cross_entropy),
        ("cross entropy primitive", &cross_entropy_primitive),
        ("lstm", &lstm),
        ("layer norm", &layer_norm),
        ("gelu", &gelu),
        ("norms", &norms),
        ("chain", &|b| chain(b, 5)),
        ("transformer", &|b| transformer(b, 1)),
    ];
    let built = |f: Fill| {
        let b = Build::new(math);
        let root = f(&b);
        b.done(root)
    };
    table
        .iter()
        .map(|(name, f)| {
            let (g, r) = built(f);
            (name.to_string(), g, r)
        })
        .collect()
}

/// Joint graphs, with and without recognised idioms.
pub fn joints(math: Math) -> Vec<Fixture> {
    let mut out = Vec::new();
    for (name, graph, root) in primals(math) {
        let (g, roots) = joint(&graph, root);
        out.push(Fixture { name: format!("{name}, plain"), graph: g, roots });
        let (g, r) = super::recognise(&graph, &[root]);
        let (g, roots) = joint(&g, r[0]);
        out.push(Fixture { name: format!("{name}, recognised"), graph: g, roots });
    }
    out
}

/// Values for the inputs, the same for the same graph.
pub fn point(graph: &Graph) -> interp::Point {
    let mut state = 12345u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 * 1.4 - 0.6
    };
    let inputs = graph
        .inputs
        .iter()
        .map(|i| {
            let n: i64 = i.dims.iter().map(|d| d.as_const().unwrap_or(3)).product();
            (0..n).map(|_| interp::Dual::constant(next())).collect()
        })
        .collect();
    interp::Point { inputs, syms: vec![], functions: vec![] }
}
