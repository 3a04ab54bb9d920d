//! Calls of functions that stay calls: numbers by value, arrays as slices, an array as the result through a slice.
//!
//! Invariant: a function is called where its guard holds, and nowhere else.

use super::super::place::{Linear, Slice};
use super::super::{expr, place};
use super::Body;
use crate::ir::{AxisId, Dtype, Given, Node, NodeId, Size};
use crate::schedule::in_input;
use proc_macro2::TokenStream;
use quote::quote;

impl<'a> Body<'a> {
    pub(super) fn call(&mut self, node: NodeId, frame: usize) {
        let Node::Call { callee, args, dims, guard, .. } = self.plan.graph.node(node).clone() else { return };
        let numbers = args.iter().filter(|a| a.1.is_empty()).map(|a| a.0);
        let numbers = numbers.filter(|n| self.plan.graph.dtype(*n) != Dtype::Int);
        let roots: Vec<NodeId> = numbers.chain(guard).collect();
        self.prepare(&roots);
        let mut given: Vec<TokenStream> = args.iter().map(|a| self.given(a, frame)).collect();
        let name = self.name_of(Slice::Callee(callee), false);
        let guard = guard.map(|g| self.operand(g, frame));
        let dtype = self.plan.graph.dtype(node);
        let none = expr::number(0.0, dtype == Dtype::F32);
        let adds = self.plan.graph.callee(callee).adds.len();
        let sums: Vec<TokenStream> = (0..adds).map(|k| self.sum(node, k)).collect();
        if dims.is_empty() {
            given.extend(sums);
            let call = quote!(#name(#(#given),*));
            let value = match guard {
                Some(guard) => quote!(if #guard { #call } else { #none }),
                None => call,
            };
            let v = self.vector_type(dtype, super::Lanes::One);
            let name = self.node_name(node, "v");
            self.push(quote!(let #name = #v::splat(#value);));
            self.top().memo.insert(node, quote!(#name));
            if let Some((slice, at)) = place::of_stored(self.plan, node) {
                self.write(slice, &at, quote!(#name), None, dtype);
            }
            return;
        }
        let Some((slice, at)) = place::of_stored(self.plan, node) else {
            self.bugs.push(format!("%{} has no memory for what it gives", node.0));
            return;
        };
        let out = self.whole(slice, &at, &dims, true);
        let call = {
            given.push(quote!(&mut #out));
            given.extend(sums);
            quote!(#name(#(#given),*);)
        };
        self.push(match guard {
            Some(guard) => quote!(if #guard { #call } else { #out.fill(#none); }),
            None => call,
        });
    }

    /// The memory that a call adds to.
    fn sum(&mut self, call: NodeId, k: usize) -> TokenStream {
        let graph = &self.plan.graph;
        let own = |n: &NodeId| matches!(graph.node(*n), Node::Added { call: c, k: j, .. } if *c == call && *j as usize == k);
        let Some(id) = graph.ids().find(own) else {
            self.bugs.push(format!("%{} has no array to add to", call.0));
            return quote!(&mut []);
        };
        let Node::Added { dims, .. } = graph.node(id).clone() else { return quote!(&mut []) };
        let dtype = graph.dtype(id);
        let direct = self.plan.direct.get(&id).copied();
        let found = match direct {
            Some((sum, part)) => place::of_part(self.plan, sum, part),
            None => place::of_stored(self.plan, id),
        };
        let Some((slice, at)) = found else {
            self.bugs.push(format!("%{} has no memory", id.0));
            return quote!(&mut []);
        };
        let all = self.whole(slice, &at, &dims, true);
        if direct.is_none() {
            let zero = expr::number(0.0, dtype == Dtype::F32);
            self.push(quote!(#all.fill(#zero);));
        }
        quote!(&mut #all)
    }

    /// Zeros for calls to add to.
    pub(super) fn zero(&mut self, node: NodeId) {
        let Some((slice, at)) = place::of_stored(self.plan, node) else { return };
        let axes: Vec<AxisId> = at.axes.iter().map(|a| a.0).collect();
        let zero = expr::number(0.0, self.plan.graph.dtype(node) == Dtype::F32);
        let all = self.whole(slice, &at, &axes, true);
        self.push(quote!(#all.fill(#zero);));
    }

    /// An argument: a number, or a slice.
    fn given(&mut self, (node, bound): &Given, frame: usize) -> TokenStream {
        if !bound.is_empty() {
            let found = match in_input(&self.plan.graph, *node, bound) {
                true => place::of_load(self.plan, *node),
                false => place::of_stored(self.plan, *node),
            };
            let Some((slice, at)) = found else {
                self.bugs.push(format!("%{} is no array in memory", node.0));
                return quote!(&[]);
            };
            let slice = self.whole(slice, &at, bound, false);
            return quote!(&#slice);
        }
        match self.plan.graph.dtype(*node) {
            Dtype::Int => self.int(*node),
            Dtype::Bool => self.operand(*node, frame),
            _ => {
                let value = self.operand(*node, frame);
                quote!(#value.lane(0))
            }
        }
    }

    /// All elements along some axes, at the position of the loops along the others.
    fn whole(&mut self, slice: Slice, at: &Linear, axes: &[AxisId], mutable: bool) -> TokenStream {
        let rest = axes.iter().fold(at.clone(), |at, axis| at.without(*axis));
        let sizes: Vec<Size> = axes.iter().map(|a| self.plan.graph.axis_size(*a).clone()).collect();
        let name = self.name_of(slice, mutable);
        let (from, count) = (self.position(&rest), self.size(&Size::product(&sizes)));
        match from {
            Some(from) => quote!(#name[#from..][..#count]),
            None => quote!(#name[..#count]),
        }
    }
}
