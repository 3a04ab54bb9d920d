//! What is stored, in which loops, in which order: a graph with its targets in, a [`Plan`] out.
//!
//! Stations: `replay` runs cheap recurrences again, `calls` puts what functions are given into memory, `contract` finds matrix
//! products, `statements` decides what is stored, `fuse` builds the tree of loops, `storage` shrinks what need not be an
//! array; `lanes` weighs plans against each other in which the points of an outer loop are the lanes of the vectors.
//! Invariant: a plan computes each stored value exactly once.

mod calls;
mod checkpoints;
mod contract;
mod cost;
mod ends;
mod fuse;
mod inplace;
mod lanes;
mod neighbours;
mod replay;
mod scans;
mod statements;
mod storage;
pub mod text;

use crate::ir::{Array, AxisId, Graph, Node, NodeId, Part, ScanId};
use std::collections::{BTreeMap, BTreeSet};

pub use calls::in_input;
pub use checkpoints::{Sweep, SEGMENT};
pub use contract::Gemm;
pub use ends::{End, Ends, Loop};
pub use neighbours::Neighbours;

/// A node that the caller wants.
#[derive(Clone, Debug)]
pub struct Target {
    pub node: NodeId,
    /// The order of its dimensions in memory.
    pub dims: Vec<AxisId>,
    /// A number that the kernel returns, rather than memory that it writes.
    pub scalar: bool,
    /// Is added to what the memory holds.
    pub adds: bool,
}

#[derive(Debug)]
pub struct Plan {
    pub graph: Graph,
    pub targets: Vec<Target>,
    pub statements: Vec<Statement>,
    /// Where each stored node lives.
    pub storage: BTreeMap<NodeId, Storage>,
    /// What remains of each carry after its scan: its memory.
    pub last: BTreeMap<NodeId, NodeId>,
    /// Statements that have nothing to do, because two arrays are one.
    pub idle: BTreeSet<usize>,
    /// Scatters that add to what is in their memory already.
    pub grown: BTreeSet<NodeId>,
    /// What calls add to the parts of scatters: the scatter, and the number of the part.
    pub direct: BTreeMap<NodeId, (NodeId, usize)>,
    pub steps: Vec<Step>,
    /// The scans of which only some states are kept.
    pub sweeps: Vec<Sweep>,
    /// The axis whose positions are the lanes of vectors in the outermost loops over it that [`Plan::in_lanes`] names.
    pub lanes: Option<AxisId>,
    /// Loops that end before their last position.
    pub ends: Ends,
    /// Whether each statement could stand in such a loop.
    fitting: Vec<bool>,
}

#[derive(Clone, Debug)]
pub enum Step {
    Loop {
        axis: AxisId,
        body: Vec<Step>,
    },
    /// An index into [`Plan::statements`].
    Run(usize),
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub work: Work,
    /// Loops around the statement, outermost first.
    pub loops: Vec<AxisId>,
    /// The scans that it belongs to, outermost first.
    pub scans: Vec<ScanId>,
}

#[derive(Clone, Debug)]
pub enum Work {
    /// The node's value at each point.
    Map(NodeId),
    /// A reduction; the loops are the node's axes and the reduced ones.
    Reduce(NodeId),
    /// One part of a scatter; the first one with its neighbour ([`Plan::neighbours`]), where it has one.
    Part(NodeId, usize),
    /// A call; the loops are the node's axes but those of its result.
    Call(NodeId),
    /// Before calls add to a scatter: zeros.
    Zero(NodeId),
    /// Calls have added to an array, and to a scatter.
    Added(NodeId),
    /// All parts of a scatter that is a list.
    List(NodeId),
    /// A matrix product; the loops are its batch axes.
    Gemm(Box<Gemm>),
    /// An array that a write starts from, or the elements that it changes.
    Write(NodeId, bool),
    /// Before the loop of a scan: what its variable starts from.
    Start { carry: NodeId, last: NodeId },
    /// At the start of an iteration: the value of a variable.
    Carry(NodeId),
    /// The condition under which an iteration runs.
    Go(ScanId),
    /// At the end of an iteration: what it leaves in the variable.
    Next { carry: NodeId, last: NodeId },
    /// A target that is not stored as a node of its own is written.
    Store(usize),
}

impl Work {
    /// The node that the statement gives its value.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Work::Map(n) | Work::Reduce(n) | Work::Part(n, _) | Work::List(n) | Work::Call(n) => Some(*n),
            Work::Zero(n) | Work::Added(n) => Some(*n),
            Work::Gemm(g) => Some(g.node),
            Work::Write(n, _) | Work::Carry(n) | Work::Next { last: n, .. } => Some(*n),
            Work::Store(_) | Work::Start { .. } | Work::Go(_) => None,
        }
    }
}

/// Where a stored node lives, and its axes in the order of memory.
#[derive(Clone, Debug)]
pub struct Storage {
    pub place: Place,
    pub layout: Vec<AxisId>,
    /// Each element is a block of lanes: one for each of the points that a loop in lanes is at.
    pub block: bool,
    /// The blocks of all points are there, one behind the other: another loop in lanes reads them.
    pub lasting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A variable inside the loops that compute it.
    Local,
    /// An array of the workspace.
    Buffer,
    /// The array of the workspace that another node had before.
    Shared(NodeId),
    /// The memory of a target.
    Target(usize),
}

/// Schedules the targets.
pub fn schedule(graph: Graph, targets: Vec<Target>) -> Plan {
    let (graph, targets) = prepared(graph, targets);
    let (graph, targets, gemms) = contract::find(graph, targets);
    let plan = arrange(graph, targets, gemms.clone(), None);
    // what is run again runs in loops that fill vectors inside
    let mut plan = match plan.sweeps.is_empty() {
        true => lanes::best(plan, &gemms),
        false => plan,
    };
    if plan.sweeps.is_empty() {
        plan.ends = ends::find(&plan);
    }
    plan
}

/// The same in plain loops: without matrix products, lanes, and loops that end early.
pub fn schedule_plain(graph: Graph, targets: Vec<Target>) -> Plan {
    let (graph, targets) = prepared(graph, targets);
    arrange(graph, targets, vec![], None)
}

/// What runs again and what functions are given stands in the graph.
fn prepared(mut graph: Graph, mut targets: Vec<Target>) -> (Graph, Vec<Target>) {
    let roots = replay::replay(&mut graph, targets.iter().map(|t| t.node).collect());
    targets.iter_mut().zip(roots).for_each(|(t, root)| t.node = root);
    let targets = targets.into_iter().map(|t| direct(&graph, t)).collect();
    calls::prepare(graph, targets)
}

/// The plan of a graph, with the points of an axis in the lanes of vectors where one is given.
fn arrange(graph: Graph, targets: Vec<Target>, gemms: Vec<Gemm>, lanes: Option<lanes::Lanes>) -> Plan {
    let mut plan = statements::choose(graph, targets, gemms, lanes);
    plan.find_fitting();
    plan.steps = fuse::fuse(&plan);
    storage::shrink(&mut plan);
    checkpoints::find(&mut plan);
    storage::share(&mut plan);
    inplace::share(&mut plan);
    plan
}

/// The target without dimensions of one element, and without a renaming: the renamed node under its own names.
fn direct(graph: &Graph, mut target: Target) -> Target {
    target.dims.retain(|a| !graph.axis_size(*a).is_one());
    while let Node::Load { array: Array::Node(n, bound), view: None, index } = graph.node(target.node) {
        let from: Option<Vec<AxisId>> = index.iter().map(|i| i.as_axis()).collect();
        let Some(from) = from else { break };
        let free: Vec<AxisId> = graph.axes(*n).iter().copied().filter(|a| !bound.contains(a)).collect();
        let distinct = from.iter().enumerate().all(|(k, a)| !from[..k].contains(a) && !free.contains(a));
        let sizes = from.iter().zip(bound).all(|(a, b)| graph.axis_size(*a) == graph.axis_size(*b));
        if !distinct || !sizes {
            break;
        }
        let to = |a: &AxisId| from.iter().position(|f| f == a).and_then(|k| bound.get(k)).copied();
        // an axis that the node lacks keeps its name, unless a bound axis has that name
        let clash = target.dims.iter().any(|a| to(a).is_none() && !free.contains(a) && bound.contains(a));
        if clash {
            break;
        }
        target.dims = target.dims.iter().map(|a| to(a).unwrap_or(*a)).collect();
        target.node = *n;
    }
    target
}

impl Plan {
    /// The roots of the expressions that a statement evaluates.
    pub fn expression(&self, work: &Work) -> Vec<NodeId> {
        match work {
            Work::Map(n) | Work::Reduce(n) | Work::List(n) | Work::Call(n) => self.graph.operands(*n),
            Work::Part(n, k) => {
                let parts = self.neighbours(*n, *k).map_or(vec![*k], |pair| vec![pair.here, pair.next]);
                let parts = parts.into_iter().filter_map(|k| self.graph.part(*n, k));
                let roots = |p: &Part| -> Vec<NodeId> {
                    std::iter::once(p.value).chain(p.index.iter().filter_map(|i| i.gather)).collect()
                };
                parts.flat_map(roots).collect()
            }
            Work::Gemm(g) => vec![g.a.node, g.b.node],
            Work::Write(n, changes) => match self.graph.node(*n) {
                Node::Write { value, index, .. } if *changes => {
                    std::iter::once(*value).chain(index.iter().filter_map(|i| i.gather)).collect()
                }
                Node::Write { array, .. } => vec![*array],
                _ => vec![],
            },
            Work::Start { carry, .. } => self.graph.operands(*carry),
            Work::Added(n) if matches!(self.graph.node(*n), Node::Added { .. }) => self.graph.operands(*n),
            Work::Carry(_) | Work::Zero(_) | Work::Added(_) => vec![],
            Work::Go(scan) => self.graph.scan(*scan).go.into_iter().collect(),
            Work::Next { last, .. } => self.graph.operands(*last),
            Work::Store(k) => self.targets.get(*k).map_or(vec![], |t| vec![t.node]),
        }
    }
}
