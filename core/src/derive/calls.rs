//! The derivatives of calls: by the partials that a call carries, or by calls of the rules that its callee has.
//!
//! Invariant: where there is no rule, the derivative is no number, and never zero; [`ruleless`] finds such a call before.

use super::{active, onehot};
use crate::ir::{AxisId, Given, Graph, Node, NodeId, Op};

/// A call that moves, and has no rule for the mode.
pub fn ruleless(
    graph: &Graph,
    roots: &[NodeId],
    sources: Option<&[NodeId]>,
    forward: bool,
) -> Option<NodeId> {
    let active = active(graph, sources);
    let mut seen = vec![false; graph.len()];
    let mut stack = roots.to_vec();
    while let Some(id) = stack.pop() {
        if !active[id.0 as usize] || std::mem::replace(&mut seen[id.0 as usize], true) {
            continue;
        }
        if sources.is_some_and(|s| s.contains(&id)) {
            continue;
        }
        match graph.node(id) {
            Node::Call { callee, args, partials, .. } => {
                let callee = graph.callee(*callee);
                let rule = if forward { callee.jvp } else { callee.vjp };
                if rule.is_none() && partials.iter().flatten().next().is_none() {
                    return Some(id);
                }
                stack.extend(args.iter().map(|a| a.0));
            }
            _ => stack.extend(graph.operands(id)),
        }
        stack.extend(graph.next_of(id));
    }
    None
}

/// What the arguments of a call receive from its cotangent `g`, each over the call's axes and its own.
pub fn pull(graph: &mut Graph, id: NodeId, g: NodeId, along: &[AxisId]) -> Vec<(NodeId, NodeId)> {
    let Node::Call { callee, args, dims, partials, .. } = graph.node(id).clone() else { return vec![] };
    let info = graph.callee(callee).clone();
    let mut out = vec![];
    if partials.iter().any(Option::is_some) {
        let (pairs, value) = onehot::split(graph, g, along).unwrap_or((vec![], g));
        for ((arg, _), partial) in args.iter().zip(partials) {
            let Some(partial) = partial else { continue };
            let part = graph.apply(Op::Mul, &[value, partial]);
            out.push((*arg, onehot::join(graph, &pairs, part)));
        }
        return out;
    }
    let given: Vec<Given> = info.wrt.iter().filter_map(|k| args.get(*k)).cloned().collect();
    let dtype = graph.dtype(id);
    let Some(calling) = info.vjp.and_then(|rule| graph.rule(id, rule, [(g, dims)])) else {
        let none = graph.constant(f64::NAN, dtype);
        return given.into_iter().map(|a| (a.0, none)).collect();
    };
    if !graph.callee(calling.callee).with_value {
        let shapes: Vec<Vec<AxisId>> = given.iter().map(|a| a.1.clone()).collect();
        let (_, parts) = graph.results(calling, &shapes, dtype);
        return given.into_iter().map(|a| a.0).zip(parts).collect();
    }
    let numbers = 1 + given.iter().filter(|a| a.1.is_empty()).count();
    let (call, numbers) = graph.results(calling, &vec![vec![]; numbers], dtype);
    let (mut numbers, mut arrays) = (numbers.into_iter().skip(1), 0..);
    let mut part = |bound: &[AxisId]| match bound.is_empty() {
        true => numbers.next(),
        false => arrays.next().and_then(|k| graph.added(call, k)),
    };
    given.into_iter().filter_map(|(arg, bound)| Some((arg, part(&bound)?))).collect()
}

/// The tangent of a call, from those of its arguments.
pub fn push(
    graph: &mut Graph,
    id: NodeId,
    of: &dyn Fn(NodeId) -> Option<NodeId>,
    along: &[AxisId],
) -> Option<NodeId> {
    let Node::Call { callee, args, dims, partials, .. } = graph.node(id).clone() else { return None };
    let info = graph.callee(callee).clone();
    let dtype = graph.dtype(id);
    let mut total = None;
    if partials.iter().any(Option::is_some) {
        for ((arg, bound), partial) in args.iter().zip(partials) {
            let (Some(partial), Some(tangent)) = (partial, of(*arg)) else { continue };
            let (pairs, value) = onehot::split(graph, tangent, along).unwrap_or((vec![], tangent));
            let part = graph.apply(Op::Mul, &[value, partial]);
            let part = onehot::join(graph, &pairs, part);
            let part = match bound.is_empty() {
                true => part,
                false => onehot::sum(graph, bound, part, along),
            };
            total = Some(match total {
                None => part,
                Some(sum) => graph.apply(Op::Add, &[sum, part]),
            });
        }
        return total;
    }
    let zero = graph.constant(0.0, dtype);
    let given = info.wrt.iter().filter_map(|k| args.get(*k)).cloned();
    let tangents: Vec<Given> = given.map(|(arg, bound)| (of(arg).unwrap_or(zero), bound)).collect();
    tangents.iter().any(|t| t.0 != zero).then(|| {
        match info.jvp.and_then(|rule| graph.rule(id, rule, tangents)) {
            Some(calling) if graph.callee(calling.callee).with_value => {
                let (_, parts) = graph.results(calling, &[vec![], vec![]], dtype);
                parts[1]
            }
            Some(calling) => graph.call(calling, dims, vec![], dtype),
            None => graph.constant(f64::NAN, dtype),
        }
    })
}
