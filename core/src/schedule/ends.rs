//! Loops that end before their last position: a flag of a scan says whether the loop still runs, and once it does not,
//! nothing of an iteration counts.
//!
//! Where every statement of a loop leaves all as it is once the flag is false, the loop stops there, and so do later loops over
//! the same axis, forwards or backwards. Invariant: what a position behind the end would have written is there already, or is
//! read by no loop that goes there.

use super::fuse::Access;
use super::{Place, Plan, Step, Work};
use crate::ir::{Array, AxisId, Dtype, Index, Node, NodeId, Op, RedOp};
use std::collections::{BTreeMap, BTreeSet};

/// A loop: its axis and the first statement in it.
pub type Loop = (AxisId, usize);

/// Where loops end early.
#[derive(Debug, Default)]
pub struct Ends {
    /// The flag of each loop that ends with one, and how it is known where.
    pub flags: BTreeMap<Loop, (NodeId, End)>,
    /// Statements whose memory is set to zero before, because their loops do not come to all positions.
    pub cleared: BTreeSet<usize>,
    /// Where the loop of a flag ended is kept, for each position of the loops around it: their axes.
    pub kept: BTreeMap<NodeId, Vec<AxisId>>,
}

/// How a loop knows where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It asks the flag.
    Asked,
    /// It comes after the loop that asks, in the same iteration of those around.
    Here,
    /// It comes in another one.
    Kept,
}

/// A loop of the plan with the loops around it and all statements in it, in the order of the plan.
struct Around {
    key: Loop,
    around: Vec<Loop>,
    inside: Vec<usize>,
}

/// What an expression is once the flag is false.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Is {
    Known(bool),
    Zero,
    /// The value of this node.
    Node(NodeId),
}

impl Plan {
    /// The access reads the element that a loop over the axis is at, or one that is the same in all of its iterations.
    fn moves_not(&self, access: &Access, axis: AxisId) -> bool {
        !self.graph.axes(access.node).contains(&axis) || self.pointwise(access, axis)
    }

    /// The loop that a step is.
    pub fn loop_of(&self, axis: AxisId, body: &[Step]) -> Option<Loop> {
        let mut step = body.first()?;
        while let Step::Loop { body, .. } = step {
            step = body.first()?;
        }
        match step {
            Step::Run(s) => Some((axis, *s)),
            Step::Loop { .. } => None,
        }
    }
}

pub fn find(plan: &Plan) -> Ends {
    let mut ends = Ends::default();
    if plan.lanes.is_some() {
        return ends;
    }
    let flags: Vec<(usize, NodeId)> = plan
        .statements
        .iter()
        .enumerate()
        .filter_map(|(s, statement)| match statement.work {
            Work::Carry(c) if is_flag(plan, c) => Some((s, c)),
            _ => None,
        })
        .collect();
    if flags.is_empty() {
        return ends;
    }
    let mut loops = vec![];
    collect(plan, &plan.steps, &mut vec![], &mut loops);
    for (s, flag) in flags {
        let Node::Carry { scan, .. } = plan.graph.node(flag) else { continue };
        let axis = plan.graph.scan(*scan).axis;
        let Some(own) = loops.iter().position(|l| l.key.0 == axis && l.inside.contains(&s)) else { continue };
        let outer: Vec<AxisId> = loops[own].around.iter().map(|l| l.0).collect();
        // one flag for the whole loop, not one for each position of loops inside
        if plan.graph.axes(flag).iter().any(|a| *a != axis && !outer.contains(a)) {
            continue;
        }
        let inside = |l: &Around| outer.iter().all(|a| l.around.iter().any(|(b, _)| a == b));
        let mut set: Vec<usize> = (own..loops.len())
            .filter(|k| {
                loops[*k].key.0 == axis && inside(&loops[*k]) && !ends.flags.contains_key(&loops[*k].key)
            })
            .collect();
        let axes = outer.iter().copied().chain([axis]).collect();
        let check = Check { plan, axis, axes, is: once_false(plan, flag) };
        let mut cleared = BTreeSet::new();
        loop {
            cleared.clear();
            let stays: Vec<usize> = set
                .iter()
                .copied()
                .filter(|k| {
                    let all: BTreeSet<usize> =
                        set.iter().flat_map(|k| loops[*k].inside.iter().copied()).collect();
                    check.idle(&loops[*k].inside, &all, &mut cleared)
                })
                .collect();
            if stays.len() == set.len() || !stays.contains(&own) {
                set = stays;
                break;
            }
            set = stays;
        }
        if set.contains(&own) {
            for k in &set {
                let end = match k {
                    k if *k == own => End::Asked,
                    k if loops[*k].around.starts_with(&loops[own].around) => End::Here,
                    _ => End::Kept,
                };
                if end == End::Kept {
                    ends.kept.insert(flag, outer.clone());
                }
                ends.flags.insert(loops[*k].key, (flag, end));
            }
            ends.cleared.extend(cleared);
        }
    }
    // where a loop ended is kept for the iterations that there were: those that ask for it must be the same ones
    let around = |l: &Loop| loops.iter().find(|o| o.key == *l).map_or(&[][..], |o| &o.around);
    let of_flag = |l: &Loop| ends.flags.get(l).map(|f| f.0);
    let strays: Vec<NodeId> = ends
        .flags
        .iter()
        .filter(|(_, (_, end))| *end == End::Asked)
        .map(|(l, (flag, _))| (flag, around(l).iter().filter_map(of_flag).collect::<Vec<_>>()))
        .filter(|(flag, outer)| {
            let kept = ends.flags.iter().filter(|(_, (f, end))| f == *flag && *end == End::Kept);
            kept.into_iter()
                .any(|(l, _)| !outer.iter().all(|f| around(l).iter().filter_map(of_flag).any(|g| g == *f)))
        })
        .map(|(flag, _)| *flag)
        .collect();
    ends.flags.retain(|_, (flag, _)| !strays.contains(flag));
    ends.kept.retain(|flag, _| !strays.contains(flag));
    ends
}

/// A truth value that is true at first, and false for ever once it is.
fn is_flag(plan: &Plan, carry: NodeId) -> bool {
    let graph = &plan.graph;
    let (Node::Carry { scan, init, .. }, Some(next)) = (graph.node(carry), graph.next_of(carry)) else {
        return false;
    };
    let info = graph.scan(*scan);
    let mut stack = vec![next];
    while let Some(id) = stack.pop() {
        match graph.node(id) {
            _ if id == carry => {
                let true_at_first = graph.as_const(*init) == Some(1.0);
                return graph.dtype(carry) == Dtype::Bool
                    && true_at_first
                    && info.go.is_none()
                    && !info.reversed;
            }
            Node::Apply(Op::And, args) => stack.extend(args),
            _ => {}
        }
    }
    false
}

fn collect(plan: &Plan, steps: &[Step], around: &mut Vec<Loop>, out: &mut Vec<Around>) {
    for step in steps {
        let Step::Loop { axis, body } = step else { continue };
        let Some(key) = plan.loop_of(*axis, body) else { continue };
        out.push(Around { key, around: around.clone(), inside: statements(body) });
        around.push(key);
        collect(plan, body, around, out);
        around.pop();
    }
}

fn statements(steps: &[Step]) -> Vec<usize> {
    steps
        .iter()
        .flat_map(|step| match step {
            Step::Run(s) => vec![*s],
            Step::Loop { body, .. } => statements(body),
        })
        .collect()
}

/// Each node once the flag is false.
fn once_false(plan: &Plan, flag: NodeId) -> Vec<Is> {
    let graph = &plan.graph;
    let flagged = |axes: &[AxisId]| axes.iter().any(|a| graph.axes(flag).contains(a));
    let mut is: Vec<Is> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let of = |n: &NodeId| is[n.0 as usize];
        let known = match graph.node(id) {
            _ if id == flag => Some(Is::Known(false)),
            Node::Const(bits) if graph.dtype(id) == Dtype::Bool => {
                Some(Is::Known(f64::from_bits(*bits) != 0.0))
            }
            Node::Const(bits) if f64::from_bits(*bits) == 0.0 => Some(Is::Zero),
            Node::Apply(op, args) => applied(*op, &args.iter().map(of).collect::<Vec<_>>()),
            Node::Cast(x) => Some(of(x)).filter(|x| *x == Is::Zero),
            Node::Reduce(RedOp::Sum, over, x) if !flagged(over) => Some(of(x)).filter(|x| *x == Is::Zero),
            // at the position of the flag
            Node::Load { array: Array::Node(x, bound), view: None, index } => {
                let here = |(a, i): (&AxisId, &Index)| !flagged(&[*a]) || i.as_axis() == Some(*a);
                Some(of(x)).filter(|x| *x == Is::Zero && bound.iter().zip(index).all(here))
            }
            Node::Scatter { parts, .. } => {
                parts.iter().all(|p| of(&p.value) == Is::Zero && !flagged(&p.over)).then_some(Is::Zero)
            }
            // an element is written over by itself
            Node::Write { array, value, over, .. } if !flagged(over) && same_element(plan, id, of(value)) => {
                Some(of(array))
            }
            _ => None,
        };
        is.push(known.unwrap_or(Is::Node(id)));
    }
    is
}

fn applied(op: Op, args: &[Is]) -> Option<Is> {
    Some(match (op, args) {
        (Op::And, _) if args.contains(&Is::Known(false)) => Is::Known(false),
        (Op::And, [Is::Known(true), x] | [x, Is::Known(true)]) => *x,
        (Op::Or, _) if args.contains(&Is::Known(true)) => Is::Known(true),
        (Op::Or, [Is::Known(false), x] | [x, Is::Known(false)]) => *x,
        (Op::Not, [Is::Known(b)]) => Is::Known(!b),
        (Op::Select, [Is::Known(b), x, y]) => *(if *b { x } else { y }),
        (Op::Select, [_, x, y]) if x == y => *x,
        (Op::When, [_, Is::Zero]) => Is::Zero,
        (Op::Mul, _) if args.contains(&Is::Zero) => Is::Zero,
        (Op::Neg, [Is::Zero]) | (Op::Div, [Is::Zero, _]) => Is::Zero,
        (Op::Add, [Is::Zero, x] | [x, Is::Zero]) | (Op::Sub, [x, Is::Zero]) => *x,
        (Op::MulAdd, [Is::Zero, _, x] | [_, Is::Zero, x]) => *x,
        _ => return None,
    })
}

/// A value is the element of the array that a write replaces with it.
fn same_element(plan: &Plan, write: NodeId, value: Is) -> bool {
    let (Node::Write { array, dims, index, .. }, Is::Node(value)) = (plan.graph.node(write), value) else {
        return false;
    };
    matches!(plan.graph.node(value), Node::Load { array: Array::Node(a, d), view: None, index: i }
        if (a, d, i) == (array, dims, index))
}

struct Check<'a> {
    plan: &'a Plan,
    axis: AxisId,
    /// The axis and those of the loops around.
    axes: Vec<AxisId>,
    is: Vec<Is>,
}

impl Check<'_> {
    fn zero(&self, id: NodeId) -> bool {
        self.is[id.0 as usize] == Is::Zero
    }

    /// Once the flag is false, the statements of a loop have nothing to do; `all` are the statements of all loops that end.
    fn idle(&self, inside: &[usize], all: &BTreeSet<usize>, cleared: &mut BTreeSet<usize>) -> bool {
        inside.iter().all(|s| self.rests(*s, inside, all, cleared))
    }

    fn rests(
        &self,
        s: usize,
        inside: &[usize],
        all: &BTreeSet<usize>,
        cleared: &mut BTreeSet<usize>,
    ) -> bool {
        let (plan, graph) = (self.plan, &self.plan.graph);
        let along = |scan| graph.scan(scan).axis == self.axis;
        let scan_of = |c: NodeId| match graph.node(c) {
            Node::Carry { scan, .. } => Some(*scan),
            _ => None,
        };
        let float = |n: NodeId| graph.dtype(n).is_float();
        match plan.statements[s].work {
            _ if plan.idle.contains(&s) => true,
            Work::Start { .. } | Work::Go(_) => true,
            Work::Next { carry, last } if scan_of(carry).is_some_and(along) => {
                let next = graph.operands(last).first().map(|n| self.is[n.0 as usize]);
                next == Some(Is::Node(carry)) || next.is_some() && next == Some(self.is[carry.0 as usize])
            }
            Work::Reduce(n) if matches!(graph.node(n), Node::Reduce(_, over, _) if over.contains(&self.axis)) =>
            {
                matches!(graph.node(n), Node::Reduce(RedOp::Sum, _, x) if self.zero(*x))
            }
            Work::Part(n, k) => {
                let zero = graph.part(n, k).is_some_and(|p| self.zero(p.value));
                if k == 0 && zero {
                    cleared.insert(s);
                }
                zero && float(n) && plan.neighbours(n, k).is_none()
            }
            Work::Write(n, true) => {
                matches!(graph.node(n), Node::Write { value, .. } if same_element(plan, n, self.is[value.0 as usize]))
            }
            Work::Carry(n)
            | Work::Map(n)
            | Work::Reduce(n)
            | Work::Write(n, _)
            | Work::Next { last: n, .. } => {
                if self.read_by_those(n, inside, all) {
                    return true;
                }
                let clears = matches!(plan.statements[s].work, Work::Map(_)) && self.zero(n) && float(n);
                if clears {
                    cleared.insert(s);
                }
                clears
            }
            Work::Gemm(ref g) => self.read_by_those(g.node, inside, all),
            Work::Store(_) | Work::Call(_) | Work::Zero(_) | Work::Added(_) | Work::List(_) => false,
        }
    }

    /// A value is read in this loop only, or at its own position in loops that end too.
    fn read_by_those(&self, node: NodeId, inside: &[usize], all: &BTreeSet<usize>) -> bool {
        let plan = self.plan;
        if plan.storage.get(&node).is_some_and(|s| matches!(s.place, Place::Target(_))) {
            return false;
        }
        (0..plan.statements.len()).filter(|s| !plan.idle.contains(s) && !inside.contains(s)).all(|s| {
            let reads = plan.accesses(s);
            let here = |r: &Access| all.contains(&s) && self.axes.iter().all(|a| plan.moves_not(r, *a));
            reads.iter().filter(|r| r.node == node).all(here)
        })
    }
}
