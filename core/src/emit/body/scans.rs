//! Scans: variables that are set up before a loop, read at the start of an iteration and written at its end.
//!
//! A number is a variable of Rust, an array is memory of its own. Invariant: an iteration reads a variable once, before
//! it writes it.

use super::super::place;
use super::Body;
use crate::ir::{AxisId, Dtype, Node, NodeId};
use crate::schedule::{Step, Work};
use proc_macro2::TokenStream;
use quote::quote;

impl<'a> Body<'a> {
    /// The variables of the scans whose loop this is: the carries with their memory; whether it runs backwards.
    pub(super) fn variables(&self, axis: AxisId, inside: &[usize]) -> (Vec<(NodeId, NodeId)>, bool) {
        let scans = self.plan.scans_of(axis, inside);
        let reversed = scans.iter().any(|s| self.plan.graph.scan(*s).reversed);
        let own =
            |c: &NodeId| matches!(self.plan.graph.node(*c), Node::Carry { scan, .. } if scans.contains(scan));
        let left_out: Vec<NodeId> = self
            .skip
            .iter()
            .filter_map(|s| match self.plan.statements[*s].work {
                Work::Carry(c) => Some(c),
                _ => None,
            })
            .collect();
        let own = |c: &NodeId| own(c) && !left_out.contains(c);
        let carries = self.plan.last.iter().filter(|(c, _)| own(c)).map(|(c, last)| (*c, *last)).collect();
        (carries, reversed)
    }

    /// Before the loop.
    pub(super) fn start(&mut self, carry: NodeId, last: NodeId) {
        let Some(init) = self.plan.graph.operands(carry).first().copied() else { return };
        let number = self
            .plan
            .storage
            .get(&last)
            .is_some_and(|s| place::of_stored(self.plan, last).is_none() && s.layout.is_empty());
        if number {
            self.prepare(&[init]);
            let frame = self.frames.len() - 1;
            // as many lanes as the variable has
            let value = match self.plan.graph.dtype(init) {
                Dtype::Int => self.int(init),
                _ => self.operand_as(init, frame, self.lanes_of(carry, frame)),
            };
            let name = self.node_name(carry, "s");
            self.push(quote!(let mut #name = #value;));
            self.states.insert(carry, name);
            return;
        }
        let found = self
            .plan
            .statements
            .iter()
            .position(|s| matches!(s.work, Work::Start { carry: c, .. } if c == carry));
        let Some(s) = found else { return };
        let entered: Vec<AxisId> = self.frames.iter().filter_map(|f| f.axis).collect();
        let mut step = Step::Run(s);
        for axis in self.plan.statements[s].loops.iter().rev().filter(|a| !entered.contains(a)) {
            step = Step::Loop { axis: *axis, body: vec![step] };
        }
        self.steps(&[step]);
    }

    /// The value of a variable in this iteration.
    pub(super) fn carry(&mut self, carry: NodeId, frame: usize) {
        let dtype = self.plan.graph.dtype(carry);
        let Some(last) = self.plan.last.get(&carry).copied() else { return };
        let value = match self.states.get(&carry) {
            Some(name) => quote!(#name),
            None => match place::of_stored(self.plan, last) {
                Some((slice, at)) => self.read(slice, &at, frame, self.lanes_of(carry, frame), dtype),
                None => {
                    self.bugs.push("a variable of a scan without memory".into());
                    return;
                }
            },
        };
        let name = self.node_name(carry, "v");
        self.push(quote!(let #name = #value;));
        self.top().memo.insert(carry, quote!(#name));
        self.end_loop(carry, &name);
        if let Some((slice, at)) = place::of_stored(self.plan, carry) {
            self.write(slice, &at, quote!(#name), None, dtype);
        }
    }

    /// At the end of an iteration.
    pub(super) fn next(&mut self, carry: NodeId, last: NodeId, frame: usize) {
        let Some(next) = self.plan.graph.operands(last).first().copied() else { return };
        self.prepare(&[next]);
        let value = self.value(next, frame);
        match self.states.get(&carry) {
            Some(name) => self.push(quote!(#name = #value;)),
            None => {
                let dtype = self.plan.graph.dtype(last);
                if let Some((slice, at)) = place::of_stored(self.plan, last) {
                    self.write(slice, &at, value, None, dtype);
                }
            }
        }
    }

    /// After the loop: what remains of the numbers.
    pub(super) fn remains(&mut self, carry: NodeId, last: NodeId) {
        if let Some(name) = self.states.remove(&carry) {
            self.top().memo.insert(last, quote!(#name));
        }
    }

    /// A prepared value of any type.
    pub(super) fn value(&mut self, id: NodeId, frame: usize) -> TokenStream {
        match self.plan.graph.dtype(id) {
            Dtype::Int => self.int(id),
            _ => self.operand(id, frame),
        }
    }
}
