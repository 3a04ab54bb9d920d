//! Reverse mode: a graph with outputs and their cotangents in, the adjoints of inputs out.
//!
//! Four rules: the op table's partials; an operand that lacks an axis receives the sum over it; a sum hands its
//! cotangent down unchanged; a load becomes a renaming where its index can be inverted and a scatter where not.
//!
//! Invariant: the cotangent of a node depends on no axis that the node does not depend on, but for those that the seeds
//! run along.

use super::scans::Scans;
use super::{active, calls, onehot, pull, reduction_pull};
use crate::ir::{Array, AxisId, Dtype, Graph, Index, InputId, Node, NodeId, Op, Part, Size};

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
pub struct Frame {
    dims: Vec<AxisId>,
    view: Option<Vec<Size>>,
}

/// What a node or an input receives.
#[derive(Clone, Default)]
pub struct Received {
    /// Values over the receiver's own axes.
    pub plain: Vec<NodeId>,
    /// Values that land at computed positions, by the array that the positions are written for.
    parts: Vec<(Frame, Part)>,
}

/// Adjoints of the differentiated inputs. `seeds` are outputs with their cotangents.
pub fn reverse(graph: &mut Graph, seeds: &[(NodeId, NodeId)], wrt: &[InputId]) -> Vec<Gradient> {
    reverse_along(graph, seeds, wrt, &[])
}

/// The same for seeds that run along axes which nothing else has: one adjoint for each position along them.
pub fn reverse_along(
    graph: &mut Graph,
    seeds: &[(NodeId, NodeId)],
    wrt: &[InputId],
    along: &[AxisId],
) -> Vec<Gradient> {
    let (mut inputs, _) = walk(graph, seeds, None, along);
    wrt.iter()
        .map(|input| {
            let info = graph.input(*input).clone();
            let dims = canonical(graph, &info.dims);
            let mine = std::mem::take(&mut inputs[input.0 as usize]);
            let node = gather_up(graph, mine, &dims, info.dtype, along);
            Gradient { input: *input, node, dims }
        })
        .collect()
}

/// Cotangents of nodes, over the nodes' own axes; what the nodes depend on is not asked. `along` are axes that tell
/// apart calls of one function.
pub fn reverse_nodes(
    graph: &mut Graph,
    seeds: &[(NodeId, NodeId)],
    nodes: &[NodeId],
    along: &[AxisId],
) -> Vec<NodeId> {
    let (_, mut received) = walk(graph, seeds, Some(nodes), along);
    nodes
        .iter()
        .zip(&mut received)
        .map(|(node, mine)| {
            let axes = graph.axes(*node).to_vec();
            gather_up(graph, std::mem::take(mine), &axes, graph.dtype(*node), along)
        })
        .collect()
}

/// What the inputs receive, and what the nodes do.
fn walk(
    graph: &mut Graph,
    seeds: &[(NodeId, NodeId)],
    nodes: Option<&[NodeId]>,
    along: &[AxisId],
) -> (Vec<Received>, Vec<Received>) {
    let active = active(graph, nodes);
    let mut received: Vec<Received> = vec![Received::default(); graph.len()];
    let mut inputs: Vec<Received> = vec![Received::default(); graph.inputs.len()];
    let mut targets: Vec<Received> = vec![Received::default(); nodes.map_or(0, <[NodeId]>::len)];
    for (output, seed) in seeds {
        let seed = onto(graph, *seed, *output, along);
        received[output.0 as usize].plain.push(seed);
    }
    // variables that were replaced while the graph was built are no part of it
    let outputs: Vec<NodeId> = seeds.iter().map(|s| s.0).collect();
    let needed = graph.reachable(&outputs);
    let live: Vec<bool> = active.iter().zip(&needed).map(|(a, n)| *a && *n).collect();
    let mut scans = Scans::new(graph, &live, along);
    for id in (0..active.len() as u32).rev().map(NodeId) {
        if let Some(k) = nodes.and_then(|n| n.iter().position(|n| *n == id)) {
            targets[k] = std::mem::take(&mut received[id.0 as usize]);
            continue;
        }
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
        let g = gather_up(graph, mine, &axes, graph.dtype(id), along);
        if let Some(name) = graph.name(id).map(|n| format!("{n}_bar")) {
            graph.set_name(g, &name);
        }
        // rules are linear in a cotangent, so they are applied behind a choice
        let (pairs, value) = onehot::split(graph, g, along).unwrap_or((vec![], g));
        match graph.node(id).clone() {
            Node::Apply(_, args) => {
                let moving: Vec<bool> = args.iter().map(|a| active[a.0 as usize]).collect();
                let pulls = pull(graph, id, &|i| moving[i].then_some(value), &moving);
                for (arg, part) in args.iter().zip(pulls) {
                    if let Some(part) = part {
                        let lacking: Vec<AxisId> =
                            axes.iter().copied().filter(|a| !graph.axes(*arg).contains(a)).collect();
                        let lacking = without(&lacking, along);
                        let part = onehot::join(graph, &pairs, part);
                        let part = onehot::sum(graph, &lacking, part, along);
                        received[arg.0 as usize].plain.push(part);
                    }
                }
            }
            Node::Cast(x) => {
                let part = graph.cast(value, graph.dtype(x));
                let part = onehot::join(graph, &pairs, part);
                received[x.0 as usize].plain.push(part);
            }
            Node::Reduce(_, _, x) => {
                if let Some(part) = reduction_pull(graph, id, value) {
                    let part = onehot::join(graph, &pairs, part);
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
                land(graph, g, &axes, (view, index), (&target.0, &without(&extra, along), along), target.1);
            }
            // the adjoint of a scatter is a load
            Node::Scatter { dims, view, parts } => {
                for part in parts {
                    let back = onehot::load(graph, g, &dims, view.clone(), part.index.clone(), along);
                    let back = onto(graph, back, part.value, along);
                    received[part.value.0 as usize].plain.push(back);
                }
            }
            Node::Write { array, dims, index, over, value } => {
                let back = onehot::load(graph, g, &dims, None, index.clone(), along);
                let back = onto(graph, back, value, along);
                received[value.0 as usize].plain.push(back);
                let zero = graph.constant(0.0, graph.dtype(id));
                let rest = graph.write(g, dims, index, over, zero);
                let rest = onto(graph, rest, array, along);
                received[array.0 as usize].plain.push(rest);
            }
            Node::Carry { init, .. } => {
                if let Some(start) = scans.leave(graph, id, g) {
                    let start = onto(graph, start, init, along);
                    received[init.0 as usize].plain.push(start);
                }
            }
            Node::Final { scan, k, .. } => scans.last.push(((scan, k), g)),
            // as a call without a rule
            Node::Added { call, .. } => {
                let none = graph.constant(f64::NAN, graph.dtype(call));
                received[call.0 as usize].plain.push(none);
            }
            Node::Call { .. } => {
                for (arg, part) in calls::pull(graph, id, g, along) {
                    if !active[arg.0 as usize] || nodes.is_some_and(|n| n.contains(&arg)) {
                        let part = onto(graph, part, arg, along);
                        received[arg.0 as usize].plain.push(part);
                        continue;
                    }
                    // what a call adds to a part of an array lands there at once
                    let added = matches!(graph.node(part), Node::Added { .. });
                    match (graph.node(arg).clone(), added) {
                        (Node::Load { array: Array::Input(i), view: None, index }, true) => {
                            let own = graph.axes(part).to_vec();
                            let dims = graph.input(i).dims.clone();
                            let frame = canonical(graph, &dims);
                            let (index, frame) = without_units(graph, &None, index, &frame);
                            let to = &mut inputs[i.0 as usize];
                            scattered(graph, part, &own, (None, index), (&frame, &[], along), to);
                        }
                        _ => {
                            let part = onto(graph, part, arg, along);
                            received[arg.0 as usize].plain.push(part);
                        }
                    }
                }
            }
            Node::Const(_) | Node::Size(_) | Node::Position(_) => {}
        }
    }
    (inputs, targets)
}

fn without(axes: &[AxisId], along: &[AxisId]) -> Vec<AxisId> {
    axes.iter().copied().filter(|a| !along.contains(a)).collect()
}

/// The sum over the axes that the receiver lacks.
pub fn onto(graph: &mut Graph, g: NodeId, receiver: NodeId, along: &[AxisId]) -> NodeId {
    let lacking: Vec<AxisId> =
        graph.axes(g).iter().copied().filter(|a| !graph.axes(receiver).contains(a)).collect();
    onehot::sum(graph, &without(&lacking, along), g, along)
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
fn gather_up(graph: &mut Graph, mine: Received, dims: &[AxisId], dtype: Dtype, along: &[AxisId]) -> NodeId {
    let mut frames: Vec<Frame> = Vec::new();
    for (frame, _) in &mine.parts {
        if !frames.contains(frame) {
            frames.push(frame.clone());
        }
    }
    let mut plain = mine.plain;
    if frames.is_empty() {
        if let Some((pairs, values)) = onehot::shared(graph, &plain, along) {
            let value = added(graph, values, dtype);
            return onehot::join(graph, &pairs, value);
        }
    }
    for (k, frame) in frames.iter().enumerate() {
        let mut parts: Vec<Part> = mine.parts.iter().filter(|p| p.0 == *frame).map(|p| p.1.clone()).collect();
        if k == 0 && frame.view.is_none() {
            // plain contributions join the scatter: the array is walked once
            for value in plain.drain(..) {
                let index = frame.dims.iter().map(|a| Index::axis(*a)).collect();
                let over = dims.iter().copied().filter(|d| !along.contains(d)).chain(along.iter().copied());
                parts.push(Part { index, over: over.collect(), value });
            }
        }
        plain.push(graph.scatter(frame.dims.clone(), frame.view.clone(), parts, dtype));
    }
    added(graph, plain, dtype)
}

fn added(graph: &mut Graph, values: Vec<NodeId>, dtype: Dtype) -> NodeId {
    let sum = values.into_iter().reduce(|total, value| graph.apply(Op::Add, &[total, value]));
    sum.unwrap_or_else(|| graph.constant(0.0, dtype))
}

/// The cotangent `g` of a load lands in its array: renamed, as a one-hot choice, reshaped back, or scattered.
fn land(
    graph: &mut Graph,
    g: NodeId,
    axes: &[AxisId],
    (view, index): (Option<Vec<Size>>, Vec<Index>),
    (bound, extra, along): (&[AxisId], &[AxisId], &[AxisId]),
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
                    to.plain.push(onehot::rename(graph, g, &used, bound, along));
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
    scattered(graph, g, axes, (view, index), (bound, extra, along), to);
}

/// The cotangent of a load is one part of a scatter.
fn scattered(
    graph: &mut Graph,
    g: NodeId,
    axes: &[AxisId],
    (view, index): (Option<Vec<Size>>, Vec<Index>),
    (bound, extra, along): (&[AxisId], &[AxisId], &[AxisId]),
    to: &mut Received,
) {
    let around = || extra.iter().map(|a| Index::axis(*a));
    let index = around().chain(index).chain(along.iter().map(|a| Index::axis(*a))).collect();
    let size = |a: &AxisId| graph.axis_size(*a).clone();
    let view = view.map(|view| extra.iter().map(size).chain(view).chain(along.iter().map(size)).collect());
    // rows of a loop's positions: what an iteration adds to lies together
    let dims = extra.iter().chain(bound).chain(along).copied().collect();
    let over = without(axes, along).into_iter().chain(along.iter().copied()).collect();
    to.parts.push((Frame { dims, view }, Part { index, over, value: g }));
}

/// Dimensions of size 1, where the index is 0, say nothing: the adjoint does not depend on them.
fn without_units(
    graph: &Graph,
    view: &Option<Vec<Size>>,
    index: Vec<Index>,
    bound: &[AxisId],
) -> (Vec<Index>, Vec<AxisId>) {
    let unit = |i: &Index, a: AxisId| *i == Index::default() && graph.axis_size(a).is_one();
    if view.is_some() {
        // the index is that of the view, and the order of the elements does not know of them
        return (index, bound.iter().copied().filter(|a| !graph.axis_size(*a).is_one()).collect());
    }
    if index.len() != bound.len() {
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
