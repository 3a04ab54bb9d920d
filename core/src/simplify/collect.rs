//! Sums and products as lists: like terms, common factors and powers are collected, and factors go in the order of
//! their extents, so that `c·x[i]·y[i,j]` multiplies small things first and what a sum does not run over leaves it.
//!
//! A group is what a sum or a product needs and nothing else needs. Invariant: a group is rebuilt only where that costs
//! less; a term that may be infinite is never cancelled.

use super::cost;
use crate::ir::rebuild::rebuild;
use crate::ir::{AxisId, FastMap, FastSet, Graph, Node, NodeId, Op, RedOp};
use std::collections::BinaryHeap;

/// Groups of more terms than this keep their form.
const MOST_TERMS: usize = 64;
/// How deep common factors are looked for in what remains when a common factor is taken out.
const DEPTH: usize = 8;

/// `coefficient · Π factor^exponent`
#[derive(Clone, PartialEq, Debug)]
struct Term {
    coefficient: f64,
    factors: Vec<(NodeId, u32)>,
}

struct Collect<'a> {
    graph: &'a Graph,
    extents: Vec<u64>,
    /// The users of each node; a root is used by itself.
    users: Vec<Vec<NodeId>>,
    map: Vec<NodeId>,
    /// The nodes that became each node of `out`.
    origins: FastMap<NodeId, Vec<NodeId>>,
    /// The group at hand.
    group: FastSet<NodeId>,
    /// Nodes of `out` whose cost is counted already.
    counted: FastSet<NodeId>,
    out: Graph,
}

/// Walks over a group are no longer than this.
const MOST_STEPS: usize = 512;

fn additive(graph: &Graph, id: NodeId) -> bool {
    graph.dtype(id).is_float() && matches!(graph.node(id), Node::Apply(Op::Add | Op::Sub | Op::Neg, _))
}

fn multiplicative(graph: &Graph, id: NodeId) -> bool {
    graph.dtype(id).is_float() && matches!(graph.node(id), Node::Apply(Op::Mul | Op::Neg, _))
}

/// An equal graph that costs no more.
pub fn collect(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let needed = graph.reachable(roots);
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        for operand in graph.operands(id) {
            if !users[operand.0 as usize].contains(&id) {
                users[operand.0 as usize].push(id);
            }
        }
    }
    roots.iter().for_each(|r| users[r.0 as usize].push(*r));
    let mut run = Collect {
        graph,
        extents: cost::extents(graph),
        users,
        map: vec![NodeId(0); graph.len()],
        origins: FastMap::default(),
        group: FastSet::default(),
        counted: FastSet::default(),
        out: graph.emptied(),
    };
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        run.out.span = graph.span_of(id);
        let new = run.node(id);
        run.out.inherit_name(new, graph, id);
        run.map[id.0 as usize] = new;
        run.origins.entry(new).or_default().push(id);
    }
    let roots = roots.iter().map(|r| run.map[r.0 as usize]).collect();
    (run.out, roots)
}

impl Collect<'_> {
    fn node(&mut self, id: NodeId) -> NodeId {
        let graph = self.graph;
        let inside = |kind: fn(&Graph, NodeId) -> bool| match self.users[id.0 as usize].as_slice() {
            [one] => *one != id && kind(graph, *one),
            _ => false,
        };
        let better = if let Node::Reduce(RedOp::Sum, over, x) = graph.node(id) {
            self.sum_over(id, over, *x)
        } else if additive(graph, id) && !inside(additive) {
            self.group_of_terms(id)
        } else if multiplicative(graph, id) && !inside(multiplicative) {
            self.group_of_factors(id)
        } else {
            None
        };
        better.unwrap_or_else(|| {
            let args: Vec<NodeId> = graph.operands(id).iter().map(|a| self.map[a.0 as usize]).collect();
            rebuild(&mut self.out, graph.node(id), graph.dtype(id), &args)
        })
    }

    /// Finds the products that only `top` needs and, with `sums`, the sums that are terms of it; their cost.
    fn open(&mut self, top: NodeId, sums: bool) -> u64 {
        self.group.clear();
        self.counted.clear();
        let mut heap = BinaryHeap::from([top]);
        let mut cost = 0;
        while let Some(id) = heap.pop() {
            let users = &self.users[id.0 as usize];
            let own = id == top
                || (multiplicative(self.graph, id)
                    && users.iter().all(|u| *u != id && self.group.contains(u)))
                // a sum that is used twice is not multiplied out
                || (sums
                    && additive(self.graph, id)
                    && matches!(users.as_slice(), [u] if *u != id && self.group.contains(u) && additive(self.graph, *u)));
            if own && self.group.len() < MOST_STEPS && self.group.insert(id) {
                cost += cost::node(self.graph, &self.extents, id);
                heap.extend(self.graph.operands(id));
            }
        }
        cost
    }

    /// Flattens the product at `id`; squares are opened even where others need them too.
    fn product(&self, id: NodeId) -> Option<Term> {
        let mut term = Term { coefficient: 1.0, factors: vec![] };
        let mut stack = vec![id];
        let mut steps = 0;
        while let Some(id) = stack.pop() {
            steps += 1;
            if steps > MOST_STEPS {
                return None;
            }
            let own = self.group.contains(&id);
            match self.graph.node(id) {
                Node::Const(bits) => term.coefficient *= f64::from_bits(*bits),
                Node::Apply(Op::Mul, args) if own || args[0] == args[1] => stack.extend(args.iter().rev()),
                Node::Apply(Op::Neg, args) if own => {
                    term.coefficient = -term.coefficient;
                    stack.push(args[0]);
                }
                _ => {
                    let factor = self.map[id.0 as usize];
                    match term.factors.iter_mut().find(|f| f.0 == factor) {
                        Some(known) => known.1 += 1,
                        None => term.factors.push((factor, 1)),
                    }
                }
            }
        }
        term.factors.sort();
        Some(term)
    }

    fn group_of_factors(&mut self, id: NodeId) -> Option<NodeId> {
        let before = self.open(id, false);
        let term = self.product(id)?;
        if self.group.len() < 2 {
            return None;
        }
        let mut after = 0;
        let new = self.monomial(&term, id, &mut after)?;
        (after < before).then_some(new)
    }

    fn group_of_terms(&mut self, id: NodeId) -> Option<NodeId> {
        let graph = self.graph;
        let before = self.open(id, true);
        if self.group.len() < 2 {
            return None;
        }
        let mut terms: Vec<Term> = Vec::new();
        let mut stack = vec![(id, 1.0)];
        let mut steps = 0;
        while let Some((id, sign)) = stack.pop() {
            steps += 1;
            if terms.len() > MOST_TERMS || steps > MOST_STEPS {
                return None;
            }
            let own = self.group.contains(&id);
            match graph.node(id) {
                Node::Apply(Op::Add, args) if own => stack.extend([(args[1], sign), (args[0], sign)]),
                Node::Apply(Op::Sub, args) if own => stack.extend([(args[1], -sign), (args[0], sign)]),
                Node::Apply(Op::Neg, args) if own => stack.push((args[0], -sign)),
                _ => {
                    let mut term = self.product(id)?;
                    term.coefficient *= sign;
                    match terms.iter_mut().find(|t| t.factors == term.factors) {
                        Some(known) => known.coefficient += term.coefficient,
                        None => terms.push(term),
                    }
                }
            }
        }
        // a cancelled term must have been finite
        let vanishes = |t: &Term| t.coefficient == 0.0;
        if terms.iter().any(|t| vanishes(t) && !t.factors.iter().all(|f| self.out.finite(f.0))) {
            return None;
        }
        terms.retain(|t| !vanishes(t));
        let mut after = 0;
        let new = self.sum(terms, id, DEPTH, &mut after)?;
        (after < before).then_some(new)
    }

    /// What a sum does not run over leaves it.
    fn sum_over(&mut self, id: NodeId, over: &[AxisId], x: NodeId) -> Option<NodeId> {
        if !multiplicative(self.graph, x) {
            return None;
        }
        let before = self.open(id, false);
        if !self.group.contains(&x) {
            return None;
        }
        let term = self.product(x)?;
        let depends = |f: &(NodeId, u32)| self.out.axes(f.0).iter().any(|a| over.contains(a));
        let (inner, mut outer): (Vec<_>, Vec<_>) = term.factors.iter().copied().partition(depends);
        if outer.is_empty() && term.coefficient == 1.0 {
            return None;
        }
        let mut after = 0;
        let inner = self.monomial(&Term { coefficient: 1.0, factors: inner }, x, &mut after)?;
        after += cost::reduce(RedOp::Sum) * self.extent(inner);
        let sum = self.out.reduce(RedOp::Sum, over, inner);
        match outer.iter_mut().find(|f| f.0 == sum) {
            Some(known) => known.1 += 1,
            None => outer.push((sum, 1)),
        }
        let whole = self.monomial(&Term { coefficient: term.coefficient, factors: outer }, id, &mut after)?;
        (after < before).then_some(whole)
    }

    fn extent(&self, id: NodeId) -> u64 {
        cost::extent(&self.extents, self.out.axes(id).iter().copied())
    }

    fn apply(&mut self, op: Op, args: &[NodeId], cost: &mut u64) -> NodeId {
        let id = self.out.apply(op, args);
        // what others need anyway, and what is counted already, is free
        let others = self.origins.get(&id).is_some_and(|o| o.iter().any(|n| !self.group.contains(n)));
        if self.out.as_const(id).is_none() && !args.contains(&id) && !others && self.counted.insert(id) {
            *cost += cost::apply(op) * self.extent(id);
        }
        id
    }

    /// Builds a product, small extents first; `like` has its type.
    fn monomial(&mut self, term: &Term, like: NodeId, cost: &mut u64) -> Option<NodeId> {
        let dtype = self.graph.dtype(like);
        let usable = |c: f64| c.is_finite() && (c == 0.0 || c.abs() > 1e-30) && c.abs() < 1e30;
        if !usable(term.coefficient) {
            return None;
        }
        let mut factors = term.factors.clone();
        factors.sort_by_key(|f| (self.extent(f.0), self.out.axes(f.0).to_vec(), f.0));
        let coefficient = term.coefficient.abs();
        let mut acc: Option<NodeId> =
            (coefficient != 1.0 || factors.is_empty()).then(|| self.out.constant(coefficient, dtype));
        for (base, exponent) in factors {
            let power = self.power(base, exponent, cost);
            acc = Some(match acc {
                None => power,
                Some(acc) => self.apply(Op::Mul, &[acc, power], cost),
            });
        }
        let acc = acc?;
        Some(if term.coefficient < 0.0 { self.apply(Op::Neg, &[acc], cost) } else { acc })
    }

    /// By repeated squaring.
    fn power(&mut self, base: NodeId, exponent: u32, cost: &mut u64) -> NodeId {
        let (mut acc, mut square, mut rest) = (None, base, exponent);
        loop {
            if rest & 1 == 1 {
                acc = Some(match acc {
                    None => square,
                    Some(acc) => self.apply(Op::Mul, &[acc, square], cost),
                });
            }
            rest >>= 1;
            if rest == 0 {
                return acc.unwrap_or(base);
            }
            square = self.apply(Op::Mul, &[square, square], cost);
        }
    }

    /// Builds a sum, with common factors taken out and small extents first.
    fn sum(&mut self, mut terms: Vec<Term>, like: NodeId, depth: usize, cost: &mut u64) -> Option<NodeId> {
        let dtype = self.graph.dtype(like);
        while let Some(shared) = if depth > 0 { common(&terms) } else { None } {
            let holds = |t: &Term| match shared {
                Shared::Factor(f) => t.factors.iter().any(|x| x.0 == f),
                Shared::Coefficient(c) => t.coefficient.abs() == c,
            };
            let at = terms.iter().position(holds)?;
            let (mut inner, rest): (Vec<Term>, Vec<Term>) = terms.into_iter().partition(holds);
            for term in &mut inner {
                match shared {
                    Shared::Factor(f) => {
                        term.factors.iter_mut().filter(|x| x.0 == f).for_each(|x| x.1 -= 1);
                        term.factors.retain(|x| x.1 > 0);
                    }
                    Shared::Coefficient(c) => term.coefficient /= c,
                }
            }
            let inner = self.sum(inner, like, depth - 1, cost)?;
            let mut whole = Term { coefficient: 1.0, factors: vec![(inner, 1)] };
            match shared {
                Shared::Factor(f) if f == inner => whole.factors[0].1 = 2,
                Shared::Factor(f) => whole.factors.push((f, 1)),
                Shared::Coefficient(c) => whole.coefficient = c,
            }
            whole.factors.sort();
            terms = rest;
            terms.insert(at.min(terms.len()), whole);
        }
        let extent = |run: &Self, t: &Term| -> u64 {
            let axes = t.factors.iter().flat_map(|f| run.out.axes(f.0).iter().copied());
            let mut axes: Vec<AxisId> = axes.collect();
            axes.sort();
            axes.dedup();
            cost::extent(&run.extents, axes)
        };
        terms.sort_by_key(|t| extent(self, t));
        // a positive term first, so that the others are subtracted
        if let Some(k) = terms.iter().position(|t| t.coefficient > 0.0) {
            if extent(self, &terms[k]) == extent(self, &terms[0]) {
                let head = terms.remove(k);
                terms.insert(0, head);
            }
        }
        let mut acc = None;
        for term in terms {
            acc = Some(match acc {
                None => self.monomial(&term, like, cost)?,
                Some(acc) => {
                    let op = if term.coefficient < 0.0 { Op::Sub } else { Op::Add };
                    let size = Term { coefficient: term.coefficient.abs(), ..term };
                    let id = self.monomial(&size, like, cost)?;
                    self.apply(op, &[acc, id], cost)
                }
            });
        }
        Some(acc.unwrap_or_else(|| self.out.constant(0.0, dtype)))
    }
}

#[derive(Clone, Copy)]
enum Shared {
    Factor(NodeId),
    Coefficient(f64),
}

/// The factor that most terms have, of those that at least two have.
fn common(terms: &[Term]) -> Option<Shared> {
    let mut counts: Vec<(NodeId, usize)> = Vec::new();
    for (f, _) in terms.iter().flat_map(|t| &t.factors) {
        match counts.iter_mut().find(|c| c.0 == *f) {
            Some(known) => known.1 += 1,
            None => counts.push((*f, 1)),
        }
    }
    let best = counts.iter().filter(|c| c.1 > 1).max_by_key(|c| (c.1, std::cmp::Reverse(c.0)));
    if let Some((factor, _)) = best {
        return Some(Shared::Factor(*factor));
    }
    let shared = |c: f64| c != 1.0 && terms.iter().filter(|t| t.coefficient.abs() == c).count() > 1;
    terms.iter().map(|t| t.coefficient.abs()).find(|c| shared(*c)).map(Shared::Coefficient)
}
