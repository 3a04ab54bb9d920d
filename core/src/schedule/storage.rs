//! Arrays shrink to what lives at one time, and share memory where they do not live at the same time.
//!
//! Axes of loops that contain the producer and all readers are dropped; a value that is computed point by point from
//! an array that nobody reads afterwards takes that array's place. Invariant: a node whose layout becomes empty is a
//! local variable.

use super::{Place, Plan, Step, Work};
use crate::ir::{AxisId, Node, NodeId, Size};
use std::collections::{BTreeMap, BTreeSet};

pub fn shrink(plan: &mut Plan) {
    // the loops around each statement, each loop with a number of its own
    let mut paths: Vec<Vec<(usize, AxisId)>> = vec![vec![]; plan.statements.len()];
    let mut count = 0;
    walk(&plan.steps, &mut vec![], &mut count, &mut paths);
    place_starts(plan, &mut paths);
    let mut common: BTreeMap<NodeId, Vec<(usize, AxisId)>> = BTreeMap::new();
    let mut meet = |node: NodeId, path: &[(usize, AxisId)]| {
        let entry = common.entry(node).or_insert_with(|| path.to_vec());
        let shared = entry.iter().zip(path).take_while(|(a, b)| a == b).count();
        entry.truncate(shared);
    };
    for (s, path) in paths.iter().enumerate() {
        if let Some(node) = plan.statements[s].work.node() {
            match plan.statements[s].work {
                // written from several loops
                Work::Part(..) | Work::Write(..) => meet(node, scanned(plan, s, path)),
                _ => meet(node, path),
            }
        }
        for read in plan.accesses(s) {
            meet(read.node, path);
        }
        match plan.statements[s].work {
            Work::Start { last, .. } => meet(last, path),
            Work::Carry(carry) => plan.last.get(&carry).into_iter().for_each(|last| meet(*last, path)),
            _ => {}
        }
    }
    let lanes: Vec<NodeId> =
        plan.in_lanes().into_iter().filter_map(|s| plan.statements[s].work.node()).collect();
    for (node, storage) in plan.storage.iter_mut() {
        if storage.place != Place::Buffer {
            continue;
        }
        if let Some(path) = common.get(node) {
            // what lives inside a loop in lanes is there once for each lane
            storage.block =
                path.first().is_some_and(|(_, a)| plan.lanes == Some(*a) && storage.layout.contains(a))
                    && lanes.contains(node);
            storage.layout.retain(|a| !path.iter().any(|(_, b)| a == b));
        }
        if storage.layout.is_empty() {
            storage.place = Place::Local;
        }
    }
    share(plan, &paths);
}

/// A variable starts right outside of its scan's loop.
fn place_starts(plan: &Plan, paths: &mut [Vec<(usize, AxisId)>]) {
    for s in 0..plan.statements.len() {
        let Work::Start { carry, .. } = plan.statements[s].work else { continue };
        let read = plan.statements.iter().position(|t| matches!(t.work, Work::Carry(c) if c == carry));
        let axis = match plan.graph.node(carry) {
            Node::Carry { scan, .. } => plan.graph.scan(*scan).axis,
            _ => continue,
        };
        if let Some(inside) = read.map(|r| paths[r].clone()) {
            paths[s] = inside.into_iter().take_while(|(_, a)| *a != axis).collect();
        }
    }
}

/// The loops of the scans around a statement.
fn scanned<'p>(plan: &Plan, s: usize, path: &'p [(usize, AxisId)]) -> &'p [(usize, AxisId)] {
    let axes: Vec<AxisId> = plan.statements[s].scans.iter().map(|c| plan.graph.scan(*c).axis).collect();
    let depth = path.iter().take_while(|(_, a)| axes.contains(a)).count();
    &path[..depth]
}

/// When an array lives, in steps of the outermost level.
struct Life {
    first: usize,
    last: usize,
}

/// Gives arrays the memory of arrays of the same size that are not read any more.
fn share(plan: &mut Plan, paths: &[Vec<(usize, AxisId)>]) {
    let mut step_of = vec![0; plan.statements.len()];
    for (k, step) in plan.steps.iter().enumerate() {
        let mut stack = vec![step];
        while let Some(step) = stack.pop() {
            match step {
                Step::Run(s) => step_of[*s] = k,
                Step::Loop { body, .. } => stack.extend(body),
            }
        }
    }
    let mut lives: BTreeMap<NodeId, Life> = BTreeMap::new();
    let mut readers: BTreeMap<NodeId, Vec<(usize, bool)>> = BTreeMap::new();
    for (s, step) in step_of.iter().enumerate() {
        let mut touch = |node: NodeId| {
            let life = lives.entry(node).or_insert(Life { first: *step, last: *step });
            life.first = life.first.min(*step);
            life.last = life.last.max(*step);
        };
        if let Some(node) = plan.statements[s].work.node() {
            touch(node);
        }
        for read in plan.accesses(s) {
            touch(read.node);
            readers.entry(read.node).or_default().push((s, read.load.is_none()));
        }
    }
    // what a scan's iterations touch lives through all of them
    let in_scan: BTreeSet<NodeId> = plan
        .statements
        .iter()
        .filter(|s| !s.scans.is_empty())
        .filter_map(|s| s.work.node())
        .chain(plan.last.values().copied())
        .collect();
    let buffers: Vec<NodeId> = plan
        .storage
        .iter()
        .filter(|(n, st)| st.place == Place::Buffer && !in_scan.contains(n))
        .map(|(n, _)| *n)
        .collect();
    let mut shared: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    // the arrays that hold memory, with the node that lives there now
    let mut owners: Vec<(NodeId, NodeId)> = vec![];
    let mut order = buffers;
    order.sort_by_key(|n| (lives.get(n).map_or(0, |l| l.first), *n));
    for node in order {
        let Some(life) = lives.get(&node) else { continue };
        let found = owners.iter().position(|(owner, now)| {
            let fits = plan.same_memory(*owner, node);
            let Some(old) = lives.get(now) else { return false };
            fits && (old.last < life.first
                || (old.last == life.first && in_place(plan, paths, &readers, *now, node)))
        });
        match found {
            Some(k) => {
                shared.insert(node, owners[k].0);
                owners[k].1 = node;
            }
            None => owners.push((node, node)),
        }
    }
    for (node, owner) in shared {
        if let Some(storage) = plan.storage.get_mut(&node) {
            storage.place = Place::Shared(owner);
        }
    }
}

/// `new` is computed point by point from `old`, which has no other reader in this step but at the same points.
fn in_place(
    plan: &Plan,
    paths: &[Vec<(usize, AxisId)>],
    readers: &BTreeMap<NodeId, Vec<(usize, bool)>>,
    old: NodeId,
    new: NodeId,
) -> bool {
    let Some(writer) = plan.statements.iter().position(|s| matches!(s.work, Work::Map(n) if n == new)) else {
        return false;
    };
    let layouts = (plan.storage.get(&old), plan.storage.get(&new));
    let same_layout = matches!(layouts, (Some(a), Some(b)) if a.layout == b.layout);
    let Some(reads) = readers.get(&old) else { return false };
    let last = reads.iter().map(|r| r.0).max();
    let here = reads.iter().filter(|(s, _)| paths[*s].first() == paths[writer].first());
    same_layout
        && last.is_some_and(|l| l <= writer)
        && reads.iter().any(|(s, direct)| *s == writer && *direct)
        && here.into_iter().all(|(s, direct)| *direct && paths[*s] == paths[writer])
}

impl Plan {
    /// Two nodes' arrays have as many elements of the same type.
    fn same_memory(&self, a: NodeId, b: NodeId) -> bool {
        let count = |n: NodeId| {
            let sizes: Vec<_> = self
                .storage
                .get(&n)
                .map_or(vec![], |s| s.layout.iter().map(|x| self.graph.axis_size(*x).clone()).collect());
            Size::product(&sizes)
        };
        let block = |n: NodeId| self.storage.get(&n).is_some_and(|s| s.block);
        self.graph.dtype(a) == self.graph.dtype(b) && count(a) == count(b) && block(a) == block(b)
    }
}

fn walk(
    steps: &[Step],
    path: &mut Vec<(usize, AxisId)>,
    count: &mut usize,
    paths: &mut [Vec<(usize, AxisId)>],
) {
    for step in steps {
        match step {
            Step::Run(s) => paths[*s] = path.clone(),
            Step::Loop { axis, body } => {
                *count += 1;
                path.push((*count, *axis));
                walk(body, path, count, paths);
                path.pop();
            }
        }
    }
}
