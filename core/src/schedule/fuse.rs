//! Statements in topological order in, a tree of loops out.
//!
//! A statement joins a loop over its own outermost axis where everything that it reads there is read at the loop's
//! position and is complete by then; otherwise it opens loops of its own. Invariant: what a statement reads comes
//! before it in the tree.

use super::{Plan, Step, Work};
use crate::ir::{Array, AxisId, Index, Node, NodeId, Op, RedOp, ScanId};
use std::collections::{BTreeMap, BTreeSet};

pub fn fuse(plan: &Plan) -> Vec<Step> {
    let mut steps = Vec::new();
    let reads: Vec<Vec<Access>> = (0..plan.statements.len()).map(|s| plan.accesses(s)).collect();
    // a scan's loop stands where all that its statements read is there
    let mut of_scans: BTreeMap<ScanId, Vec<Access>> = BTreeMap::new();
    for (statement, reads) in plan.statements.iter().zip(&reads) {
        for scan in &statement.scans {
            of_scans.entry(*scan).or_default().extend(reads);
        }
    }
    for s in 0..plan.statements.len() {
        // emitted with the loop of its scan
        if !matches!(plan.statements[s].work, Work::Start { .. }) {
            insert(plan, &mut steps, s, 0, &reads[s], &of_scans);
        }
    }
    steps
}

/// A read of a stored node: directly, or by a load at some position.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub node: NodeId,
    pub load: Option<NodeId>,
}

impl Plan {
    /// Stored nodes that a statement's expressions read.
    pub fn accesses(&self, statement: usize) -> Vec<Access> {
        let mut out = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut stack: Vec<(NodeId, Option<NodeId>)> =
            self.expression(&self.statements[statement].work).into_iter().map(|n| (n, None)).collect();
        match self.statements[statement].work {
            // a variable starts before it is read, and is read before it is written
            Work::Carry(carry) => stack.extend(self.graph.operands(carry).into_iter().map(|n| (n, None))),
            Work::Next { carry, .. } => stack.push((carry, None)),
            _ => {}
        }
        if let Work::Map(id) = self.statements[statement].work {
            if let Node::Load { array: Array::Node(n, _), .. } = self.graph.node(id) {
                // a copy reads by its own load
                stack.iter_mut().filter(|s| s.0 == *n).for_each(|s| s.1 = Some(id));
            }
        }
        while let Some((id, load)) = stack.pop() {
            if !seen.insert((id, load)) {
                continue;
            }
            if self.storage.contains_key(&id) {
                out.push(Access { node: id, load });
                continue;
            }
            match self.graph.node(id) {
                Node::Load { array, index, .. } => {
                    if let Array::Node(n, _) = array {
                        stack.push((*n, Some(id)));
                    }
                    stack.extend(index.iter().filter_map(|i| i.gather).map(|g| (g, None)));
                }
                _ => stack.extend(self.graph.operands(id).into_iter().map(|o| (o, None))),
            }
        }
        out
    }

    /// The condition under which a statement adds to a sum, where it is the same all along a loop: a loop for those under
    /// one condition need not run.
    fn condition(&self, s: usize, axis: AxisId) -> Option<NodeId> {
        let Work::Reduce(n) = self.statements[s].work else { return None };
        let Node::Reduce(RedOp::Sum, over, x) = self.graph.node(n) else { return None };
        match self.graph.node(*x) {
            Node::Apply(Op::Select, args) if self.graph.as_const(args[2]) == Some(0.0) => {
                let outside = !self.graph.axes(args[0]).contains(&axis) && !over.contains(&axis);
                (outside && !self.graph.axes(args[0]).is_empty()).then_some(args[0])
            }
            _ => None,
        }
    }

    /// What a turn of a loop over an axis of the node writes of it is at the turn's own position.
    pub(super) fn writes_own(&self, node: NodeId, axis: AxisId) -> bool {
        let own = |dims: &[AxisId], index: &[Index]| {
            let k = dims.iter().position(|d| *d == axis);
            k.is_none_or(|k| index.get(k).and_then(Index::as_axis) == Some(axis))
        };
        match self.graph.node(node) {
            Node::Scatter { dims, view: None, parts } => parts.iter().all(|p| own(dims, &p.index)),
            Node::Scatter { .. } => false,
            Node::Write { dims, index, over, .. } => own(dims, index) && !over.contains(&axis),
            _ => true,
        }
    }

    /// The access reads the element that the loop over `axis` is at.
    pub(super) fn pointwise(&self, access: &Access, axis: AxisId) -> bool {
        if !self.graph.axes(access.node).contains(&axis) {
            return false;
        }
        let Some(load) = access.load else { return true };
        match self.graph.node(load) {
            Node::Load { array: Array::Node(_, bound), view: None, index } => {
                match bound.iter().position(|b| *b == axis) {
                    Some(k) => index.get(k).and_then(|i| i.as_axis()) == Some(axis),
                    None => true,
                }
            }
            // the dimensions before the first one that the view changes are read as they are
            Node::Load { array: Array::Node(_, bound), view: Some(view), index } => {
                match bound.iter().position(|b| *b == axis) {
                    Some(k) => (0..=k).all(|j| {
                        let same =
                            bound.get(j).zip(view.get(j)).is_some_and(|(b, v)| self.graph.axis_size(*b) == v);
                        same && index.get(j).and_then(|i| i.as_axis()) == bound.get(j).copied()
                    }),
                    None => true,
                }
            }
            _ => false,
        }
    }
}

pub(super) fn statements_in(step: &Step, out: &mut Vec<usize>) {
    match step {
        Step::Run(s) => out.push(*s),
        Step::Loop { body, .. } => body.iter().for_each(|s| statements_in(s, out)),
    }
}

/// The scans whose loop over the axis a step is.
fn scans_in(plan: &Plan, step: &Step, axis: AxisId) -> BTreeSet<ScanId> {
    match step {
        Step::Loop { axis: a, .. } if *a == axis => {
            let mut inside = Vec::new();
            statements_in(step, &mut inside);
            plan.scans_of(axis, &inside)
        }
        _ => BTreeSet::new(),
    }
}

fn insert(
    plan: &Plan,
    steps: &mut Vec<Step>,
    s: usize,
    depth: usize,
    reads: &[Access],
    of_scans: &BTreeMap<ScanId, Vec<Access>>,
) {
    let loops = &plan.statements[s].loops;
    let Some(axis) = loops.get(depth).copied() else {
        steps.push(Step::Run(s));
        return;
    };
    let innermost = depth + 1 == loops.len() && !matches!(plan.statements[s].work, Work::Gemm(_));
    let scans = &plan.statements[s].scans;
    let own = scans.iter().copied().find(|c| plan.graph.scan(*c).axis == axis);
    let inner = scans.iter().copied().find(|c| loops[depth + 1..].contains(&plan.graph.scan(*c).axis));
    // all of a scan's statements stand in its loop, and in one of the loops around it
    let home = steps.iter().rposition(|step| match (own, step) {
        (Some(own), _) => scans_in(plan, step, axis).contains(&own),
        (None, Step::Loop { axis: a, .. }) if *a == axis => {
            let mut inside = Vec::new();
            statements_in(step, &mut inside);
            inner.is_some_and(|c| inside.iter().any(|i| plan.statements[*i].scans.contains(&c)))
        }
        _ => false,
    });
    // so the first one brings the others along, and what they read has to be there by then
    let all = own.or(inner).and_then(|c| of_scans.get(&c)).map_or(reads, Vec::as_slice);
    let mut candidate = home;
    for k in (0..steps.len()).rev().take_while(|_| home.is_none()) {
        // what runs only if there is another turn stays behind the question
        if matches!(steps[k], Step::Run(g) if matches!(plan.statements[g].work, Work::Go(_))) {
            break;
        }
        let mut inside = Vec::new();
        statements_in(&steps[k], &mut inside);
        // the parts of an array are written in their order: each in loops of its own
        let earlier_part = match plan.statements[s].work {
            Work::Part(n, _) | Work::Write(n, _) => inside
                .iter()
                .any(|i| matches!(plan.statements[*i].work, Work::Part(m, _) | Work::Write(m, _) if m == n)),
            _ => false,
        };
        // a loop that is a scan takes no other scan
        if earlier_part || (own.is_some() && !scans_in(plan, &steps[k], axis).is_empty()) {
            break;
        }
        let needed: Vec<&Access> = all
            .iter()
            .filter(|r| inside.iter().any(|i| plan.statements[*i].work.node() == Some(r.node)))
            .collect();
        let joins = match &steps[k] {
            Step::Loop { axis: a, body } if *a == axis => {
                let pure = body.iter().all(|b| matches!(b, Step::Run(_)));
                let complete = needed.iter().all(|r| {
                    // an iteration of a scan has its own part of what is written in several loops
                    let done = match plan.graph.node(r.node) {
                        Node::Scatter { .. } | Node::Write { .. } => {
                            !scans_in(plan, &steps[k], axis).is_empty() && plan.writes_own(r.node, axis)
                        }
                        _ => true,
                    };
                    done && plan.pointwise(r, axis)
                });
                let condition = plan.condition(s, axis);
                let same = (pure == innermost || !needed.is_empty())
                    && inside.iter().all(|i| plan.condition(*i, axis) == condition);
                // memory for turns that nobody else needs comes when they are counted
                let counts = |i: &usize| matches!(plan.statements[*i].work, Work::Go(_));
                let call = matches!(plan.statements[s].work, Work::Call(_) | Work::Added(_));
                let same = same && !(call && own.is_none() && inside.iter().any(counts));
                match plan.lanes == Some(axis) {
                    // a loop in lanes takes whatever can be in lanes
                    true => complete && plan.fits(s) == inside.iter().all(|i| plan.fits(*i)),
                    false => complete && same,
                }
            }
            _ => false,
        };
        if joins {
            candidate = Some(k);
        }
        if !needed.is_empty() {
            break;
        }
    }
    match candidate.and_then(|k| steps.get_mut(k)) {
        Some(Step::Loop { body, .. }) => insert(plan, body, s, depth + 1, reads, of_scans),
        _ => {
            let mut step = Step::Run(s);
            for axis in loops[depth..].iter().rev() {
                step = Step::Loop { axis: *axis, body: vec![step] };
            }
            steps.push(step);
        }
    }
}
