//! Points in lanes: which outer loop is vectorised, rather than the innermost ones in it.
//!
//! The points of an outer axis go through all of a nest together, a block of vectors at a time. What is the same for all
//! of them is loaded once for a block, what differs is an array of blocks that stays in cache, and a sum over the points
//! has accumulators that are vectors. Inner loops, however short, cost no more than their operations. Invariant: a
//! statement in lanes reads and writes other points than its own nowhere.

use super::{arrange, contract, cost, Gemm, Place, Plan, Step, Target, Work};
use crate::ir::{Array, AxisId, Dtype, Graph, Index, Math, Node, NodeId, ScanId, Size};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer points than this never are lanes.
const FEW: i64 = 32;

/// A plan in lanes is taken if it costs at most this part of the other one.
const GAIN: f64 = 0.75;
/// The same if it gives up matrix products, which do well with few points too.
const PRODUCT_GAIN: f64 = 0.5;

/// Numbers in an operand of a matrix product that need no tiles to stay in cache.
const SMALL: i64 = 8192;

/// Which points are to be lanes, and the loads that are not to be copied to buffers of blocks.
#[derive(Clone, Copy)]
pub struct Lanes<'a> {
    pub axis: AxisId,
    pub skip: &'a BTreeSet<NodeId>,
}

/// The plan, or a cheaper one with some axis in lanes.
pub fn best(plan: Plan, gemms: &[Gemm]) -> Plan {
    if plan.graph.math == Math::Strict {
        // a sum keeps its order
        return plan;
    }
    let mut found = None;
    let mut least = f64::INFINITY;
    for axis in candidates(&plan) {
        if plan.tangles(axis) {
            continue;
        }
        let (graph, targets, gemms) = copied(&plan, gemms, axis);
        let over =
            |g: &Gemm| graph.axes(g.node).contains(&axis) || g.summed == axis || g.again.contains(&axis);
        let small = |g: &Gemm| over(g) && is_small(&graph, g, axis);
        // small products are given up for loops over points, or stay as large ones do
        for give_up in [true, false] {
            if !give_up && !gemms.iter().any(small) {
                continue;
            }
            let (own, rest): (Vec<Gemm>, Vec<Gemm>) =
                gemms.iter().cloned().partition(|g| give_up && small(g));
            let without = |skip: &BTreeSet<NodeId>| {
                arrange(graph.clone(), targets.clone(), rest.clone(), Some(Lanes { axis, skip }))
            };
            let mut other = without(&BTreeSet::new());
            let outside = outside(&other);
            if !outside.is_empty() {
                other = without(&outside);
            }
            if other.in_lanes().is_empty() || other.tangles(axis) {
                continue;
            }
            let part = cost::of(&other, axis) / cost::of(&plan, axis);
            let apart = |g: &Gemm| g.batch.iter().all(|a| *a == axis);
            let enough = if own.iter().any(apart) { PRODUCT_GAIN } else { GAIN };
            if part < enough.min(least) {
                (least, found) = (part, Some(other));
            }
        }
    }
    found.unwrap_or(plan)
}

/// A product that loops over points do as well: the numbers that the points share stay in cache. Of many products with
/// sizes that are not known, the results would not.
fn is_small(graph: &Graph, gemm: &Gemm, axis: AxisId) -> bool {
    let others = [gemm.rows, gemm.summed, gemm.cols].into_iter().filter(|a| *a != axis);
    let count = Size::product(others.map(|a| graph.axis_size(a)));
    match count.as_const() {
        Some(n) => n <= SMALL,
        None => gemm.batch.iter().any(|a| *a != axis),
    }
}

/// Axes of loops with loops in them. Around a scan there could be more: it keeps its own loop outside.
fn candidates(plan: &Plan) -> BTreeSet<AxisId> {
    let many = |a: AxisId| {
        let size = plan.graph.axis_size(a);
        size.as_const().is_none_or(|n| n >= FEW) && !plan.graph.sizes.counted(size)
    };
    let mut out = BTreeSet::new();
    // each point would turn as often as it needs
    if plan.statements.iter().any(|s| s.loops.iter().any(|a| !plan.graph.within(*a).is_empty())) {
        return out;
    }
    let mut stack: Vec<&Step> = plan.steps.iter().collect();
    while let Some(step) = stack.pop() {
        let Step::Loop { axis, body } = step else { continue };
        if (nested(body) || !plan.last.is_empty()) && many(*axis) {
            out.insert(*axis);
        }
        stack.extend(body);
    }
    out
}

fn nested(body: &[Step]) -> bool {
    body.iter().any(|s| matches!(s, Step::Loop { .. }))
}

/// Loads of inputs that are copied to a buffer of blocks first: elements of different points lie apart, and inner loops
/// that do not choose among them would read them again and again.
pub fn transposed(graph: &Graph, needed: &[bool], lanes: Lanes) -> BTreeSet<NodeId> {
    let axis = lanes.axis;
    let apart = |id: NodeId| match graph.node(id) {
        Node::Load { array: Array::Input(_), index, .. } => {
            graph.dtype(id).is_float()
                && graph.axes(id).contains(&axis)
                && index.last().is_some_and(|i| i.terms.iter().all(|t| t.0 != axis || !t.1.is_one()))
        }
        _ => false,
    };
    let mut users = vec![0; graph.len()];
    let mut out = BTreeSet::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        for operand in graph.operands(id) {
            users[operand.0 as usize] += 1;
            let again = graph.axes(id).len() > graph.axes(operand).len() || users[operand.0 as usize] > 1;
            if again && apart(operand) && !lanes.skip.contains(&operand) {
                out.insert(operand);
            }
        }
    }
    out
}

/// What loops inside of the one over points would compute again and again: in a sum it depends on what is summed over, but
/// not on all that the loops outside of that choose.
pub fn repeated(graph: &Graph, needed: &[bool], stored: &BTreeSet<NodeId>, axis: AxisId) -> BTreeSet<NodeId> {
    let mut out = BTreeSet::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let Node::Reduce(_, over, body) = graph.node(id) else { continue };
        let (mut stack, mut seen) = (vec![*body], BTreeSet::new());
        while let Some(id) = stack.pop() {
            let axes = graph.axes(id);
            if !axes.contains(&axis) || stored.contains(&id) || !seen.insert(id) {
                continue;
            }
            let inner = over.iter().any(|a| *a != axis && axes.contains(a));
            let last = graph.axes(*body).iter().all(|a| over.contains(a) || axes.contains(a));
            match graph.node(id) {
                Node::Apply(_, _) if graph.dtype(id).is_float() && inner && !last => {
                    out.insert(id);
                }
                Node::Apply(_, args) => stack.extend(args),
                _ => {}
            }
        }
    }
    out
}

/// The graph with inputs whose elements are read at sums of positions, again and again, copied to blocks first; with its
/// matrix products.
fn copied(plan: &Plan, gemms: &[Gemm], axis: AxisId) -> (Graph, Vec<Target>, Vec<Gemm>) {
    let (graph, targets) = (&plan.graph, plan.targets.clone());
    let roots: Vec<NodeId> = targets.iter().map(|t| t.node).collect();
    let mut found = false;
    let rebuilt = graph.rebuilt(&roots, |graph, roots| {
        let mut out = graph.emptied();
        let needed = graph.reachable(roots);
        let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        for id in graph.ids().filter(|id| needed[id.0 as usize]) {
            out.span = graph.span_of(id);
            let copy = copy_of(&mut out, graph, id, axis);
            found |= copy.is_some();
            let new = copy.unwrap_or_else(|| out.copy_node(graph, id, &map));
            out.inherit_name(new, graph, id);
            map.insert(id, new);
        }
        Some((out, roots.iter().map(|r| map[r]).collect()))
    });
    match rebuilt.filter(|_| found) {
        Some((graph, new)) => {
            let targets = targets.into_iter().zip(new).map(|(t, node)| Target { node, ..t });
            contract::find(graph, targets.collect())
        }
        None => (graph.clone(), targets, gemms.to_vec()),
    }
}

/// Such a load, from a copy of the whole input.
fn copy_of(out: &mut Graph, graph: &Graph, id: NodeId, axis: AxisId) -> Option<NodeId> {
    let Node::Load { array: Array::Input(i), view: None, index } = graph.node(id) else { return None };
    let input = graph.input(*i);
    let names = |k: &Index| k.gather.is_some() || k.terms.iter().any(|t| t.0 == axis);
    let point = index.iter().position(|k| k.as_axis() == Some(axis))?;
    let last = index.len() - 1;
    let others = index.iter().enumerate().any(|(k, i)| k != point && names(i));
    let again = index.iter().any(|k| k.terms.len() > 1);
    if input.computed || !input.dtype.is_float() || point == last || others || !again {
        return None;
    }
    let (mut whole, mut bound, mut at) = (vec![], vec![], vec![]);
    for (k, place) in index.iter().enumerate() {
        if k == point {
            whole.push(place.clone());
            continue;
        }
        if input.dims[k].is_one() {
            whole.push(Index::default());
            continue;
        }
        let free = |a: &AxisId| *a != axis && !bound.contains(a);
        let own = (0..).map(|occ| out.axis_of(&input.dims[k], occ)).find(free)?;
        whole.push(Index::axis(own));
        bound.push(own);
        at.push(place.clone());
    }
    let copy = out.load(Array::Input(*i), None, whole);
    Some(out.load(Array::Node(copy, bound), None, at))
}

/// Copies of inputs that outlive a loop in lanes: then the input itself does as well.
fn outside(plan: &Plan) -> BTreeSet<NodeId> {
    let lasting = |n: &NodeId| plan.storage.get(n).is_some_and(|s| !s.block && s.place != Place::Local);
    let copies = plan.statements.iter().filter_map(|s| copy(&plan.graph, &s.work));
    copies.filter(lasting).collect()
}

/// The load of an input that the statement stores.
fn copy(graph: &Graph, work: &Work) -> Option<NodeId> {
    match work {
        Work::Map(n) if matches!(graph.node(*n), Node::Load { array: Array::Input(_), .. }) => Some(*n),
        _ => None,
    }
}

/// Statements over the points next to each other: what needs none of them comes before, what needs them after.
fn gather(plan: &mut Plan) {
    plan.find_fitting();
    // odd levels are over the points, each after what it needs
    let mut levels: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut of_statement = Vec::new();
    for (s, statement) in plan.statements.iter().enumerate() {
        let own = statement.work.node();
        let mut level = own.and_then(|n| levels.get(&n)).copied().unwrap_or(0);
        for read in plan.accesses(s) {
            level = level.max(levels.get(&read.node).copied().unwrap_or(0));
        }
        level += usize::from((level % 2 == 1) != plan.fits(s));
        own.map(|n| levels.insert(n, level));
        of_statement.push(level);
    }
    let mut order: Vec<usize> = (0..plan.statements.len()).collect();
    order.sort_by_key(|s| of_statement[*s]);
    plan.statements = order.iter().map(|s| plan.statements[*s].clone()).collect();
}

/// Gathers the statements over the points, and moves copies of inputs to before the first statement that reads them,
/// whose loop they then share.
pub fn delay(plan: &mut Plan) {
    if plan.lanes.is_none() {
        return;
    }
    gather(plan);
    let mut first: BTreeMap<NodeId, usize> = BTreeMap::new();
    for s in 0..plan.statements.len() {
        for read in plan.accesses(s) {
            first.entry(read.node).or_insert(s);
        }
    }
    let place = |s: usize| match copy(&plan.graph, &plan.statements[s].work).and_then(|n| first.get(&n)) {
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
        self.fitting.get(statement).is_some_and(|f| *f)
    }

    /// Finds out what [`Plan::fits`].
    pub(super) fn find_fitting(&mut self) {
        self.fitting = (0..self.statements.len()).map(|s| self.could_be_in_lanes(s)).collect();
        let scans = |s: usize| self.scans_around(s);
        let all = 0..self.statements.len();
        let apart: BTreeSet<ScanId> =
            all.filter(|s| !self.fitting[*s] || self.joins(*s)).flat_map(scans).collect();
        // the points go through all of a scan, or through none of it
        self.fitting = (0..self.statements.len())
            .map(|s| self.fitting[s] && !scans(s).iter().any(|c| apart.contains(c)))
            .collect();
        for s in self.hurried() {
            self.fitting[s] = false;
        }
    }

    /// Single values of each point that something outside of lanes needs, which lanes need in turn: computed before, they
    /// leave the loop in lanes in one piece.
    fn hurried(&self) -> Vec<usize> {
        let Some(axis) = self.lanes else { return vec![] };
        let mut producers: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (s, statement) in self.statements.iter().enumerate() {
            statement.work.node().map(|n| producers.entry(n).or_default().push(s));
        }
        let over = |s: usize| self.statements[s].loops.contains(&axis);
        let mut early = vec![false; self.statements.len()];
        let mut readers: Vec<Vec<usize>> = vec![vec![]; self.statements.len()];
        for s in (0..early.len()).filter(|s| over(*s)) {
            let reads = self.accesses(s);
            let from = reads.iter().filter_map(|r| producers.get(&r.node)).flatten().filter(|p| over(**p));
            let from: Vec<usize> = from.copied().collect();
            early[s] =
                self.statements[s].loops.len() == 1 && from.iter().all(|p| early[*p]) && !self.joins(s);
            from.iter().for_each(|p| readers[*p].push(s));
        }
        let mut out = vec![false; early.len()];
        for s in (0..early.len()).rev().filter(|s| early[*s] && self.fitting[*s]) {
            let apart =
                |r: &usize| out[*r] || !self.fitting[*r] && readers[*r].iter().any(|q| self.fitting[*q]);
            out[s] = readers[s].iter().any(apart);
        }
        (0..out.len()).filter(|s| out[*s]).collect()
    }

    /// Some of a scan's statements run over the axis, and some do not: its loop cannot stand inside of the axis's.
    fn tangles(&self, axis: AxisId) -> bool {
        let mut over: BTreeMap<ScanId, bool> = BTreeMap::new();
        for (s, statement) in self.statements.iter().enumerate() {
            let own = statement.loops.contains(&axis);
            let fits = self.lanes.is_none() || self.fitting[s];
            for scan in self.scans_around(s).into_iter().filter(|c| self.graph.scan(*c).axis != axis) {
                if *over.entry(scan).or_insert(own) != own || (own && !fits) {
                    return true;
                }
            }
        }
        false
    }

    /// The scans that a statement belongs to, or starts.
    fn scans_around(&self, s: usize) -> Vec<ScanId> {
        let statement = &self.statements[s];
        match statement.work {
            Work::Start { carry, .. } => match self.graph.node(carry) {
                Node::Carry { scan, .. } => vec![*scan],
                _ => vec![],
            },
            _ => statement.scans.clone(),
        }
    }

    /// A reduction over the points.
    fn joins(&self, s: usize) -> bool {
        let over = |axis| match self.statements[s].work {
            Work::Reduce(n) => matches!(self.graph.node(n), Node::Reduce(_, over, _) if over.contains(&axis)),
            _ => false,
        };
        self.lanes.is_some_and(over)
    }

    /// A part of a scatter adds what a point has to elements of the same point.
    fn adds_at_points(&self, node: NodeId, k: usize, axis: AxisId) -> bool {
        let (Node::Scatter { dims, view: None, .. }, Some(part)) =
            (self.graph.node(node), self.graph.part(node, k))
        else {
            return false;
        };
        let own = dims.iter().zip(&part.index).all(|(dim, index)| {
            let looked_up = index.gather.is_some_and(|g| self.graph.axes(g).contains(&axis));
            let named = index.terms.iter().any(|t| t.0 == axis);
            match *dim == axis {
                true => index.as_axis() == Some(axis),
                false => !named && !looked_up,
            }
        });
        own && dims.contains(&axis) && self.neighbours(node, k).is_none()
    }

    fn could_be_in_lanes(&self, statement: usize) -> bool {
        let graph = &self.graph;
        let Some(axis) = self.lanes else { return false };
        let work = &self.statements[statement].work;
        let other = matches!(
            work,
            Work::Gemm(_) | Work::Write(..) | Work::Go(_) | Work::Call(_) | Work::Zero(_) | Work::Added(_)
        );
        // from one position of the axis to the next
        let along = self.scans_around(statement).iter().any(|c| graph.scan(*c).axis == axis);
        if other || along || !self.statements[statement].loops.contains(&axis) {
            return false;
        }
        if matches!(*work, Work::Part(node, k) if !self.adds_at_points(node, k, axis)) {
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
                    // a function gives one value at a time, and truth is no vector in memory
                    let single =
                        matches!(array, Array::Input(i) if graph.input(*i).computed) || dtype == Dtype::Bool;
                    if hidden || single || index.iter().any(moves) {
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
