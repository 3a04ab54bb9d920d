//! Directions that are one-hot: `select(position == along, value, 0)` stays so through everything that is linear in it.
//!
//! The seed of a Jacobian is one where the positions of an array equal those along fresh axes. What is linear in a seed
//! is applied to the value behind the choice, and a sum over a chosen position is the element that is chosen.
//!
//! Invariant: what is not chosen is a zero that nothing was multiplied with.

use crate::ir::{Array, AxisId, Dtype, Graph, Index, Node, NodeId, Op, RedOp, Size};

/// One where the positions along `dims` are those along `along`, and 0 elsewhere.
pub fn one_hot(graph: &mut Graph, dims: &[AxisId], along: &[AxisId], dtype: Dtype) -> NodeId {
    let pairs: Vec<(NodeId, AxisId)> = dims
        .iter()
        .zip(along)
        .filter(|(d, _)| !graph.axis_size(**d).is_one())
        .map(|(d, a)| (*d, *a))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|(d, a)| (graph.position(d, Dtype::Int), a))
        .collect();
    let one = graph.constant(1.0, dtype);
    join(graph, &pairs, one)
}

/// A choice: positions that must equal those along axes, and the value where they do.
pub type Choice = (Vec<(NodeId, AxisId)>, NodeId);

/// A node that is a choice along some of the axes.
pub fn split(graph: &Graph, id: NodeId, along: &[AxisId]) -> Option<Choice> {
    let Node::Apply(Op::Select, args) = graph.node(id) else { return None };
    if along.is_empty() || graph.as_const(args[2]).is_none_or(|z| z.to_bits() != 0) {
        return None;
    }
    let mut pairs = vec![];
    let mut open = vec![args[0]];
    while let Some(condition) = open.pop() {
        match graph.node(condition) {
            Node::Apply(Op::And, both) => open.extend(both.iter().rev()),
            Node::Apply(Op::Eq, sides) => {
                let axis = |n: NodeId| match graph.node(n) {
                    Node::Position(a) if along.contains(a) && graph.dtype(n) == Dtype::Int => Some(*a),
                    _ => None,
                };
                match (axis(sides[0]), axis(sides[1])) {
                    (_, Some(a)) => pairs.push((sides[0], a)),
                    (Some(a), None) => pairs.push((sides[1], a)),
                    (None, None) => return None,
                }
            }
            _ => return None,
        }
    }
    pairs.sort();
    Some((pairs, args[1]))
}

/// The node of a choice.
pub fn join(graph: &mut Graph, pairs: &[(NodeId, AxisId)], value: NodeId) -> NodeId {
    let mut all = None;
    for (position, axis) in pairs {
        let along = graph.position(*axis, Dtype::Int);
        let same = graph.apply(Op::Eq, &[*position, along]);
        all = Some(match all {
            None => same,
            Some(other) => graph.apply(Op::And, &[other, same]),
        });
    }
    match all {
        None => value,
        Some(condition) => {
            let zero = graph.constant(0.0, graph.dtype(value));
            graph.apply(Op::Select, &[condition, value, zero])
        }
    }
}

/// The values behind directions, and the choice that all of them share.
pub fn shared(
    graph: &Graph,
    ids: &[NodeId],
    along: &[AxisId],
) -> Option<(Vec<(NodeId, AxisId)>, Vec<NodeId>)> {
    let mut choices = ids.iter().map(|id| split(graph, *id, along));
    let (pairs, first) = choices.next()??;
    let mut values = vec![first];
    for choice in choices {
        let (other, value) = choice?;
        if other != pairs {
            return None;
        }
        values.push(value);
    }
    Some((pairs, values))
}

/// The sum over axes; one that is chosen takes the element that is chosen.
pub fn sum(graph: &mut Graph, over: &[AxisId], x: NodeId, along: &[AxisId]) -> NodeId {
    let Some((mut pairs, mut value)) = split(graph, x, along).filter(|_| !over.is_empty()) else {
        return graph.reduce(RedOp::Sum, over, x);
    };
    let mut over = over.to_vec();
    let hit = |graph: &Graph, over: &[AxisId], (p, a): (NodeId, AxisId), value: NodeId| match graph.node(p) {
        Node::Position(j) if over.contains(j) => {
            let same = graph.axis_size(*j) == graph.axis_size(a);
            (same && !graph.axes(value).contains(&a)).then_some(*j)
        }
        _ => None,
    };
    while let Some((k, j)) = (0..pairs.len()).find_map(|k| hit(graph, &over, pairs[k], value).map(|j| (k, j)))
    {
        let (_, a) = pairs.remove(k);
        over.retain(|o| *o != j);
        value = graph.rename(value, &[j], &[a]);
        for pair in pairs.iter_mut() {
            pair.0 = positioned(graph, pair.0, &[j], &[Index::axis(a)]);
        }
    }
    let inside = pairs.iter().any(|(p, _)| graph.axes(*p).iter().any(|a| over.contains(a)));
    if inside {
        let x = join(graph, &pairs, value);
        return graph.reduce(RedOp::Sum, &over, x);
    }
    let value = graph.reduce(RedOp::Sum, &over, value);
    join(graph, &pairs, value)
}

/// A direction's values under other axis names.
pub fn rename(graph: &mut Graph, x: NodeId, from: &[AxisId], to: &[AxisId], along: &[AxisId]) -> NodeId {
    let index: Vec<Index> = to.iter().map(|a| Index::axis(*a)).collect();
    load(graph, x, from, None, index, along)
}

/// An element of a direction's values along `bound`.
pub fn load(
    graph: &mut Graph,
    x: NodeId,
    bound: &[AxisId],
    view: Option<Vec<Size>>,
    index: Vec<Index>,
    along: &[AxisId],
) -> NodeId {
    match (split(graph, x, along), &view) {
        (Some((mut pairs, value)), None) => {
            for pair in pairs.iter_mut() {
                pair.0 = positioned(graph, pair.0, bound, &index);
            }
            let value = graph.load(Array::Node(value, bound.to_vec()), None, index);
            join(graph, &pairs, value)
        }
        _ => graph.load(Array::Node(x, bound.to_vec()), view, index),
    }
}

/// A position with the axes `bound` at `index`.
fn positioned(graph: &mut Graph, position: NodeId, bound: &[AxisId], index: &[Index]) -> NodeId {
    let at = match graph.node(position) {
        Node::Position(axis) => bound.iter().position(|b| b == axis),
        _ => None,
    };
    match at.and_then(|k| index.get(k)) {
        Some(index) => graph.position_node(index),
        None => graph.load(Array::Node(position, bound.to_vec()), None, index.to_vec()),
    }
}
