//! Recurrences of which only some states are kept: what their adjoints read between two of them is computed again.
//!
//! The loop of such a scan runs up to three times: for what remains after it, for the state at some later position, and
//! for a segment of what its adjoint reads, right before the adjoint goes back through the segment. An array that only the
//! two loops touch then holds a segment: its [`Sweep::rows`] stand where the scan's axis was. Invariant: each run of an
//! iteration is made of the same statements on the same values, so it gives the same bits.

use super::fuse::statements_in;
use super::scans::Live;
use super::{Place, Plan, Step, Work};
use crate::ir::{Array, AxisId, Checkpoint, Graph, Index, Node, NodeId, ScanId, Size};
use std::collections::{BTreeMap, BTreeSet};

/// The iterations that go back at a time where the kept states halve what is left.
pub const SEGMENT: u32 = 32;

/// A scan with its adjoint, and what is run again in between. Statements are those of the scan's own loop.
#[derive(Clone, Debug)]
pub struct Sweep {
    pub scan: ScanId,
    /// The adjoint.
    pub back: ScanId,
    pub axis: AxisId,
    pub kept: Checkpoint,
    /// The positions in a segment.
    pub rows: AxisId,
    /// The variables that make up a kept state, with what remains of them.
    pub state: Vec<(NodeId, NodeId)>,
    /// The arrays that hold a segment.
    pub segment: Vec<NodeId>,
    /// What runs before the adjoint.
    pub first: BTreeSet<usize>,
    /// What leads from one state to the next.
    pub ahead: BTreeSet<usize>,
    /// What fills a segment.
    pub again: BTreeSet<usize>,
}

/// Finds the scans whose adjoints go back segment by segment, and cuts their arrays to one segment.
pub fn find(plan: &mut Plan) {
    let loops: Vec<(AxisId, BTreeSet<usize>, BTreeSet<ScanId>)> = plan
        .steps
        .iter()
        .filter_map(|step| {
            let Step::Loop { axis, .. } = step else { return None };
            let mut inside = vec![];
            statements_in(step, &mut inside);
            let scans = plan.scans_of(*axis, &inside);
            Some((*axis, inside.into_iter().collect(), scans))
        })
        .collect();
    for (axis, inside, scans) in &loops {
        let Some(scan) = scans.first().copied().filter(|_| scans.len() == 1) else { continue };
        let Some(kept) = plan.graph.scan(scan).checkpoint else { continue };
        // how often a loop inside turns is kept for all iterations, and so is what it keeps
        let counts = |s: &usize| matches!(plan.statements[*s].work, Work::Go(g) if g != scan);
        if inside.iter().any(counts) {
            continue;
        }
        let is_back = |s: &&ScanId| plan.graph.scan(**s).origin == Some(scan);
        let backs: Vec<(ScanId, &BTreeSet<usize>)> = loops
            .iter()
            .flat_map(|(_, inside, scans)| scans.iter().filter(is_back).map(move |s| (*s, inside)))
            .collect();
        let [(back, behind)] = backs[..] else { continue };
        let own = Own { plan, axis: *axis, inside, behind };
        let segment = own.segment();
        let filling = inside.iter().copied().filter(|s| own.node(*s).is_some_and(|n| segment.contains(&n)));
        let again = own.closure(filling.collect(), &segment);
        let state: Vec<(NodeId, NodeId)> = again
            .iter()
            .filter_map(|s| match plan.statements[*s].work {
                Work::Next { carry, last } if own.is_of(carry, scan) => Some((carry, last)),
                _ => None,
            })
            .collect();
        if state.is_empty() {
            continue;
        }
        let nexts =
            again.iter().copied().filter(|s| own.node(*s).is_some_and(|n| state.iter().any(|v| v.1 == n)));
        let ahead = own.closure(nexts.collect(), &segment);
        let rest = inside.iter().copied().filter(|s| own.node(*s).is_none_or(|n| !segment.contains(&n)));
        let mut first = own.closure(rest.collect(), &segment);
        first.extend(
            inside.iter().copied().filter(|s| matches!(plan.statements[*s].work, Work::Go(g) if g == scan)),
        );
        let length = match kept {
            Checkpoint::Every(n) => n,
            Checkpoint::Halving => SEGMENT,
        };
        let rows = plan.graph.fresh_axis(&Size::constant(length.into()));
        let segment: Vec<NodeId> = segment.into_iter().collect();
        for node in &segment {
            let layout = plan.storage.get_mut(node).map(|s| &mut s.layout);
            layout.into_iter().flatten().filter(|a| *a == axis).for_each(|a| *a = rows);
        }
        plan.sweeps.push(Sweep { scan, back, axis: *axis, kept, rows, state, segment, first, ahead, again });
    }
}

/// The nodes that are computed in the loop of a scan although they do not depend on its state: of those, and of what their
/// adjoints need, only a segment is to be there. All that is read of them is at the loop's own position.
pub fn joined(graph: &Graph, live: &Live) -> BTreeMap<NodeId, ScanId> {
    let mut out = BTreeMap::new();
    for (scan, members) in &live.scans {
        let info = graph.scan(*scan);
        if info.origin.map_or(info, |o| graph.scan(o)).checkpoint.is_none() {
            continue;
        }
        let axis = info.axis;
        let mut far: BTreeMap<NodeId, bool> = BTreeMap::new();
        let ends = info.next.iter().flatten().chain(&info.go);
        let mut stack: Vec<(NodeId, bool)> = ends.map(|n| (*n, false)).collect();
        while let Some((id, is_far)) = stack.pop() {
            // far from one reader is far
            if far.get(&id).is_some_and(|known| *known || !is_far) {
                continue;
            }
            far.insert(id, is_far);
            let here = |bound: &[AxisId], index: &[Index]| {
                let k = bound.iter().position(|b| *b == axis);
                k.is_none_or(|k| index.get(k).and_then(Index::as_axis) == Some(axis))
            };
            let own = match graph.node(id) {
                Node::Load { array: Array::Node(_, bound), view, index } => {
                    here(bound, index) && (view.is_none() || !bound.contains(&axis))
                }
                Node::Reduce(_, over, _) => !over.contains(&axis),
                Node::Scatter { dims, parts, .. } => {
                    dims.contains(&axis) && parts.iter().all(|p| here(dims, &p.index))
                }
                Node::Write { dims, index, over, .. } => here(dims, index) && !over.contains(&axis),
                // what a variable starts from is there before the loop
                Node::Carry { scan: s, .. } | Node::Final { scan: s, .. } => {
                    s != scan && members[id.0 as usize]
                }
                _ => true,
            };
            stack.extend(graph.operands(id).into_iter().map(|o| (o, is_far || !own)));
            if let Node::Carry { scan: s, .. } = graph.node(id) {
                let later = graph.next_of(id).into_iter().chain(graph.scan(*s).go);
                stack.extend(later.filter(|_| s != scan).map(|o| (o, is_far || !own)));
            }
        }
        let near = far
            .into_iter()
            .filter(|(id, far)| !far && !members[id.0 as usize] && graph.axes(*id).contains(&axis));
        near.for_each(|(id, _)| {
            out.entry(id).or_insert(*scan);
        });
    }
    out
}

/// A scan's loop, and that of its adjoint.
struct Own<'a> {
    plan: &'a Plan,
    axis: AxisId,
    inside: &'a BTreeSet<usize>,
    behind: &'a BTreeSet<usize>,
}

impl Own<'_> {
    fn node(&self, statement: usize) -> Option<NodeId> {
        self.plan.statements[statement].work.node()
    }

    fn is_of(&self, carry: NodeId, scan: ScanId) -> bool {
        matches!(self.plan.graph.node(carry), Node::Carry { scan: s, .. } if *s == scan)
    }

    /// An array along the scan's axis.
    fn is_along(&self, node: NodeId) -> bool {
        self.plan.storage.get(&node).is_some_and(|s| s.layout.contains(&self.axis))
    }

    /// The arrays along the axis that only the two loops touch, each iteration its own part.
    fn segment(&self) -> BTreeSet<NodeId> {
        let mut out: BTreeSet<NodeId> = self.inside.iter().filter_map(|s| self.node(*s)).collect();
        out.retain(|n| {
            self.plan.storage.get(n).is_some_and(|s| {
                s.place == Place::Buffer
                    && s.layout.first() == Some(&self.axis)
                    && !s.block
                    && self.plan.writes_own(*n, self.axis)
            })
        });
        for s in 0..self.plan.statements.len() {
            let both = self.inside.contains(&s) || self.behind.contains(&s);
            if let Some(node) = self.node(s).filter(|_| !self.inside.contains(&s)) {
                out.remove(&node);
            }
            for access in self.plan.accesses(s) {
                if !both || !self.plan.pointwise(&access, self.axis) {
                    out.remove(&access.node);
                }
            }
        }
        out
    }

    /// The statements of the scan's loop that some of them need. Arrays along the axis that are not cut are there already.
    fn closure(&self, mut stack: Vec<usize>, segment: &BTreeSet<NodeId>) -> BTreeSet<usize> {
        let mut producers: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for s in self.inside {
            if let Some(node) = self.node(*s) {
                producers.entry(node).or_default().push(*s);
            }
        }
        let of = |node: NodeId| producers.get(&node).into_iter().flatten().copied();
        let mut out = BTreeSet::new();
        while let Some(s) = stack.pop() {
            if !out.insert(s) {
                continue;
            }
            for access in self.plan.accesses(s) {
                if segment.contains(&access.node) || !self.is_along(access.node) {
                    stack.extend(of(access.node));
                }
            }
            stack.extend(self.node(s).into_iter().flat_map(of));
            if let Work::Carry(carry) = self.plan.statements[s].work {
                // a variable goes on from iteration to iteration
                stack.extend(self.plan.last.get(&carry).into_iter().flat_map(|last| of(*last)));
            }
        }
        out
    }
}

impl Plan {
    /// The nodes that live on to the adjoint of a sweep, because the scan's loop reads or writes them again there: each
    /// with a statement of the adjoint's loop.
    pub fn revived(&self) -> Vec<(NodeId, usize)> {
        let mut out = vec![];
        for sweep in &self.sweeps {
            let back = |s: &usize| match self.statements[*s].work {
                Work::Carry(c) => {
                    matches!(self.graph.node(c), Node::Carry { scan, .. } if *scan == sweep.back)
                }
                _ => false,
            };
            let Some(back) = (0..self.statements.len()).find(back) else { continue };
            for s in sweep.again.iter().chain(&sweep.ahead) {
                let read = self.accesses(*s).into_iter().map(|a| a.node);
                out.extend(read.chain(self.statements[*s].work.node()).map(|n| (n, back)));
            }
        }
        out
    }
}
