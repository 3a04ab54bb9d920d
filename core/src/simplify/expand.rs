//! logsumexp becomes its stable form, in which the value, the softmax and the gradient share one exp for each element.
//!
//! With m the maximum and s = Σ exp(x - m), where infinities of one sign differ by 0: lse = m + ln s, and
//! exp(x - lse) = exp(x - m) / s, which is 0 in a row of nothing but -∞ (KINKS E2). Unless strict, an exp(x - m) so small that
//! products with it are likely to be subnormal counts as 0 ([`Op::Weight`]).
//!
//! Invariant: no logsumexp is left.

use crate::ir::rebuild::rebuild;
use crate::ir::{AxisId, Graph, Math, Node, NodeId, Op, RedOp};

/// An equal graph without logsumexp.
pub fn expand(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let needed = graph.reachable(roots);
    let is_lse = |id: NodeId| match graph.node(id) {
        Node::Reduce(RedOp::LogSumExp, over, x) => Some((over.clone(), *x)),
        _ => None,
    };
    if !graph.ids().any(|id| needed[id.0 as usize] && is_lse(id).is_some()) {
        return (graph.clone(), roots.to_vec());
    }
    let mut out = graph.emptied();
    let mut map: Vec<NodeId> = vec![NodeId(0); graph.len()];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        out.span = graph.span_of(id);
        let new = match graph.node(id) {
            Node::Reduce(RedOp::LogSumExp, over, x) => {
                let parts = Parts::new(&mut out, over, map[x.0 as usize]);
                let ln = out.apply(Op::Ln, &[parts.sum]);
                out.apply(Op::Add, &[parts.max, ln])
            }
            Node::Apply(Op::Exp, args) => match graph.node(args[0]) {
                Node::Apply(Op::Sub | Op::Diff, sides) => match is_lse(sides[1]) {
                    Some((over, x)) if x == sides[0] => softmax(&mut out, &over, map[x.0 as usize]),
                    _ => out.apply(Op::Exp, &[map[args[0].0 as usize]]),
                },
                _ => out.apply(Op::Exp, &[map[args[0].0 as usize]]),
            },
            node => {
                let args: Vec<NodeId> = graph.operands(id).iter().map(|a| map[a.0 as usize]).collect();
                rebuild(&mut out, node, graph.dtype(id), &args)
            }
        };
        out.inherit_name(new, graph, id);
        map[id.0 as usize] = new;
    }
    (out, roots.iter().map(|r| map[r.0 as usize]).collect())
}

struct Parts {
    max: NodeId,
    exp: NodeId,
    sum: NodeId,
}

impl Parts {
    fn new(out: &mut Graph, over: &[AxisId], x: NodeId) -> Self {
        let max = out.reduce(RedOp::Max, over, x);
        let below = out.apply(Op::Diff, &[x, max]);
        // what is nothing beside the largest term is none
        let exp = out.apply(if out.math == Math::Strict { Op::Exp } else { Op::Weight }, &[below]);
        let sum = out.reduce(RedOp::Sum, over, exp);
        Parts { max, exp, sum }
    }
}

fn softmax(out: &mut Graph, over: &[AxisId], x: NodeId) -> NodeId {
    let parts = Parts::new(out, over, x);
    let dtype = out.dtype(x);
    let (lowest, none) = (out.constant(f64::NEG_INFINITY, dtype), out.constant(0.0, dtype));
    let masked = out.apply(Op::Eq, &[parts.max, lowest]);
    let inverse = out.apply(Op::Recip, &[parts.sum]);
    let scale = out.apply(Op::Select, &[masked, none, inverse]);
    out.apply(Op::Mul, &[parts.exp, scale])
}
