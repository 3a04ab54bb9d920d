//! The reference interpreter: evaluates a graph in `f64`, with tangents beside the values (dual numbers).
//!
//! It knows no optimisation and is the oracle of the tests. Invariant: it evaluates each node as a dense array over
//! the node's free axes, in topological order.

use super::graph::{Array, AxisId, Graph, Index, InputId, Node, NodeId, RedOp};
use super::scan::ScanId;
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
    run.positions(dims, &vec![]).iter().map(|env| run.get(id, env)).collect()
}

/// Loops are given up after so many turns.
const MOST_TURNS: i64 = 64;

type Env = Vec<(AxisId, i64)>;

struct Run<'a> {
    graph: &'a Graph,
    at: &'a Point,
    values: Vec<Vec<Dual>>,
    /// How often loops turn whose sizes only the run tells, at the positions of the loops around.
    turns: Vec<(AxisId, Env, i64)>,
    /// The scans that are being run.
    running: Vec<ScanId>,
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
                    // turns may differ at each position of the loops around
                    let within = self.graph.within(self.graph.scan(*scan).axis);
                    let open: Vec<AxisId> =
                        within.iter().copied().filter(|a| !around.iter().any(|e| e.0 == *a)).collect();
                    for place in self.positions(&open, around) {
                        let around: Env = around.iter().copied().chain(place).collect();
                        self.scan(*scan, &scanned, &around);
                    }
                }
                _ => self.fill(*id, around),
            }
        }
    }

    fn scan(&mut self, scan: ScanId, members: &[NodeId], around: &Env) {
        let info = self.graph.scan(scan).clone();
        if info.go.is_none() {
            let n = self.turns_at(info.axis, around);
            for turn in 0..n {
                self.turn(scan, members, around, turn, n);
            }
            return;
        }
        let place = self.place(info.axis, around);
        self.turns.retain(|t| t.0 != info.axis || t.1 != place);
        let turns = (0..MOST_TURNS).find(|turn| !self.turn(scan, members, around, *turn, MOST_TURNS));
        self.turns.push((info.axis, place, turns.unwrap_or(MOST_TURNS)));
    }

    /// One iteration; gives whether there is one.
    fn turn(&mut self, scan: ScanId, members: &[NodeId], around: &Env, turn: i64, n: i64) -> bool {
        let info = self.graph.scan(scan).clone();
        let at = if info.reversed { n - 1 - turn } else { turn };
        let mut inside = around.clone();
        inside.push((info.axis, at));
        let (carries, rest): (Vec<NodeId>, Vec<NodeId>) = members
            .iter()
            .copied()
            .partition(|m| matches!(self.graph.node(*m), Node::Carry { scan: s, .. } if *s == scan));
        let before = (info.axis, if info.reversed { at + 1 } else { at - 1 });
        for carry in carries {
            let Node::Carry { init, .. } = self.graph.node(carry) else { continue };
            let source = if turn == 0 { Some(*init) } else { self.graph.next_of(carry) };
            self.put(carry, &inside, |run, env| {
                let mut env = env.clone();
                env.push(before);
                source.map_or(Dual::constant(f64::NAN), |s| run.get(s, &env))
            });
        }
        self.running.push(scan);
        let goes = info.go.is_none_or(|go| {
            let asked = self.graph.ancestors(&[go], &|_| true);
            let first: Vec<NodeId> = rest.iter().copied().filter(|n| asked[n.0 as usize]).collect();
            self.nodes(&first, &inside);
            self.get(go, &inside).value != 0.0
        });
        if goes {
            self.nodes(&rest, &inside);
        }
        self.running.pop();
        goes
    }

    /// Sets a node's elements at the given positions of some axes.
    fn put(&mut self, id: NodeId, fixed: &Env, value: impl Fn(&Self, &Env) -> Dual) {
        let axes = self.graph.axes(id).to_vec();
        let total: i64 = axes.iter().map(|a| self.capacity(*a)).product();
        if self.values[id.0 as usize].len() != total as usize {
            self.values[id.0 as usize] = vec![Dual::constant(f64::NAN); total as usize];
        }
        let free: Vec<AxisId> = axes.iter().copied().filter(|a| !fixed.iter().any(|f| f.0 == *a)).collect();
        for mut env in self.positions(&free, fixed) {
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
            flat * self.capacity(*axis) + env.iter().rev().find(|e| e.0 == *axis).map_or(0, |e| e.1)
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
                        for mut at in run.positions(&part.over, &fixed) {
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

    fn size(&self, size: &Size, env: &Env) -> i64 {
        let sizes = &self.graph.sizes;
        sizes.resolve(size).eval(&|s: Sym| match sizes
            .syms
            .get(s.0 as usize)
            .is_some_and(|i| i.counted.is_some())
        {
            true => {
                let axis = (0..self.graph.axis_count() as u32)
                    .map(AxisId)
                    .find(|a| self.graph.axis_size(*a).as_sym() == Some(s));
                axis.map_or(MOST_TURNS, |a| self.turns_at(a, env))
            }
            false => self.at.syms.get(s.0 as usize).copied().unwrap_or(1),
        })
    }

    /// The positions of the loops around the loop whose turns an axis counts.
    fn place(&self, axis: AxisId, env: &Env) -> Env {
        let within = self.graph.within(axis).iter();
        within.filter_map(|a| env.iter().rev().find(|e| e.0 == *a).copied()).collect()
    }

    /// How many positions an axis has, at the positions of the loops around.
    fn turns_at(&self, axis: AxisId, env: &Env) -> i64 {
        if !self.graph.sizes.counted(self.graph.axis_size(axis)) {
            return self.size(self.graph.axis_size(axis), env);
        }
        let place = self.place(axis, env);
        self.turns.iter().find(|t| t.0 == axis && t.1 == place).map_or(MOST_TURNS, |t| t.2)
    }

    /// The room for an axis in memory.
    fn capacity(&self, axis: AxisId) -> i64 {
        match self.graph.axis_size(axis) {
            size if self.graph.sizes.counted(size) => MOST_TURNS,
            size => self.size(size, &vec![]),
        }
    }

    /// All assignments of the axes, in row-major order.
    fn positions(&self, axes: &[AxisId], around: &Env) -> Vec<Env> {
        let mut all: Vec<Env> = vec![vec![]];
        for axis in axes {
            let grown = all.into_iter().flat_map(|env| {
                let here: Env = around.iter().chain(&env).copied().collect();
                (0..self.turns_at(*axis, &here)).map(move |at| {
                    let mut env = env.clone();
                    env.push((*axis, at));
                    env
                })
            });
            all = grown.collect();
        }
        all
    }

    fn get(&self, id: NodeId, env: &Env) -> Dual {
        let flat = self.offset(self.graph.axes(id), env);
        self.values[id.0 as usize].get(flat as usize).copied().unwrap_or(Dual::constant(f64::NAN))
    }

    fn index(&self, index: &Index, env: &Env) -> i64 {
        let mut at = self.size(&index.offset, env);
        for (axis, c) in &index.terms {
            at += self.size(c, env) * env.iter().rev().find(|e| e.0 == *axis).map_or(0, |e| e.1);
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
        let extents: Vec<i64> = dims.iter().map(|a| self.capacity(*a)).collect();
        let viewed: Vec<i64> = match view {
            Some(view) => view.iter().map(|s| self.size(s, around)).collect(),
            None => extents.clone(),
        };
        let mut out = vec![Dual::default(); extents.iter().product::<i64>() as usize];
        for part in parts {
            for mut env in self.positions(&part.over, around) {
                env.splice(0..0, around.iter().copied());
                let x = self.get(part.value, &env);
                if let Some(o) = out.get_mut(self.flat(&viewed, &part.index, &env) as usize) {
                    o.value += x.value;
                    o.dot += x.dot;
                }
            }
        }
        let identity: Vec<Index> = dims.iter().map(|a| Index::axis(*a)).collect();
        let mut all = vec![Dual::default(); axes.iter().map(|a| self.capacity(*a)).product::<i64>() as usize];
        for env in self.positions(&axes, around) {
            all[self.offset(&axes, &env) as usize] = out[self.flat(&extents, &identity, &env) as usize];
        }
        all
    }

    fn scalar(&self, node: &Node, env: &Env) -> Dual {
        match node {
            Node::Const(bits) => Dual::constant(f64::from_bits(*bits)),
            Node::Size(size) => Dual::constant(self.size(size, env) as f64),
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
                            .positions(bound, &env)
                            .into_iter()
                            .map(|inner| {
                                let mut all = env.clone();
                                all.extend(inner);
                                self.get(*n, &all)
                            })
                            .collect();
                        (bound.iter().map(|a| self.turns_at(*a, &env)).collect(), elements)
                    }
                };
                let dims = match view {
                    Some(view) => view.iter().map(|s| self.size(s, env)).collect(),
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
                    .positions(over, env)
                    .into_iter()
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
                for mut at in self.positions(over, env) {
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
                let n = self.turns_at(info.axis, env);
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
                    self.positions(bound, env).into_iter().map(at).collect()
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
        self.graph.input(input).dims.iter().map(|s| self.size(s, &vec![])).collect()
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
