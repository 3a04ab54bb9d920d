//! Small arrays that are made or read element by element become their elements.
//!
//! An array literal, or an element at a position that is a number, is followed to what it is made of; a short loop over
//! such elements is written out, and a variable of a scan that is such an array becomes a variable for each element. What
//! is left of an array are results, as lists of their elements.
//!
//! Invariant: no axis of a scan is taken apart, and no sum changes but in its order.

mod made;

use crate::ir::rebuild::rebuild;
use crate::ir::{Array, AxisId, Graph, Index, Node, NodeId, Op, Part, RedOp, ScanId, Size};
use std::collections::{BTreeMap, BTreeSet};

/// A dimension with more elements stays.
const LONG: i64 = 16;
/// Nodes of a graph that is not taken apart any further.
const MOST: usize = 6000;
/// The same where all short dimensions are written out.
const SMALL: usize = 1500;
/// How deep expressions are followed.
const DEPTH: usize = 400;
/// How often variables that turn out to be read by element are taken apart, too.
const ROUNDS: usize = 6;

/// Positions along some axes, by axis.
type At = Vec<(AxisId, i64)>;
/// A variable of a scan.
type Variable = (ScanId, u32);

/// An equal graph without such arrays; nothing where there is none, or where the graph would be too large.
pub fn apart(graph: &Graph, roots: &[NodeId]) -> Option<(Graph, Vec<NodeId>)> {
    // a call takes whole arrays, and runs once
    if graph.ids().any(|id| matches!(graph.node(id), Node::Call { .. })) {
        return None;
    }
    taken(graph, roots, &BTreeSet::new(), MOST)
}

/// An equal graph whose short dimensions are written out, the shortest ones first, as far as it stays small: for interpreters, to
/// whom a variable is cheaper than an element of an array, and a turn of a loop dearer than an operation.
pub fn written_out(graph: &Graph, roots: &[NodeId]) -> Option<(Graph, Vec<NodeId>)> {
    if graph.ids().any(|id| matches!(graph.node(id), Node::Call { .. })) {
        return None;
    }
    let axes = (0..graph.axis_count() as u32).map(AxisId);
    let size = |a: &AxisId| graph.axis_size(*a).as_const();
    let short: Vec<AxisId> = axes.filter(|a| size(a).is_some_and(|n| (2..=LONG).contains(&n))).collect();
    let mut lengths: Vec<i64> = short.iter().filter_map(size).collect();
    lengths.sort();
    lengths.dedup();
    lengths.iter().rev().find_map(|most| {
        let axes = short.iter().copied().filter(|a| size(a).is_some_and(|n| n <= *most)).collect();
        taken(graph, roots, &axes, SMALL)
    })
}

/// The graph with what is made or read by element, and these axes, taken apart.
fn taken(
    graph: &Graph,
    roots: &[NodeId],
    axes: &BTreeSet<AxisId>,
    most: usize,
) -> Option<(Graph, Vec<NodeId>)> {
    let mut split = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut run = Apart { axes: axes.clone(), most, ..Apart::new(graph, roots, split) };
        let new = run.all(roots);
        if !run.wanted.is_empty() {
            split = run.split;
            split.extend(run.wanted);
            continue;
        }
        return new.filter(|_| run.changed).map(|new| (run.out, new));
    }
    None
}

struct Apart<'a> {
    from: &'a Graph,
    out: Graph,
    scanned: BTreeSet<AxisId>,
    known: BTreeMap<(NodeId, At), NodeId>,
    made: BTreeMap<(NodeId, AxisId), bool>,
    /// Variables of scans with the axes along which they are taken apart.
    split: BTreeSet<(Variable, AxisId)>,
    /// The same, found to be read by element in this run.
    wanted: BTreeSet<(Variable, AxisId)>,
    /// Variables that wait for what an iteration leaves in them.
    open: Vec<(NodeId, NodeId, At)>,
    /// Carries by their variables.
    carries: BTreeMap<Variable, NodeId>,
    depth: usize,
    changed: bool,
    /// What is taken apart in any case.
    axes: BTreeSet<AxisId>,
    /// How many nodes there may be.
    most: usize,
}

/// The positions along those of the axes that are asked for.
fn within(at: &At, axes: &[AxisId]) -> At {
    at.iter().filter(|p| axes.contains(&p.0)).copied().collect()
}

fn position(at: &At, axis: AxisId) -> Option<i64> {
    at.iter().find(|p| p.0 == axis).map(|p| p.1)
}

fn sorted(mut at: At) -> At {
    at.sort();
    at
}

impl<'a> Apart<'a> {
    fn new(from: &'a Graph, roots: &[NodeId], split: BTreeSet<(Variable, AxisId)>) -> Self {
        let needed = from.reachable(roots);
        let carries = from.carries(&needed);
        let mut out = from.emptied();
        out.scans.iter_mut().for_each(|s| s.next.clear());
        let variable = |c: &NodeId| match from.node(*c) {
            Node::Carry { scan, k, .. } => Some(((*scan, *k), *c)),
            _ => None,
        };
        let carries: BTreeMap<Variable, NodeId> = carries.iter().filter_map(variable).collect();
        Apart {
            from,
            out,
            scanned: carries.keys().map(|v| from.scan(v.0).axis).collect(),
            known: BTreeMap::new(),
            made: BTreeMap::new(),
            split,
            wanted: BTreeSet::new(),
            open: vec![],
            carries,
            depth: 0,
            changed: false,
            axes: BTreeSet::new(),
            most: MOST,
        }
    }

    /// The number of positions along an axis that may be taken apart.
    fn short(&self, axis: AxisId) -> Option<i64> {
        let size = self.from.axis_size(axis).as_const().filter(|n| (1..=LONG).contains(n));
        size.filter(|_| !self.scanned.contains(&axis))
    }

    fn all(&mut self, roots: &[NodeId]) -> Option<Vec<NodeId>> {
        let mut new = vec![];
        for root in roots {
            let axes = self.from.axes(*root).to_vec();
            let short: Vec<AxisId> = axes.into_iter().filter(|a| self.elementwise(*root, *a)).collect();
            new.push(self.listed(*root, &short, &vec![])?);
        }
        let going: BTreeSet<ScanId> = self.carries.keys().map(|v| v.0).collect();
        for scan in going {
            if let Some(go) = self.from.scan(scan).go {
                let go = self.at(go, &vec![])?;
                self.out.scans[scan.0 as usize].go = Some(go);
            }
        }
        let mut done = 0;
        while done < self.open.len() {
            let (carry, next, at) = self.open[done].clone();
            done += 1;
            let next = self.at(next, &at)?;
            self.out.close(carry, next);
        }
        Some(new)
    }

    /// An array as the list of its elements along some of its axes.
    fn listed(&mut self, id: NodeId, along: &[AxisId], at: &At) -> Option<NodeId> {
        if along.is_empty() {
            return self.at(id, at);
        }
        self.changed = true;
        let dims: Vec<AxisId> =
            self.from.axes(id).iter().copied().filter(|a| position(at, *a).is_none()).collect();
        let over: Vec<AxisId> = dims.iter().copied().filter(|a| !along.contains(a)).collect();
        let mut parts = vec![];
        for place in self.places(along)? {
            let value = self.at(id, &sorted(at.iter().chain(&place).copied().collect()))?;
            let index = |a: &AxisId| match position(&place, *a) {
                Some(k) => Index::at(Size::constant(k)),
                None => Index::axis(*a),
            };
            parts.push(Part { index: dims.iter().map(index).collect(), over: over.clone(), value });
        }
        Some(self.out.scatter(dims, None, parts, self.from.dtype(id)))
    }

    /// All positions along axes, in order.
    fn places(&self, along: &[AxisId]) -> Option<Vec<At>> {
        let mut out: Vec<At> = vec![vec![]];
        for axis in along {
            let n = self.short(*axis)?;
            out = out
                .into_iter()
                .flat_map(|p| (0..n).map(move |k| p.iter().copied().chain([(*axis, k)]).collect()))
                .collect();
            if out.len() > self.most {
                return None;
            }
        }
        Some(out)
    }

    /// A node at positions along some of its axes.
    fn at(&mut self, id: NodeId, at: &At) -> Option<NodeId> {
        let at = within(at, self.from.axes(id));
        let key = (id, at);
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        if self.depth > DEPTH || self.out.len() > self.most {
            return None;
        }
        self.depth += 1;
        let span = std::mem::replace(&mut self.out.span, self.from.span_of(id));
        let new = self.made_at(id, &key.1);
        self.out.span = span;
        self.depth -= 1;
        let new = new?;
        if key.1.is_empty() {
            self.out.inherit_name(new, self.from, id);
        }
        self.changed |= !key.1.is_empty();
        self.known.insert(key, new);
        Some(new)
    }

    fn made_at(&mut self, id: NodeId, at: &At) -> Option<NodeId> {
        let (from, dtype) = (self.from, self.from.dtype(id));
        match from.node(id) {
            Node::Position(axis) => Some(match position(at, *axis) {
                Some(k) => self.out.constant(k as f64, dtype),
                None => self.out.position(*axis, dtype),
            }),
            Node::Load { array: Array::Node(n, bound), view: None, index } => {
                let inside = at.iter().filter(|p| !bound.contains(&p.0)).copied();
                let mut place: At = within(&inside.collect(), from.axes(*n));
                let (mut kept, mut rest) = (vec![], vec![]);
                for (axis, i) in bound.iter().zip(index) {
                    let i = self.index_at(i, at)?;
                    let number = i.offset.as_const().filter(|_| i.terms.is_empty() && i.gather.is_none());
                    match (number, self.short(*axis)) {
                        // what is not there is not chosen
                        (Some(k), Some(n)) if !(0..n).contains(&k) => {
                            return Some(self.out.constant(0.0, dtype))
                        }
                        (Some(k), Some(_)) => place.push((*axis, k)),
                        _ => {
                            kept.push(*axis);
                            rest.push(i);
                        }
                    }
                }
                let n = self.at(*n, &sorted(place))?;
                Some(self.out.load(Array::Node(n, kept), None, rest))
            }
            Node::Load { array, view, index } => {
                let array = match array {
                    Array::Node(n, bound) => {
                        let inside = at.iter().filter(|p| !bound.contains(&p.0)).copied();
                        Array::Node(self.at(*n, &inside.collect())?, bound.clone())
                    }
                    input => input.clone(),
                };
                let index: Option<Vec<Index>> = index.iter().map(|i| self.index_at(i, at)).collect();
                Some(self.out.load(array, view.clone(), index?))
            }
            Node::Reduce(op, over, x) => self.reduced(*op, over, *x, at),
            Node::Scatter { dims, view: None, parts } => self.scattered((id, dims, parts), at),
            Node::Scatter { dims, .. } => match at.is_empty() {
                true => self.copied(id),
                false => self.read_at(id, dims, at),
            },
            Node::Write { array, dims, index, over, value } => {
                self.written(id, (*array, dims, index, over, *value), at)
            }
            Node::Carry { scan, k, axes, .. } | Node::Final { scan, k, axes, .. } => {
                self.variable(id, (*scan, *k), axes, at)
            }
            node => {
                let operands = from.operands(id);
                let args: Option<Vec<NodeId>> = operands.iter().map(|o| self.at(*o, at)).collect();
                Some(rebuild(&mut self.out, node, dtype, &args?))
            }
        }
    }

    fn copied(&mut self, id: NodeId) -> Option<NodeId> {
        let operands = self.from.operands(id);
        let args: Option<Vec<NodeId>> = operands.iter().map(|o| self.at(*o, &vec![])).collect();
        Some(rebuild(&mut self.out, self.from.node(id), self.from.dtype(id), &args?))
    }

    /// An element of an array that stays one.
    fn read_at(&mut self, id: NodeId, dims: &[AxisId], at: &At) -> Option<NodeId> {
        let rest: At = at.iter().filter(|p| !dims.contains(&p.0)).copied().collect();
        let array = self.at(id, &rest)?;
        let (bound, index) =
            at.iter().filter(|p| dims.contains(&p.0)).map(|p| (p.0, Index::at(Size::constant(p.1)))).unzip();
        Some(self.out.load(Array::Node(array, bound), None, index))
    }

    fn index_at(&mut self, index: &Index, at: &At) -> Option<Index> {
        let mut out = Index { terms: vec![], offset: index.offset.clone(), gather: None };
        for (axis, c) in &index.terms {
            match position(at, *axis) {
                Some(k) => out.offset = out.offset.add(&c.scale(k)),
                None => out.terms.push((*axis, c.clone())),
            }
        }
        let Some(gather) = index.gather else { return Some(out) };
        let gather = self.at(gather, at)?;
        Some(match self.out.affine(gather) {
            Some(known) => out.plus(&known),
            None => Index { gather: Some(gather), ..out },
        })
    }

    fn reduced(&mut self, op: RedOp, over: &[AxisId], x: NodeId, at: &At) -> Option<NodeId> {
        let at: At = at.iter().filter(|p| !over.contains(&p.0)).copied().collect();
        let join = match op {
            RedOp::Sum => Op::Add,
            RedOp::Prod => Op::Mul,
            RedOp::Max => Op::Max,
            RedOp::Min => Op::Min,
            RedOp::LogSumExp => Op::Add,
        };
        let apart: Vec<AxisId> = match op {
            RedOp::LogSumExp => vec![],
            _ => over.iter().copied().filter(|a| self.elementwise(x, *a)).collect(),
        };
        let rest: Vec<AxisId> = over.iter().copied().filter(|a| !apart.contains(a)).collect();
        let mut total = None;
        for place in self.places(&apart)? {
            let term = self.at(x, &sorted(at.iter().chain(&place).copied().collect()))?;
            total = Some(match total {
                None => term,
                Some(sum) => self.out.apply(join, &[sum, term]),
            });
        }
        self.changed |= !apart.is_empty();
        total.map(|total| self.out.reduce(op, &rest, total))
    }

    /// What a part adds, written out along axes, with the positions along them.
    fn unfolded(
        &mut self,
        over: &[AxisId],
        value: NodeId,
        index: &[&Index],
    ) -> Option<(Vec<At>, Vec<AxisId>)> {
        let from = self.from;
        let mut apart = vec![];
        for axis in over {
            let chosen = index.iter().any(|i| {
                i.terms.iter().any(|t| t.0 == *axis) || i.gather.is_some_and(|g| from.axes(g).contains(axis))
            });
            if self.short(*axis).is_some() && (chosen || self.elementwise(value, *axis)) {
                apart.push(*axis);
            }
        }
        let rest = over.iter().copied().filter(|a| !apart.contains(a)).collect();
        Some((self.places(&apart)?, rest))
    }

    fn scattered(&mut self, (id, dims, parts): (NodeId, &[AxisId], &[Part]), at: &At) -> Option<NodeId> {
        let dtype = self.from.dtype(id);
        let fixed: Vec<usize> = (0..dims.len()).filter(|d| position(at, dims[*d]).is_some()).collect();
        let open: Vec<usize> = (0..dims.len()).filter(|d| !fixed.contains(d)).collect();
        let left: Vec<AxisId> = open.iter().map(|d| dims[*d]).collect();
        let mut total: Option<NodeId> = None;
        let mut scatter = vec![];
        for part in parts {
            let chosen: Vec<&Index> = fixed.iter().map(|d| &part.index[*d]).collect();
            let (places, rest) = self.unfolded(&part.over, part.value, &chosen)?;
            for place in places {
                let mut hit = true;
                for d in &fixed {
                    let i = self.index_at(&part.index[*d], &place)?;
                    if !i.terms.is_empty() || i.gather.is_some() || i.offset.as_const().is_none() {
                        // which one it is, only the run knows
                        return self.read_at(id, dims, at);
                    }
                    hit &= i.offset.as_const() == position(at, dims[*d]);
                }
                if !hit {
                    continue;
                }
                let value = self.at(part.value, &place)?;
                let index: Option<Vec<Index>> =
                    open.iter().map(|d| self.index_at(&part.index[*d], &place)).collect();
                let part = Part { index: index?, over: rest.clone(), value };
                let term = match open.is_empty() {
                    true => Some(self.out.reduce(RedOp::Sum, &rest, value)),
                    false if fixed.is_empty() => None,
                    false => self.out.spread(&left, &part),
                };
                match term {
                    None => scatter.push(part),
                    Some(term) => {
                        total = Some(match total {
                            None => term,
                            Some(sum) => self.out.apply(Op::Add, &[sum, term]),
                        })
                    }
                }
            }
        }
        if scatter.is_empty() {
            return Some(total.unwrap_or_else(|| self.out.constant(0.0, dtype)));
        }
        let array = self.out.scatter(left, None, scatter, dtype);
        Some(match total {
            None => array,
            Some(sum) => self.out.apply(Op::Add, &[sum, array]),
        })
    }

    #[allow(clippy::type_complexity)]
    fn written(
        &mut self,
        id: NodeId,
        (array, dims, index, over, value): (NodeId, &[AxisId], &[Index], &[AxisId], NodeId),
        at: &At,
    ) -> Option<NodeId> {
        let fixed: Vec<usize> = (0..dims.len()).filter(|d| position(at, dims[*d]).is_some()).collect();
        let open: Vec<usize> = (0..dims.len()).filter(|d| !fixed.contains(d)).collect();
        let left: Vec<AxisId> = open.iter().map(|d| dims[*d]).collect();
        let inside: At = at.iter().filter(|p| !over.contains(&p.0)).copied().collect();
        let chosen: Vec<&Index> = fixed.iter().map(|d| &index[*d]).collect();
        let (places, rest) = self.unfolded(over, value, &chosen)?;
        let mut result = self.at(array, at)?;
        for place in places {
            let place = sorted(inside.iter().chain(&place).copied().collect());
            let mut hit = true;
            for d in &fixed {
                let i = self.index_at(&index[*d], &place)?;
                if !i.terms.is_empty() || i.gather.is_some() || i.offset.as_const().is_none() {
                    return self.read_at(id, dims, at);
                }
                hit &= i.offset.as_const() == position(at, dims[*d]);
            }
            if !hit {
                continue;
            }
            let value = self.at(value, &place)?;
            if open.is_empty() {
                if !rest.is_empty() {
                    return self.read_at(id, dims, at);
                }
                result = value;
                continue;
            }
            let index: Option<Vec<Index>> = open.iter().map(|d| self.index_at(&index[*d], &place)).collect();
            let part = Part { index: index?, over: rest.clone(), value };
            // each position is written once
            let along: Option<Vec<AxisId>> = part.index.iter().map(Index::as_axis).collect();
            let along = along.map(|along| along.into_iter().collect::<BTreeSet<_>>());
            let whole = match along == Some(part.over.iter().copied().collect()) {
                true => self.out.spread(&left, &part),
                false => None,
            };
            result = match whole {
                Some(value) => value,
                None => self.out.write(result, left.clone(), part.index, part.over, value),
            };
        }
        Some(result)
    }

    /// A variable of a scan, or what remains of it.
    fn variable(&mut self, id: NodeId, variable: Variable, axes: &[AxisId], at: &At) -> Option<NodeId> {
        let carry = *self.carries.get(&variable)?;
        let next = self.from.next_of(carry)?;
        let mut along = vec![];
        for axis in axes {
            if position(at, *axis).is_some() && !self.split.contains(&(variable, *axis)) {
                self.wanted.insert((variable, *axis));
            }
            if self.split.contains(&(variable, *axis)) && position(at, *axis).is_none() {
                along.push(*axis);
            }
        }
        if !self.wanted.is_empty() {
            return None;
        }
        if !along.is_empty() {
            return self.listed(id, &along, at);
        }
        if id != carry {
            let carry = self.at(carry, at)?;
            let next = self.at(next, at)?;
            return Some(self.out.close(carry, next));
        }
        let init = self.from.operands(carry).first().copied()?;
        let init = self.at(init, at)?;
        let rest: Vec<AxisId> = axes.iter().copied().filter(|a| position(at, *a).is_none()).collect();
        let new = self.out.carry(variable.0, &rest, init);
        if let (Some(name), false) = (self.from.name(carry).map(str::to_string), at.is_empty()) {
            let text: Vec<String> = at.iter().map(|p| p.1.to_string()).collect();
            self.out.set_name(new, &format!("{name}_{}", text.join("_")));
        }
        self.open.push((new, next, at.clone()));
        Some(new)
    }
}
