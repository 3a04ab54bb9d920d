//! Forward mode: tangents of inputs or nodes in, tangents of outputs out, from the same partials as reverse mode.
//!
//! Invariant: the tangent of a node depends on no axis that the node does not depend on, but for those that its
//! directions run along.

use super::{active, calls, onehot, pull, reduction_pull};
use crate::ir::{Array, AxisId, Graph, Index, Input, InputId, Node, NodeId, Op, Part, RedOp};

/// Tangents of inputs and nodes: one direction, or one for each position along axes that nothing else has.
#[derive(Clone, Debug, Default)]
pub struct Directions {
    pub inputs: Vec<(InputId, Array)>,
    pub nodes: Vec<(NodeId, NodeId)>,
    pub along: Vec<AxisId>,
}

/// Tangents of `outputs`; for each input of `wrt` an input `<name>_dot` is added, in order. `None`: no dependence.
pub fn forward(
    graph: &mut Graph,
    outputs: &[NodeId],
    wrt: &[InputId],
) -> (Vec<InputId>, Vec<Option<NodeId>>) {
    let dots: Vec<InputId> = wrt
        .iter()
        .map(|i| {
            let input = graph.input(*i).clone();
            let name = format!("{}_dot", input.name);
            graph.add_input(Input { name, active: false, ..input })
        })
        .collect();
    let inputs = wrt.iter().zip(&dots).map(|(i, dot)| (*i, Array::Input(*dot))).collect();
    let set = Directions { inputs, ..Directions::default() };
    let tangents = tangents(graph, outputs, &[set]).into_iter().flatten().collect();
    (dots, tangents)
}

/// Tangents of `outputs` for tangents of nodes, which depend on nothing that moves. `along` are axes that tell apart
/// calls of one function.
pub fn directions(
    graph: &mut Graph,
    outputs: &[NodeId],
    nodes: &[(NodeId, NodeId)],
    along: &[AxisId],
) -> Vec<Option<NodeId>> {
    let set = Directions { inputs: vec![], nodes: nodes.to_vec(), along: along.to_vec() };
    tangents(graph, outputs, &[set]).into_iter().flatten().collect()
}

/// For each set of directions the tangents of `outputs`. The sets are those of one function: where arguments tie, all
/// of them move.
pub fn tangents(graph: &mut Graph, outputs: &[NodeId], sets: &[Directions]) -> Vec<Vec<Option<NodeId>>> {
    let sources: Vec<NodeId> = sets.iter().flat_map(|s| s.nodes.iter().map(|n| n.0)).collect();
    let active = active(graph, (!sources.is_empty()).then_some(&sources[..]));
    let mut walks: Vec<Walk> =
        sets.iter().map(|set| Walk { set, of: vec![None; active.len()], open: vec![] }).collect();
    for id in (0..active.len() as u32).map(NodeId).filter(|id| active[id.0 as usize]) {
        graph.span = graph.span_of(id);
        let moving: Vec<bool> = match graph.node(id) {
            Node::Apply(_, args) => args
                .iter()
                .map(|a| walks.iter().any(|w| w.of.get(a.0 as usize).is_some_and(Option::is_some)))
                .collect(),
            _ => vec![],
        };
        for walk in walks.iter_mut() {
            let tangent = walk.tangent(graph, id, &moving);
            if let (Some(t), Some(name)) = (tangent, graph.name(id).map(|n| format!("{n}_dot"))) {
                graph.set_name(t, &name);
            }
            walk.of[id.0 as usize] = tangent;
        }
    }
    walks
        .into_iter()
        .map(|walk| {
            for (carry, dot) in &walk.open {
                if let (Some(next), None) = (graph.next_of(*carry), graph.next_of(*dot)) {
                    let zero = graph.constant(0.0, graph.dtype(*dot));
                    graph.close(*dot, walk.of[next.0 as usize].unwrap_or(zero));
                }
            }
            outputs.iter().map(|o| walk.of[o.0 as usize]).collect()
        })
        .collect()
}

/// The tangents of one set, as far as they are known.
struct Walk<'a> {
    set: &'a Directions,
    of: Vec<Option<NodeId>>,
    /// The variables of scans with their tangents.
    open: Vec<(NodeId, NodeId)>,
}

impl Walk<'_> {
    fn tangent(&mut self, graph: &mut Graph, id: NodeId, moving: &[bool]) -> Option<NodeId> {
        let along = &self.set.along;
        if let Some((_, tangent)) = self.set.nodes.iter().find(|n| n.0 == id) {
            return Some(*tangent);
        }
        let of = |n: NodeId| self.of[n.0 as usize];
        match graph.node(id).clone() {
            Node::Apply(_, args) => {
                let known: Vec<Option<NodeId>> = args.iter().map(|a| of(*a)).collect();
                self.applied(graph, id, &known, moving)
            }
            Node::Cast(x) => of(x).map(|t| match onehot::split(graph, t, along) {
                Some((pairs, value)) => {
                    let value = graph.cast(value, graph.dtype(id));
                    onehot::join(graph, &pairs, value)
                }
                None => graph.cast(t, graph.dtype(id)),
            }),
            Node::Reduce(op, over, x) => of(x).and_then(|t| {
                if op == RedOp::Sum {
                    return Some(onehot::sum(graph, &over, t, along));
                }
                let (pairs, value) = onehot::split(graph, t, along).unwrap_or((vec![], t));
                let part = reduction_pull(graph, id, value)?;
                let part = onehot::join(graph, &pairs, part);
                Some(onehot::sum(graph, &over, part, along))
            }),
            Node::Load { array: Array::Input(i), view, index } => {
                let (_, tangent) = self.set.inputs.iter().find(|s| s.0 == i)?;
                Some(match tangent.clone() {
                    Array::Node(t, bound) => onehot::load(graph, t, &bound, view, index, along),
                    input => graph.load(input, view, index),
                })
            }
            Node::Load { array: Array::Node(n, bound), view, index } => {
                of(n).map(|t| onehot::load(graph, t, &bound, view, index, along))
            }
            Node::Scatter { mut dims, mut view, parts } => {
                let free: Vec<AxisId> = along.iter().copied().filter(|a| !dims.contains(a)).collect();
                let mut moved: Vec<Part> = vec![];
                for part in parts {
                    let Some(value) = of(part.value) else { continue };
                    let mut part = Part { value, ..part };
                    part.index.extend(free.iter().map(|a| Index::axis(*a)));
                    part.over
                        .extend(free.iter().filter(|a| !part.over.contains(a)).copied().collect::<Vec<_>>());
                    moved.push(part);
                }
                view = view.map(|mut view| {
                    view.extend(free.iter().map(|a| graph.axis_size(*a).clone()));
                    view
                });
                dims.extend(free);
                let dtype = graph.dtype(id);
                (!moved.is_empty()).then(|| graph.scatter(dims, view, moved, dtype))
            }
            Node::Write { array, dims, index, over, value } => match (of(array), of(value)) {
                (None, None) => None,
                (a, v) => {
                    let zero = graph.constant(0.0, graph.dtype(id));
                    Some(graph.write(a.unwrap_or(zero), dims, index, over, v.unwrap_or(zero)))
                }
            },
            // the tangent is one more variable of the same scan
            Node::Carry { scan, mut axes, init, .. } => {
                let zero = graph.constant(0.0, graph.dtype(id));
                let start = of(init).unwrap_or(zero);
                axes.extend(along);
                let dot = graph.carry(scan, &axes, start);
                self.open.push((id, dot));
                Some(dot)
            }
            Node::Final { scan, k, next, .. } => {
                let same = |c: &NodeId| matches!(graph.node(*c), Node::Carry { scan: s, k: j, .. } if (*s, *j) == (scan, k));
                let dot = self.open.iter().find(|(carry, _)| same(carry)).map(|o| o.1);
                let zero = graph.constant(0.0, graph.dtype(id));
                dot.map(|dot| graph.close(dot, of(next).unwrap_or(zero)))
            }
            // as a call without a rule
            Node::Added { .. } => Some(graph.constant(f64::NAN, graph.dtype(id))),
            Node::Call { .. } => calls::push(graph, id, &of, along),
            Node::Const(_) | Node::Size(_) | Node::Position(_) => None,
        }
    }

    /// The tangent of an operation. Partials are linear in a tangent, so they are applied behind a choice.
    fn applied(
        &self,
        graph: &mut Graph,
        id: NodeId,
        known: &[Option<NodeId>],
        moving: &[bool],
    ) -> Option<NodeId> {
        let along = &self.set.along;
        let present: Vec<NodeId> = known.iter().flatten().copied().collect();
        if let Some((pairs, values)) = onehot::shared(graph, &present, along) {
            let mut values = values.into_iter();
            let values: Vec<Option<NodeId>> = known.iter().map(|k| k.and_then(|_| values.next())).collect();
            let parts = pull(graph, id, &|i| values[i], moving);
            let value = sum(graph, parts.into_iter().flatten())?;
            return Some(onehot::join(graph, &pairs, value));
        }
        let choices: Vec<Option<onehot::Choice>> =
            known.iter().map(|k| k.and_then(|k| onehot::split(graph, k, along))).collect();
        let value = |i: usize| choices[i].as_ref().map(|c| c.1).or(known[i]);
        let mut parts = pull(graph, id, &value, moving);
        for (part, choice) in parts.iter_mut().zip(&choices) {
            if let (Some(part), Some((pairs, _))) = (part, choice) {
                *part = onehot::join(graph, pairs, *part);
            }
        }
        sum(graph, parts.into_iter().flatten())
    }
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
