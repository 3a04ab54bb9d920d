//! Behind the last block of points, loops over neighbours: several positions of a loop side by side, each a vector of points.
//!
//! A vector alone waits for its own last addition, and loads each element that all points share once more. Blocks of
//! an array lie one after the other, so those of neighbouring positions are one block of vectors. Invariant: what a row
//! computes is for each of its positions what the vector alone computes, but for the order of sums over the
//! positions.

use super::super::{expr, place};
use super::{Body, Lanes};
use crate::ir::{AxisId, Dtype, Math, Node, NodeId, Op, RedOp};
use crate::schedule::{Step, Work};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeSet;

/// Positions of a row: the vectors of a block.
const ROW: i64 = 8;

impl<'a> Body<'a> {
    /// The axis of the row that the top frame is in.
    pub(super) fn row(&self) -> Option<AxisId> {
        self.frames.iter().find(|f| f.lanes == Lanes::Row).and_then(|f| f.axis)
    }

    /// Every access of a loop's statements fits rows of its positions.
    pub(super) fn runs_in_rows(&self, axis: AxisId, body: &[Step]) -> bool {
        let graph = &self.plan.graph;
        let whole = graph.axis_size(axis).as_const().is_some_and(|n| n > 0 && n % ROW == 0);
        let (Some(points), true) = (self.plan.lanes, whole && graph.math != Math::Strict) else {
            return false;
        };
        self.statements(body).iter().all(|s| self.fits_rows(*s, axis, points))
    }

    fn fits_rows(&self, s: usize, axis: AxisId, points: AxisId) -> bool {
        let (graph, statement) = (&self.plan.graph, &self.plan.statements[s]);
        let Some(depth) = statement.loops.iter().position(|a| *a == axis) else { return false };
        if !statement.scans.is_empty() {
            return false;
        }
        let block = |found: Option<(place::Slice, place::Linear)>, moves: &[i64]| match found {
            Some((slice, at)) => {
                let fits = at.coefficient(axis).as_const().is_some_and(|c| moves.contains(&c));
                self.is_block(slice) && fits && at.gathers.is_empty() && at.starts.is_empty()
            }
            None => true,
        };
        let kept = |n: NodeId| self.plan.storage.get(&n).is_some_and(|s| !s.layout.is_empty());
        let fits = match statement.work {
            Work::Map(n) => {
                // a copy reads, too
                let copies = matches!(graph.node(n), Node::Load { .. });
                let reads = copies.then(|| place::of_load(self.plan, n));
                (!kept(n) || block(place::of_stored(self.plan, n), &[1]))
                    && reads.is_none_or(|found| found.is_some() && block(found, &[0, 1]))
            }
            Work::Part(n, k) => {
                self.plan.neighbours(n, k).is_none() && block(place::of_part(self.plan, n, k), &[1])
            }
            Work::Reduce(n) => {
                let Node::Reduce(op, over, _) = graph.node(n) else { return false };
                let Some((_, start, outer)) = self.reduction(statement) else { return false };
                let ends_outside = start <= depth && start > 0;
                let place =
                    if over.contains(&axis) || !kept(n) { None } else { place::of_stored(self.plan, n) };
                *op != RedOp::LogSumExp
                    && (ends_outside || !self.joins_points(n))
                    && (ends_outside || !over.contains(&axis))
                    && outer.is_none_or(|outer| outer <= depth)
                    && block(place, &[1])
            }
            _ => false,
        };
        let dtype = statement.work.node().map(|n| graph.dtype(n));
        let Some(dtype) = dtype.filter(|d| fits && d.is_float()) else { return false };
        let mut stack = self.plan.expression(&statement.work);
        let mut seen = BTreeSet::new();
        while let Some(id) = stack.pop() {
            let (moves, lies) = (graph.axes(id).contains(&axis), graph.axes(id).contains(&points));
            if !seen.insert(id) || (!moves && !lies && graph.dtype(id).is_float()) {
                continue;
            }
            // a number for each position that all points share, and truth that is known outside
            let truth = graph.dtype(id) == Dtype::Bool;
            if moves != (moves && lies) || (truth && !moves) || !(truth || graph.dtype(id) == dtype) {
                return false;
            }
            if self.plan.storage.contains_key(&id) {
                if truth || (kept(id) && !block(place::of_stored(self.plan, id), &[0, 1])) {
                    return false;
                }
                continue;
            }
            match graph.node(id) {
                Node::Load { .. } => {
                    let found = place::of_load(self.plan, id);
                    if truth || found.is_none() || !block(found, &[0, 1]) {
                        return false;
                    }
                }
                Node::Apply(Op::Powi | Op::When, _) => return false,
                Node::Apply(_, args) => stack.extend(args),
                _ => return false,
            }
        }
        true
    }

    /// The loop around a statement whose positions stand in rows, where the top frame holds a vector of points.
    fn row_of(&self, s: usize) -> Option<AxisId> {
        let mut steps = &self.plan.steps[..];
        loop {
            let around = |step: &&Step| match step {
                Step::Loop { body, .. } => self.statements(body).contains(&s),
                Step::Run(_) => false,
            };
            let Step::Loop { axis, body } = steps.iter().find(around)? else { return None };
            if Some(*axis) != self.plan.lanes && self.runs_in_rows(*axis, body) {
                return Some(*axis);
            }
            steps = body;
        }
    }

    /// How many lanes the accumulator of a reduction has that is declared here.
    pub(super) fn accumulates_in(&self, s: usize) -> Lanes {
        let lanes = self.frames.last().map_or(Lanes::One, |f| f.lanes);
        let over = |axis: AxisId| {
            let node = self.plan.statements[s].work.node().map(|n| self.plan.graph.node(n));
            matches!(node, Some(Node::Reduce(_, over, _)) if over.contains(&axis))
        };
        match lanes {
            Lanes::Tail if self.row_of(s).is_some_and(over) => Lanes::Row,
            lanes => lanes,
        }
    }

    /// A row's accumulator as the vector of its points.
    pub(super) fn row_joined(&self, acc: &TokenStream, op: RedOp, dtype: Dtype) -> TokenStream {
        let [vector, tail] = [Lanes::Full, Lanes::Tail].map(|lanes| self.vector_type(dtype, lanes));
        let (fold, initial) = (super::blocks::fold(op), expr::number(expr::initial(op), dtype == Dtype::F32));
        quote!(#tail::repeat(#acc.join::<#fold>(#vector::splat(#initial))))
    }
}
