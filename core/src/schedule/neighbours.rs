//! Contributions to neighbouring elements: `out[i] += a` and `out[i + 1] += b`, in one pass.
//!
//! What an element gets from its own position is added to what it gets from the one before, which the loop has just
//! computed. Invariant: both parts run over one axis, and no two values of a part meet in an element.

use super::Plan;
use crate::ir::{AxisId, Graph, Node, NodeId, Part, Size};

/// The two parts of a scatter that one statement writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// The part that lands at a position, and the one that lands at the next position.
    pub here: usize,
    pub next: usize,
    pub axis: AxisId,
}

/// The parts of a scatter as neighbours, where it has just two, of this form.
pub fn of(graph: &Graph, node: NodeId) -> Option<Neighbours> {
    let Node::Scatter { dims, view: None, parts } = graph.node(node) else { return None };
    let ([_], [first, second]) = (&dims[..], &parts[..]) else { return None };
    let at = |part: &Part| -> Option<(AxisId, Size)> {
        let ([index], [over]) = (&part.index[..], &part.over[..]) else { return None };
        let one = index.terms.len() == 1 && index.terms.iter().all(|(a, c)| a == over && c.is_one());
        let moves = graph.axes(part.value).contains(over);
        (one && moves && index.gather.is_none()).then(|| (*over, index.offset.clone()))
    };
    let ((axis, a), (other, b)) = (at(first)?, at(second)?);
    let (here, next) = match b.sub(&a).as_const() {
        Some(1) => (0, 1),
        Some(-1) => (1, 0),
        _ => return None,
    };
    (axis == other && graph.dtype(node).is_float()).then_some(Neighbours { here, next, axis })
}

impl Plan {
    /// The parts that a statement for the first part of a scatter writes with it.
    pub fn neighbours(&self, node: NodeId, part: usize) -> Option<Neighbours> {
        // a scan's loop may run backwards, and takes other statements in
        of(&self.graph, node).filter(|_| part == 0 && self.last.is_empty() && !self.grown.contains(&node))
    }
}
