//! Points in lanes: which outer loop is vectorised, rather than the innermost ones in it.
//!
//! The points of an outer axis go through all of a nest together, a block of vectors at a time. What is the same for all
//! of them is loaded once for a block, what differs is an array of blocks that stays in cache, and a sum over the points
//! has accumulators that are vectors. Inner loops, however short, cost no more than their operations. Invariant: a
//! statement in lanes reads and writes other points than its own nowhere.

use super::{arrange, cost, Gemm, Plan, Step, Work};
use crate::ir::{Array, AxisId, Dtype, Graph, Math, Node, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer points than this never are lanes.
const FEW: i64 = 32;

/// A plan in lanes is taken if it costs at most this part of the other one.
const GAIN: f64 = 0.75;

/// The plan, or a cheaper one with some axis in lanes.
pub fn best(plan: Plan, gemms: &[Gemm]) -> Plan {
    // lanes would add in another order
    if plan.graph.math == Math::Strict {
        return plan;
    }
    let mut least = GAIN * cost::of(&plan);
    let mut found = None;
    for axis in candidates(&plan) {
        let touches = |g: &&Gemm| !plan.graph.axes(g.node).contains(&axis) && g.summed != axis;
        let rest: Vec<Gemm> = gemms.iter().filter(touches).cloned().collect();
        let other = arrange(plan.graph.clone(), plan.targets.clone(), rest, Some(axis));
        if other.in_lanes().is_empty() {
            continue;
        }
        let cost = cost::of(&other);
        if cost < least {
            (least, found) = (cost, Some(other));
        }
    }
    found.unwrap_or(plan)
}

/// Axes of outermost loops with loops in them.
fn candidates(plan: &Plan) -> BTreeSet<AxisId> {
    let many = |a: AxisId| plan.graph.axis_size(a).as_const().is_none_or(|n| n >= FEW);
    let outer = |step: &Step| match step {
        Step::Loop { axis, body } if nested(body) && many(*axis) => Some(*axis),
        _ => None,
    };
    plan.steps.iter().filter_map(outer).collect()
}

fn nested(body: &[Step]) -> bool {
    body.iter().any(|s| matches!(s, Step::Loop { .. }))
}

/// Loads of inputs that are copied to a buffer of blocks first: elements of different points lie apart, and inner loops
/// that do not choose among them would read them again and again.
pub fn transposed(graph: &Graph, needed: &[bool], axis: AxisId) -> BTreeSet<NodeId> {
    let apart = |id: NodeId| match graph.node(id) {
        Node::Load { array: Array::Input(_), index, .. } => {
            graph.dtype(id).is_float()
                && graph.axes(id).contains(&axis)
                && index.last().is_some_and(|i| i.terms.iter().all(|t| t.0 != axis))
        }
        _ => false,
    };
    let mut users = vec![0; graph.len()];
    let mut out = BTreeSet::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        for operand in graph.operands(id) {
            users[operand.0 as usize] += 1;
            let again = graph.axes(id).len() > graph.axes(operand).len() || users[operand.0 as usize] > 1;
            if again && apart(operand) {
                out.insert(operand);
            }
        }
    }
    out
}

/// Moves copies of inputs to before the first statement that reads them, whose loop they then share.
pub fn delay(plan: &mut Plan) {
    if plan.lanes.is_none() {
        return;
    }
    let copy = |work: &Work| match work {
        Work::Map(n) if matches!(plan.graph.node(*n), Node::Load { array: Array::Input(_), .. }) => Some(*n),
        _ => None,
    };
    let mut first: BTreeMap<NodeId, usize> = BTreeMap::new();
    for s in 0..plan.statements.len() {
        for read in plan.accesses(s) {
            first.entry(read.node).or_insert(s);
        }
    }
    let place = |s: usize| match copy(&plan.statements[s].work).and_then(|n| first.get(&n)) {
        Some(reader) => (*reader, 0),
        None => (s, 1),
    };
    let mut order: Vec<usize> = (0..plan.statements.len()).collect();
    order.sort_by_key(|s| place(*s));
    plan.statements = order.iter().map(|s| plan.statements[*s].clone()).collect();
}

impl Plan {
    /// The statements in loops whose points are lanes.
    pub fn in_lanes(&self) -> BTreeSet<usize> {
        self.steps.iter().filter(|s| self.is_in_lanes(s)).flat_map(statements).collect()
    }

    /// An outermost loop whose points are lanes.
    pub fn is_in_lanes(&self, step: &Step) -> bool {
        match step {
            Step::Loop { axis, body } => {
                self.lanes == Some(*axis) && nested(body) && statements(step).iter().all(|s| self.fits(*s))
            }
            Step::Run(_) => false,
        }
    }

    /// All that a statement does can be done for the points of the axis in lanes.
    pub(super) fn fits(&self, statement: usize) -> bool {
        let graph = &self.graph;
        let Some(axis) = self.lanes else { return false };
        let work = &self.statements[statement].work;
        let other = matches!(
            work,
            Work::Gemm(_)
                | Work::Part(..)
                | Work::Write(..)
                | Work::Carry(_)
                | Work::Next { .. }
                | Work::Start { .. }
        );
        if other || !self.statements[statement].loops.contains(&axis) {
            return false;
        }
        let mut float = None;
        let mut same = |d: Dtype| *float.get_or_insert(d) == d;
        let mut stack = self.expression(work);
        stack.extend(work.node());
        let mut seen = BTreeSet::new();
        while let Some(id) = stack.pop() {
            let own = work.node() == Some(id);
            if !seen.insert(id) || !graph.axes(id).contains(&axis) && !own {
                continue;
            }
            let dtype = graph.dtype(id);
            let stored = self.storage.contains_key(&id);
            if dtype.is_float() && !same(dtype) || dtype == Dtype::Int || dtype == Dtype::Bool && stored {
                return false;
            }
            if stored && !own {
                continue;
            }
            match graph.node(id) {
                Node::Load { array, view, index } => {
                    let moves = |i: &crate::ir::Index| {
                        let over = |g: NodeId| graph.axes(g).contains(&axis);
                        let term = i.terms.iter().find(|t| t.0 == axis);
                        i.gather.is_some_and(|g| over(g) || term.is_some())
                            || term.is_some_and(|t| t.1.as_const().is_some_and(|c| c < 0))
                    };
                    // under other dimensions, the points must still be the first one
                    let hidden = match (array, view) {
                        (Array::Node(_, bound), Some(_)) => bound.iter().position(|b| *b == axis) > Some(0),
                        _ => false,
                    };
                    if hidden || dtype == Dtype::Bool || index.iter().any(moves) {
                        return false;
                    }
                }
                Node::Cast(x) if !matches!(graph.node(*x), Node::Position(_)) => return false,
                Node::Cast(_) | Node::Scatter { .. } | Node::Write { .. } => {}
                _ => stack.extend(graph.operands(id)),
            }
        }
        true
    }
}

fn statements(step: &Step) -> Vec<usize> {
    let mut out = vec![];
    let mut stack = vec![step];
    while let Some(step) = stack.pop() {
        match step {
            Step::Run(s) => out.push(*s),
            Step::Loop { body, .. } => stack.extend(body),
        }
    }
    out
}
