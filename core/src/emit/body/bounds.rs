//! Triangular loops: a loop in which nothing happens but under a condition on its position runs where the condition holds.
//!
//! `for m in 0..n { if m < k { … } }` is `for m in 0..k { … }`, and inside, the condition is known to hold. Invariant: what is
//! left out would have added zeros.

use super::Body;
use crate::ir::{AxisId, Dtype, Math, Node, NodeId, Op, RedOp};
use crate::schedule::{Place, Work};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeSet;

/// How many operations a condition is sought behind.
const STEPS: usize = 64;

/// Where a loop runs.
pub(super) struct Bounds {
    /// What holds there.
    pub truth: NodeId,
    pub start: Option<TokenStream>,
    pub end: Option<TokenStream>,
}

impl<'a> Body<'a> {
    /// The part of a loop over `axis`, at this depth, outside of which its statements have nothing to add.
    pub(super) fn bounds(&mut self, axis: AxisId, inside: &[usize], depth: usize) -> Option<Bounds> {
        if self.plan.graph.math == Math::Strict || self.constant() {
            return None;
        }
        let mut common: Option<BTreeSet<NodeId>> = None;
        for s in inside {
            let Some(value) = self.added(*s, axis, depth)? else { continue };
            let own = self.conditions(value, axis);
            common = Some(match common {
                None => own,
                Some(c) => c.intersection(&own).copied().collect(),
            });
        }
        common?.into_iter().find_map(|truth| self.bounded_by(truth, axis))
    }

    /// What a statement adds to a sum, nothing where it only names a value for the others; `None` where it does more.
    fn added(&self, s: usize, axis: AxisId, depth: usize) -> Option<Option<NodeId>> {
        let statement = &self.plan.statements[s];
        match statement.work {
            Work::Reduce(node) => match self.plan.graph.node(node) {
                Node::Reduce(RedOp::Sum, over, x) => {
                    let (_, _, outer) = self.reduction(statement)?;
                    (over.contains(&axis) || outer.is_some_and(|o| o < depth)).then_some(Some(*x))
                }
                _ => None,
            },
            Work::Part(node, k) if self.plan.neighbours(node, k).is_none() => {
                let part = self.plan.graph.part(node, k)?;
                (k > 0 || !self.lands_once(part)).then_some(Some(part.value))
            }
            Work::Map(node) => {
                let local = self.plan.storage.get(&node).is_some_and(|s| s.place == Place::Local);
                local.then_some(None)
            }
            _ => None,
        }
    }

    /// Conditions on the position along an axis without which a value is zero.
    fn conditions(&self, value: NodeId, axis: AxisId) -> BTreeSet<NodeId> {
        let graph = &self.plan.graph;
        let (mut out, mut stack) = (BTreeSet::new(), vec![value]);
        for _ in 0..STEPS {
            let Some(id) = stack.pop() else { break };
            if let Some(storage) = self.plan.storage.get(&id) {
                if storage.place != Place::Local || !graph.axes(id).contains(&axis) {
                    continue;
                }
            }
            match graph.node(id) {
                Node::Apply(Op::Select, args) if graph.as_const(args[2]) == Some(0.0) => {
                    if graph.axes(args[0]).contains(&axis) {
                        out.insert(args[0]);
                    }
                    stack.push(args[1]);
                }
                Node::Apply(Op::Mul, args) => stack.extend(args),
                Node::Apply(Op::Neg, args) => stack.push(args[0]),
                _ => {}
            }
        }
        out
    }

    /// The positions at which a comparison with what is known outside of the loop holds.
    fn bounded_by(&mut self, truth: NodeId, axis: AxisId) -> Option<Bounds> {
        let graph = &self.plan.graph;
        let Node::Apply(op, args) = graph.node(truth) else { return None };
        let (a, b) = (*args.first()?, *args.get(1)?);
        if graph.dtype(a) != Dtype::Int || graph.dtype(b) != Dtype::Int {
            return None;
        }
        let is_position = |n: NodeId| matches!(graph.node(n), Node::Position(p) if *p == axis);
        let (other, op) = match (is_position(a), is_position(b), op) {
            (true, false, op) => (b, *op),
            (false, true, Op::Lt) => (a, Op::Gt),
            (false, true, Op::Le) => (a, Op::Ge),
            (false, true, Op::Gt) => (a, Op::Lt),
            (false, true, Op::Ge) => (a, Op::Le),
            _ => return None,
        };
        let entered = |a: &AxisId| self.frames.iter().any(|f| f.axis == Some(*a) && f.var.is_some());
        if !graph.axes(other).iter().all(entered)
            || self.plan.lanes.is_some_and(|p| graph.axes(other).contains(&p))
        {
            return None;
        }
        let n = self.size(&self.plan.graph.axis_size(axis).clone());
        let other = self.int(other);
        let clamped = |at: TokenStream| quote!((#at).clamp(0, (#n) as isize) as usize);
        let (start, end) = match op {
            Op::Lt => (None, Some(clamped(other))),
            Op::Le => (None, Some(clamped(quote!(#other + 1)))),
            Op::Ge => (Some(clamped(other)), None),
            Op::Gt => (Some(clamped(quote!(#other + 1))), None),
            _ => return None,
        };
        Some(Bounds { truth, start, end })
    }

    /// Some loop around runs only where the condition holds.
    pub(super) fn holds(&self, condition: NodeId) -> bool {
        self.truths.contains(&condition) || self.frames.iter().any(|f| f.truth == Some(condition))
    }

    /// A choice whose condition holds is what it chooses.
    pub(super) fn chosen(&self, mut id: NodeId) -> NodeId {
        while let Node::Apply(Op::Select, args) = self.plan.graph.node(id) {
            if self.plan.storage.contains_key(&id) || !self.holds(args[0]) {
                break;
            }
            id = args[1];
        }
        id
    }
}
