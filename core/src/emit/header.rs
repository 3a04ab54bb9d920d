//! What a reader wants to know before the code: what it differentiates, how much work it is, what is kept in memory.
//!
//! Invariant: the text is a function of the plans alone.

use crate::ir::{Graph, Math, NodeId};
use crate::schedule::{text, Plan};
use crate::signature::Primal;
use proc_macro2::Ident;

/// What simplification did to a program.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Operations as derived, and after simplification.
    pub operations: [usize; 2],
    /// Names of the rules that fired.
    pub rules: Vec<&'static str>,
}

/// A kernel's plan, with what its text needs.
pub struct Planned {
    /// The function that it belongs to.
    pub name: String,
    pub plan: Plan,
    /// Names of the memory that it writes.
    pub targets: Vec<String>,
    /// The arrays beside arguments and results, with their variables.
    pub stored: Vec<(Ident, NodeId)>,
    pub notes: Notes,
}

/// More names than this are counted.
const MOST_NAMES: usize = 12;
/// Where a line is broken.
const WIDTH: usize = 100;

/// The lines after the first one, which says what the module is.
pub fn lines(primal: &Primal, plans: &[Planned]) -> Vec<String> {
    let mut out = vec![];
    if primal.graph.math == Math::Strict {
        out.push("Every operation keeps the bits that the function's own operations give.".to_string());
    }
    for planned in plans {
        let [before, after] = planned.notes.operations;
        out.push(String::new());
        out.push(format!("`{}`: {before} operations as derived, {after} after simplification", planned.name));
        out.push(String::new());
        let rules: Vec<String> = planned.notes.rules.iter().map(|r| format!("`{r}`")).collect();
        if !rules.is_empty() {
            out.extend(item("rules that fired", &rules));
        }
        let graph = &planned.plan.graph;
        let stored: Vec<String> = planned
            .stored
            .iter()
            .map(|(name, id)| format!("`{name}` {}", text::extent(&planned.plan, *id)))
            .collect();
        out.extend(item("stored", &stored));
        for sweep in &planned.plan.sweeps {
            let state: Vec<NodeId> = sweep.state.iter().map(|(carry, _)| *carry).collect();
            out.extend(item(&format!("kept {}", text::kept(sweep)), &names(graph, &state)));
            let again = planned.stored.iter().filter(|(_, id)| sweep.segment.contains(id));
            let again: Vec<String> = again.map(|(name, _)| format!("`{name}`")).collect();
            out.extend(item("computed again from there", &again));
        }
        out.extend(item("recomputed", &names(graph, &text::recomputed(&planned.plan))));
    }
    out
}

/// The names of values, and how many have none.
fn names(graph: &Graph, list: &[NodeId]) -> Vec<String> {
    let mut names: Vec<String> =
        list.iter().filter_map(|id| graph.name(*id)).map(|n| format!("`{n}`")).collect();
    match list.len() - names.len() {
        0 => {}
        1 => names.push("1 value without a name".to_string()),
        n => names.push(format!("{n} values without a name")),
    }
    names
}

/// An item of a list, broken where it is long.
fn item(title: &str, parts: &[String]) -> Vec<String> {
    if parts.is_empty() {
        return vec![format!("- {title}: nothing")];
    }
    let mut parts = parts.to_vec();
    if parts.len() > MOST_NAMES {
        let last = parts.pop().into_iter().filter(|p| !p.starts_with('`'));
        let rest = parts.len() - (MOST_NAMES - 2);
        parts.truncate(MOST_NAMES - 2);
        parts.push(format!("{rest} more"));
        parts.extend(last);
    }
    let mut out = vec![];
    let mut line = format!("- {title}:");
    for (k, part) in parts.iter().enumerate() {
        let comma = if k + 1 < parts.len() { "," } else { "" };
        if line.chars().count() + part.chars().count() + 2 > WIDTH {
            out.push(std::mem::replace(&mut line, " ".to_string()));
        }
        line.push_str(&format!(" {part}{comma}"));
    }
    out.push(line);
    out
}
