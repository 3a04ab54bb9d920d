//! Statements of scans: each variable is read at the start of an iteration and written at its end, in one loop.
//!
//! The memory of a variable is that of what remains of it after the last iteration. Its value in an iteration is a copy,
//! kept for all iterations where something outside of the loop reads it. Invariant: between the first and the last
//! statement of an iteration stands nothing that needs a later iteration.

use super::{Plan, Work};
use crate::ir::{AxisId, Graph, Node, NodeId, ScanId};
use std::collections::{BTreeMap, BTreeSet};

/// The scans that are run, with the nodes that belong to an iteration of each, outer scans first.
pub struct Live {
    pub scans: Vec<(ScanId, Vec<bool>)>,
    /// What remains of each carry after the last iteration.
    pub last: BTreeMap<NodeId, NodeId>,
}

/// Finds the live scans, and makes sure that there is a node for what remains of each variable.
pub fn live(graph: &mut Graph, roots: &[NodeId]) -> Live {
    let needed = graph.reachable(roots);
    let mut last = BTreeMap::new();
    let mut scans: Vec<ScanId> = Vec::new();
    for carry in graph.carries(&needed) {
        let Node::Carry { scan, .. } = *graph.node(carry) else { continue };
        let Some(next) = graph.next_of(carry) else { continue };
        last.insert(carry, graph.close(carry, next));
        if !scans.contains(&scan) {
            scans.push(scan);
        }
    }
    let members: BTreeMap<ScanId, Vec<bool>> = scans.iter().map(|s| (*s, graph.members(*s))).collect();
    // a scan inside of another one has its carries among the other's members
    let inside = |s: ScanId| {
        let own = |c: &&NodeId| matches!(graph.node(**c), Node::Carry { scan, .. } if *scan == s);
        let carries: Vec<NodeId> = last.keys().filter(own).copied().collect();
        scans.iter().filter(|o| **o != s && carries.iter().any(|c| members[*o][c.0 as usize])).count()
    };
    let depth: BTreeMap<ScanId, usize> = scans.iter().map(|s| (*s, inside(*s))).collect();
    scans.sort_by_key(|s| (depth[s], *s));
    let scans = scans.into_iter().map(|s| (s, members[&s].clone())).collect();
    Live { scans, last }
}

impl Live {
    /// The scans that a node belongs to, outermost first.
    pub fn of(&self, graph: &Graph, node: NodeId) -> Vec<ScanId> {
        let own = match graph.node(node) {
            Node::Final { scan, .. } => Some(*scan),
            _ => None,
        };
        self.scans
            .iter()
            .filter(|(s, members)| own == Some(*s) || members.get(node.0 as usize).copied().unwrap_or(false))
            .map(|s| s.0)
            .collect()
    }

    /// The scans that count the turns along axes of a node which their iterations need, and the scans around those.
    pub fn counted(&self, graph: &Graph, node: NodeId) -> Vec<ScanId> {
        let own = |s: ScanId| {
            let info = graph.scan(s);
            info.go.is_some() && graph.axes(node).contains(&info.axis) && {
                let ends: Vec<NodeId> = info.next.iter().flatten().chain(&info.go).copied().collect();
                graph.ancestors(&ends, &|_| false)[node.0 as usize]
            }
        };
        let needing: Vec<ScanId> = self.scans.iter().map(|s| s.0).filter(|s| own(*s)).collect();
        let around = |s: ScanId| needing.iter().any(|n| *n == s || self.encloses(graph, s, *n));
        self.scans.iter().map(|s| s.0).filter(|s| around(*s)).collect()
    }

    /// A scan runs inside of the iterations of another one.
    fn encloses(&self, graph: &Graph, outer: ScanId, inner: ScanId) -> bool {
        let Some((_, members)) = self.scans.iter().find(|s| s.0 == outer) else { return false };
        let own = |c: &&NodeId| matches!(graph.node(**c), Node::Carry { scan, .. } if *scan == inner);
        outer != inner && self.last.keys().filter(own).any(|c| members.get(c.0 as usize) == Some(&true))
    }

    /// The loops around a scan, with its own as the last one, where the run counts its turns or those of a scan inside.
    pub fn nests(&self, graph: &Graph) -> BTreeMap<ScanId, Vec<AxisId>> {
        let mut out = BTreeMap::new();
        for (scan, _) in &self.scans {
            let axis = graph.scan(*scan).axis;
            let inside =
                self.scans.iter().map(|s| s.0).filter(|s| s == scan || self.encloses(graph, *scan, *s));
            let nest =
                inside.map(|s| nest(graph, graph.scan(s).axis)).max_by_key(Vec::len).unwrap_or_default();
            if let Some(k) = nest.iter().position(|a| *a == axis).filter(|_| nest.len() > 1) {
                out.insert(*scan, nest[..=k].to_vec());
            }
        }
        out
    }

    /// The axes along which scans run, outermost first.
    pub fn axes(&self, graph: &Graph) -> Vec<AxisId> {
        self.scans.iter().map(|s| graph.scan(s.0).axis).collect()
    }
}

/// An axis behind those of the loops around it, where the run counts its turns.
pub fn nest(graph: &Graph, axis: AxisId) -> Vec<AxisId> {
    graph.within(axis).iter().copied().chain([axis]).collect()
}

/// Puts the statements of a scan next to each other, after all that they need from outside.
pub fn order(plan: &mut Plan, live: &Live) {
    if live.scans.is_empty() {
        return;
    }
    let count = plan.statements.len();
    let mut producers: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (s, statement) in plan.statements.iter().enumerate() {
        if let Some(node) = statement.work.node() {
            producers.entry(node).or_default().push(s);
        }
    }
    let mut needs: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
    for (s, needed) in needs.iter_mut().enumerate() {
        for read in plan.accesses(s) {
            needed.extend(producers.get(&read.node).into_iter().flatten().filter(|p| **p != s));
        }
        // what is added to an array comes after what is left of it
        if let Work::Part(node, _) = plan.statements[s].work {
            if let Node::Scatter { parts, .. } = plan.graph.node(node) {
                let arrays = parts.iter().filter_map(|p| producers.get(&p.value)).flatten();
                needed.extend(arrays.filter(|p| **p != s));
            }
        }
        // calls add to zeros, before the sum is whole
        if let Work::Call(call) = plan.statements[s].work {
            let sums: Vec<NodeId> = plan.sums_of(call).iter().map(|n| plan.direct[n].0).collect();
            let zero = |t: &usize| matches!(plan.statements[*t].work, Work::Zero(n) if sums.contains(&n));
            needed.extend((0..count).filter(zero));
        }
        if let Work::Added(sum) = plan.statements[s].work {
            let adds = |t: &usize| match plan.statements[*t].work {
                Work::Call(call) => plan.sums_of(call).iter().any(|n| plan.direct[n].0 == sum),
                _ => false,
            };
            needed.extend((0..count).filter(adds));
        }
        // parts of one array in their order
        if let Some(node) = plan.statements[s].work.node() {
            needed.extend(producers.get(&node).into_iter().flatten().filter(|p| **p < s));
        }
    }
    // an iteration begins with the question whether there is one
    for g in 0..count {
        let Work::Go(scan) = plan.statements[g].work else { continue };
        let axis = plan.graph.scan(scan).axis;
        let mut before = BTreeSet::new();
        let mut stack = vec![g];
        while let Some(s) = stack.pop() {
            if before.insert(s) {
                stack.extend(&needs[s]);
            }
        }
        for s in (0..count).filter(|s| !before.contains(s)) {
            if plan.statements[s].loops.contains(&axis) {
                needs[s].insert(g);
            }
        }
    }
    let all: Vec<usize> = (0..count).collect();
    let mut order = Vec::new();
    arrange(plan, &needs, &all, 0, &mut order);
    plan.statements = order.iter().map(|s| plan.statements[*s].clone()).collect();
}

/// Sorts statements that share `depth` scans; those of a further scan count as one.
fn arrange(plan: &Plan, needs: &[BTreeSet<usize>], list: &[usize], depth: usize, out: &mut Vec<usize>) {
    // the units: single statements, and scans inside
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut unit_of: BTreeMap<usize, usize> = BTreeMap::new();
    let mut scan_unit: BTreeMap<ScanId, usize> = BTreeMap::new();
    for s in list {
        let unit = match plan.statements[*s].scans.get(depth) {
            Some(scan) => *scan_unit.entry(*scan).or_insert_with(|| {
                units.push(vec![]);
                units.len() - 1
            }),
            None => {
                units.push(vec![]);
                units.len() - 1
            }
        };
        units[unit].push(*s);
        unit_of.insert(*s, unit);
    }
    let mut waits: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); units.len()];
    for (s, unit) in &unit_of {
        waits[*unit].extend(needs[*s].iter().filter_map(|n| unit_of.get(n)).filter(|u| *u != unit));
    }
    let mut done = vec![false; units.len()];
    for _ in 0..units.len() {
        let ready = (0..units.len()).find(|u| !done[*u] && waits[*u].iter().all(|w| done[*w]));
        // a circle cannot be, but if it were, the order of the graph would stand
        let Some(next) = ready.or_else(|| done.iter().position(|d| !d)) else { break };
        done[next] = true;
        match plan.statements[units[next][0]].scans.len() > depth {
            true => arrange(plan, needs, &units[next], depth + 1, out),
            false => out.extend(&units[next]),
        }
    }
}

impl Plan {
    /// The scans whose loop a step is, by the carries read in it.
    pub fn scans_of(&self, axis: AxisId, inside: &[usize]) -> BTreeSet<ScanId> {
        let scan = |s: &usize| match &self.statements[*s].work {
            Work::Carry(c) => match self.graph.node(*c) {
                Node::Carry { scan, .. } if self.graph.scan(*scan).axis == axis => Some(*scan),
                _ => None,
            },
            _ => None,
        };
        inside.iter().filter_map(scan).collect()
    }
}
