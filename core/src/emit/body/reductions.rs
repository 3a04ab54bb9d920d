//! Accumulators: where they are declared, what they hold, and what becomes of them.
//!
//! Invariant: an accumulator is finished right after the outermost loop that it spans.

use super::super::entry::usize_literal;
use super::super::{expr, place};
use super::blocks::Joined;
use super::{Body, Lanes};
use crate::ir::{AxisId, Dtype, Node, NodeId, Op, RedOp};
use crate::schedule::{Statement, Step, Work};
use quote::{format_ident, quote};
use std::collections::BTreeSet;

impl<'a> Body<'a> {
    /// For a reduction: the depth from which on all loops are reduced, and the outermost reduced one before that.
    pub(super) fn reduction(&self, statement: &Statement) -> Option<(RedOp, usize, Option<usize>)> {
        if let Work::Gemm(gemm) = &statement.work {
            let outer = statement.loops.iter().position(|a| gemm.again.contains(a))?;
            return Some((RedOp::Sum, statement.loops.len(), Some(outer)));
        }
        let Work::Reduce(node) = statement.work else { return None };
        let Node::Reduce(op, over, _) = self.plan.graph.node(node) else { return None };
        let reduced: Vec<bool> = statement.loops.iter().map(|a| over.contains(a)).collect();
        let suffix = reduced.iter().rev().take_while(|r| **r).count();
        let start = reduced.len() - suffix;
        let outer = reduced[..start].iter().position(|r| *r);
        Some((*op, start, outer))
    }

    /// The accumulator of a reduction whose remaining loops are all reduced.
    pub(super) fn declare(&mut self, s: usize, op: RedOp, axis: AxisId, vector: bool) {
        let statement = &self.plan.statements[s];
        let Some(node) = statement.work.node() else { return };
        let last = statement.loops.last().copied();
        // the innermost loop of the statement is this one, or lies further in and decides for itself
        let lanes = if last == Some(axis) { vector } else { self.innermost_is_vector(s) };
        let dtype = self.plan.graph.dtype(node);
        let lanes_here = self.accumulates_in(s);
        let v = match (lanes_here.blocks(), lanes) {
            (true, _) => self.vector_type(dtype, lanes_here),
            (false, true) => self.vector_type(dtype, Lanes::Full),
            (false, false) => self.vector_type(dtype, Lanes::One),
        };
        let name = self.names.fresh(op.name());
        let initial = match op {
            // what std's `sum` starts with
            RedOp::Sum if self.plan.graph.math == crate::ir::Math::Strict => -0.0,
            _ => expr::initial(op),
        };
        let initial = expr::number(initial, dtype == Dtype::F32);
        let start = self.splat(&v, &initial);
        let start = if lanes && self.takes_turns(s) { quote!([#start; TURNS]) } else { start };
        let ty = self.constant().then(|| {
            let ty = format_ident!("{}", dtype.name());
            quote!(: #ty)
        });
        self.push(quote!(let mut #name #ty = #start;));
        self.top().accumulators.insert(s, name);
    }

    /// The innermost loop of a statement, with its body.
    pub(super) fn innermost(&self, s: usize) -> Option<(AxisId, &'a [Step])> {
        let mut stack: Vec<&'a Step> = self.plan.steps.iter().collect();
        while let Some(step) = stack.pop() {
            if let Step::Loop { axis, body } = step {
                if body.iter().any(|b| matches!(b, Step::Run(r) if *r == s)) {
                    return Some((*axis, body));
                }
                stack.extend(body);
            }
        }
        None
    }

    pub(super) fn takes_turns(&self, s: usize) -> bool {
        !self.stands_in_lanes(s) && self.innermost(s).is_some_and(|(axis, body)| self.unrolls(axis, body))
    }

    /// A light loop with reductions runs on several accumulators: one would wait for its own last addition.
    pub(super) fn unrolls(&self, axis: AxisId, body: &[Step]) -> bool {
        let graph = &self.plan.graph;
        if graph.axis_size(axis).as_const().is_some_and(|n| n < 128) || !self.vectorises(axis, body) {
            return false;
        }
        let (mut reduces, mut reads, mut cost) = (false, false, 0);
        for step in body {
            let Step::Run(s) = step else { return false };
            let statement = &self.plan.statements[*s];
            reduces |= self.reduction(statement).is_some_and(|(_, start, _)| start < statement.loops.len());
            let mut stack = self.plan.expression(&statement.work);
            let mut seen = BTreeSet::new();
            while let Some(id) = stack.pop() {
                let moves = graph.axes(id).contains(&axis);
                if !moves || !seen.insert(id) {
                    continue;
                }
                let at = place::of_stored(self.plan, id).or_else(|| place::of_load(self.plan, id));
                reads |= at.is_some_and(|(_, at)| at.coefficient(axis).is_one());
                if self.plan.storage.contains_key(&id) {
                    continue;
                }
                if let Node::Apply(op, args) = graph.node(id) {
                    cost += op.info().cost;
                    stack.extend(args);
                }
            }
        }
        reduces && reads && cost < 40
    }

    pub(super) fn innermost_is_vector(&self, s: usize) -> bool {
        if self.stands_in_lanes(s) {
            return self.points().is_none();
        }
        self.innermost(s).is_some_and(|(axis, body)| self.vectorises(axis, body))
    }

    /// After the loops of a reduction: its value.
    pub(super) fn finish(&mut self, s: usize, op: RedOp, update: bool) {
        let Some(node) = self.plan.statements[s].work.node() else { return };
        let Some(name) = self.top().accumulators.get(&s).cloned() else { return };
        let dtype = self.plan.graph.dtype(node);
        let one = self.vector_type(dtype, Lanes::One);
        let vector = self.innermost_is_vector(s);
        let value = if vector {
            let reduce = format_ident!("reduce_{}", op.name());
            let whole = if self.takes_turns(s) {
                let half = |a: usize| {
                    let (a, b) = (usize_literal(a), usize_literal(a + 1));
                    let sum = expr::combine(op, &quote!(#name[#a]), &quote!(#name[#b]));
                    quote!((#sum))
                };
                let sum = expr::combine(op, &half(0), &half(2));
                quote!((#sum))
            } else {
                quote!(#name)
            };
            quote!(#one::splat(#whole.#reduce()))
        } else if self.top().lanes == Lanes::Tail && self.accumulates_in(s) == Lanes::Row {
            self.row_joined(&quote!(#name), op, dtype)
        } else {
            quote!(#name)
        };
        if self.points().is_some() && self.joins_points(node) {
            self.top().accumulators.remove(&s);
            self.join_points(s, node, &Joined::Value(value), op);
            return;
        }
        let done = self.node_name(node, "v");
        self.push(quote!(let #done = #value;));
        let value = quote!(#done);
        if let Some((slice, at)) = place::of_stored(self.plan, node) {
            if !self.plan.storage.get(&node).is_some_and(|s| s.layout.is_empty()) {
                self.write(slice, &at, value.clone(), update.then_some(op), dtype);
            }
        }
        if !update {
            self.top().memo.insert(node, value);
        }
    }

    pub(super) fn reduce(&mut self, s: usize, node: NodeId, frame: usize) {
        let Node::Reduce(op, _, x) = self.plan.graph.node(node).clone() else { return };
        let x = self.chosen(x);
        self.prepare(&[x]);
        let Some((_, start, _)) = self.reduction(&self.plan.statements[s]) else { return };
        let dtype = self.plan.graph.dtype(node);
        let points = self.points().is_some() && self.joins_points(node);
        if points && (start == 0 || start == self.plan.statements[s].loops.len()) {
            // to the accumulator outside of the points
            let value = match self.square_or_product(x, frame).filter(|_| op == RedOp::Sum) {
                Some((a, b)) => Joined::Product(self.operand(a, frame), self.operand(b, frame)),
                None => Joined::Value(self.operand(x, frame)),
            };
            self.join_points(s, node, &value, op);
            return;
        }
        if start == self.plan.statements[s].loops.len() {
            // the innermost loop is not reduced: accumulate in memory
            let value = self.operand(x, frame);
            if let Some((slice, at)) = place::of_stored(self.plan, node) {
                self.write(slice, &at, value, Some(op), dtype);
            }
            return;
        }
        let Some(acc) = self.frames.iter().rev().find_map(|f| f.accumulators.get(&s)).cloned() else {
            self.bugs.push("a reduction without an accumulator".into());
            return;
        };
        let lanes = self.frames[frame].lanes;
        let acc = match &self.frames[frame].turn {
            Some(turn) => quote!(#acc[#turn]),
            None => quote!(#acc),
        };
        // Σ a·b in one multiply-add
        if let (RedOp::Sum, Lanes::Full | Lanes::One | Lanes::Block | Lanes::Tail | Lanes::Row, Some(f)) =
            (op, lanes, self.square_or_product(x, frame))
        {
            let (a, b) = (self.operand(f.0, frame), self.operand(f.1, frame));
            self.push(quote!(#acc = #a.mul_add(#b, #acc);));
            return;
        }
        let mut value = self.operand(x, frame);
        if lanes == Lanes::Part {
            let rest = self.frames[frame].rest.clone();
            let v = self.vector_type(dtype, lanes);
            value = match op {
                RedOp::Sum => quote!(#value.keep(#rest)),
                _ => {
                    let initial = expr::number(expr::initial(op), dtype == Dtype::F32);
                    quote!(#value.keep_or(#rest, #v::splat(#initial)))
                }
            };
        }
        let next = self.combine(op, dtype, &quote!(#acc), &value);
        self.push(quote!(#acc = #next;));
    }

    /// The factors of a product that only this sum uses.
    pub(super) fn square_or_product(&self, x: NodeId, frame: usize) -> Option<(NodeId, NodeId)> {
        let apart = self.plan.graph.math == crate::ir::Math::Strict || self.constant();
        if apart || self.plan.storage.contains_key(&x) {
            return None;
        }
        match self.plan.graph.node(x) {
            Node::Apply(Op::Mul, f) if self.uses[x.0 as usize] == 1 && self.home(x) == frame => {
                Some((f[0], f[1]))
            }
            _ => None,
        }
    }
}
