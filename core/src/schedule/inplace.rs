//! Arrays that a scan hands on and changes element by element: one memory for all of their versions.
//!
//! An iteration reads the array, writes some elements, and leaves it to the next one. Each version is a node of its own;
//! where no version is read after the next one was written, they share the memory of what remains after the loop, and
//! nothing is copied. Invariant: a statement that is left out would have copied an element onto itself.

use super::{Place, Plan, Step, Work};
use crate::ir::{Array, AxisId, Index, Node, NodeId};
use std::collections::BTreeSet;

/// Lets the versions of arrays share memory, and marks the statements that have nothing left to do.
pub fn share(plan: &mut Plan) {
    let mut order = vec![];
    let mut paths = vec![vec![]; plan.statements.len()];
    walk(&plan.steps, &mut vec![], &mut 0, &mut order, &mut paths);
    let carries: Vec<(NodeId, NodeId)> = plan.last.iter().map(|(c, l)| (*c, *l)).collect();
    let mut idle = BTreeSet::new();
    for (carry, last) in carries {
        let Some(versions) = versions(plan, carry, last) else { continue };
        let pairs = std::iter::once(carry).chain(versions.iter().copied()).zip(versions.iter().copied());
        if !pairs.into_iter().all(|(old, new)| follows(plan, &order, &paths, old, new)) {
            continue;
        }
        let place = match plan.storage.get(&last).map(|s| s.place) {
            Some(Place::Buffer) => Place::Shared(last),
            Some(place @ (Place::Shared(_) | Place::Target(_))) => place,
            _ => continue,
        };
        for version in std::iter::once(carry).chain(versions.iter().copied()) {
            if let Some(storage) = plan.storage.get_mut(&version) {
                storage.place = place;
            }
        }
        for s in 0..plan.statements.len() {
            let copies = match &plan.statements[s].work {
                Work::Carry(c) => *c == carry,
                Work::Next { carry: c, .. } => *c == carry,
                Work::Write(n, false) => versions.contains(n),
                Work::Part(n, k) => versions.contains(n) && passes(plan, *n) == Some(*k),
                _ => false,
            };
            if copies {
                idle.insert(s);
            }
        }
        plan.grown.extend(versions.iter().filter(|v| matches!(plan.graph.node(**v), Node::Scatter { .. })));
    }
    let steps = std::mem::take(&mut plan.steps);
    plan.steps = without(plan, steps, &idle).0;
    plan.idle = idle;
}

/// The versions after the carry, in order; none where what an iteration leaves is no changed version of what it found, or
/// where versions are kept for later.
fn versions(plan: &Plan, carry: NodeId, last: NodeId) -> Option<Vec<NodeId>> {
    let layout = |n: NodeId| plan.storage.get(&n).map(|s| &s.layout);
    let memory = plan.storage.get(&last)?;
    if memory.layout.is_empty() || memory.block {
        return None;
    }
    let mut at = *plan.graph.operands(last).first()?;
    let mut out = vec![];
    while at != carry {
        if plan.storage.get(&at)?.place != Place::Buffer || layout(at) != Some(&memory.layout) {
            return None;
        }
        out.push(at);
        at = match plan.graph.node(at) {
            Node::Write { array, .. } => *array,
            Node::Scatter { parts, .. } => parts.get(passes(plan, at)?)?.value,
            _ => return None,
        };
    }
    if plan.storage.get(&carry)?.place != Place::Buffer || layout(carry) != Some(&memory.layout) {
        return None;
    }
    out.reverse();
    Some(out)
}

/// The part of a scatter that is a whole array.
fn passes(plan: &Plan, node: NodeId) -> Option<usize> {
    let Node::Scatter { dims, view: None, parts } = plan.graph.node(node) else { return None };
    parts.iter().position(|p| {
        let whole = dims.iter().zip(&p.index).all(|(d, i)| i.as_axis() == Some(*d) && p.over.contains(d));
        whole && plan.graph.axes(p.value) == plan.graph.axes(node) && plan.storage.contains_key(&p.value)
    })
}

/// No statement reads the old version after the new one is written, but at the very element.
fn follows(plan: &Plan, order: &[usize], paths: &[Vec<(usize, AxisId)>], old: NodeId, new: NodeId) -> bool {
    let place = |s: usize| order.iter().position(|o| *o == s);
    let writes = writes(plan, new);
    // what the old version's own statements write comes first
    let ordered = self::writes(plan, old).into_iter().all(|o| {
        writes.iter().all(|w| {
            let scans = plan.statements[*w].scans.len();
            let shared = paths[o].iter().zip(&paths[*w]).take_while(|(a, b)| a == b).count();
            place(o) < place(*w) && (shared <= scans || positions(plan, o) == positions(plan, *w))
        })
    });
    if !ordered {
        return false;
    }
    (0..plan.statements.len()).all(|r| {
        let copies = match plan.statements[r].work {
            Work::Write(n, false) => n == new,
            Work::Part(n, k) => n == new && passes(plan, n) == Some(k),
            Work::Next { .. } | Work::Start { .. } => true,
            _ => false,
        };
        let reads: Vec<Option<NodeId>> =
            plan.accesses(r).into_iter().filter(|a| a.node == old).map(|a| a.load).collect();
        if copies || reads.is_empty() {
            return true;
        }
        writes.iter().all(|w| {
            let (Some(at_r), Some(at_w)) = (place(r), place(*w)) else { return false };
            let scans = plan.statements[*w].scans.len();
            let shared = paths[r].iter().zip(&paths[*w]).take_while(|(a, b)| a == b).count();
            let before = at_r < at_w || r == *w;
            // loops that both stand in, besides the scan's: an element may be read that was written in an earlier turn
            let inner = || paths[r][scans.min(shared)..shared].iter().map(|p| p.1);
            let apart = shared <= scans
                || reads.iter().all(|load| {
                    same_element(plan, *load, old, *w) || inner().all(|a| own_turn(plan, *load, old, *w, a))
                });
            before && apart
        })
    })
}

/// The statements that change elements of a version.
fn writes(plan: &Plan, version: NodeId) -> Vec<usize> {
    (0..plan.statements.len())
        .filter(|s| match plan.statements[*s].work {
            Work::Write(n, true) => n == version,
            Work::Part(n, k) => n == version && passes(plan, n) != Some(k),
            _ => false,
        })
        .collect()
}

/// The dimensions and positions that a statement writes to, by dimension.
fn positions(plan: &Plan, write: usize) -> Option<Vec<(AxisId, Index)>> {
    let (dims, at): (&[AxisId], &[Index]) = match plan.statements[write].work {
        Work::Write(n, _) => match plan.graph.node(n) {
            Node::Write { dims, index, .. } => (dims, index),
            _ => return None,
        },
        Work::Part(n, k) => match plan.graph.node(n) {
            Node::Scatter { dims, parts, .. } => (dims, &parts.get(k)?.index),
            _ => return None,
        },
        _ => return None,
    };
    let mut list: Vec<(AxisId, Index)> = dims.iter().copied().zip(at.iter().cloned()).collect();
    // a dimension that keeps its own position says nothing
    list.retain(|(d, i)| i.as_axis() != Some(*d));
    list.sort();
    Some(list)
}

/// A read of an array is at the element that a statement writes.
fn same_element(plan: &Plan, load: Option<NodeId>, old: NodeId, write: usize) -> bool {
    let Some(load) = load else { return false };
    let Node::Load { array: Array::Node(_, bound), view: None, index } = plan.graph.node(load) else {
        return false;
    };
    let Some(written) = positions(plan, write) else { return false };
    let mut read: Vec<(AxisId, Index)> = bound.iter().copied().zip(index.iter().cloned()).collect();
    read.retain(|(d, i)| i.as_axis() != Some(*d));
    read.sort();
    read == written && plan.graph.axes(old).len() >= bound.len()
}

/// The read and the write stay with the position of a loop: no turn meets what another one wrote.
fn own_turn(plan: &Plan, load: Option<NodeId>, old: NodeId, write: usize, axis: AxisId) -> bool {
    let there = plan.graph.axes(old).contains(&axis);
    let moved = |list: &[(AxisId, Index)]| list.iter().any(|(d, _)| *d == axis);
    let read = match load.map(|load| plan.graph.node(load)) {
        None => true,
        Some(Node::Load { array: Array::Node(_, bound), view: None, index }) => {
            bound.iter().zip(index).all(|(d, i)| *d != axis || i.as_axis() == Some(axis))
        }
        Some(_) => false,
    };
    there && read && positions(plan, write).is_some_and(|written| !moved(&written))
}

fn walk(
    steps: &[Step],
    path: &mut Vec<(usize, AxisId)>,
    count: &mut usize,
    order: &mut Vec<usize>,
    paths: &mut [Vec<(usize, AxisId)>],
) {
    for step in steps {
        match step {
            Step::Run(s) => {
                paths[*s] = path.clone();
                order.push(*s);
            }
            Step::Loop { axis, body } => {
                *count += 1;
                path.push((*count, *axis));
                walk(body, path, count, order, paths);
                path.pop();
            }
        }
    }
}

/// The steps without idle statements; an idle carry is left at the start of its scan's loop, which it marks. Gives the
/// carries that look for their loop.
fn without(plan: &Plan, steps: Vec<Step>, idle: &BTreeSet<usize>) -> (Vec<Step>, Vec<usize>) {
    let mut out = vec![];
    let mut homeless = vec![];
    for step in steps {
        match step {
            Step::Run(s) if idle.contains(&s) => {
                if matches!(plan.statements[s].work, Work::Carry(_)) {
                    homeless.push(s);
                }
            }
            Step::Run(s) => out.push(Step::Run(s)),
            Step::Loop { axis, body } => {
                let (body, above) = without(plan, body, idle);
                let (mine, others): (Vec<usize>, Vec<usize>) = above.into_iter().partition(|s| {
                    matches!(plan.statements[*s].work, Work::Carry(c)
                        if matches!(plan.graph.node(c), Node::Carry { scan, .. } if plan.graph.scan(*scan).axis == axis))
                });
                homeless.extend(others);
                let body: Vec<Step> = mine.into_iter().map(Step::Run).chain(body).collect();
                if !body.is_empty() {
                    out.push(Step::Loop { axis, body });
                }
            }
        }
    }
    (out, homeless)
}
