//! Applies rules: idioms to a plain graph at once, all rules to an e-graph until nothing new is found.
//!
//! Invariant: the bounds count nodes, rounds and matches and never time, and everything is walked in the order of
//! the input, so the result is a function of the input alone.

use super::facts::Facts;
use super::lang::{Flat, Head, Info, Known, Snapshot, Tables, Term};
use super::pattern::{build, find, Bound, Pat, Sink, View, VARS};
use super::table::{Class, Rule};
use crate::ir::{Dtype, FastSet, Graph, Math, NodeId, Op};
use egg::{EGraph, Id};

/// Rounds of matching and applying.
const ROUNDS: usize = 6;
/// How far up a change can make a pattern match.
const DEPTH: usize = 4;
/// Rewrites inside one rewrite.
const FUEL: usize = 6;

/// The rules that can fire, by the operation at their root.
pub struct Selection {
    rules: Vec<&'static Rule>,
    by_op: Vec<Vec<usize>>,
    by_reduce: Vec<usize>,
}

fn heads(pats: &[Pat]) -> (u128, bool) {
    pats.iter().fold((0, false), |(ops, reduces), p| match p {
        Pat::Apply(op, _) => (ops | 1 << (*op as u32), reduces),
        Pat::Reduce(..) => (ops, true),
        _ => (ops, reduces),
    })
}

impl Selection {
    /// Rules of the allowed classes whose operations occur in the graph or in what other rules make.
    pub fn new(all: &'static [Rule], graph: &Graph, needed: &[bool]) -> Self {
        let (mut ops, mut reduces) = (0u128, false);
        for id in graph.ids().filter(|id| needed[id.0 as usize]) {
            match graph.node(id) {
                crate::ir::Node::Apply(op, _) => ops |= 1 << (*op as u32),
                crate::ir::Node::Reduce(..) => reduces = true,
                _ => {}
            }
        }
        let strict = graph.math == Math::Strict;
        let mut chosen = vec![false; all.len()];
        loop {
            let mut grown = false;
            for (i, rule) in all.iter().enumerate() {
                if chosen[i] || (strict && rule.line.class != Class::Exact) {
                    continue;
                }
                let (left, left_reduces) = heads(&rule.left);
                if left & !ops == 0 && (!left_reduces || reduces) {
                    ops |= heads(&rule.right).0;
                    chosen[i] = true;
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
        let rules: Vec<&'static Rule> =
            all.iter().zip(&chosen).filter(|(_, c)| **c).map(|(r, _)| r).collect();
        let mut by_op = vec![Vec::new(); Op::ALL.len()];
        let mut by_reduce = Vec::new();
        for (i, rule) in rules.iter().enumerate() {
            match rule.root() {
                Some(op) => by_op[op as usize].push(i),
                None => by_reduce.push(i),
            }
        }
        Selection { rules, by_op, by_reduce }
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule may have this term at its root.
    fn at(&self, term: &Term) -> &[usize] {
        match term.head {
            Head::Apply(op) => &self.by_op[op as usize],
            Head::Reduce(..) => &self.by_reduce,
            _ => &[],
        }
    }
}

/// The type of the rule's numbers at a match, or `None` where the rule does not apply to the type.
fn number_type(root: Dtype, bound: &Bound, of: &dyn Fn(Id) -> Dtype) -> Option<Dtype> {
    if root.is_float() {
        return Some(root);
    }
    let operands: Vec<Dtype> = bound.vars.iter().flatten().map(|v| of(*v)).collect();
    match operands.iter().find(|d| **d != Dtype::Bool) {
        Some(Dtype::Int) => None,
        Some(other) => Some(*other),
        None => (root == Dtype::Bool).then_some(Dtype::Bool),
    }
}

/// Whether the condition follows from what is known.
fn holds<'a>(rule: &Rule, bound: &Bound, tables: &Tables, of: &dyn Fn(Id) -> &'a Info) -> bool {
    let mut facts = [Facts::UNKNOWN; VARS];
    for (slot, var) in facts.iter_mut().zip(&bound.vars) {
        if let Some(id) = var {
            let info = of(*id);
            let fixed = bound
                .axes
                .is_some_and(|over| tables.axes(over).iter().all(|a| !tables.axes(info.axes).contains(a)));
            let rest = |at: Id| -> Vec<_> {
                let over = bound.axes.map(|o| tables.axes(o).to_vec()).unwrap_or_default();
                tables.axes(of(at).axes).iter().copied().filter(|a| !over.contains(a)).collect()
            };
            let others: Vec<_> =
                bound.vars.iter().flatten().filter(|o| *o != id).flat_map(|o| rest(*o)).collect();
            let alone = rest(*id).iter().all(|a| others.contains(a));
            *slot = Facts { fixed, alone, ..info.facts };
        }
    }
    (rule.line.holds)(&facts[..rule.line.vars.len()])
}

// ---- plain graphs: idioms replace what they match ----

struct Rewriting<'a> {
    flat: &'a mut Flat,
    selection: &'a Selection,
    fuel: usize,
}

impl Sink for Rewriting<'_> {
    fn dtype_of(&self, id: Id) -> Dtype {
        self.flat.dtype(id)
    }
    fn put(&mut self, term: Term) -> Id {
        let id = self.flat.add(term);
        if self.fuel == 0 {
            return id;
        }
        let mut inner = Rewriting { flat: self.flat, selection: self.selection, fuel: self.fuel - 1 };
        inner.normal(id)
    }
}

impl Rewriting<'_> {
    /// The node after the first idiom that matches, and so on.
    fn normal(&mut self, id: Id) -> Id {
        let mut matches = Vec::new();
        let rules = self.selection.at(&self.flat.terms[usize::from(id)]).to_vec();
        for rule in rules.iter().map(|r| self.selection.rules[*r]) {
            matches.clear();
            find(self.flat, &rule.left, id, &mut matches);
            for bound in &matches {
                let flat = &*self.flat;
                let Some(dtype) = number_type(flat.dtype(id), bound, &|v| flat.dtype(v)) else { continue };
                if !holds(rule, bound, &flat.tables, &|v| &flat.infos[usize::from(v)]) {
                    continue;
                }
                match build(&rule.right, bound, dtype, self) {
                    Some(new) if new != id => return new,
                    _ => {}
                }
            }
        }
        id
    }
}

/// Replaces idioms, operands first.
pub fn rewrite(graph: &Graph, roots: &[NodeId], rules: &'static [Rule]) -> (Graph, Vec<NodeId>) {
    let needed = graph.reachable(roots);
    let selection = Selection::new(rules, graph, &needed);
    if selection.is_empty() {
        return (graph.clone(), roots.to_vec());
    }
    let mut flat = Flat::new(Tables::new(graph));
    let mut map: Vec<Id> = vec![Id::from(0); graph.len()];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        flat.tables.span = graph.span_of(id);
        let term = flat.tables.term(graph, id, &|n| map[n.0 as usize]);
        let mut run = Rewriting { flat: &mut flat, selection: &selection, fuel: FUEL };
        map[id.0 as usize] = run.put(term);
    }
    // back to a graph: what the roots need, in order
    let mut wanted = vec![false; flat.terms.len()];
    roots.iter().for_each(|r| wanted[usize::from(map[r.0 as usize])] = true);
    for i in (0..flat.terms.len()).rev() {
        if wanted[i] {
            flat.terms[i].args.iter().for_each(|a| wanted[usize::from(*a)] = true);
        }
    }
    let mut out = graph.emptied();
    let mut nodes: Vec<NodeId> = vec![NodeId(0); flat.terms.len()];
    for (i, term) in flat.terms.iter().enumerate().filter(|(i, _)| wanted[*i]) {
        let args: Vec<NodeId> = term.args.iter().map(|a| nodes[usize::from(*a)]).collect();
        out.span = flat.infos[i].span;
        nodes[i] = flat.tables.node(&mut out, term, &args);
    }
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let new = usize::from(map[id.0 as usize]);
        if wanted[new] {
            out.inherit_name(nodes[new], graph, id);
        }
    }
    let roots = roots.iter().map(|r| nodes[usize::from(map[r.0 as usize])]).collect();
    (out, roots)
}

// ---- e-graphs ----

/// A saturated e-graph and where the graph's nodes are in it.
pub struct Saturated {
    pub egraph: EGraph<Term, Known>,
    /// The class and the term of each node that the roots need, in order.
    pub incumbent: Vec<(Id, Term)>,
    /// The user's names of classes, in order.
    pub names: Vec<(Id, String)>,
    pub roots: Vec<Id>,
    /// Rules that fired, by name, in the order of the table.
    pub fired: Vec<&'static str>,
}

impl Sink for EGraph<Term, Known> {
    fn dtype_of(&self, id: Id) -> Dtype {
        self[id].data.dtype
    }
    fn put(&mut self, term: Term) -> Id {
        self.add(term)
    }
}

type Match = (usize, Id, Bound, Dtype);

/// Matches of the rules at a class.
fn matches_at<'a, V: View>(
    view: &V,
    tables: &Tables,
    of: &dyn Fn(Id) -> &'a Info,
    selection: &Selection,
    id: Id,
    out: &mut Vec<Match>,
) {
    let mut seen: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for term in view.nodes(id) {
        for r in selection.at(term) {
            if seen.contains(r) {
                continue;
            }
            seen.push(*r);
            let rule = selection.rules[*r];
            found.clear();
            find(view, &rule.left, id, &mut found);
            for bound in &found {
                if let Some(dtype) = number_type(view.dtype(id), bound, &|v| view.dtype(v)) {
                    if holds(rule, bound, tables, of) {
                        out.push((*r, id, *bound, dtype));
                    }
                }
            }
        }
    }
}

/// Applies the rules; `None` where none matches.
pub fn saturate(graph: &Graph, roots: &[NodeId], rules: &'static [Rule]) -> Option<Saturated> {
    let needed = graph.reachable(roots);
    let selection = Selection::new(rules, graph, &needed);
    if selection.is_empty() || !any_match(graph, &needed, &selection) {
        return None;
    }
    let mut egraph = EGraph::new(Known(Tables::new(graph)));
    let mut map: Vec<Id> = vec![Id::from(0); graph.len()];
    let mut nodes = Vec::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        egraph.analysis.0.span = graph.span_of(id);
        let term = egraph.analysis.0.term(graph, id, &|n| map[n.0 as usize]);
        map[id.0 as usize] = egraph.add(term.clone());
        nodes.push((map[id.0 as usize], term));
    }
    egraph.rebuild();
    let limit = 3 * egraph.total_number_of_nodes() + 300;
    let mut fired = vec![false; selection.rules.len()];
    let mut done: FastSet<(usize, Id, Bound)> = FastSet::default();
    let mut before: Vec<State> = Vec::new();
    for _ in 0..ROUNDS {
        let mut found: Vec<Match> = Vec::new();
        let dirty = changed(&egraph, &mut before);
        let view = Snapshot::new(&egraph);
        for id in dirty {
            matches_at(&view, &egraph.analysis.0, &|v| view.info(v), &selection, id, &mut found);
        }
        let mut news = false;
        for (r, id, bound, dtype) in found {
            if egraph.total_size() > limit || !done.insert((r, id, bound)) {
                continue;
            }
            egraph.analysis.0.span = egraph[id].data.span;
            if let Some(new) = build(&selection.rules[r].right, &bound, dtype, &mut egraph) {
                if egraph.union(id, new) {
                    news = true;
                    fired[r] = true;
                }
            }
        }
        egraph.rebuild();
        if !news {
            break;
        }
    }
    let named = |id: NodeId| Some((egraph.find(map[id.0 as usize]), graph.name(id)?.to_string()));
    let names = graph.ids().filter(|id| needed[id.0 as usize]).filter_map(named).collect();
    let incumbent = nodes
        .into_iter()
        .map(|(id, mut term)| {
            term.args.iter_mut().for_each(|a| *a = egraph.find(*a));
            (egraph.find(id), term)
        })
        .collect();
    let roots = roots.iter().map(|r| egraph.find(map[r.0 as usize])).collect();
    let fired = selection.rules.iter().zip(fired).filter(|(_, f)| *f).map(|(r, _)| r.line.name).collect();
    Some(Saturated { egraph, incumbent, names, roots, fired })
}

/// The size and the facts of a class when it was last looked at.
type State = Option<(usize, u64, bool)>;

/// Classes at which something new may match: those that changed, and those above them.
fn changed(egraph: &EGraph<Term, Known>, before: &mut Vec<State>) -> Vec<Id> {
    let first = before.is_empty();
    before.resize(egraph.nodes().len(), None);
    let mut marked = vec![false; egraph.nodes().len()];
    let mut dirty: Vec<Id> = Vec::new();
    for class in egraph.classes() {
        let facts = &class.data.facts;
        let bounds = facts.lo.to_bits() ^ facts.hi.to_bits().rotate_left(17) ^ u64::from(facts.nan);
        let now = Some((class.nodes.len(), bounds ^ u64::from(class.data.axes) << 32, facts.pos));
        if std::mem::replace(&mut before[usize::from(class.id)], now) != now {
            marked[usize::from(class.id)] = true;
            dirty.push(class.id);
        }
    }
    if !first {
        let mut front = dirty.clone();
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for id in front {
                for parent in egraph[id].parents() {
                    let parent = egraph.find(parent);
                    if !std::mem::replace(&mut marked[usize::from(parent)], true) {
                        next.push(parent);
                    }
                }
            }
            dirty.extend(&next);
            front = next;
        }
    }
    dirty.sort();
    dirty
}

/// Whether a rule matches anywhere in the plain graph.
fn any_match(graph: &Graph, needed: &[bool], selection: &Selection) -> bool {
    let mut flat = Flat::new(Tables::new(graph));
    let mut map: Vec<Id> = vec![Id::from(0); graph.len()];
    let mut found = Vec::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let term = flat.tables.term(graph, id, &|n| map[n.0 as usize]);
        let new = flat.add(term);
        map[id.0 as usize] = new;
        matches_at(&flat, &flat.tables, &|v| &flat.infos[usize::from(v)], selection, new, &mut found);
        if !found.is_empty() {
            return true;
        }
    }
    false
}
