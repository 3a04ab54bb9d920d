//! Forward mode: tangents of inputs in, tangents of outputs out, from the same partials as reverse mode.
//!
//! Invariant: the tangent of a node depends on no axis that the node does not depend on.

use super::{active, pull, reduction_pull};
use crate::ir::{Array, Graph, Input, InputId, Node, NodeId, Op, RedOp};

/// Tangents of `outputs`; for each input of `wrt` an input `<name>_dot` is added, in order. `None`: no dependence.
pub fn forward(
    graph: &mut Graph,
    outputs: &[NodeId],
    wrt: &[InputId],
) -> (Vec<InputId>, Vec<Option<NodeId>>) {
    let active = active(graph);
    let mut tangents: Vec<Option<NodeId>> = vec![None; graph.len()];
    let dots: Vec<InputId> = wrt
        .iter()
        .map(|i| {
            let input = graph.input(*i).clone();
            let name = format!("{}_dot", input.name);
            graph.add_input(Input { name, active: false, ..input })
        })
        .collect();
    // the scans' variables with their tangents
    let mut open: Vec<(NodeId, NodeId)> = vec![];
    for id in (0..active.len() as u32).map(NodeId) {
        if !active[id.0 as usize] {
            continue;
        }
        graph.span = graph.span_of(id);
        let of = |n: NodeId| tangents[n.0 as usize];
        let tangent = match graph.node(id).clone() {
            Node::Apply(_, args) => {
                let known: Vec<Option<NodeId>> = args.iter().map(|a| of(*a)).collect();
                let moving: Vec<bool> = {
                    let mut moving = active.clone();
                    args.iter().zip(&known).for_each(|(a, t)| moving[a.0 as usize] = t.is_some());
                    moving
                };
                let pulls = pull(graph, id, &|i| known[i].unwrap_or(id), &moving);
                sum(graph, pulls.into_iter().flatten())
            }
            Node::Cast(x) => of(x).map(|t| graph.cast(t, graph.dtype(id))),
            Node::Reduce(op, over, x) => of(x).and_then(|t| {
                let part = if op == RedOp::Sum { Some(t) } else { reduction_pull(graph, id, t) };
                part.map(|p| graph.reduce(RedOp::Sum, &over, p))
            }),
            Node::Load { array: Array::Input(i), view, index } => {
                wrt.iter().position(|w| *w == i).map(|k| graph.load(Array::Input(dots[k]), view, index))
            }
            Node::Load { array: Array::Node(n, bound), view, index } => {
                of(n).map(|t| graph.load(Array::Node(t, bound), view, index))
            }
            Node::Scatter { dims, view, mut parts } => {
                parts.retain(|p| of(p.value).is_some());
                parts.iter_mut().for_each(|p| p.value = of(p.value).unwrap_or(p.value));
                let dtype = graph.dtype(id);
                (!parts.is_empty()).then(|| graph.scatter(dims, view, parts, dtype))
            }
            Node::Write { array, dims, index, over, value } => match (of(array), of(value)) {
                (None, None) => None,
                (a, v) => {
                    let zero = graph.constant(0.0, graph.dtype(id));
                    Some(graph.write(a.unwrap_or(zero), dims, index, over, v.unwrap_or(zero)))
                }
            },
            // the tangent is one more variable of the same scan
            Node::Carry { scan, axes, init, .. } => {
                let zero = graph.constant(0.0, graph.dtype(id));
                let dot = graph.carry(scan, &axes, of(init).unwrap_or(zero));
                open.push((id, dot));
                Some(dot)
            }
            Node::Final { scan, k, next, .. } => {
                let same = |c: &NodeId| matches!(graph.node(*c), Node::Carry { scan: s, k: j, .. } if (*s, *j) == (scan, k));
                let dot = open.iter().find(|(carry, _)| same(carry)).map(|o| o.1);
                let zero = graph.constant(0.0, graph.dtype(id));
                dot.map(|dot| graph.close(dot, of(next).unwrap_or(zero)))
            }
            Node::Const(_) | Node::Size(_) | Node::Position(_) => None,
        };
        if let (Some(t), Some(name)) = (tangent, graph.name(id).map(|n| format!("{n}_dot"))) {
            graph.set_name(t, &name);
        }
        tangents[id.0 as usize] = tangent;
    }
    for (carry, dot) in open {
        if let (Some(next), None) = (graph.next_of(carry), graph.next_of(dot)) {
            let zero = graph.constant(0.0, graph.dtype(dot));
            graph.close(dot, tangents[next.0 as usize].unwrap_or(zero));
        }
    }
    let out = outputs.iter().map(|o| tangents[o.0 as usize]).collect();
    (dots, out)
}

fn sum(graph: &mut Graph, parts: impl Iterator<Item = NodeId>) -> Option<NodeId> {
    let mut total = None;
    for part in parts {
        total = Some(match total {
            None => part,
            Some(t) => graph.apply(Op::Add, &[t, part]),
        });
    }
    total
}
