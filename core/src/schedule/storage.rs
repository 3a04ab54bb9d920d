//! Arrays shrink to what lives at one time, and share memory where they do not live at the same time.
//!
//! Axes of loops that contain the producer and all readers are dropped; a value that is computed point by point from
//! an array that nobody reads afterwards takes that array's place, and the memory of a result is used before the result is
//! there. Invariant: a node whose layout becomes empty is a
//! local variable.

use super::fuse::Access;
use super::{Place, Plan, Step, Work};
use crate::ir::{Array, AxisId, Node, NodeId, Size};
use std::collections::{BTreeMap, BTreeSet};

pub fn shrink(plan: &mut Plan) {
    let (paths, in_lanes) = (plan.paths(), plan.in_lanes());
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
                Work::Part(..) if in_lanes.contains(&s) => meet(node, &path[..1]),
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
    let lanes: Vec<NodeId> = in_lanes.into_iter().filter_map(|s| plan.statements[s].work.node()).collect();
    for (node, storage) in plan.storage.iter_mut() {
        if storage.place != Place::Buffer {
            continue;
        }
        if let Some(path) = common.get(node) {
            // what lives inside a loop in lanes is there once for each lane
            storage.block =
                path.first().is_some_and(|(_, a)| plan.lanes == Some(*a) && storage.layout.contains(a))
                    && lanes.contains(node);
            let kept = |a: &AxisId| !path.iter().any(|(_, b)| a == b);
            // rows of different lengths are found by the positions of all loops around, or of none
            let ragged = storage.layout.iter().rev().map(|a| plan.graph.within(*a)).find(|w| !w.is_empty());
            if ragged.is_none_or(|w| w.iter().all(kept) || !w.iter().any(kept)) {
                storage.layout.retain(kept);
            }
        }
        if storage.layout.is_empty() {
            storage.place = Place::Local;
        }
    }
    keep_blocks(plan);
}

/// Arrays that only loops in lanes touch, more than one of them, are kept as the blocks that these make and read.
fn keep_blocks(plan: &mut Plan) {
    let Some(points) = plan.lanes else { return };
    let in_lanes = plan.in_lanes();
    let mut only: BTreeMap<NodeId, bool> = BTreeMap::new();
    for (s, statement) in plan.statements.iter().enumerate() {
        let inside = in_lanes.contains(&s);
        let reads = plan.accesses(s).into_iter().map(|r| (r.node, plan.pointwise(&r, points)));
        for (node, own) in reads.chain(statement.work.node().map(|n| (n, true))) {
            *only.entry(node).or_insert(true) &= inside && own;
        }
    }
    for (node, storage) in plan.storage.iter_mut() {
        let plain = !matches!(plan.graph.node(*node), Node::Carry { .. } | Node::Final { .. })
            && !plan.grown.contains(node)
            && plan.graph.dtype(*node).is_float();
        let array = storage.place == Place::Buffer && !storage.block && storage.layout.len() > 1;
        if plain && array && storage.layout.contains(&points) && only.get(node) == Some(&true) {
            storage.layout.retain(|a| *a != points);
            (storage.block, storage.lasting) = (true, true);
        }
    }
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

/// When an array lives: the numbers of the first and the last step that touch it.
struct Life {
    first: usize,
    last: usize,
}

/// The number of each statement's step, and the numbers of the outermost step that it stands in. Blocks die inside of a
/// loop in lanes, so the steps of its body have numbers of their own.
fn number(plan: &Plan) -> Vec<(usize, Life)> {
    let mut numbers: Vec<(usize, usize, usize)> = vec![(0, 0, 0); plan.statements.len()];
    let mut next = 0;
    for step in &plan.steps {
        let parts: Vec<&Step> = match step {
            Step::Loop { body, .. } if plan.is_in_lanes(step) => body.iter().collect(),
            _ => vec![step],
        };
        let last = next + parts.len() - 1;
        for (k, part) in parts.iter().enumerate() {
            let mut stack = vec![*part];
            while let Some(step) = stack.pop() {
                match step {
                    Step::Run(s) => numbers[*s] = (next + k, next, last),
                    Step::Loop { body, .. } => stack.extend(body),
                }
            }
        }
        next += parts.len();
    }
    numbers.into_iter().map(|(own, first, last)| (own, Life { first, last })).collect()
}

/// Gives arrays the memory of arrays of the same size that are not read any more.
pub fn share(plan: &mut Plan) {
    let mut paths: Vec<Vec<(usize, AxisId)>> = vec![vec![]; plan.statements.len()];
    walk(&plan.steps, &mut vec![], &mut 0, &mut paths);
    place_starts(plan, &mut paths);
    let paths = &paths;
    let numbers = number(plan);
    let mut lives: BTreeMap<NodeId, Life> = BTreeMap::new();
    let mut readers: BTreeMap<NodeId, Vec<(usize, Access)>> = BTreeMap::new();
    for (s, (own, around)) in numbers.iter().enumerate() {
        let mut touch = |node: NodeId| {
            let block = plan.storage.get(&node).is_some_and(|s| s.block && !s.lasting);
            let (first, last) = if block { (*own, *own) } else { (around.first, around.last) };
            let life = lives.entry(node).or_insert(Life { first, last });
            life.first = life.first.min(first);
            life.last = life.last.max(last);
        };
        if let Some(node) = plan.statements[s].work.node() {
            touch(node);
        }
        for read in plan.accesses(s) {
            touch(read.node);
            readers.entry(read.node).or_default().push((s, read));
        }
    }
    for (node, back) in plan.revived() {
        if let Some(life) = lives.get_mut(&node) {
            life.last = life.last.max(numbers[back].1.last);
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
    let free = |owners: &[(NodeId, NodeId)], node: NodeId| {
        let life = lives.get(&node)?;
        owners.iter().position(|(owner, now)| {
            let fits = plan.same_memory(*owner, node);
            let Some(old) = lives.get(now) else { return false };
            let in_place = || in_place(plan, paths, &numbers, readers.get(now), *now, node);
            fits && (old.last < life.first || (old.last == life.first && in_place()))
        })
    };
    for node in order {
        match free(&owners, node) {
            Some(k) => {
                shared.insert(node, owners[k].0);
                owners[k].1 = node;
            }
            None => owners.push((node, node)),
        }
    }
    // the memory of a target, before it is written
    let mut lent: BTreeMap<NodeId, Place> = BTreeMap::new();
    for statement in &plan.statements {
        let Work::Map(node) = statement.work else { continue };
        let Some(Place::Target(k)) = plan.storage.get(&node).map(|s| s.place) else { continue };
        // what adds to its memory needs what was there
        if in_scan.contains(&node) || plan.targets[k].adds {
            continue;
        }
        if plan.storage.get(&node).is_some_and(|s| s.layout.is_empty()) {
            continue;
        }
        if let Some(found) = free(&owners, node) {
            lent.insert(owners.remove(found).0, Place::Target(k));
        }
    }
    for (owner, place) in &lent {
        let tenants = shared.iter().filter(|s| s.1 == owner).map(|s| *s.0).chain([*owner]);
        for tenant in tenants.collect::<Vec<_>>() {
            shared.remove(&tenant);
            if let Some(storage) = plan.storage.get_mut(&tenant) {
                storage.place = *place;
            }
        }
    }
    for (node, owner) in shared {
        if let Some(storage) = plan.storage.get_mut(&node) {
            storage.place = Place::Shared(owner);
        }
    }
}

/// In the step that computes `new`, `old` is read before that only, and at the same points.
fn in_place(
    plan: &Plan,
    paths: &[Vec<(usize, AxisId)>],
    numbers: &[(usize, Life)],
    readers: Option<&Vec<(usize, Access)>>,
    old: NodeId,
    new: NodeId,
) -> bool {
    let Some(writer) = plan.statements.iter().position(|s| matches!(s.work, Work::Map(n) if n == new)) else {
        return false;
    };
    let Some(reads) = readers else { return false };
    let last = reads.iter().map(|r| r.0).max();
    // in a loop that turns to its elements again, the old ones must come anew as well
    let layout = plan.storage.get(&new).map_or(&[][..], |s| &s.layout);
    let mut again = paths[writer].iter().filter(|(_, a)| !layout.contains(a));
    let comes = |l: &(usize, AxisId)| {
        let own = |s: &usize| plan.statements[*s].work.node() == Some(old);
        (0..plan.statements.len()).filter(own).all(|s| paths[s].contains(l))
    };
    if !again.all(comes) {
        return false;
    }
    let mut here = reads.iter().filter(|(s, _)| numbers[*s].0 == numbers[writer].0).peekable();
    last.is_some_and(|l| l <= writer)
        && here.peek().is_some()
        && here.all(|(s, read)| plan.same_place(read, old, new) && paths[*s] == paths[writer])
}

impl Plan {
    /// The loops around each statement, each loop with a number of its own.
    pub fn paths(&self) -> Vec<Vec<(usize, AxisId)>> {
        let mut paths = vec![vec![]; self.statements.len()];
        walk(&self.steps, &mut vec![], &mut 0, &mut paths);
        place_starts(self, &mut paths);
        paths
    }

    /// An access reads `old` where `new` has its element at the same position of the loops: under the same layout, or
    /// under dimensions that are the ones of `new`.
    fn same_place(&self, read: &Access, old: NodeId, new: NodeId) -> bool {
        let (Some(from), Some(to)) = (self.storage.get(&old), self.storage.get(&new)) else { return false };
        let Some(load) = read.load else { return from.layout == to.layout };
        let Node::Load { array: Array::Node(_, bound), view: Some(view), index } = self.graph.node(load)
        else {
            return false;
        };
        // all dimensions are seen anew, but for leading ones whose loops are around
        let gone = bound.iter().take_while(|a| !from.layout.contains(a)).count();
        let all = from.layout.iter().all(|a| bound.contains(a));
        let axes: Vec<Option<AxisId>> = index.iter().skip(gone).map(|i| i.as_axis()).collect();
        let sizes = view.iter().skip(gone).zip(&to.layout).all(|(v, a)| v == self.graph.axis_size(*a));
        all && sizes && axes == to.layout.iter().map(|a| Some(*a)).collect::<Vec<_>>()
    }

    /// Two nodes' arrays have as many elements of the same type.
    fn same_memory(&self, a: NodeId, b: NodeId) -> bool {
        let count = |n: NodeId| {
            let sizes: Vec<_> = self
                .storage
                .get(&n)
                .map_or(vec![], |s| s.layout.iter().map(|x| self.graph.axis_size(*x).clone()).collect());
            Size::product(&sizes)
        };
        let block = |n: NodeId| self.storage.get(&n).map(|s| (s.block, s.lasting));
        // what grows as a loop turns does so for its own shape
        let layout = |n: NodeId| self.storage.get(&n).map_or(&[][..], |s| &s.layout);
        let grows = |n: NodeId| layout(n).iter().any(|x| self.graph.sizes.counted(self.graph.axis_size(*x)));
        let alike = layout(a) == layout(b) || !(grows(a) || grows(b));
        alike && self.graph.dtype(a) == self.graph.dtype(b) && count(a) == count(b) && block(a) == block(b)
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
