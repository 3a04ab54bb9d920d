//! Calls: what they are given, and what they add to, lies in memory, in the order of its dimensions.
//!
//! An array is an input's own memory, where its elements lie in one piece there, and else a scatter: memory of its own that
//! the values are written to. Invariant: the layout of such a scatter is the order of its dimensions.

use super::{Plan, Target};
use crate::ir::{Array, AxisId, Calling, Graph, Index, Node, NodeId, Part, Size};
use std::collections::BTreeMap;

/// The elements along `bound` lie behind each other in an input.
pub fn in_input(graph: &Graph, node: NodeId, bound: &[AxisId]) -> bool {
    let Node::Load { array: Array::Input(i), view: None, index } = graph.node(node) else { return false };
    let input = graph.input(*i);
    !input.computed && in_one_piece(graph, index, &input.dims, bound)
}

/// The elements that an index gives along `bound` lie behind each other in an array.
fn in_one_piece(graph: &Graph, index: &[Index], dims: &[Size], bound: &[AxisId]) -> bool {
    // dimensions of one element change nothing
    let long: Vec<(&Index, &Size)> = index.iter().zip(dims).filter(|(_, d)| !d.is_one()).collect();
    let (index, dims): (Vec<&Index>, Vec<&Size>) = long.into_iter().unzip();
    let Some(outer) = index.len().checked_sub(bound.len()) else { return false };
    let leading = index[..outer].iter().all(|i| {
        i.terms.iter().all(|t| !bound.contains(&t.0))
            && i.gather.is_none_or(|g| graph.axes(g).iter().all(|a| !bound.contains(a)))
    });
    let inner = index[outer..].iter().zip(bound).enumerate().all(|(k, (at, axis))| match k {
        0 => {
            let one = at.terms.iter().any(|t| t.0 == *axis && t.1.is_one());
            one && at.gather.is_none() && at.terms.iter().all(|t| t.0 == *axis || !bound.contains(&t.0))
        }
        k => at.as_axis() == Some(*axis) && dims[outer + k] == graph.axis_size(*axis),
    });
    leading && inner
}

/// An equal graph in which each array that a call is given lies in memory.
pub fn prepare(graph: Graph, targets: Vec<Target>) -> (Graph, Vec<Target>) {
    let roots: Vec<NodeId> = targets.iter().map(|t| t.node).collect();
    let needed = graph.reachable(&roots);
    let call = |id: NodeId| needed[id.0 as usize] && matches!(graph.node(id), Node::Call { .. });
    if !graph.ids().any(call) && !targets.iter().any(|t| t.adds) {
        return (graph, targets);
    }
    let joined = graph.rebuilt(&roots, |g, r| Some(joined(g, r))).unwrap_or((graph, roots));
    let (mut graph, roots) = joined.0.rebuilt(&joined.1, |g, r| Some(placed(g, r))).unwrap_or(joined);
    let uses = uses(&graph, &roots);
    let targets = targets.into_iter().zip(roots);
    let targets = targets.map(|(t, node)| match t.adds {
        // what is added to memory is a scatter of the memory's shape that nothing else reads
        true if t.dims.is_empty() => Target { node, ..t },
        true if uses[node.0 as usize] > 1
            || !matches!(graph.node(node), Node::Scatter { view: None, dims, .. } if *dims == t.dims) =>
        {
            let index = t.dims.iter().map(|a| Index::axis(*a)).collect();
            let mut over = t.dims.clone();
            over.extend(graph.axes(node).iter().filter(|a| !t.dims.contains(a)));
            let part = Part { index, over, value: node };
            let dtype = graph.dtype(node);
            Target { node: graph.scatter(t.dims.clone(), None, vec![part], dtype), ..t }
        }
        _ => Target { node, ..t },
    });
    let targets = targets.collect();
    (graph, targets)
}

/// How often each node is read, and wanted.
fn uses(graph: &Graph, roots: &[NodeId]) -> Vec<usize> {
    let needed = graph.reachable(roots);
    let mut uses = vec![0; graph.len()];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        graph.operands(id).iter().for_each(|o| uses[o.0 as usize] += 1);
        graph.next_of(id).iter().for_each(|o| uses[o.0 as usize] += 1);
    }
    roots.iter().for_each(|r| uses[r.0 as usize] += 1);
    uses
}

/// A call whose value a call of its rule gives as well is that value, where the rule is not given anything made of it.
fn joined(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let needed = graph.reachable(roots);
    let calls: Vec<NodeId> = graph
        .ids()
        .filter(|id| needed[id.0 as usize] && matches!(graph.node(*id), Node::Call { .. }))
        .collect();
    let gives = |value: NodeId, rule: NodeId| match (graph.node(value), graph.node(rule)) {
        (
            Node::Call { callee, args, guard, .. },
            Node::Call { callee: other, args: more, guard: same, .. },
        ) => {
            let info = graph.callee(*callee);
            let is = info.vjp == Some(*other) || info.jvp == Some(*other);
            is && graph.callee(*other).with_value
                && more.starts_with(args)
                && guard == same
                && graph.call_axes(rule) == graph.axes(value)
        }
        _ => false,
    };
    let mut by: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for value in &calls {
        let fits = |rule: &&NodeId| gives(*value, **rule) && !reads(graph, **rule, *value, &by);
        if let Some(rule) = calls.iter().find(fits).copied() {
            by.insert(*value, rule);
        }
    }
    if by.is_empty() {
        return (graph.clone(), roots.to_vec());
    }
    // operands first, where a value is made of the call of its rule
    let (mut out, mut map) = (graph.emptied(), BTreeMap::new());
    let mut stack: Vec<(NodeId, bool)> = roots.iter().rev().map(|r| (*r, false)).collect();
    while let Some((id, ready)) = stack.pop() {
        if map.contains_key(&id) {
            continue;
        }
        let operands = by.get(&id).map_or_else(|| graph.operands(id), |rule| vec![*rule]);
        if !ready {
            stack.push((id, true));
            stack.extend(operands.iter().rev().map(|o| (*o, false)));
            continue;
        }
        out.span = graph.span_of(id);
        let new = match by.get(&id).and_then(|rule| map.get(rule)).copied() {
            Some(rule) => {
                let value = match out.node(rule).clone() {
                    Node::Call { dims, .. } if !dims.is_empty() => {
                        let first = dims.iter().map(|_| Index::default()).collect();
                        out.load(Array::Node(rule, dims), None, first)
                    }
                    _ => rule,
                };
                out.inherit_name(value, graph, id);
                value
            }
            None => out.copy_node(graph, id, &map),
        };
        map.insert(id, new);
    }
    (out, roots.iter().filter_map(|r| map.get(r).copied()).collect())
}

/// Whether a call is given something made of a value, where some values are made of calls.
fn reads(graph: &Graph, call: NodeId, value: NodeId, by: &BTreeMap<NodeId, NodeId>) -> bool {
    let mut seen = vec![false; graph.len()];
    let mut stack = graph.operands(call);
    while let Some(id) = stack.pop() {
        if id == value {
            return true;
        }
        if std::mem::replace(&mut seen[id.0 as usize], true) {
            continue;
        }
        match by.get(&id) {
            Some(call) => stack.push(*call),
            None => stack.extend(graph.operands(id)),
        }
        stack.extend(graph.next_of(id));
        if let Node::Carry { scan, .. } = graph.node(id) {
            stack.extend(graph.scan(*scan).go);
        }
    }
    false
}

/// Arrays that calls add to while they are being summed up: for each, the scatter and its part.
pub fn direct(
    graph: &Graph,
    roots: &[NodeId],
    in_scan: &dyn Fn(NodeId) -> bool,
) -> BTreeMap<NodeId, (NodeId, usize)> {
    let (needed, uses) = (graph.reachable(roots), uses(graph, roots));
    let mut out = BTreeMap::new();
    let viewed = |id: NodeId| {
        let views = |n: NodeId| {
            let node = graph.node(n);
            matches!(node, Node::Load { array: Array::Node(m, _), view: Some(_), .. } if *m == id)
        };
        graph.ids().any(|n| needed[n.0 as usize] && views(n))
    };
    for id in graph.ids().filter(|id| needed[id.0 as usize] && !in_scan(*id)) {
        let Node::Scatter { dims, view: None, parts } = graph.node(id) else { continue };
        let sizes: Vec<Size> = dims.iter().map(|a| graph.axis_size(*a).clone()).collect();
        for (k, part) in parts.iter().enumerate() {
            let Node::Added { dims: bound, .. } = graph.node(part.value) else { continue };
            let all = graph.axes(part.value).iter().all(|a| part.over.contains(a));
            let alone = uses[part.value.0 as usize] == 1 && part.over.len() == graph.axes(part.value).len();
            if all && alone && in_one_piece(graph, &part.index, &sizes, bound) && !viewed(id) {
                out.insert(part.value, (id, k));
            }
        }
    }
    out
}

fn placed(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let (needed, mut out, mut map) = (graph.reachable(roots), graph.emptied(), BTreeMap::new());
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        out.span = graph.span_of(id);
        let new = match graph.node(id) {
            Node::Call { callee, args, dims, guard, .. } => {
                let to = |n: NodeId| map.get(&n).copied().unwrap_or(n);
                let args = args.iter().map(|(n, bound)| (memory(&mut out, to(*n), bound), bound.clone()));
                let calling = Calling { callee: *callee, args: args.collect(), guard: guard.map(to) };
                let new = out.call(calling, dims.clone(), vec![], graph.dtype(id));
                out.inherit_name(new, graph, id);
                new
            }
            // memory of a call has the order of its own dimensions
            Node::Load { array: Array::Node(n, bound), view: Some(view), index }
                if matches!(graph.node(*n), Node::Call { .. } | Node::Added { .. }) =>
            {
                let to = |n: NodeId| map.get(&n).copied().unwrap_or(n);
                let array = Array::Node(memory(&mut out, to(*n), bound), bound.clone());
                let index = index.iter().map(|i| Index { gather: i.gather.map(to), ..i.clone() });
                out.load(array, Some(view.clone()), index.collect())
            }
            _ => out.copy_node(graph, id, &map),
        };
        map.insert(id, new);
    }
    (out, roots.iter().filter_map(|r| map.get(r).copied()).collect())
}

/// The node, or its values along `bound` in memory of their own.
fn memory(graph: &mut Graph, node: NodeId, bound: &[AxisId]) -> NodeId {
    if bound.is_empty() || in_input(graph, node, bound) {
        return node;
    }
    let mut dims: Vec<AxisId> = graph.axes(node).iter().copied().filter(|a| !bound.contains(a)).collect();
    dims.extend(bound);
    let index = dims.iter().map(|a| Index::axis(*a)).collect();
    let dtype = graph.dtype(node);
    graph.scatter(dims.clone(), None, vec![Part { index, over: dims, value: node }], dtype)
}

/// The layout of a call's memory, given the order of the axes outside of it; of an array that a call is given, too.
pub fn layout(
    graph: &Graph,
    needed: &[bool],
    id: NodeId,
    sorted: &dyn Fn(&[AxisId]) -> Vec<AxisId>,
    summed: bool,
) -> Option<Vec<AxisId>> {
    match graph.node(id) {
        Node::Scatter { dims, .. } if summed => Some(dims.clone()),
        Node::Call { dims, .. } | Node::Added { dims, .. } => {
            let outer: Vec<AxisId> = graph.axes(id).iter().copied().filter(|a| !dims.contains(a)).collect();
            Some(sorted(&outer).into_iter().chain(dims.iter().copied()).collect())
        }
        Node::Scatter { dims, .. } => {
            let given = |n: NodeId| match graph.node(n) {
                Node::Call { args, .. } => args.iter().any(|a| a.0 == id && !a.1.is_empty()),
                _ => false,
            };
            graph.ids().any(|n| needed[n.0 as usize] && given(n)).then(|| dims.clone())
        }
        _ => None,
    }
}

impl Plan {
    /// What a call adds to the parts of scatters.
    pub fn sums_of(&self, call: NodeId) -> Vec<NodeId> {
        let own = |n: &NodeId| matches!(self.graph.node(*n), Node::Added { call: c, .. } if *c == call);
        self.direct.keys().copied().filter(own).collect()
    }
}
