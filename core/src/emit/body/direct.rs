//! Arrays of which a vector loop changes one row and meets another: no row is borrowed for the whole loop.
//!
//! Invariant: rows that are borrowed for a loop are read only, or are the only ones of their array.

use super::super::place;
use super::super::place::{Linear, Slice};
use super::{Body, Lanes};
use crate::ir::{AxisId, Node};
use crate::schedule::{Step, Work};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Body<'a> {
    /// The arrays of which statements in a vector loop change a row, and read or change others.
    pub(super) fn shared_rows(&self, axis: AxisId, body: &[Step]) -> BTreeSet<Slice> {
        let plan = self.plan;
        let mut rows: BTreeMap<Slice, Vec<Linear>> = BTreeMap::new();
        let mut changed = BTreeSet::new();
        let mut note = |place: Option<(Slice, Linear)>, writes: bool| {
            let Some((slice, at)) = place else { return };
            let (at, list) = (at.without(axis), rows.entry(slice).or_default());
            if !list.contains(&at) {
                list.push(at);
            }
            if writes {
                changed.insert(slice);
            }
        };
        for s in self.statements(body) {
            let work = &plan.statements[s].work;
            match work {
                Work::List(n) => {
                    let Node::Scatter { parts, .. } = plan.graph.node(*n) else { continue };
                    (0..parts.len()).for_each(|k| note(place::of_part(plan, *n, k), true));
                }
                Work::Part(n, k) => note(place::of_part(plan, *n, *k), true),
                Work::Write(n, true) => note(place::of_write(plan, *n), true),
                Work::Store(k) => note(Some(place::of_target(plan, *k)), true),
                Work::Next { last: n, .. } | Work::Start { last: n, .. } | Work::Carry(n) => {
                    note(place::of_stored(plan, *n), true)
                }
                Work::Call(n) | Work::Zero(n) | Work::Added(n) => note(place::of_stored(plan, *n), true),
                Work::Map(n) | Work::Reduce(n) | Work::Write(n, false) => {
                    note(place::of_stored(plan, *n), true)
                }
                Work::Gemm(_) | Work::Go(_) => {}
            }
            let (mut stack, mut seen) = (plan.expression(work), BTreeSet::new());
            if let Work::Map(n) = work {
                note(place::of_load(plan, *n), false);
            }
            while let Some(id) = stack.pop() {
                if !seen.insert(id) {
                    continue;
                }
                if plan.storage.contains_key(&id) {
                    note(place::of_stored(plan, id), false);
                    continue;
                }
                match plan.graph.node(id) {
                    Node::Load { index, .. } => {
                        note(place::of_load(plan, id), false);
                        stack.extend(index.iter().filter_map(|i| i.gather));
                    }
                    _ => stack.extend(plan.graph.operands(id)),
                }
            }
        }
        changed.retain(|slice| rows.get(slice).is_some_and(|list| list.len() > 1));
        changed
    }

    /// The part of an array that the vectors of a frame are at, in a row that is not borrowed.
    pub(super) fn at_once(&mut self, slice: Slice, at: &Linear, frame: usize, axis: AxisId) -> TokenStream {
        self.frames[frame].counts = true;
        let name = self.name_of(slice, false);
        let base = self.position(&at.without(axis));
        let base = base.map(|base| quote!(#base +));
        let var = self.frames[frame].var.clone();
        let extent = self.plan.graph.axis_size(axis).clone();
        let n = self.size(&extent);
        match self.frames[frame].lanes {
            Lanes::Part => quote!(#name[#base #var..][..#n - #var]),
            _ => quote!(#name[#base #var..]),
        }
    }
}
