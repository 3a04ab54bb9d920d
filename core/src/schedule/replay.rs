//! Cheap recurrences run again where they are read late, rather than being kept.
//!
//! What reads a variable of a scan at all positions, but needs a sum over them or what remains after the scan as well, stands
//! in a later loop: the variable would be an array along the axis. If an iteration costs no more than to store and to load
//! its result, the later loop gets a scan of its own. Invariant: both scans compute the same bits.

use crate::ir::{Array, AxisId, Graph, Node, NodeId, ScanId};
use std::collections::{BTreeMap, BTreeSet};

/// What an iteration may cost, in the units of the op table.
const CHEAP: u32 = 4;

/// The roots of an equal graph in which late readers have scans of their own.
pub fn replay(graph: &mut Graph, roots: Vec<NodeId>) -> Vec<NodeId> {
    let count = graph.scans.len() as u32;
    (0..count).map(ScanId).fold(roots, |roots, scan| {
        let again = Again::find(graph, &roots, scan);
        match again {
            Some(again) => again.apply(graph, &roots, scan),
            None => roots,
        }
    })
}

/// What is to run again.
struct Again {
    /// Which nodes need a value that all positions of the scan have gone into.
    after: Vec<bool>,
    /// The nodes of an iteration that late readers are made of, in order.
    cone: BTreeSet<NodeId>,
}

impl Again {
    fn find(graph: &Graph, roots: &[NodeId], scan: ScanId) -> Option<Again> {
        let info = graph.scan(scan);
        let axis = info.axis;
        if info.reversed || info.go.is_some() || info.checkpoint.is_some() {
            return None;
        }
        let needed = graph.reachable(roots);
        let after = after(graph, scan);
        let over = |id: NodeId| graph.axes(id).contains(&axis);
        let mut cone = BTreeSet::new();
        let mut readers = vec![];
        for id in graph.ids().filter(|id| needed[id.0 as usize] && after[id.0 as usize]) {
            for operand in graph.operands(id) {
                if over(operand) && !after[operand.0 as usize] && reads(graph, operand, scan) {
                    cone.insert(operand);
                    readers.push(id);
                }
            }
        }
        if readers.is_empty() {
            return None;
        }
        // beside the variables of another scan, which may run the other way, one of both has to be kept
        let mut late: BTreeSet<NodeId> = BTreeSet::new();
        for id in graph.ids().filter(|id| after[id.0 as usize]) {
            let made = graph.operands(id).iter().any(|o| late.contains(o));
            if readers.contains(&id) || made && over(id) {
                late.insert(id);
            }
        }
        let others = (0..graph.scans.len() as u32).map(ScanId).filter(|s| *s != scan);
        for other in others.filter(|s| graph.scan(*s).axis == axis) {
            let made = graph.scan(other).next.iter().flatten().any(|n| late.contains(n));
            let beside = |r: &NodeId| graph.operands(*r).into_iter().any(|o| reads(graph, o, other));
            if made || late.iter().any(beside) {
                return None;
            }
        }
        let mut cost = 0;
        let mut stack: Vec<NodeId> = cone.iter().copied().collect();
        while let Some(id) = stack.pop() {
            let parts = match graph.node(id) {
                Node::Apply(op, args) => {
                    cost += op.info().cost;
                    args.clone()
                }
                Node::Carry { scan: s, .. } if *s == scan => graph.next_of(id).into_iter().collect(),
                Node::Load { array: Array::Input(_), index, .. }
                    if index.iter().all(|i| i.gather.is_none()) =>
                {
                    cost += 1;
                    vec![]
                }
                Node::Position(_) => vec![],
                _ => return None,
            };
            stack.extend(parts.into_iter().filter(|p| over(*p) && cone.insert(*p)));
        }
        (cost <= CHEAP).then_some(Again { after, cone })
    }

    fn apply(self, graph: &mut Graph, roots: &[NodeId], scan: ScanId) -> Vec<NodeId> {
        let needed = graph.reachable(roots);
        let axis = graph.scan(scan).axis;
        let own = graph.add_scan(axis, false);
        let mut copies: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        for id in &self.cone {
            let copy = match graph.node(*id).clone() {
                Node::Carry { axes, init, .. } => {
                    let axes: Vec<AxisId> = axes.into_iter().filter(|a| *a != axis).collect();
                    graph.carry(own, &axes, init)
                }
                _ => rebuilt(graph, *id, &|n| copies.get(&n).copied()),
            };
            copies.insert(*id, copy);
        }
        for id in &self.cone {
            if let Some(next) = graph.next_of(*id) {
                graph.close(copies[id], copies.get(&next).copied().unwrap_or(next));
            }
        }
        let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        let later = (0..self.after.len() as u32).map(NodeId);
        for id in later.filter(|id| needed[id.0 as usize] && self.after[id.0 as usize]) {
            let new = rebuilt(graph, id, &|n| map.get(&n).or(copies.get(&n)).copied());
            if new != id {
                map.insert(id, new);
            }
        }
        let to = |n: &NodeId| map.get(n).copied().unwrap_or(*n);
        for other in &mut graph.scans {
            other.next.iter_mut().flatten().chain(&mut other.go).for_each(|n| *n = to(n));
        }
        roots.iter().map(to).collect()
    }
}

/// The node with other operands.
fn rebuilt(graph: &mut Graph, id: NodeId, to: &dyn Fn(NodeId) -> Option<NodeId>) -> NodeId {
    let (node, dtype) = (graph.node(id).clone(), graph.dtype(id));
    let args: Vec<NodeId> = graph.operands(id).into_iter().map(|n| to(n).unwrap_or(n)).collect();
    if args == graph.operands(id) {
        return id;
    }
    let name = graph.name(id).map(str::to_string);
    let new = crate::ir::rebuild::rebuild(graph, &node, dtype, &args);
    if let Some(name) = name {
        graph.set_name(new, &name);
    }
    new
}

/// Which nodes need a value that all positions of the scan have gone into.
fn after(graph: &Graph, scan: ScanId) -> Vec<bool> {
    let axis = graph.scan(scan).axis;
    let closes = |id: NodeId| match graph.node(id) {
        Node::Final { scan: s, .. } => *s == scan,
        Node::Reduce(_, over, x) => over.contains(&axis) && reads(graph, *x, scan),
        Node::Load { array: Array::Node(x, bound), .. } => bound.contains(&axis) && reads(graph, *x, scan),
        _ => false,
    };
    let closed: Vec<bool> = graph.ids().map(closes).collect();
    let mut after = vec![false; graph.len()];
    loop {
        let before = after.clone();
        for id in graph.ids() {
            let mut parts = graph.operands(id).into_iter().chain(graph.next_of(id));
            after[id.0 as usize] |= parts.any(|p| closed[p.0 as usize] || after[p.0 as usize]);
        }
        if after == before {
            return after;
        }
    }
}

/// Whether a node of an iteration is made of a variable of the scan.
fn reads(graph: &Graph, id: NodeId, scan: ScanId) -> bool {
    let axis = graph.scan(scan).axis;
    let mut stack = vec![id];
    let mut seen = BTreeSet::new();
    while let Some(id) = stack.pop() {
        if matches!(graph.node(id), Node::Carry { scan: s, .. } if *s == scan) {
            return true;
        }
        let parts = graph.operands(id).into_iter();
        stack.extend(parts.filter(|p| graph.axes(*p).contains(&axis) && seen.insert(*p)));
    }
    false
}
