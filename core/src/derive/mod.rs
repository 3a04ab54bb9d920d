//! Derivatives of graphs: which nodes are active, reverse mode, forward mode.
//!
//! Both modes read the same op table. Invariant: a node without a rule is an error, never a zero.

mod calls;
mod forward;
mod onehot;
mod reverse;
mod scans;

pub use calls::ruleless;
pub use forward::{directions, forward, tangents, Directions};
pub use onehot::one_hot;
pub use reverse::{canonical, reverse, reverse_along, reverse_nodes, Gradient};

use crate::ir::ops::Ex;
use crate::ir::{Array, Graph, Node, NodeId, Op, RedOp};
use std::cell::RefCell;

/// Both modes with respect to nodes, for the front, which knows no other pass.
pub const MODES: crate::ir::Modes =
    crate::ir::Modes { reverse: reverse_nodes, forward: directions, one_hot, ruleless };

/// Whether each node depends on a differentiated input; or, where there are `sources`, on one of those nodes.
pub fn active(graph: &Graph, sources: Option<&[NodeId]>) -> Vec<bool> {
    let mut active = vec![false; graph.len()];
    loop {
        let mut grown = false;
        for id in graph.ids() {
            let own = match graph.node(id) {
                _ if sources.is_some_and(|s| s.contains(&id)) => true,
                Node::Load { array: Array::Input(i), .. } => sources.is_none() && graph.input(*i).active,
                Node::Load { array: Array::Node(n, _), .. } => active[n.0 as usize],
                Node::Apply(Op::Constant, _) => false,
                _ => graph.operands(id).iter().any(|o| active[o.0 as usize]),
            };
            // what an iteration leaves behind comes back in the next one
            let own = own || graph.next_of(id).is_some_and(|n| active[n.0 as usize]);
            if own && graph.dtype(id).is_float() && !active[id.0 as usize] {
                active[id.0 as usize] = true;
                grown = true;
            }
        }
        if !grown || graph.scans.is_empty() {
            return active;
        }
    }
}

/// Runs `build` with the graph behind a cell, as [`Ex`] needs it.
fn with_cell<R>(graph: &mut Graph, build: impl FnOnce(&RefCell<Graph>) -> R) -> R {
    let empty = Graph::new(graph.math, Default::default());
    let cell = RefCell::new(std::mem::replace(graph, empty));
    let result = build(&cell);
    *graph = cell.into_inner();
    result
}

/// What each operand of `y = op(args)` receives from `g`, by the op table. `active` says which operands move.
fn pull(
    graph: &mut Graph,
    y: NodeId,
    g: &dyn Fn(usize) -> Option<NodeId>,
    active: &[bool],
) -> Vec<Option<NodeId>> {
    let Node::Apply(op, args) = graph.node(y).clone() else { return vec![] };
    let tie = if active.iter().filter(|a| **a).count() > 1 { 0.5 } else { 0.0 };
    with_cell(graph, |cell| {
        let ex = |id| Ex { graph: cell, id };
        let operands: Vec<Ex> = args.iter().map(|a| ex(*a)).collect();
        let mut out: Vec<Option<NodeId>> = Vec::with_capacity(args.len());
        for i in 0..args.len() {
            out.push(g(i).and_then(|g| {
                let parts = (op.info().pull)(&operands, ex(y), ex(g), tie);
                parts.get(i).and_then(|p| p.as_ref()).map(|p| p.id)
            }));
        }
        out
    })
}

/// The partial of a reduction with respect to each of its elements, times `g`.
fn reduction_pull(graph: &mut Graph, y: NodeId, g: NodeId) -> Option<NodeId> {
    let Node::Reduce(op, over, x) = graph.node(y).clone() else { return None };
    let one_hot = |graph: &mut Graph, yes: f64| {
        let dtype = graph.dtype(x);
        let same = graph.apply(Op::Eq, &[x, y]);
        let (yes, no) = (graph.constant(yes, dtype), graph.constant(0.0, dtype));
        (same, yes, no)
    };
    Some(match op {
        RedOp::Sum => g,
        // elements that tie for the extremum share equally (KINKS)
        RedOp::Max | RedOp::Min => {
            let (same, one, none) = one_hot(graph, 1.0);
            let hit = graph.apply(Op::Select, &[same, one, none]);
            let count = graph.reduce(RedOp::Sum, &over, hit);
            let share = graph.apply(Op::Div, &[g, count]);
            graph.apply(Op::Select, &[same, share, none])
        }
        // the product of the others, without a division that a zero would spoil
        RedOp::Prod => {
            let axes: Vec<_> = over.iter().copied().filter(|a| graph.axes(x).contains(a)).collect();
            let dtype = graph.dtype(x);
            let one = graph.constant(1.0, dtype);
            let mut others = x;
            let mut fresh = Vec::new();
            for a in &axes {
                let size = graph.axis_size(*a).clone();
                let mut occ = 0;
                while {
                    let candidate = graph.axis_of(&size, occ);
                    [x, g].iter().any(|n| graph.axes(*n).contains(&candidate)) || fresh.contains(&candidate)
                } {
                    occ += 1;
                }
                fresh.push(graph.axis_of(&size, occ));
            }
            others = graph.rename(others, &axes, &fresh);
            let mut same = graph.constant(1.0, crate::ir::Dtype::Bool);
            for (a, b) in axes.iter().zip(&fresh) {
                let (p, q) =
                    (graph.position(*a, crate::ir::Dtype::Int), graph.position(*b, crate::ir::Dtype::Int));
                let eq = graph.apply(Op::Eq, &[p, q]);
                same = graph.apply(Op::And, &[same, eq]);
            }
            let factor = graph.apply(Op::Select, &[same, one, others]);
            let product = graph.reduce(RedOp::Prod, &fresh, factor);
            graph.apply(Op::Mul, &[g, product])
        }
        RedOp::LogSumExp => {
            let below = graph.apply(Op::Sub, &[x, y]);
            let p = graph.apply(Op::Exp, &[below]);
            graph.apply(Op::Mul, &[g, p])
        }
    })
}
