//! Steps that only add to sums, and only under a condition: they run where the condition holds.
//!
//! Invariant: what is left out would have added zeros.

use super::{Body, Lanes};
use crate::ir::{Math, Node, NodeId, Op, RedOp};
use crate::schedule::{Step, Work};
use quote::quote;

impl<'a> Body<'a> {
    /// Runs as many of the first steps as stand under one condition; how many these are.
    pub(super) fn guarded(&mut self, steps: &[Step]) -> usize {
        let Some(first) = steps.first().and_then(|s| self.guard(s)) else { return 0 };
        let count = steps.iter().take_while(|s| self.guard(s) == Some(first)).count();
        self.prepare(&[first]);
        let frame = self.frames.len() - 1;
        let condition = self.operand(first, frame);
        // what is computed under the condition is known nowhere else
        let top = self.top();
        let (before, memo, splats) = (std::mem::take(&mut top.out), top.memo.clone(), top.splats.clone());
        self.truths.push(first);
        for step in &steps[..count] {
            self.step(step);
        }
        self.truths.pop();
        let top = self.top();
        let inside = std::mem::replace(&mut top.out, before);
        (top.memo, top.splats) = (memo, splats);
        self.push(quote!(if #condition { #inside }));
        count
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
