//! Scatters that write each element of their array once, as a list does.
//!
//! Invariant: what is a list needs no zeros before it is written.

use super::graph::{AxisId, Graph, Index, Node, NodeId};
use super::size::Size;

impl Graph {
    /// A scatter that is a list: each part is an element, or one at each position along the same axes.
    pub fn is_list(&self, id: NodeId) -> bool {
        let Node::Scatter { dims, view: None, parts } = self.node(id) else { return false };
        let Some(first) = parts.first() else { return false };
        if parts.iter().any(|p| matches!(self.node(p.value), Node::Added { .. })) {
            return false;
        }
        // where the parts differ, all positions are numbers
        let open: Vec<bool> = first.index.iter().map(|i| i.as_axis().is_some()).collect();
        let mut along: Vec<AxisId> = first.index.iter().filter_map(Index::as_axis).collect();
        along.sort();
        along.dedup();
        let whole = first.index.iter().zip(dims).all(|(i, d)| match i.as_axis() {
            Some(a) => self.axis_size(a) == self.axis_size(*d),
            None => true,
        });
        let mut places: Vec<Vec<Option<i64>>> = vec![];
        for part in parts {
            let mut over = part.over.clone();
            over.sort();
            let same = part.index.iter().zip(&first.index).zip(&open).all(|((i, f), open)| match open {
                true => i == f,
                false => i.terms.is_empty() && i.gather.is_none(),
            });
            if over != along || !same {
                return false;
            }
            places.push(part.index.iter().map(|i| i.offset.as_const()).collect());
        }
        places.sort();
        places.dedup();
        let lengths = dims.iter().zip(&open).filter(|d| !d.1).map(|d| self.axis_size(*d.0));
        let distinct = along.len() == open.iter().filter(|o| **o).count();
        let count = Size::product(lengths).as_const();
        whole && distinct && places.len() == parts.len() && count == i64::try_from(parts.len()).ok()
    }
}
