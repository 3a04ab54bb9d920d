//! What a graph costs: each node that the roots need counts once, with the number of its elements.
//!
//! A unit is a quarter of an addition. Invariant: every term but a constant costs something, so the cheapest choice
//! of terms has no cycle.

use crate::ir::{Array, AxisId, Graph, Node, NodeId, Op, RedOp};

/// An axis of unknown size counts as this many positions.
const UNKNOWN: u64 = 32;
/// Extents do not grow beyond this, so that sums of costs cannot overflow.
const MOST: u64 = 1 << 40;

pub fn axis_extent(graph: &Graph, axis: AxisId) -> u64 {
    let size = graph.sizes.resolve(graph.axis_size(axis));
    size.as_const().map_or(UNKNOWN, |n| u64::try_from(n).unwrap_or(1).clamp(1, MOST))
}

/// Number of positions along the axes.
pub fn extent(extents: &[u64], axes: impl IntoIterator<Item = AxisId>) -> u64 {
    axes.into_iter().fold(1, |n: u64, a| {
        n.saturating_mul(extents.get(a.0 as usize).copied().unwrap_or(UNKNOWN)).min(MOST)
    })
}

pub fn extents(graph: &Graph) -> Vec<u64> {
    (0..graph.axis_count() as u32).map(|a| axis_extent(graph, AxisId(a))).collect()
}

pub fn apply(op: Op) -> u64 {
    4 * u64::from(op.info().cost)
}

pub fn reduce(op: RedOp) -> u64 {
    match op {
        RedOp::Sum | RedOp::Max | RedOp::Min | RedOp::Prod => 4,
        // the maximum, the differences, the exponentials and their sum
        RedOp::LogSumExp => 4 * 12,
    }
}

pub const CAST: u64 = 2;
/// A function that nothing is known of.
pub const CALL: u64 = 4 * 100;

/// The cost of a load, a scatter, a size, a position over its own axes.
pub fn shape(extents: &[u64], node: &Node, own: &[AxisId]) -> u64 {
    let own_extent = extent(extents, own.iter().copied());
    match node {
        Node::Load { array: Array::Input(_), .. } => own_extent,
        Node::Load { .. } => 4 * own_extent,
        Node::Scatter { parts, .. } => {
            own_extent + parts.iter().map(|p| 4 * extent(extents, p.over.iter().copied())).sum::<u64>()
        }
        Node::Call { .. } => CALL * own_extent,
        _ => 1,
    }
}

pub fn node(graph: &Graph, extents: &[u64], id: NodeId) -> u64 {
    let over = |id: NodeId| extent(extents, graph.axes(id).iter().copied());
    match graph.node(id) {
        Node::Const(_) => 0,
        Node::Apply(op, _) => apply(*op) * over(id),
        Node::Cast(_) => CAST * over(id),
        Node::Reduce(op, _, x) => reduce(*op) * over(*x),
        other => shape(extents, other, graph.axes(id)),
    }
}

/// Operations and cost of all that the roots need.
pub fn total(graph: &Graph, roots: &[NodeId]) -> (usize, u64) {
    let needed = graph.reachable(roots);
    let extents = extents(graph);
    let mut ops = 0;
    let mut cost: u64 = 0;
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        ops +=
            usize::from(matches!(graph.node(id), Node::Apply(..) | Node::Reduce(..) | Node::Scatter { .. }));
        cost = cost.saturating_add(node(graph, &extents, id));
    }
    (ops, cost)
}
