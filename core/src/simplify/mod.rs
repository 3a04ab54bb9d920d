//! A graph in, an equal and cheaper graph out: small arrays as their elements, inlined renamings, collected terms,
//! recognised idioms, rules by equality saturation, and the stable form of logsumexp.
//!
//! Invariant: the result has the same inputs, sizes and axes, is a function of the argument alone, and never costs
//! more than what came in with its short loops written out.

mod apart;
mod collect;
mod cost;
mod expand;
mod extract;
mod facts;
#[cfg(test)]
mod fixtures;
mod inline;
#[cfg(test)]
mod kinks;
mod lang;
mod pattern;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod random;
mod saturate;
mod slopes;
mod table;
#[cfg(test)]
mod tests;

use crate::ir::{Calling, Graph, Math, Node, NodeId, Op};
use std::collections::BTreeMap;

/// What simplification did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub ops_before: usize,
    pub ops_after: usize,
    /// In quarters of an addition.
    pub cost_before: u64,
    pub cost_after: u64,
    /// Names of the rules that fired, sorted.
    pub fired: Vec<&'static str>,
}

/// Times that collection and saturation follow each other while the cost falls.
const ROUNDS: usize = 3;

type Rooted = (Graph, Vec<NodeId>);

fn cost_of(graph: &Rooted) -> u64 {
    cost::total(&graph.0, &graph.1).1
}

/// An equal graph that costs no more, with the roots in it.
pub fn simplify(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>, Report) {
    let (mut graph, mut roots) = through(graph, roots, reached);
    if graph.math == Math::Real {
        if let Some(other) = apart::apart(&graph, &roots) {
            (graph, roots) = other;
        }
    }
    let mut best = through(&graph, &roots, expand::expand);
    let (ops_before, cost_before) = cost::total(&best.0, &best.1);
    let mut report = Report { ops_before, cost_before, ..Report::default() };
    keep_cheaper(&mut best, |g, r| Some(inline::inline(g, r)), true);
    if graph.math == Math::Real {
        keep_cheaper(&mut best, |g, r| Some(slopes::from_values(g, r)), false);
    }
    for round in 0..ROUNDS {
        let mut fell =
            graph.math == Math::Real && keep_cheaper(&mut best, |g, r| Some(collect::collect(g, r)), false);
        if round > 0 && !fell {
            break;
        }
        let mut fired = Vec::new();
        let saturated = keep_cheaper(
            &mut best,
            |g, r| {
                let found = saturate::saturate(g, r, table::all())?;
                let (g, r) = extract::extract(g, &found)?;
                fired = found.fired;
                Some(expand::expand(&g, &r))
            },
            false,
        );
        if saturated {
            fell = true;
            report.fired.extend(fired);
        }
        if !fell {
            break;
        }
    }
    report.fired.sort();
    report.fired.dedup();
    (report.ops_after, report.cost_after) = cost::total(&best.0, &best.1);
    (best.0, best.1, report)
}

/// An equal graph whose short loops are written out, where the order of sums is free.
pub fn written_out(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let new = match graph.math {
        Math::Real => apart::written_out(graph, roots),
        Math::Strict => None,
    };
    new.unwrap_or_else(|| (graph.clone(), roots.to_vec()))
}

/// A number that counts only under a condition is that number, once its derivative is there. A position keeps its
/// condition: the element may not be.
fn reached(graph: &Graph, roots: &[NodeId]) -> Rooted {
    let (needed, mut out, mut map) = (graph.reachable(roots), graph.emptied(), BTreeMap::new());
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let new = match graph.node(id) {
            Node::Apply(Op::When, args) if graph.dtype(id).is_float() => map.get(&args[1]).copied(),
            // its derivative is taken by now
            Node::Call { callee, args, dims, guard, .. } => {
                let to = |n: NodeId| map.get(&n).copied().unwrap_or(n);
                let args = args.iter().map(|(n, bound)| (to(*n), bound.clone())).collect();
                let calling = Calling { callee: *callee, args, guard: guard.map(to) };
                Some(out.call(calling, dims.clone(), vec![], graph.dtype(id)))
            }
            _ => None,
        };
        let new = new.unwrap_or_else(|| out.copy_node(graph, id, &map));
        map.insert(id, new);
    }
    let roots = roots.iter().filter_map(|r| map.get(r).copied()).collect();
    (out, roots)
}

/// Takes what the pass gives where it costs less, or no more where `ties` are welcome; whether it did.
fn keep_cheaper(
    best: &mut Rooted,
    pass: impl FnOnce(&Graph, &[NodeId]) -> Option<Rooted>,
    ties: bool,
) -> bool {
    let Some(next) = best.0.rebuilt(&best.1, pass) else { return false };
    let (new, old) = (cost_of(&next), cost_of(best));
    let take = new < old || (ties && new == old);
    if take {
        *best = next;
    }
    take
}

/// An equal graph in which idioms are primitives, to be differentiated.
pub fn recognise(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let (graph, roots) = through(graph, roots, inline::inline);
    let (graph, roots) = through(&graph, &roots, |g, r| saturate::rewrite(g, r, table::idioms()));
    through(&graph, &roots, |g, r| saturate::rewrite(g, r, table::late_idioms()))
}

/// Runs a pass with what scans hand on among the roots.
fn through(graph: &Graph, roots: &[NodeId], pass: impl FnOnce(&Graph, &[NodeId]) -> Rooted) -> Rooted {
    graph.rebuilt(roots, |g, r| Some(pass(g, r))).unwrap_or_else(|| (graph.clone(), roots.to_vec()))
}

/// Rules by class, for reports: exact, finite, real, stable.
pub fn rule_counts() -> [usize; 4] {
    use table::Class::*;
    [Exact, Finite, Real, Stable].map(|c| table::all().iter().filter(|r| r.line.class == c).count())
}
