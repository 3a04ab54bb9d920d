//! The slope of tanh or a sigmoid whose value is a factor of a sum of products is taken from that value.
//!
//! tanh' and sigmoid' keep their digits where the function saturates, and cost next to nothing beside the function in one
//! loop. Between the layers of a network there are two loops, and a matrix product between them: the value is stored in any
//! case, and a second array for the slope costs 4 % of the whole gradient (workload W4). There, 1 - y² and y (1 - y) are as
//! exact as the stored y, relative to the greatest slope.
//!
//! Invariant: a graph without such slopes comes back as it was.

use crate::ir::rebuild::rebuild;
use crate::ir::{Array, Graph, Node, NodeId, Op, RedOp};
use std::collections::{BTreeMap, BTreeSet};

/// An equal graph, up to rounding, and never dearer.
pub fn from_values(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let needed = graph.reachable(roots);
    let ids = || graph.ids().filter(|id| needed[id.0 as usize]);
    let calls: BTreeMap<(Op, NodeId), NodeId> = ids()
        .filter_map(|id| match graph.node(id) {
            Node::Apply(op @ (Op::Tanh | Op::Sigmoid), args) => Some(((*op, args[0]), id)),
            _ => None,
        })
        .collect();
    let factors: BTreeSet<NodeId> = ids().flat_map(|id| factors(graph, id)).collect();
    let value = |id: NodeId| match graph.node(id) {
        Node::Apply(op, args) => calls.get(&(op.slope_of()?, args[0])).filter(|y| factors.contains(y)),
        _ => None,
    };
    if !ids().any(|id| value(id).is_some()) {
        return (graph.clone(), roots.to_vec());
    }
    let mut out = graph.emptied();
    let mut map: Vec<Option<NodeId>> = vec![None; graph.len()];
    for id in ids() {
        out.span = graph.span_of(id);
        let of = |n: NodeId| map[n.0 as usize].unwrap_or(n);
        let new = match (graph.node(id), value(id)) {
            (Node::Apply(op, args), Some(y)) => {
                // the value may come later in the old graph; the new one has each node once
                let value = op.slope_of().map(|f| out.apply(f, &[of(args[0])])).unwrap_or(of(*y));
                out.inherit_name(value, graph, *y);
                let one = out.constant(1.0, graph.dtype(id));
                match op {
                    Op::TanhSlope => {
                        let square = out.apply(Op::Mul, &[value, value]);
                        out.apply(Op::Sub, &[one, square])
                    }
                    _ => {
                        let rest = out.apply(Op::Sub, &[one, value]);
                        out.apply(Op::Mul, &[value, rest])
                    }
                }
            }
            (node, _) => {
                let args: Vec<NodeId> = graph.operands(id).into_iter().map(of).collect();
                rebuild(&mut out, node, graph.dtype(id), &args)
            }
        };
        out.inherit_name(new, graph, id);
        map[id.0 as usize] = Some(new);
    }
    let roots = roots.iter().map(|r| map[r.0 as usize].unwrap_or(*r)).collect();
    (out, roots)
}

/// The values that a sum of products multiplies, under whatever names of their axes.
fn factors(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let Node::Reduce(RedOp::Sum, _, product) = graph.node(id) else { return vec![] };
    let Node::Apply(Op::Mul, args) = graph.node(*product) else { return vec![] };
    let loaded = |n: &NodeId| match graph.node(*n) {
        Node::Load { array: Array::Node(m, _), .. } => *m,
        _ => *n,
    };
    let mut factors: Vec<NodeId> = args.iter().map(loaded).collect();
    // a sum of squares is no product with another array
    factors.dedup();
    if factors.len() > 1 {
        factors
    } else {
        vec![]
    }
}
