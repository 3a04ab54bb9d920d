//! Which arrays are made element by element.
//!
//! Invariant: an array of which that is not found stays an array.

use super::{Apart, DEPTH};
use crate::ir::{Array, AxisId, Index, Node, NodeId, Op};

/// As long as directions that are told apart by comparisons may be.
const FEW: i64 = 4;

impl Apart<'_> {
    /// Whether the values along an axis are made one by one.
    pub(super) fn elementwise(&mut self, id: NodeId, axis: AxisId) -> bool {
        let from = self.from;
        if !from.axes(id).contains(&axis) || self.short(axis).is_none() {
            return false;
        }
        if let Some(known) = self.made.get(&(id, axis)) {
            return *known;
        }
        if self.depth > DEPTH {
            return false;
        }
        // a variable's next value may be made of the variable
        self.made.insert((id, axis), false);
        self.depth += 1;
        if self.axes.contains(&axis) && self.written_by_number(id, axis) {
            self.depth -= 1;
            self.made.insert((id, axis), true);
            return true;
        }
        let few = self.short(axis).is_some_and(|n| n <= FEW);
        let made = match from.node(id) {
            Node::Const(_) | Node::Size(_) | Node::Position(_) => false,
            Node::Call { .. } | Node::Added { .. } => false,
            Node::Load { array: Array::Node(n, bound), view: None, index } => {
                let own = bound
                    .iter()
                    .zip(index)
                    .any(|(b, i)| i.as_axis() == Some(axis) && self.elementwise(*n, *b));
                own || !bound.contains(&axis) && self.elementwise(*n, axis)
            }
            Node::Load { .. } => false,
            Node::Apply(Op::Eq, sides)
                if few
                    && sides.iter().all(|s| matches!(from.node(*s), Node::Position(_) | Node::Const(_))) =>
            {
                true
            }
            Node::Apply(_, args) => args.iter().any(|a| self.elementwise(*a, axis)),
            Node::Cast(x) | Node::Reduce(_, _, x) => self.elementwise(*x, axis),
            Node::Scatter { dims, view: None, parts } => match dims.iter().position(|d| *d == axis) {
                Some(k) => {
                    let mut each = parts.iter().map(|p| match p.index[k].as_axis() {
                        // an axis that says two positions is followed in both
                        Some(j) => {
                            let says = |i: &&Index| i.terms.iter().any(|t| t.0 == j);
                            p.index.iter().filter(says).count() > 1 || self.elementwise(p.value, j)
                        }
                        None => is_number(&p.index[k]),
                    });
                    // one element among many that loops make is no reason
                    if few {
                        each.any(|made| made)
                    } else {
                        each.all(|made| made)
                    }
                }
                None => false,
            },
            Node::Scatter { .. } => false,
            Node::Write { array, dims, index, value, .. } => {
                let here = match dims.iter().position(|d| *d == axis) {
                    Some(k) => match index[k].as_axis() {
                        Some(j) => self.elementwise(*value, j),
                        None => is_number(&index[k]),
                    },
                    None => self.elementwise(*value, axis),
                };
                here || self.elementwise(*array, axis)
            }
            Node::Carry { scan, k, .. } | Node::Final { scan, k, .. } => {
                let variable = (*scan, *k);
                let parts = self.carries.get(&variable).map(|c| (from.operands(*c), from.next_of(*c)));
                self.split.contains(&(variable, axis))
                    || parts.is_some_and(|(init, next)| {
                        init.into_iter().chain(next).any(|n| self.elementwise(n, axis))
                    })
            }
        };
        self.depth -= 1;
        self.made.insert((id, axis), made);
        made
    }
}

impl Apart<'_> {
    /// Where the elements along an axis are written does not depend on what the run looks up.
    fn written_by_number(&self, id: NodeId, axis: AxisId) -> bool {
        let known =
            |index: &Index| index.gather.is_none() && index.terms.iter().all(|t| self.short(t.0).is_some());
        match self.from.node(id) {
            Node::Call { .. } | Node::Added { .. } | Node::Scatter { view: Some(_), .. } => false,
            Node::Scatter { dims, parts, .. } => match dims.iter().position(|d| *d == axis) {
                Some(k) => parts.iter().all(|p| known(&p.index[k])),
                None => true,
            },
            Node::Write { dims, index, .. } => match dims.iter().position(|d| *d == axis) {
                Some(k) => known(&index[k]),
                None => true,
            },
            _ => true,
        }
    }
}

/// A position that is known here.
fn is_number(index: &Index) -> bool {
    index.terms.is_empty() && index.gather.is_none() && index.offset.as_const().is_some()
}
