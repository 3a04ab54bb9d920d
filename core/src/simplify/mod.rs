//! A graph in, an equal and cheaper graph out: inlined renamings, collected terms, recognised idioms, rules by equality
//! saturation, and the stable form of logsumexp.
//!
//! Invariant: the result has the same inputs, sizes and axes, is a function of the argument alone, and never costs
//! more than what came in.

mod cost;
mod extract;
mod facts;
mod lang;
mod pattern;
#[cfg(test)]
mod proof;
mod saturate;
mod table;

use crate::ir::{Graph, NodeId};

/// What simplification did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub ops_before: usize,
    pub ops_after: usize,
    /// In quarters of an addition.
    pub cost_before: u64,
    pub cost_after: u64,
    /// Names of the rules that fired, in the order of the table.
    pub fired: Vec<&'static str>,
}

/// An equal graph that costs no more, with the roots in it.
pub fn simplify(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>, Report) {
    let (ops_before, cost_before) = cost::total(graph, roots);
    let mut report = Report { ops_before, cost_before, ..Report::default() };
    let mut best = (graph.clone(), roots.to_vec());
    if let Some(found) = saturate::saturate(&best.0, &best.1, table::all()) {
        if let Some(next) = extract::extract(&best.0, &found) {
            if cost::total(&next.0, &next.1).1 < cost::total(&best.0, &best.1).1 {
                best = next;
                report.fired = found.fired;
            }
        }
    }
    (report.ops_after, report.cost_after) = cost::total(&best.0, &best.1);
    (best.0, best.1, report)
}

/// An equal graph in which idioms are primitives, to be differentiated.
pub fn recognise(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let (graph, roots) = saturate::rewrite(graph, roots, table::idioms());
    saturate::rewrite(&graph, &roots, table::late_idioms())
}

/// Rules by class, for reports: exact, finite, real, stable.
pub fn rule_counts() -> [usize; 4] {
    use table::Class::*;
    [Exact, Finite, Real, Stable].map(|c| table::all().iter().filter(|r| r.line.class == c).count())
}
