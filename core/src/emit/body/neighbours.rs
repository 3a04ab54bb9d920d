//! Two parts of a scatter that land at neighbouring elements: `out[i] += here; out[i + 1] += next`.
//!
//! The loop writes each element once: what its own position gives, and what the position before gave, which is kept in a
//! vector from one turn to the next. Invariant: the element behind the last position is written after the loop.

use super::super::place;
use super::{Body, Lanes};
use crate::ir::{AxisId, NodeId, Size};
use crate::schedule::{Neighbours, Work};
use proc_macro2::Ident;
use quote::quote;

/// What a loop keeps for the next positions: the last values, and which lane is the last one.
#[derive(Clone)]
pub(super) struct Kept {
    before: Ident,
    lane: Ident,
}

impl<'a> Body<'a> {
    pub(super) fn pair(&self, s: usize) -> Option<(NodeId, Neighbours)> {
        let Work::Part(node, k) = self.plan.statements.get(s)?.work else { return None };
        Some((node, self.plan.neighbours(node, k)?))
    }

    /// Before the loop over an axis: what its statements keep.
    pub(super) fn keep(&mut self, statements: &[usize], axis: AxisId, vector: bool) {
        for s in statements {
            let Some((node, _)) = self.pair(*s).filter(|(_, pair)| pair.axis == axis) else { continue };
            let lanes = if vector { Lanes::Full } else { Lanes::One };
            let v = self.vector_type(self.plan.graph.dtype(node), lanes);
            let kept = Kept { before: self.names.fresh("before"), lane: self.names.fresh("lane") };
            let Kept { before, lane } = &kept;
            self.push(match self.constant() {
                true => quote!(let mut #before = 0.0;),
                false => quote!(let mut #before = #v::of(0.0);),
            });
            if vector {
                self.push(quote!(let mut #lane = #v::LEN - 1;));
            }
            self.top().kept.insert(*s, kept);
        }
    }

    /// At a position: the element gets both values.
    pub(super) fn write_pair(&mut self, s: usize, node: NodeId, pair: Neighbours, frame: usize) {
        let value = |k: usize| self.plan.graph.part(node, k).map(|p| p.value);
        let (Some(here), Some(next)) = (value(pair.here), value(pair.next)) else { return };
        self.prepare(&[here, next]);
        let (here, next) = (self.operand(here, frame), self.operand(next, frame));
        let Some(Kept { before, lane }) = self.frames.iter().rev().find_map(|f| f.kept.get(&s)).cloned()
        else {
            self.bugs.push("a pair of parts outside of its loop".into());
            return;
        };
        let Some((slice, at)) = place::of_part(self.plan, node, pair.here) else { return };
        let dtype = self.plan.graph.dtype(node);
        let name = self.names.fresh("next");
        self.push(quote!(let #name = #next;));
        let both = match self.constant() {
            true => quote!((#here + #before)),
            false => quote!((#here + #name.slide(#before))),
        };
        self.write(slice, &at, both, None, dtype);
        self.push(quote!(#before = #name;));
        if self.frames[frame].lanes == Lanes::Part {
            let (rest, v) = (self.frames[frame].rest.clone(), self.vector_type(dtype, Lanes::Part));
            self.push(quote!(#lane = #v::LEN.min(#rest) - 1;));
        }
    }

    /// After the loop: the element behind the last position.
    pub(super) fn write_last(&mut self, statements: &[usize], axis: AxisId, vector: bool) {
        for s in statements {
            let Some((node, pair)) = self.pair(*s).filter(|(_, pair)| pair.axis == axis) else { continue };
            let Some(Kept { before, lane }) = self.top().kept.get(s).cloned() else { continue };
            let Some((slice, at)) = place::of_part(self.plan, node, pair.next) else { continue };
            // the position of the last value, `axis = size - 1`
            let size = self.plan.graph.axis_size(axis).sub(&Size::constant(1));
            let at = at.offset.add(&at.coefficient(axis).mul(&size));
            let (name, at) = (self.name_of(slice, true), self.size(&at));
            let lane = if vector { quote!(#lane) } else { quote!(0) };
            self.push(match self.may_be_reversed(axis) {
                _ if self.constant() => quote!(if #at < #name.len() { #name[#at] = #before; }),
                // there may be no element at all
                true => quote!(if let Some(last) = #name.get_mut(#at) { *last = #before.lane(#lane); }),
                false => quote!(#name[#at] = #before.lane(#lane);),
            });
        }
    }
}
