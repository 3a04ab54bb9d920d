//! Reverse mode: a graph with outputs and their cotangents in, the adjoints of inputs out.
//!
//! Four rules: the op table's partials; an operand that lacks an axis receives the sum over it; a sum hands its
//! cotangent down unchanged; a load becomes a renaming where its index can be inverted and a scatter where not.
//!
//! Invariant: the cotangent of a node depends on no axis that the node does not depend on.

use super::{active, pull, reduction_pull};
use crate::ir::{Array, AxisId, Dtype, Graph, Index, InputId, Node, NodeId, Op, Part, RedOp, ScanId, Size};
use std::collections::BTreeMap;

/// The adjoint of an input: a node over the input's dimensions.
#[derive(Clone, Debug)]
pub struct Gradient {
    pub input: InputId,
    pub node: NodeId,
    /// One axis for each dimension of the input.
    pub dims: Vec<AxisId>,
}

/// The order of an array's dimensions, and the view of it that indices refer to.
#[derive(Clone, PartialEq)]
struct Frame {
    dims: Vec<AxisId>,
    view: Option<Vec<Size>>,
}

/// What a node or an input receives.
#[derive(Clone, Default)]
struct Received {
    /// Values over the receiver's own axes.
    plain: Vec<NodeId>,
    /// Values that land at computed positions, by the array that the positions are written for.
    parts: Vec<(Frame, Part)>,
}

/// Adjoints of the differentiated inputs. `seeds` are outputs with their cotangents.
pub fn reverse(graph: &mut Graph, seeds: &[(NodeId, NodeId)], wrt: &[InputId]) -> Vec<Gradient> {
    let active = active(graph);
    let mut received: Vec<Received> = vec![Received::default(); graph.len()];
    let mut inputs: Vec<Received> = vec![Received::default(); graph.inputs.len()];
    for (output, seed) in seeds {
        received[output.0 as usize].plain.push(*seed);
    }
    // variables that were replaced while the graph was built are no part of it
    let outputs: Vec<NodeId> = seeds.iter().map(|s| s.0).collect();
    let needed = graph.reachable(&outputs);
    let live: Vec<bool> = active.iter().zip(&needed).map(|(a, n)| *a && *n).collect();
    let mut scans = Scans::new(graph, &live);
    for id in (0..active.len() as u32).rev().map(NodeId) {
        if active[id.0 as usize] {
            graph.span = graph.span_of(id);
            scans.enter(graph, id, &mut received);
        }
        let mine = std::mem::take(&mut received[id.0 as usize]);
        let silent = mine.plain.is_empty() && mine.parts.is_empty() && !scans.closes(id);
        if !active[id.0 as usize] || silent {
            continue;
        }
        let axes = graph.axes(id).to_vec();
        let g = gather_up(graph, mine, &axes, graph.dtype(id));
        if let Some(name) = graph.name(id).map(|n| format!("{n}_bar")) {
            graph.set_name(g, &name);
        }
        match graph.node(id).clone() {
            Node::Apply(_, args) => {
                let pulls = pull(graph, id, &|_| g, &active);
                for (arg, part) in args.iter().zip(pulls) {
                    if let Some(part) = part {
                        let lacking: Vec<AxisId> =
                            axes.iter().copied().filter(|a| !graph.axes(*arg).contains(a)).collect();
                        let part = graph.reduce(RedOp::Sum, &lacking, part);
                        received[arg.0 as usize].plain.push(part);
                    }
                }
            }
            Node::Cast(x) => {
                let part = graph.cast(g, graph.dtype(x));
                received[x.0 as usize].plain.push(part);
            }
            Node::Reduce(_, _, x) => {
                if let Some(part) = reduction_pull(graph, id, g) {
                    received[x.0 as usize].plain.push(part);
                }
            }
            Node::Load { array, view, index } => {
                let target = match &array {
                    Array::Input(i) => {
                        let dims = graph.input(*i).dims.clone();
                        (canonical(graph, &dims), &mut inputs[i.0 as usize])
                    }
                    Array::Node(n, bound) => (bound.clone(), &mut received[n.0 as usize]),
                };
                let extra: Vec<AxisId> = match &array {
                    Array::Node(n, bound) => {
                        graph.axes(*n).iter().copied().filter(|a| !bound.contains(a)).collect()
                    }
                    Array::Input(_) => vec![],
                };
                land(graph, g, &axes, (view, index), (&target.0, &extra), target.1);
            }
            // the adjoint of a scatter is a load
            Node::Scatter { dims, view, parts } => {
                for part in parts {
                    let back = graph.load(Array::Node(g, dims.clone()), view.clone(), part.index.clone());
                    // a value is added once for each position of the axes that it does not depend on
                    let own = graph.axes(part.value).to_vec();
                    let lacking: Vec<AxisId> =
                        part.over.iter().copied().filter(|a| !own.contains(a)).collect();
                    let back = graph.reduce(RedOp::Sum, &lacking, back);
                    received[part.value.0 as usize].plain.push(back);
                }
            }
            Node::Write { array, dims, index, over, value } => {
                let back = graph.load(Array::Node(g, dims.clone()), None, index.clone());
                let back = onto(graph, back, value);
                received[value.0 as usize].plain.push(back);
                let zero = graph.constant(0.0, graph.dtype(id));
                let rest = graph.write(g, dims, index, over, zero);
                let rest = onto(graph, rest, array);
                received[array.0 as usize].plain.push(rest);
            }
            Node::Carry { init, .. } => {
                if let Some(start) = scans.leave(graph, id, g) {
                    let start = onto(graph, start, init);
                    received[init.0 as usize].plain.push(start);
                }
            }
            Node::Final { scan, k, .. } => scans.last.push(((scan, k), g)),
            Node::Const(_) | Node::Size(_) | Node::Position(_) => {}
        }
    }
    wrt.iter()
        .map(|input| {
            let info = graph.input(*input).clone();
            let dims = canonical(graph, &info.dims);
            let mine = std::mem::take(&mut inputs[input.0 as usize]);
            let node = gather_up(graph, mine, &dims, info.dtype);
            Gradient { input: *input, node, dims }
        })
        .collect()
}

/// The sum over the axes that the receiver lacks.
fn onto(graph: &mut Graph, g: NodeId, receiver: NodeId) -> NodeId {
    let lacking: Vec<AxisId> =
        graph.axes(g).iter().copied().filter(|a| !graph.axes(receiver).contains(a)).collect();
    graph.reduce(RedOp::Sum, &lacking, g)
}

/// The adjoints of scans: each is a scan in the other direction, whose variables are the cotangents of what an
/// iteration leaves in the variables of the first one.
struct Scans {
    /// Active variables: the carry, what an iteration leaves, and the adjoint variable once there is one.
    variables: Vec<(NodeId, NodeId, Option<NodeId>)>,
    adjoints: BTreeMap<ScanId, ScanId>,
    /// Cotangents of what remains after the last iteration.
    last: Vec<((ScanId, u32), NodeId)>,
}

impl Scans {
    fn new(graph: &Graph, active: &[bool]) -> Self {
        let carries = graph.carries(active);
        let variables = carries.into_iter().filter_map(|c| Some((c, graph.next_of(c)?, None))).collect();
        Scans { variables, adjoints: BTreeMap::new(), last: vec![] }
    }

    /// Whether a node is a carry whose adjoint variable waits for what an iteration leaves in it.
    fn closes(&self, id: NodeId) -> bool {
        self.variables.iter().any(|v| v.0 == id)
    }

    /// Before a node is looked at: what an iteration leaves behind receives the adjoint variable.
    fn enter(&mut self, graph: &mut Graph, id: NodeId, received: &mut [Received]) {
        for k in 0..self.variables.len() {
            let (carry, next, adjoint) = self.variables[k];
            if adjoint.is_some() || (next != id && carry != id) {
                continue;
            }
            let Node::Carry { scan, k: number, axes, .. } = graph.node(carry).clone() else { continue };
            let back = match self.adjoints.get(&scan) {
                Some(back) => *back,
                None => {
                    let info = graph.scan(scan).clone();
                    let back = graph.add_scan(info.axis, !info.reversed);
                    self.adjoints.insert(scan, back);
                    back
                }
            };
            let last = self.last.iter().find(|l| l.0 == (scan, number)).map(|l| l.1);
            let init = last.unwrap_or_else(|| graph.constant(0.0, graph.dtype(carry)));
            let adjoint = graph.carry(back, &axes, init);
            if let Some(name) = graph.name(carry).map(|n| format!("{n}_bar")) {
                graph.set_name(adjoint, &name);
            }
            self.variables[k].2 = Some(adjoint);
            let part = onto(graph, adjoint, next);
            received[next.0 as usize].plain.push(part);
        }
    }

    /// The carry received `g`: the cotangent of the value before the first iteration.
    fn leave(&mut self, graph: &mut Graph, carry: NodeId, g: NodeId) -> Option<NodeId> {
        let adjoint = self.variables.iter().find(|v| v.0 == carry)?.2?;
        Some(graph.close(adjoint, g))
    }
}

/// One axis for each dimension, in the numbering that the front uses too.
pub fn canonical(graph: &mut Graph, dims: &[Size]) -> Vec<AxisId> {
    let mut axes: Vec<AxisId> = Vec::new();
    for dim in dims {
        let dim = graph.sizes.resolve(dim);
        let occ = axes.iter().filter(|a| *graph.axis_size(**a) == dim).count();
        axes.push(graph.axis_of(&dim, occ as u32));
    }
    axes
}

/// The sum of all that was received.
fn gather_up(graph: &mut Graph, mine: Received, dims: &[AxisId], dtype: Dtype) -> NodeId {
    let mut frames: Vec<Frame> = Vec::new();
    for (frame, _) in &mine.parts {
        if !frames.contains(frame) {
            frames.push(frame.clone());
        }
    }
    let mut total: Option<NodeId> = None;
    let mut plain = mine.plain;
    for (k, frame) in frames.iter().enumerate() {
        let mut parts: Vec<Part> = mine.parts.iter().filter(|p| p.0 == *frame).map(|p| p.1.clone()).collect();
        if k == 0 && frame.view.is_none() {
            // plain contributions join the scatter: the array is walked once
            for value in plain.drain(..) {
                let index = frame.dims.iter().map(|a| Index::axis(*a)).collect();
                parts.push(Part { index, over: dims.to_vec(), value });
            }
        }
        plain.push(graph.scatter(frame.dims.clone(), frame.view.clone(), parts, dtype));
    }
    for value in plain {
        total = Some(match total {
            None => value,
            Some(t) => graph.apply(Op::Add, &[t, value]),
        });
    }
    total.unwrap_or_else(|| graph.constant(0.0, dtype))
}

/// The cotangent `g` of a load lands in its array: renamed, as a one-hot choice, reshaped back, or scattered.
fn land(
    graph: &mut Graph,
    g: NodeId,
    axes: &[AxisId],
    (view, index): (Option<Vec<Size>>, Vec<Index>),
    (bound, extra): (&[AxisId], &[AxisId]),
    to: &mut Received,
) {
    let (index, bound) = &without_units(graph, &view, index, bound);
    let index = index.clone();
    let plain: Vec<Option<AxisId>> = index.iter().map(Index::as_axis).collect();
    let distinct =
        |list: &[AxisId]| list.iter().enumerate().all(|(i, a)| !list[..i].contains(a) && !extra.contains(a));
    let used: Vec<AxisId> = plain.iter().flatten().copied().collect();
    if distinct(&used) {
        match &view {
            None => {
                let covers = |k: usize, a: AxisId| graph.axis_size(a) == graph.axis_size(bound[k]);
                if plain.iter().enumerate().all(|(k, a)| a.is_some_and(|a| covers(k, a))) {
                    to.plain.push(graph.rename(g, &used, bound));
                    return;
                }
                let gathers: Vec<usize> = (0..index.len()).filter(|k| index[*k].gather.is_some()).collect();
                if let [k] = gathers[..] {
                    let others =
                        plain.iter().enumerate().all(|(j, a)| j == k || a.is_some_and(|a| covers(j, a)));
                    if let (Some(at), true) = (index[k].gather, others && index[k].terms.is_empty()) {
                        if graph.axes(at).iter().all(|a| used.contains(a)) && !used.is_empty() {
                            one_hot(graph, g, at, &index[k].offset, (&used, bound, k), to);
                            return;
                        }
                    }
                }
            }
            Some(dims) => {
                let whole =
                    plain.len() == used.len() && used.iter().zip(dims).all(|(a, d)| graph.axis_size(*a) == d);
                if whole && extra.is_empty() {
                    let back: Vec<Size> = bound.iter().map(|a| graph.axis_size(*a).clone()).collect();
                    let index = bound.iter().map(|a| Index::axis(*a)).collect();
                    // a value that lacks an axis has no row-major order yet
                    if used.iter().all(|a| graph.axes(g).contains(a)) {
                        to.plain.push(graph.load(Array::Node(g, used), Some(back), index));
                        return;
                    }
                }
            }
        }
    }
    let mut index = index;
    index.extend(extra.iter().map(|a| Index::axis(*a)));
    let view = view.map(|mut view| {
        view.extend(extra.iter().map(|a| graph.axis_size(*a).clone()));
        view
    });
    let dims = bound.iter().chain(extra).copied().collect();
    to.parts.push((Frame { dims, view }, Part { index, over: axes.to_vec(), value: g }));
}

/// Dimensions of size 1, where the index is 0, say nothing: the adjoint does not depend on them.
fn without_units(
    graph: &Graph,
    view: &Option<Vec<Size>>,
    index: Vec<Index>,
    bound: &[AxisId],
) -> (Vec<Index>, Vec<AxisId>) {
    let unit = |i: &Index, a: AxisId| *i == Index::default() && graph.axis_size(a).is_one();
    if view.is_some() || index.len() != bound.len() {
        return (index, bound.to_vec());
    }
    index.into_iter().zip(bound.iter().copied()).filter(|(i, a)| !unit(i, *a)).unzip()
}

/// `array[.., at, ..]` with one element for each of the other positions: nothing but that element receives.
fn one_hot(
    graph: &mut Graph,
    g: NodeId,
    at: NodeId,
    offset: &Size,
    (used, bound, k): (&[AxisId], &[AxisId], usize),
    to: &mut Received,
) {
    let others: Vec<AxisId> = bound.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, a)| *a).collect();
    let (g, at) = (graph.rename(g, used, &others), graph.rename(at, used, &others));
    let position = graph.position(bound[k], Dtype::Int);
    let shift = graph.size(offset, Dtype::Int);
    let at = if graph.as_const(shift) == Some(0.0) { at } else { graph.apply(Op::Add, &[at, shift]) };
    let hit = graph.apply(Op::Eq, &[position, at]);
    let none = graph.constant(0.0, graph.dtype(g));
    to.plain.push(graph.apply(Op::Select, &[hit, g, none]));
}
