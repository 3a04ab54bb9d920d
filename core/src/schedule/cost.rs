//! What a plan costs, in cycles of a machine with vectors of 64 bytes: good enough to choose between plans.
//!
//! Invariant: a node counts once for each position of the loops that it depends on, as emission computes it.

use super::{Place, Plan, Step, Work};
use crate::ir::{Array, AxisId, Node, NodeId, Op, RedOp};
use std::collections::BTreeSet;
use std::ops::Deref;

/// What a size is taken for that only the running program knows: of points, and of anything else.
const POINTS: f64 = 256.0;
const UNKNOWN: f64 = 32.0;
/// To cut rows and enter a loop over vectors.
const ENTER: f64 = 10.0;
/// The same where every vector is a whole one.
const WHOLE: f64 = 2.0;
/// To join the lanes of an accumulator, and to wait for it.
const JOIN: f64 = 10.0;
/// A load or a store of a vector, or of an element that all lanes share.
const MOVE: f64 = 0.25;
/// The same where it comes from behind the first caches, and the numbers of an array that stay in these.
const FAR: f64 = 2.0;
const NEAR: f64 = 32768.0;
/// A simple operation: two run at a time.
const OPERATION: f64 = 0.5;
/// To pick one element of another row.
const PICK: f64 = 1.5;

/// A plan, and which axis has many positions.
struct Costed<'a> {
    plan: &'a Plan,
    points: AxisId,
}

impl Deref for Costed<'_> {
    type Target = Plan;
    fn deref(&self) -> &Plan {
        self.plan
    }
}

impl Costed<'_> {
    fn extent(&self, axis: AxisId) -> f64 {
        let unknown = if axis == self.points { POINTS } else { UNKNOWN };
        self.graph.axis_size(axis).as_const().map_or(unknown, |n| n as f64)
    }

    /// A stored array is too large to stay in cache.
    fn is_far(&self, node: NodeId) -> bool {
        let layout = self.storage.get(&node).map_or(&[][..], |s| &s.layout);
        let all = self.storage.get(&node).is_some_and(|s| s.lasting);
        let points = if all { self.extent(self.points) } else { 1.0 };
        points * layout.iter().map(|a| self.extent(*a)).product::<f64>() > NEAR
    }

    /// To move a vector of a stored array: element by element, where those of one vector lie apart.
    fn to_move(&self, node: NodeId, path: &[Loop], lanes: bool) -> f64 {
        let apart = path.iter().find(|l| lanes && l.together > 1.0 && self.lies_apart(node, l.axis));
        match apart {
            Some(l) => PICK * l.together,
            None if self.is_far(node) => FAR,
            None => MOVE,
        }
    }

    /// Neighbours along an axis are no neighbours in memory, and no blocks.
    fn lies_apart(&self, node: NodeId, axis: AxisId) -> bool {
        let storage = self.storage.get(&node).filter(|s| s.place != Place::Local && !s.block);
        storage.is_some_and(|s| s.layout.contains(&axis) && s.layout.last() != Some(&axis))
    }
}

struct Loop {
    axis: AxisId,
    trips: f64,
    /// Positions that are computed together.
    together: f64,
}

/// The cost where the positions along an axis are points, of which there are many.
pub fn of(plan: &Plan, points: AxisId) -> f64 {
    let plan = &Costed { plan, points };
    let mut total = 0.0;
    let mut path = vec![];
    for step in &plan.steps {
        walk(plan, step, plan.is_in_lanes(step), &mut path, &mut BTreeSet::new(), &mut total);
    }
    total
}

/// Steps inside of the loops of `path`, in lanes or not; `seen` is what the innermost of them has computed.
fn walk(
    plan: &Costed,
    step: &Step,
    lanes: bool,
    path: &mut Vec<Loop>,
    seen: &mut BTreeSet<NodeId>,
    total: &mut f64,
) {
    match step {
        Step::Run(s) => *total += statement(plan, *s, path, lanes, seen),
        Step::Loop { axis, body } => {
            let trips = plan.extent(*axis);
            let times: f64 = path.iter().map(|l| l.trips).product();
            let innermost = body.iter().all(|s| matches!(s, Step::Run(_)));
            let width = width(plan, body);
            let (trips, together) = match (lanes, path.is_empty(), innermost) {
                // a rest is computed a vector at a time, which is slow; whole blocks hide latencies
                (true, true, _) => ((trips / width) * if trips < 8.0 * width { 2.0 } else { 1.0 }, width),
                (true, ..) => (trips, 1.0),
                (false, _, true) => ((trips / width).ceil(), width),
                (false, ..) => (trips, 1.0),
            };
            // in lanes, a loop runs once for a block of eight vectors
            let round = if lanes { 1.0 / 8.0 } else { 1.0 };
            let enter = match plan.graph.axis_size(*axis).as_const() {
                _ if !innermost || lanes => 0.0,
                Some(n) if n % 16 == 0 => WHOLE,
                _ => ENTER,
            };
            *total += times * (trips * round + enter);
            path.push(Loop { axis: *axis, trips, together });
            let mut seen = BTreeSet::new();
            body.iter().for_each(|s| walk(plan, s, lanes, path, &mut seen, total));
            path.pop();
        }
    }
}

/// Elements of a vector, by the type of what is computed.
fn width(plan: &Plan, body: &[Step]) -> f64 {
    let mut stack: Vec<&Step> = body.iter().collect();
    while let Some(step) = stack.pop() {
        match step {
            Step::Run(s) => {
                if let Some(node) = plan.statements[*s].work.node() {
                    return if plan.graph.dtype(node) == crate::ir::Dtype::F32 { 16.0 } else { 8.0 };
                }
            }
            Step::Loop { body, .. } => stack.extend(body),
        }
    }
    8.0
}

/// A write of what a statement computes: element by element, where those of one vector lie apart.
fn written(plan: &Costed, work: &Work, path: &[Loop]) -> f64 {
    let layout = match work {
        Work::Map(n) => plan.storage.get(n).map(|s| &s.layout),
        Work::Store(k) => plan.targets.get(*k).map(|t| &t.dims),
        _ => None,
    };
    let Some(layout) = layout else { return MOVE };
    let near = work.node().map_or(MOVE, |n| plan.to_move(n, path, false));
    match path.iter().find(|l| l.together > 1.0) {
        Some(l) if layout.contains(&l.axis) && layout.last() != Some(&l.axis) => PICK * l.together,
        _ => near,
    }
}

fn statement(plan: &Costed, s: usize, path: &[Loop], lanes: bool, seen: &mut BTreeSet<NodeId>) -> f64 {
    let graph = &plan.graph;
    let work = &plan.statements[s].work;
    let all: f64 = path.iter().map(|l| l.trips).product();
    if let Work::Gemm(g) = work {
        let width = if graph.dtype(g.node) == crate::ir::Dtype::F32 { 16.0 } else { 8.0 };
        let [m, k, n] = [g.rows, g.summed, g.cols].map(|a| plan.extent(a));
        // a column is computed as a row
        let (m, n) = if n == 1.0 { (n, m) } else { (m, n) };
        let sum = k * (OPERATION + MOVE) + 2.0 * (plan.to_move(g.node, path, false) + MOVE);
        return all * (2.0 * ENTER + m * (n / width).ceil() * sum);
    }
    // how often a node is computed
    let times = |id: NodeId| -> f64 {
        let axes = graph.axes(id);
        let depth = path.iter().rposition(|l| axes.contains(&l.axis)).map_or(0, |d| d + 1);
        path[..depth].iter().map(|l| l.trips).product()
    };
    let mut total = 0.0;
    let fused = match work {
        Work::Reduce(n) => match graph.node(*n) {
            Node::Reduce(RedOp::Sum, over, x) => {
                let vector = path.last().filter(|_| !lanes);
                if let Some(l) = vector.filter(|l| over.contains(&l.axis)) {
                    total += JOIN * all / l.trips;
                }
                // the innermost loop is not summed over, or points are summed over: accumulators are in memory
                let apart = path.last().is_some_and(|l| !over.contains(&l.axis));
                total += all * (OPERATION + if apart { 2.0 * MOVE } else { 0.0 });
                let once: f64 = path.iter().filter(|l| !over.contains(&l.axis)).map(|l| l.trips).product();
                total += once * (plan.to_move(*n, path, lanes) - MOVE);
                Some(*x)
            }
            _ => {
                total += all * OPERATION;
                None
            }
        },
        _ => {
            total += all * written(plan, work, path);
            None
        }
    };
    let mut stack = plan.expression(work);
    if let Work::Map(n) = work {
        stack.push(*n);
    }
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        let own = work.node() == Some(id);
        let weight = match graph.node(id) {
            // what lives in the loop is there as blocks
            Node::Load { array: Array::Node(n, _), .. } if lanes || plan.is_far(*n) => {
                plan.to_move(*n, path, lanes)
            }
            Node::Load { index, .. } if own || !plan.storage.contains_key(&id) => {
                // elements that lie apart are picked one by one
                let along = path.iter().find(|l| l.together > 1.0 && graph.axes(id).contains(&l.axis));
                let last = index.last();
                match along {
                    Some(l)
                        if last.is_some_and(|i| i.terms.iter().all(|t| t.0 != l.axis || !t.1.is_one())) =>
                    {
                        PICK * l.together
                    }
                    _ => MOVE,
                }
            }
            _ if plan.storage.contains_key(&id) && !own => plan.to_move(id, path, lanes),
            Node::Apply(Op::Mul, _) if fused == Some(id) => 0.0,
            Node::Apply(op, _) => OPERATION * f64::from(op.info().cost),
            _ => 0.0,
        };
        total += weight * times(id);
        if own || !plan.storage.contains_key(&id) {
            match graph.node(id) {
                Node::Load { index, .. } => stack.extend(index.iter().filter_map(|i| i.gather)),
                _ => stack.extend(graph.operands(id)),
            }
        }
    }
    total
}
