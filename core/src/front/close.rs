//! What a loop is, seen from its end: each variable's value after it, from what one iteration leaves in it.
//!
//! A variable that only grows by what does not depend on it is a sum; one that only takes extrema is a maximum or a
//! minimum; an array of which each iteration writes elements of its own has an axis where the loop was. What remains is a
//! recurrence, and becomes a scan.
//!
//! Invariant: no form is assumed. A variable that something else in the loop reads keeps its place in the scan.

use super::Lower;
use crate::ir::{Array, AxisId, Dtype, Index, Node, NodeId, Op, Part, RedOp, ScanId};
use std::collections::BTreeMap;

/// A variable of a loop: what stands for it inside, its value before, and what an iteration leaves in it.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub carry: NodeId,
    pub init: NodeId,
    pub next: NodeId,
}

/// How deep a variable's new value is taken apart.
const DEPTH: usize = 2000;

impl Lower {
    /// The value of each variable after the loop.
    pub fn closed(&mut self, axis: AxisId, variables: &[Variable]) -> Vec<NodeId> {
        let mut open: Vec<(usize, Variable)> = variables.iter().copied().enumerate().collect();
        let mut results: Vec<Option<NodeId>> = vec![None; variables.len()];
        let mut at = 0;
        while at < open.len() {
            let (k, v) = open[at];
            // whatever else may read the variable
            let mut rest: Vec<NodeId> = open
                .iter()
                .filter(|o| o.0 != k)
                .map(|o| o.1.next)
                .chain(results.iter().flatten().copied())
                .collect();
            let Some(value) = self.simpler(axis, &v, &mut rest) else {
                at += 1;
                continue;
            };
            open.remove(at);
            let mut rest = rest.into_iter();
            open.iter_mut().zip(&mut rest).for_each(|(o, n)| o.1.next = n);
            results.iter_mut().flatten().zip(rest).for_each(|(r, n)| *r = n);
            results[k] = Some(value);
            // what was in the way of another one may be gone
            at = 0;
        }
        for (k, v) in open {
            results[k] = Some(self.recurrence(axis, &v));
        }
        results.into_iter().zip(variables).map(|(r, v)| r.unwrap_or(v.init)).collect()
    }

    /// The same for a loop whose turns only the run counts: sums and recurrences.
    pub fn closed_turns(&mut self, scan: ScanId, axis: AxisId, variables: &[Variable]) -> Vec<NodeId> {
        let go = self.graph.scan(scan).go;
        let mut out = vec![];
        for v in variables {
            let others = variables.iter().filter(|o| o.carry != v.carry).map(|o| o.next);
            let others: Vec<NodeId> = others.chain(go).collect();
            let sum = match self.graph.dtype(v.carry).is_float() && !self.reads(&others, v.carry) {
                true => self.sum(axis, v, true),
                false => None,
            };
            out.push(sum.unwrap_or_else(|| self.recurrence(axis, v)));
        }
        out
    }

    /// A variable that stays one of the scan.
    pub fn recurrence(&mut self, axis: AxisId, v: &Variable) -> NodeId {
        let own = |s: ScanId| matches!(self.graph.node(v.carry), Node::Carry { scan, .. } if *scan == s);
        let next = match self.graph.ancestors(&[v.next], &own)[v.carry.0 as usize] {
            true => v.next,
            // what every iteration overwrites is still what it was before where there is none: the variable stays
            false => {
                let position = self.graph.position(axis, Dtype::Int);
                let zero = self.graph.constant(0.0, Dtype::Int);
                let always = self.graph.apply(Op::Ge, &[position, zero]);
                self.graph.apply(Op::Select, &[always, v.next, v.carry])
            }
        };
        self.graph.close(v.carry, next)
    }

    /// The value after the loop without a recurrence; the others no longer read the variable then.
    fn simpler(&mut self, axis: AxisId, v: &Variable, others: &mut Vec<NodeId>) -> Option<NodeId> {
        // nothing changes
        if v.next == v.carry {
            let mut map = BTreeMap::from([(v.carry, v.init)]);
            *others = self.graph.replaced(others, &mut map);
            return Some(v.init);
        }
        if self.graph.dtype(v.carry) == Dtype::Bool {
            return None;
        }
        // an integer that grows by the same amount
        if self.graph.dtype(v.carry) == Dtype::Int {
            let terms = self.terms(v.next, v.carry)?;
            let step = self.total(&terms, Dtype::Int)?;
            if self.reads(&[step], v.carry) || self.graph.axes(step).contains(&axis) {
                return None;
            }
            let position = self.graph.position(axis, Dtype::Int);
            let size = self.graph.axis_size(axis).clone();
            let n = self.graph.size(&size, Dtype::Int);
            let [inside, after] = [position, n].map(|count| {
                let grown = self.graph.apply(Op::Mul, &[count, step]);
                self.graph.apply(Op::Add, &[v.init, grown])
            });
            let mut map = BTreeMap::from([(v.carry, inside)]);
            *others = self.graph.replaced(others, &mut map);
            return Some(after);
        }
        if !self.reads(others, v.carry) {
            if let Some(value) = self.sum(axis, v, false).or_else(|| self.extremum(axis, v)) {
                return Some(value);
            }
        }
        self.elements(axis, v, others)
    }

    fn reads(&self, nodes: &[NodeId], carry: NodeId) -> bool {
        self.graph.reachable(nodes)[carry.0 as usize]
    }

    /// `next = carry + Σ terms`, where no term reads the carry: the terms.
    fn terms(&mut self, next: NodeId, carry: NodeId) -> Option<Vec<NodeId>> {
        // nested branches nest here too
        if self.depth >= super::MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let terms = self.terms_of(next, carry);
        self.depth -= 1;
        terms
    }

    fn terms_of(&mut self, next: NodeId, carry: NodeId) -> Option<Vec<NodeId>> {
        let mut terms = Vec::new();
        let mut at = next;
        for _ in 0..DEPTH {
            if at == carry {
                return Some(terms);
            }
            match self.graph.node(at).clone() {
                Node::Apply(Op::When, args) => at = args[1],
                // the same array under other names, as a loop inside sees it
                Node::Load { array: Array::Node(x, bound), view: None, index } => {
                    let onto: Vec<AxisId> = index.iter().map(Index::as_axis).collect::<Option<_>>()?;
                    let back: Vec<(AxisId, Index)> =
                        onto.iter().zip(&bound).map(|(a, b)| (*a, Index::axis(*b))).collect();
                    let inside = self.substitute(carry, &back);
                    let there: Vec<(AxisId, Index)> = bound.into_iter().zip(index).collect();
                    if inside == carry {
                        return None;
                    }
                    for term in self.terms(x, inside)? {
                        terms.push(self.substitute(term, &there));
                    }
                    return Some(terms);
                }
                Node::Apply(Op::Add, args) => {
                    let left = self.reads(&args[..1], carry);
                    let right = self.reads(&args[1..], carry);
                    match (left, right) {
                        (true, false) => (at, _) = (args[0], terms.push(args[1])),
                        (false, true) => (at, _) = (args[1], terms.push(args[0])),
                        _ => return None,
                    }
                }
                Node::Apply(Op::Sub, args) => {
                    if self.reads(&args[1..], carry) {
                        return None;
                    }
                    terms.push(self.graph.apply(Op::Neg, &args[1..]));
                    at = args[0];
                }
                Node::Apply(Op::MulAdd, args) if !self.reads(&args[..2], carry) => {
                    terms.push(self.graph.apply(Op::Mul, &args[..2]));
                    at = args[2];
                }
                // a branch that adds on one side
                Node::Apply(Op::Select, args) => {
                    if self.reads(&args[..1], carry) {
                        return None;
                    }
                    let dtype = self.graph.dtype(at);
                    let (a, b) = (self.terms(args[1], carry)?, self.terms(args[2], carry)?);
                    let zero = self.graph.constant(0.0, dtype);
                    let a = self.total(&a, dtype).unwrap_or(zero);
                    let b = self.total(&b, dtype).unwrap_or(zero);
                    terms.push(self.graph.apply(Op::Select, &[args[0], a, b]));
                    return Some(terms);
                }
                Node::Write { array, dims, index, over, value } if over.is_empty() => {
                    // `a[i] += e`: the value is the old element and something
                    let map: Vec<(AxisId, Index)> = dims.iter().copied().zip(index.iter().cloned()).collect();
                    let old = self.substitute(array, &map);
                    let added = self.terms(value, old)?;
                    let dtype = self.graph.dtype(at);
                    let added = self.total(&added, dtype)?;
                    if self.reads(&[added], carry)
                        || index.iter().any(|i| i.gather.is_some_and(|g| self.reads(&[g], carry)))
                    {
                        return None;
                    }
                    terms.push(self.landed(&dims, &index, added));
                    at = array;
                }
                _ => return None,
            }
        }
        None
    }

    /// An array of zeros with a value at one position: for each position of the other axes.
    fn landed(&mut self, dims: &[AxisId], index: &[Index], value: NodeId) -> NodeId {
        let mut free: Vec<AxisId> = self.graph.axes(value).to_vec();
        for i in index {
            free.extend(i.terms.iter().map(|t| t.0));
            free.extend(i.gather.map_or(vec![], |g| self.graph.axes(g).to_vec()));
        }
        free.sort();
        free.dedup();
        let whole = |d: &AxisId| dims.iter().zip(index).any(|(e, i)| e == d && i.as_axis() == Some(*d));
        let over: Vec<AxisId> = free.clone();
        free.retain(|a| !whole(a));
        let mut bound = dims.to_vec();
        let mut at = index.to_vec();
        bound.extend(&free);
        at.extend(free.iter().map(|a| Index::axis(*a)));
        let dtype = self.graph.dtype(value);
        self.graph.scatter(bound, None, vec![Part { index: at, over, value }], dtype)
    }

    fn total(&mut self, terms: &[NodeId], dtype: Dtype) -> Option<NodeId> {
        let mut total = None;
        for t in terms.iter().rev() {
            total = Some(match total {
                None => *t,
                Some(sum) => self.graph.apply(Op::Add, &[sum, *t]),
            });
        }
        total.or_else(|| Some(self.graph.constant(0.0, dtype)))
    }

    /// A variable that only grows.
    ///
    /// Where turns are counted, what is the same in all of them stays: the sum would need their number, which it does not wait for.
    fn sum(&mut self, axis: AxisId, v: &Variable, counted: bool) -> Option<NodeId> {
        let terms = self.terms(v.next, v.carry)?;
        let known = terms.iter().any(|t| counted && !self.graph.axes(*t).contains(&axis));
        if known || self.reads(&terms, v.carry) {
            return None;
        }
        let mut after = v.init;
        for term in terms.iter().rev() {
            let sum = self.graph.reduce(RedOp::Sum, &[axis], *term);
            after = self.graph.apply(Op::Add, &[after, sum]);
        }
        Some(after)
    }

    /// A variable that only takes the greater, or the smaller, of itself and something.
    fn extremum(&mut self, axis: AxisId, v: &Variable) -> Option<NodeId> {
        let Node::Apply(op @ (Op::Max | Op::Min), args) = self.graph.node(v.next).clone() else {
            return None;
        };
        let other = match (args[0] == v.carry, args[1] == v.carry) {
            (true, false) => args[1],
            (false, true) => args[0],
            _ => return None,
        };
        if self.reads(&[other], v.carry) || !self.graph.axes(other).contains(&axis) {
            return None;
        }
        let red = if op == Op::Max { RedOp::Max } else { RedOp::Min };
        let all = self.graph.reduce(red, &[axis], other);
        let neutral = if op == Op::Max { f64::NEG_INFINITY } else { f64::INFINITY };
        if self.graph.as_const(v.init) == Some(neutral) {
            return Some(all);
        }
        Some(self.graph.apply(op, &[v.init, all]))
    }

    /// A renamed array as an array of renamed parts.
    fn names_inward(&mut self, id: NodeId) -> Option<NodeId> {
        let Node::Load { array: Array::Node(x, bound), view: None, index } = self.graph.node(id).clone()
        else {
            return None;
        };
        let onto: Vec<AxisId> = index.iter().map(Index::as_axis).collect::<Option<_>>()?;
        let names: Vec<(AxisId, Index)> = bound.iter().copied().zip(index).collect();
        let to = |a: AxisId| bound.iter().position(|b| *b == a).map_or(a, |k| onto[k]);
        match self.graph.node(x).clone() {
            Node::Write { array, dims, index, over, value } => {
                // what is run over keeps out of the way
                let clash = |a: &&AxisId| onto.contains(a) || bound.contains(a);
                let fresh: Vec<(AxisId, Index)> = over
                    .iter()
                    .filter(clash)
                    .map(|a| {
                        let size = self.graph.axis_size(*a).clone();
                        (*a, Index::axis(self.graph.fresh_axis(&size)))
                    })
                    .collect();
                let apart =
                    |a: &AxisId| fresh.iter().find(|f| f.0 == *a).and_then(|f| f.1.as_axis()).unwrap_or(*a);
                let over: Vec<AxisId> = over.iter().map(apart).collect();
                let value = self.substitute(value, &fresh);
                let index: Option<Vec<Index>> = index.iter().map(|i| self.compose(i, &fresh)).collect();
                let index = index?;
                let array = self.substitute(array, &names);
                let value = self.substitute(value, &names);
                let dims = dims.into_iter().map(to).collect();
                let index: Option<Vec<Index>> = index.iter().map(|i| self.compose(i, &names)).collect();
                Some(self.graph.write(array, dims, index?, over, value))
            }
            Node::Apply(op @ (Op::When | Op::Select), args) => {
                let args: Vec<NodeId> = args.into_iter().map(|a| self.substitute(a, &names)).collect();
                Some(self.graph.apply(op, &args))
            }
            _ => None,
        }
    }

    /// An array of which each iteration writes elements of its own, and reads none but those.
    fn elements(&mut self, axis: AxisId, v: &Variable, others: &mut Vec<NodeId>) -> Option<NodeId> {
        let mut writes = Vec::new();
        let mut at = v.next;
        // conditions under which what is written further down is written
        let mut conds: Vec<(NodeId, bool)> = Vec::new();
        while at != v.carry {
            match self.graph.node(at).clone() {
                Node::Write { array, dims, index, over, mut value } => {
                    let map: Vec<(AxisId, Index)> = dims.iter().copied().zip(index.iter().cloned()).collect();
                    for (cond, yes) in conds.iter().rev() {
                        let old = self.substitute(v.carry, &map);
                        let sides = if *yes { [*cond, value, old] } else { [*cond, old, value] };
                        value = self.graph.apply(Op::Select, &sides);
                    }
                    writes.push((dims, index, over, value));
                    at = array;
                }
                Node::Apply(Op::When, args) => at = args[1],
                Node::Load { .. } => at = self.names_inward(at)?,
                Node::Apply(Op::Select, args) if writes.is_empty() => {
                    let (a, b) = (self.reads(&[args[1]], v.carry), self.reads(&[args[2]], v.carry));
                    match (a && args[2] == v.carry, b && args[1] == v.carry) {
                        (true, _) => (conds.push((args[0], true)), at = args[1]).1,
                        (_, true) => (conds.push((args[0], false)), at = args[2]).1,
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        if conds.iter().any(|c| self.reads(&[c.0], v.carry)) {
            return None;
        }
        // each iteration has positions of its own, in one dimension at least
        let (dims, first) = (writes.first()?.0.clone(), writes.first()?.1.clone());
        if writes.iter().any(|w| w.0 != dims) {
            return None;
        }
        let own = (0..dims.len()).find(|d| self.graph.windows(axis, *d, &writes))?;
        // the carry is read at the very positions that are written, if at all
        let mut map = BTreeMap::new();
        for (dims, index, _, _) in &writes {
            let at: Vec<(AxisId, Index)> = dims.iter().copied().zip(index.iter().cloned()).collect();
            let (inside, outside) = (self.substitute(v.carry, &at), self.substitute(v.init, &at));
            map.insert(inside, outside);
        }
        map.remove(&v.carry);
        let mut values: Vec<NodeId> = writes.iter().map(|w| w.3).collect();
        let count = values.len();
        values.extend(others.iter());
        let mut gathered: Vec<NodeId> =
            writes.iter().flat_map(|w| w.1.iter().filter_map(|i| i.gather)).collect();
        let mut values = self.graph.replaced(&values, &mut map);
        gathered.extend(&values);
        if self.reads(&gathered, v.carry) {
            return None;
        }
        *others = values.split_off(count);
        let size = self.graph.sizes.resolve(self.graph.axis_size(dims[own]));
        let whole = writes.len() == 1
            && writes[0].2.is_empty()
            && first[own] == Index::axis(axis)
            && *self.graph.axis_size(axis) == size
            && (0..dims.len()).all(|d| d == own || first[d].as_axis() == Some(dims[d]));
        if whole {
            return Some(self.graph.rename(values[0], &[axis], &[dims[own]]));
        }
        let mut after = v.init;
        for ((dims, index, mut over, _), value) in writes.into_iter().zip(values).rev() {
            over.push(axis);
            over.sort();
            after = self.graph.write(after, dims, index, over, value);
        }
        Some(after)
    }
}
