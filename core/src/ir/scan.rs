//! Scans: loops whose iterations hand values on.
//!
//! A scan runs along one axis. Each of its variables is a [`Node::Carry`], the value before an iteration, which depends
//! on the scan's axis like any other node; what the iteration leaves in the variable is an ordinary node too, and
//! [`Node::Final`] is what remains after the last one. So an iteration's nodes are nodes over an axis, readable from
//! outside like all others: what reverse mode needs of them is an array along the axis, stored or computed again.
//!
//! Invariant: what an iteration leaves in a variable depends on no position of the scan's axis but its own.

use super::graph::{AxisId, Graph, Node, NodeId};

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ScanId(pub u32);

#[derive(Clone, PartialEq, Debug)]
pub struct Scan {
    pub axis: AxisId,
    /// Runs from the last position to the first.
    pub reversed: bool,
    /// The condition under which an iteration runs; none where the axis has a size of its own.
    pub go: Option<NodeId>,
    /// What an iteration leaves in each variable; none while the scan is being built.
    pub next: Vec<Option<NodeId>>,
    /// The scan whose adjoint this is.
    pub origin: Option<ScanId>,
    /// Which of its states are kept for the adjoint; all that it reads where none.
    pub checkpoint: Option<Checkpoint>,
}

/// Which states of a recurrence are kept. What the adjoint reads between two of them is computed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checkpoint {
    /// One of so many.
    Every(u32),
    /// Those that halve what is left: as many as the logarithm of the number of iterations.
    Halving,
}

impl Scan {
    /// The same scan before anything is known of its variables.
    pub fn opened(&self) -> Scan {
        Scan { next: vec![None; self.next.len()], go: None, ..self.clone() }
    }
}

impl Graph {
    pub fn add_scan(&mut self, axis: AxisId, reversed: bool) -> ScanId {
        let (origin, checkpoint) = (None, None);
        self.scans.push(Scan { axis, reversed, go: None, next: vec![], origin, checkpoint });
        ScanId(self.scans.len() as u32 - 1)
    }

    pub fn scan(&self, id: ScanId) -> &Scan {
        &self.scans[id.0 as usize]
    }

    /// A new variable of a scan, over the scan's axis and `axes`.
    pub fn carry(&mut self, scan: ScanId, axes: &[AxisId], init: NodeId) -> NodeId {
        let k = self.scans[scan.0 as usize].next.len() as u32;
        self.scans[scan.0 as usize].next.push(None);
        let mut axes = axes.to_vec();
        axes.push(self.scan(scan).axis);
        axes.sort();
        axes.dedup();
        let dtype = self.dtype(init);
        self.intern(Node::Carry { scan, k, axes, init }, dtype)
    }

    /// Closes a variable: `next` is what an iteration leaves in it. The value after the last iteration.
    pub fn close(&mut self, carry: NodeId, next: NodeId) -> NodeId {
        let Node::Carry { scan, k, axes, .. } = self.node(carry).clone() else { return carry };
        let axis = self.scan(scan).axis;
        self.scans[scan.0 as usize].next[k as usize] = Some(next);
        let axes = axes.into_iter().filter(|a| *a != axis).collect();
        let dtype = self.dtype(carry);
        self.intern(Node::Final { scan, k, axes, next }, dtype)
    }

    /// What an iteration leaves in the variable of a carry.
    pub fn next_of(&self, carry: NodeId) -> Option<NodeId> {
        match self.node(carry) {
            Node::Carry { scan, k, .. } => {
                self.scans.get(scan.0 as usize)?.next.get(*k as usize).copied().flatten()
            }
            _ => None,
        }
    }

    /// The carries among the nodes that are needed, in order.
    pub fn carries(&self, needed: &[bool]) -> Vec<NodeId> {
        let ids = self.ids().zip(needed).filter(|(_, needed)| **needed).map(|(id, _)| id);
        ids.filter(|id| matches!(self.node(*id), Node::Carry { .. })).collect()
    }

    /// Which nodes belong to an iteration: they lie on a way from one of the scan's carries to what the iteration
    /// leaves in a variable.
    pub fn members(&self, scan: ScanId) -> Vec<bool> {
        let axis = self.scan(scan).axis;
        let next: Vec<NodeId> =
            self.scan(scan).next.iter().flatten().chain(&self.scan(scan).go).copied().collect();
        // the scans around this one go on after it
        let carries = |of: ScanId| {
            let own = move |id: &NodeId| matches!(self.node(*id), Node::Carry { scan: s, .. } if *s == of);
            self.ids().filter(own)
        };
        // all variables of a scan lie along the axes of those around, and an array may lie along any
        let along = |s: ScanId, t: ScanId| carries(s).all(|c| self.axes(c).contains(&self.scan(t).axis));
        let around: Vec<bool> = (0..self.scans.len() as u32)
            .map(ScanId)
            // where both may be so, the outer one was there first
            .map(|t| t != scan && along(scan, t) && (!along(t, scan) || t < scan))
            .collect();
        let around = |t: ScanId| around.get(t.0 as usize) == Some(&true);
        let above = self.ancestors(&next, &around);
        let mut inside = vec![false; self.len()];
        // scans inside, all of whose variables belong to the iteration
        let mut inner = vec![scan];
        loop {
            let before = (inner.len(), inside.clone());
            for id in self.ids().filter(|id| above[id.0 as usize]) {
                let read = self.operands(id).iter().any(|o| inside[o.0 as usize]);
                let own = match self.node(id) {
                    Node::Final { scan: s, .. } if *s == scan => false,
                    Node::Carry { scan: s, .. } => {
                        // what it becomes, or how often it does, belongs to the iteration
                        let ends = self.next_of(id).into_iter().chain(self.scan(*s).go);
                        let later = ends.into_iter().any(|n| inside[n.0 as usize]);
                        if (read || later) && !inner.contains(s) && self.axes(id).contains(&axis) {
                            inner.push(*s);
                        }
                        inner.contains(s)
                    }
                    _ => read,
                };
                inside[id.0 as usize] = own && self.axes(id).contains(&axis);
            }
            if (inner.len(), &inside) == (before.0, &before.1) {
                return inside;
            }
        }
    }

    /// What nodes are made of, without what later iterations of the given scans add to it.
    pub fn ancestors(&self, roots: &[NodeId], open: &dyn Fn(ScanId) -> bool) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            stack.extend(self.operands(id));
            match self.node(id) {
                Node::Carry { scan, .. } if !open(*scan) => {
                    stack.extend(self.next_of(id));
                    stack.extend(self.scan(*scan).go);
                }
                _ => {}
            }
        }
        seen
    }

    /// Runs a pass that builds an equal graph, with what the live scans leave in their variables among its roots.
    pub fn rebuilt(
        &self,
        roots: &[NodeId],
        pass: impl FnOnce(&Graph, &[NodeId]) -> Option<(Graph, Vec<NodeId>)>,
    ) -> Option<(Graph, Vec<NodeId>)> {
        let needed = self.reachable(roots);
        let live: Vec<(ScanId, u32)> = self
            .carries(&needed)
            .into_iter()
            .filter_map(|c| match self.node(c) {
                Node::Carry { scan, k, .. } => Some((*scan, *k)),
                _ => None,
            })
            .collect();
        let next = |(s, k): &(ScanId, u32)| self.scan(*s).next[*k as usize];
        let mut all = roots.to_vec();
        let live: Vec<(ScanId, u32)> = live.into_iter().filter(|l| next(l).is_some()).collect();
        all.extend(live.iter().filter_map(next));
        let mut going: Vec<ScanId> =
            live.iter().map(|l| l.0).filter(|s| self.scan(*s).go.is_some()).collect();
        going.dedup();
        all.extend(going.iter().filter_map(|s| self.scan(*s).go));
        let (mut graph, mut new) = pass(self, &all)?;
        let tail = new.split_off(roots.len());
        graph.scans = self.scans.iter().map(Scan::opened).collect();
        for ((s, k), n) in live.iter().zip(&tail) {
            graph.scans[s.0 as usize].next[*k as usize] = Some(*n);
        }
        for (s, n) in going.iter().zip(&tail[live.len()..]) {
            graph.scans[s.0 as usize].go = Some(*n);
        }
        Some((graph, new))
    }
}
