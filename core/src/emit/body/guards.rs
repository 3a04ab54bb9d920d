//! Steps that only add to sums, and only under a condition: they run where the condition holds.
//!
//! Invariant: what is left out would have added zeros.

use super::super::place::Linear;
use super::{Body, Frame, Lanes};
use crate::ir::{Math, Node, NodeId, Op, RedOp};
use crate::schedule::{Step, Work};
use proc_macro2::TokenStream;
use quote::quote;

impl<'a> Body<'a> {
    /// Runs as many of the first steps as stand under one condition; how many these are.
    pub(super) fn guarded(&mut self, steps: &[Step]) -> usize {
        let Some(first) = steps.first().and_then(|s| self.guard(s)) else { return 0 };
        let count = steps.iter().take_while(|s| self.guard(s) == Some(first)).count();
        self.prepare(&[first]);
        let frame = self.frames.len() - 1;
        let condition = self.operand(first, frame);
        let (inside, ()) = self.under(first, |run| steps[..count].iter().for_each(|s| run.step(s)));
        self.push(quote!(if #condition { #inside }));
        count
    }

    /// What is written where a condition holds. What is computed there is known nowhere else.
    pub(super) fn under<T>(
        &mut self,
        condition: NodeId,
        inside: impl FnOnce(&mut Self) -> T,
    ) -> (TokenStream, T) {
        let known = |f: &Frame| (f.memo.clone(), f.splats.clone(), f.counted.clone(), f.starts.clone());
        let before: Vec<_> = self.frames.iter_mut().map(|f| (std::mem::take(&mut f.out), known(f))).collect();
        self.truths.push(condition);
        let result = inside(self);
        self.truths.pop();
        let mut written = TokenStream::new();
        for (frame, (out, known)) in self.frames.iter_mut().zip(before) {
            written.extend(std::mem::replace(&mut frame.out, out));
            (frame.memo, frame.splats, frame.counted, frame.starts) = known;
        }
        (written, result)
    }

    /// What is read where a position counts, and 0 elsewhere, where there may be nothing to read.
    pub(super) fn where_reached(
        &mut self,
        at: &Linear,
        frame: usize,
        zero: &TokenStream,
        read: &dyn Fn(&mut Self) -> TokenStream,
    ) -> TokenStream {
        let Some(condition) = self.reached(at) else { return read(self) };
        self.prepare(&[condition]);
        let holds = self.operand_as(condition, frame, Lanes::One);
        let (before, value) = self.under(condition, |run| run.where_reached(at, frame, zero, read));
        quote!((if #holds { #before #value } else { #zero }))
    }

    /// The condition under which a position counts, where it is not known to hold.
    pub(super) fn reached(&self, at: &Linear) -> Option<NodeId> {
        at.gathers.iter().find_map(|(index, ..)| match self.plan.graph.node(index.gather?) {
            Node::Apply(Op::When, args) if !self.holds(args[0]) => Some(args[0]),
            _ => None,
        })
    }

    /// The condition without which a step changes nothing, where it is known by now.
    fn guard(&self, step: &Step) -> Option<NodeId> {
        let frame = self.frames.last()?;
        if self.plan.graph.math == Math::Strict || frame.axis.is_none() || frame.lanes != Lanes::One {
            return None;
        }
        let inside = match step {
            Step::Run(s) => vec![*s],
            Step::Loop { body, .. } => self.statements(body),
        };
        let mut common = None;
        for s in inside {
            let condition = self.adds_under(s)?;
            if *common.get_or_insert(condition) != condition {
                return None;
            }
        }
        common.filter(|c| !self.holds(*c))
    }

    /// The condition under which a statement adds to a sum that began outside of the loops so far.
    fn adds_under(&self, s: usize) -> Option<NodeId> {
        let (graph, statement) = (&self.plan.graph, &self.plan.statements[s]);
        let Work::Reduce(node) = statement.work else { return None };
        let Node::Reduce(RedOp::Sum, _, x) = graph.node(node) else { return None };
        let (_, start, outer) = self.reduction(statement)?;
        let depth = self.frames.len() - 1;
        let began = match start == statement.loops.len() {
            true => outer.is_some_and(|o| o < depth),
            false => start < depth,
        };
        let Node::Apply(Op::Select, args) = graph.node(*x) else { return None };
        let entered = |a: &crate::ir::AxisId| self.frames.iter().any(|f| f.axis == Some(*a));
        let known = graph.axes(args[0]).iter().all(entered) && !self.plan.storage.contains_key(x);
        (began && known && graph.as_const(args[2]) == Some(0.0)).then_some(args[0])
    }
}
