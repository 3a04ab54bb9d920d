//! The reference interpreter: evaluates a graph in `f64`, with tangents beside the values (dual numbers).
//!
//! It knows no optimisation and is the oracle of the tests. Invariant: it evaluates each node as a dense array over
//! the node's free axes, in topological order.

use super::graph::{Array, AxisId, Graph, Index, InputId, Node, NodeId, RedOp};
use super::size::{Size, Sym};

/// A value and its tangent.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Dual {
    pub value: f64,
    pub dot: f64,
}

impl Dual {
    pub fn constant(value: f64) -> Self {
        Dual { value, dot: 0.0 }
    }
}

/// What the graph is evaluated at.
#[derive(Default)]
pub struct Point {
    /// Row-major elements of each input, by input number.
    pub inputs: Vec<Vec<Dual>>,
    /// A value for each symbol of a size.
    pub syms: Vec<i64>,
    /// What the callees are, by their numbers: arguments in, the numbers of the result out.
    pub functions: Vec<fn(&[Vec<f64>]) -> Vec<f64>>,
}

/// Elements of each node, row-major over its free axes; empty for nodes that the roots do not need.
pub fn evaluate(graph: &Graph, roots: &[NodeId], at: &Point) -> Vec<Vec<Dual>> {
    let needed = graph.reachable(roots);
    let mut run = Run { graph, at, values: vec![Vec::new(); graph.len()], running: vec![], turns: vec![] };
    let ids: Vec<NodeId> = graph.ids().filter(|id| needed[id.0 as usize]).collect();
    run.nodes(&ids, &vec![]);
    run.values
}

/// A node's elements, row-major over the given axes (which may exceed the node's own).
pub fn over(graph: &Graph, values: &[Vec<Dual>], at: &Point, id: NodeId, dims: &[AxisId]) -> Vec<Dual> {
    let run = Run { graph, at, values: values.to_vec(), running: vec![], turns: vec![] };
    run.positions(dims).map(|env| run.get(id, &env)).collect()
}

/// Loops are given up after so many turns.
const MOST_TURNS: i64 = 64;

type Env = Vec<(AxisId, i64)>;

struct Run<'a> {
    graph: &'a Graph,
    at: &'a Point,
    values: Vec<Vec<Dual>>,
    /// How often loops turn whose sizes only the run tells.
    turns: Vec<(AxisId, i64)>,
    /// The scans that are being run.
    running: Vec<super::scan::ScanId>,
}

impl Run<'_> {
    /// Evaluates nodes in order, at the given positions of the scans around.
    fn nodes(&mut self, ids: &[NodeId], around: &Env) {
        let mut done = vec![false; self.graph.len()];
        for id in ids {
            if std::mem::replace(&mut done[id.0 as usize], true) {
                continue;
            }
            match self.graph.node(*id) {
                Node::Carry { scan, .. } => {
                    let members = self.graph.members(*scan);
                    let scanned: Vec<NodeId> =
                        ids.iter().copied().filter(|i| members[i.0 as usize]).collect();
                    // what an iteration reads and does not change comes first
                    let running = self.running.clone();
                    let needed = self.graph.ancestors(&scanned, &|s| running.contains(&s));
                    let before: Vec<NodeId> = ids
                        .iter()
                        .copied()
                        .filter(|i| needed[i.0 as usize] && !members[i.0 as usize] && !done[i.0 as usize])
                        .filter(|i| i != id)
                        .collect();
                    self.nodes(&before, around);
                    scanned.iter().chain(&before).for_each(|i| done[i.0 as usize] = true);
                    self.scan(*scan, &scanned, around);
                }
                _ => self.fill(*id, around),
            }
        }
    }

    fn scan(&mut self, scan: super::scan::ScanId, members: &[NodeId], around: &Env) {
        let info = self.graph.scan(scan).clone();
        if info.go.is_some() && !self.turns.iter().any(|t| t.0 == info.axis) {
            // a first run finds out how often
            self.turns.push((info.axis, MOST_TURNS));
            let turns = self.count(scan, members, around);
            self.turns.pop();
            self.turns.push((info.axis, turns));
        }
        let n = self.extent(info.axis);
        self.running.push(scan);
        for turn in 0..n {
            let at = if info.reversed { n - 1 - turn } else { turn };
            let mut inside = around.clone();
            inside.push((info.axis, at));
            let (carries, rest): (Vec<NodeId>, Vec<NodeId>) = members
                .iter()
                .copied()
                .partition(|m| matches!(self.graph.node(*m), Node::Carry { scan: s, .. } if *s == scan));
            for carry in carries {
                let Node::Carry { init, .. } = self.graph.node(carry) else { continue };
                let source = if turn == 0 { Some(*init) } else { self.graph.next_of(carry) };
                let mut before = around.clone();
                before.push((info.axis, if info.reversed { at + 1 } else { at - 1 }));
                self.put(carry, &inside, |run, env| {
                    let mut env = env.clone();
                    env.push(before[before.len() - 1]);
                    source.map_or(Dual::constant(f64::NAN), |s| run.get(s, &env))
                });
            }
            self.nodes(&rest, &inside);
        }
        self.running.pop();
    }

    /// The first position at which a scan does not go on.
    fn count(&mut self, scan: super::scan::ScanId, members: &[NodeId], around: &Env) -> i64 {
        let info = self.graph.scan(scan).clone();
        self.scan(scan, members, around);
        let go = |run: &Self, at: i64| {
            let mut env = around.clone();
            env.push((info.axis, at));
            info.go.is_some_and(|g| run.get(g, &env).value != 0.0)
        };
        (0..MOST_TURNS).find(|at| !go(self, *at)).unwrap_or(MOST_TURNS)
    }

    /// Sets a node's elements at the given positions of some axes.
    fn put(&mut self, id: NodeId, fixed: &Env, value: impl Fn(&Self, &Env) -> Dual) {
        let axes = self.graph.axes(id).to_vec();
        let total: i64 = axes.iter().map(|a| self.extent(*a)).product();
        if self.values[id.0 as usize].len() != total as usize {
            self.values[id.0 as usize] = vec![Dual::constant(f64::NAN); total as usize];
        }
        let free: Vec<AxisId> = axes.iter().copied().filter(|a| !fixed.iter().any(|f| f.0 == *a)).collect();
        let all: Vec<Env> = self.positions(&free).collect();
        for mut env in all {
            env.extend(fixed);
            let new = value(self, &env);
            let flat = self.offset(&axes, &env);
            if let Some(slot) = self.values[id.0 as usize].get_mut(flat as usize) {
                *slot = new;
            }
        }
    }

    fn offset(&self, axes: &[AxisId], env: &Env) -> i64 {
        axes.iter().fold(0, |flat, axis| {
            flat * self.extent(*axis) + env.iter().rev().find(|e| e.0 == *axis).map_or(0, |e| e.1)
        })
    }

    /// Evaluates a node at the given positions of the scans around.
    fn fill(&mut self, id: NodeId, around: &Env) {
        let node = self.graph.node(id).clone();
        match &node {
            Node::Scatter { .. } if !around.iter().any(|a| self.graph.axes(id).contains(&a.0)) => {
                self.values[id.0 as usize] = self.scatter(id, &vec![]);
            }
            Node::Scatter { dims, view: None, parts } => {
                let (dims, parts) = (dims.clone(), parts.clone());
                self.put(id, around, |run, env| {
                    let mut sum = Dual::default();
                    for part in &parts {
                        let fixed: Env =
                            around.iter().copied().filter(|a| !part.over.contains(&a.0)).collect();
                        for mut at in run.positions(&part.over) {
                            at.splice(0..0, fixed.iter().copied());
                            let lands = dims.iter().zip(&part.index).all(|(d, i)| {
                                Some(run.index(i, &at)) == env.iter().find(|e| e.0 == *d).map(|e| e.1)
                            });
                            if lands {
                                let x = run.get(part.value, &at);
                                sum.value += x.value;
                                sum.dot += x.dot;
                            }
                        }
                    }
                    sum
                });
            }
            _ => self.put(id, around, |run, env| run.scalar(&node, env)),
        }
    }

    fn size(&self, size: &Size) -> i64 {
        self.graph.sizes.resolve(size).eval(&|s: Sym| self.at.syms.get(s.0 as usize).copied().unwrap_or(1))
    }

    fn extent(&self, axis: AxisId) -> i64 {
        if let Some((_, n)) = self.turns.iter().rev().find(|t| t.0 == axis) {
            return *n;
        }
        self.size(self.graph.axis_size(axis))
    }

    /// All assignments of the axes, in row-major order.
    fn positions<'a>(&'a self, axes: &'a [AxisId]) -> impl Iterator<Item = Env> + 'a {
        let extents: Vec<i64> = axes.iter().map(|a| self.extent(*a)).collect();
        let total: i64 = extents.iter().product();
        (0..total).map(move |flat| {
            let mut rest = flat;
            let mut env: Env = Vec::with_capacity(axes.len());
            for (axis, extent) in axes.iter().zip(&extents).rev() {
                env.push((*axis, rest % extent));
                rest /= extent;
            }
            env
        })
    }

    fn get(&self, id: NodeId, env: &Env) -> Dual {
        let flat = self.offset(self.graph.axes(id), env);
        self.values[id.0 as usize].get(flat as usize).copied().unwrap_or(Dual::constant(f64::NAN))
    }

    fn index(&self, index: &Index, env: &Env) -> i64 {
        let mut at = self.size(&index.offset);
        for (axis, c) in &index.terms {
            at += self.size(c) * env.iter().rev().find(|e| e.0 == *axis).map_or(0, |e| e.1);
        }
        at + index.gather.map_or(0, |g| self.get(g, env).value as i64)
    }

    /// The row-major position under the dimensions.
    fn flat(&self, dims: &[i64], index: &[Index], env: &Env) -> i64 {
        dims.iter().zip(index).fold(0, |flat, (d, i)| flat * d + self.index(i, env))
    }

    fn scatter(&self, id: NodeId, around: &Env) -> Vec<Dual> {
        let axes = self.graph.axes(id).to_vec();
        let Node::Scatter { dims, view, parts } = self.graph.node(id) else { return vec![] };
        // elements in the order of `dims`, then put into the order of the node's axes
        let extents: Vec<i64> = dims.iter().map(|a| self.extent(*a)).collect();
        let viewed: Vec<i64> = match view {
            Some(view) => view.iter().map(|s| self.size(s)).collect(),
            None => extents.clone(),
        };
        let mut out = vec![Dual::default(); extents.iter().product::<i64>() as usize];
        for part in parts {
            for mut env in self.positions(&part.over) {
                env.splice(0..0, around.iter().copied());
                let x = self.get(part.value, &env);
                if let Some(o) = out.get_mut(self.flat(&viewed, &part.index, &env) as usize) {
                    o.value += x.value;
                    o.dot += x.dot;
                }
            }
        }
        let identity: Vec<Index> = dims.iter().map(|a| Index::axis(*a)).collect();
        self.positions(&axes).map(|env| out[self.flat(&extents, &identity, &env) as usize]).collect()
    }

    fn scalar(&self, node: &Node, env: &Env) -> Dual {
        match node {
            Node::Const(bits) => Dual::constant(f64::from_bits(*bits)),
            Node::Size(size) => Dual::constant(self.size(size) as f64),
            Node::Position(axis) => {
                Dual::constant(env.iter().rev().find(|e| e.0 == *axis).map_or(0, |e| e.1) as f64)
            }
            Node::Cast(x) => self.get(*x, env),
            Node::Apply(op, args) => {
                let v: Vec<Dual> = args.iter().map(|a| self.get(*a, env)).collect();
                let values: Vec<f64> = v.iter().map(|d| d.value).collect();
                let value = (op.info().eval64)(&values);
                let tie = if v.iter().filter(|d| d.dot != 0.0).count() > 1 { 0.5 } else { 0.0 };
                let mut dot = 0.0;
                for (i, d) in v.iter().enumerate().filter(|(_, d)| d.dot != 0.0) {
                    dot += (op.info().pull64)(&values, value, d.dot, tie)[i].unwrap_or(0.0);
                }
                Dual { value, dot }
            }
            Node::Load { array, view, index } => {
                let (dims, elements): (Vec<i64>, Vec<Dual>) = match array {
                    Array::Input(i) => (self.input_dims(*i), vec![]),
                    Array::Node(n, bound) => {
                        let mut env = env.clone();
                        if view.is_none() {
                            let at: Vec<i64> = index.iter().map(|i| self.index(i, &env)).collect();
                            env.extend(bound.iter().copied().zip(at));
                            return self.get(*n, &env);
                        }
                        let elements = self
                            .positions(bound)
                            .map(|inner| {
                                let mut all = env.clone();
                                all.extend(inner);
                                self.get(*n, &all)
                            })
                            .collect();
                        (bound.iter().map(|a| self.extent(*a)).collect(), elements)
                    }
                };
                let dims = match view {
                    Some(view) => view.iter().map(|s| self.size(s)).collect(),
                    None => dims,
                };
                let flat = self.flat(&dims, index, env) as usize;
                let source = match array {
                    Array::Input(i) => &self.at.inputs[i.0 as usize],
                    Array::Node(..) => &elements,
                };
                source.get(flat).copied().unwrap_or(Dual::constant(f64::NAN))
            }
            Node::Reduce(op, over, x) => {
                let elements: Vec<Dual> = self
                    .positions(over)
                    .map(|inner| {
                        let mut all = env.clone();
                        all.extend(inner);
                        self.get(*x, &all)
                    })
                    .collect();
                reduce(*op, &elements)
            }
            Node::Write { array, dims, index, over, value } => {
                let mut found = None;
                for mut at in self.positions(over) {
                    at.splice(0..0, env.iter().copied().filter(|e| !dims.contains(&e.0)));
                    // a dimension that is written whole stands for itself
                    for (d, i) in dims.iter().zip(index) {
                        if i.as_axis() == Some(*d) && !over.contains(d) {
                            at.extend(env.iter().filter(|e| e.0 == *d));
                        }
                    }
                    let here = dims.iter().zip(index).all(|(d, i)| {
                        Some(self.index(i, &at)) == env.iter().rev().find(|e| e.0 == *d).map(|e| e.1)
                    });
                    if here {
                        found = Some(self.get(*value, &at));
                    }
                }
                found.unwrap_or_else(|| self.get(*array, env))
            }
            Node::Final { next, scan, k, .. } => {
                let info = self.graph.scan(*scan);
                let n = self.extent(info.axis);
                let mut env = env.clone();
                if n == 0 {
                    let init = self.graph.ids().find_map(|c| match self.graph.node(c) {
                        Node::Carry { scan: s, k: j, init, .. } if (s, j) == (scan, k) => Some(*init),
                        _ => None,
                    });
                    return init.map_or(Dual::constant(f64::NAN), |init| self.get(init, &env));
                }
                env.push((info.axis, if info.reversed { 0 } else { n - 1 }));
                self.get(*next, &env)
            }
            Node::Call { callee, args, dims, guard, partials } => {
                if guard.is_some_and(|g| self.get(g, env).value == 0.0) {
                    return Dual::constant(0.0);
                }
                let inside = |bound: &[AxisId], n: NodeId| -> Vec<Dual> {
                    let at = |inner: Env| self.get(n, &env.iter().copied().chain(inner).collect());
                    self.positions(bound).map(at).collect()
                };
                let given: Vec<Vec<Dual>> = args.iter().map(|(n, bound)| inside(bound, *n)).collect();
                let numbers: Vec<Vec<f64>> =
                    given.iter().map(|all| all.iter().map(|d| d.value).collect()).collect();
                // no number where the function is not given
                let all = self.at.functions.get(callee.0 as usize).map_or(vec![], |f| f(&numbers));
                let value = all.get(self.offset(dims, env) as usize).copied().unwrap_or(f64::NAN);
                let mut dot = 0.0;
                for (k, (_, bound)) in args.iter().enumerate() {
                    if given[k].iter().all(|d| d.dot == 0.0) {
                        continue;
                    }
                    let partial = partials.get(k).copied().flatten();
                    dot += partial.map_or(f64::NAN, |p| {
                        inside(bound, p).iter().zip(&given[k]).map(|(p, d)| p.value * d.dot).sum()
                    });
                }
                Dual { value, dot }
            }
            // what a function adds to memory is not given
            Node::Added { .. } => Dual::constant(f64::NAN),
            Node::Scatter { .. } | Node::Carry { .. } => Dual::constant(f64::NAN),
        }
    }

    fn input_dims(&self, input: InputId) -> Vec<i64> {
        self.graph.input(input).dims.iter().map(|s| self.size(s)).collect()
    }
}

fn reduce(op: RedOp, x: &[Dual]) -> Dual {
    let extremum = |best: f64| {
        let ties: Vec<&Dual> = x.iter().filter(|d| d.value == best).collect();
        Dual { value: best, dot: ties.iter().map(|d| d.dot / ties.len() as f64).sum() }
    };
    match op {
        RedOp::Sum => Dual { value: x.iter().map(|d| d.value).sum(), dot: x.iter().map(|d| d.dot).sum() },
        RedOp::Max => extremum(x.iter().fold(f64::NEG_INFINITY, |m, d| m.max(d.value))),
        RedOp::Min => extremum(x.iter().fold(f64::INFINITY, |m, d| m.min(d.value))),
        RedOp::Prod => {
            let others = |i: usize| {
                x.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, d)| d.value).product::<f64>()
            };
            let dot =
                x.iter().enumerate().filter(|(_, d)| d.dot != 0.0).map(|(i, d)| d.dot * others(i)).sum();
            Dual { value: x.iter().map(|d| d.value).product(), dot }
        }
        RedOp::LogSumExp => {
            let m = x.iter().fold(f64::NEG_INFINITY, |m, d| m.max(d.value));
            let e = |d: &Dual| if d.value == m { 1.0 } else { (d.value - m).exp() };
            let s: f64 = x.iter().map(e).sum();
            Dual { value: m + s.ln(), dot: x.iter().map(|d| d.dot * e(d) / s).sum() }
        }
    }
}
