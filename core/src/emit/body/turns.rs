//! Loops that count their turns, and the arrays along them, which grow as they go on.
//!
//! Inside of other loops, such an array has rows of different lengths: one for each position of the loops around, one after
//! another. Where rows are read in another turn of those loops, it is kept where each starts and how long it is. Invariant: a
//! number of turns is named in the loops that it belongs to, and after its own loop.

use super::super::place;
use super::super::place::Slice;
use super::{Body, Frame};
use crate::ir::{AxisId, Index, Node, NodeId, ScanId, Size};
use crate::schedule::{End, Loop, Place, Plan, Step, Work};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of counted axes, besides what the frames hold.
#[derive(Default)]
pub(super) struct Turns {
    /// How many rows there are so far, for the axes whose rows lie one after another.
    totals: BTreeMap<AxisId, Ident>,
    /// Axes whose turns are read in other turns of the loops around than those that count them.
    kept: BTreeSet<AxisId>,
    /// What is written in the loop that counts the turns along an axis.
    filled: BTreeSet<(AxisId, NodeId)>,
}

impl Turns {
    pub fn of(plan: &Plan) -> Turns {
        let mut out = Turns::default();
        let paths = plan.paths();
        for (g, statement) in plan.statements.iter().enumerate() {
            let Work::Go(scan) = statement.work else { continue };
            let axis = plan.graph.scan(scan).axis;
            let counting = paths[g].last();
            let inside = |s: &usize| paths[*s].iter().any(|l| Some(l) == counting);
            for s in (0..paths.len()).filter(inside) {
                out.filled.extend(plan.statements[s].work.node().map(|n| (axis, n)));
            }
            let Some(last) = plan.graph.within(axis).last() else { continue };
            let around = |s: usize| paths[s].iter().position(|p| p.1 == *last).map(|k| &paths[s][..=k]);
            let elsewhere = |s: &usize| around(*s) != around(g) && reads_turns(plan, *s, axis);
            if (0..plan.statements.len()).filter(|s| !plan.idle.contains(s)).any(|s| elsewhere(&s)) {
                out.kept.insert(axis);
            }
        }
        out
    }
}

/// A statement has to do with the positions along an axis, or with how many there are.
fn reads_turns(plan: &Plan, s: usize, axis: AxisId) -> bool {
    let statement = &plan.statements[s];
    let mut stack = plan.expression(&statement.work);
    stack.extend(statement.work.node());
    let mut seen = BTreeSet::new();
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        let counts = matches!(plan.graph.node(id), Node::Size(size) if size.as_sym() == plan.graph.axis_size(axis).as_sym());
        let lies = plan.storage.get(&id).is_some_and(|s| s.layout.contains(&axis));
        if counts || lies || plan.graph.axes(id).contains(&axis) {
            return true;
        }
        if !plan.storage.contains_key(&id) || statement.work.node() == Some(id) {
            stack.extend(plan.graph.operands(id));
        }
    }
    statement.loops.contains(&axis)
}

impl<'a> Body<'a> {
    /// Before all loops: counters of rows.
    pub(super) fn count_rows(&mut self) {
        let plan = self.plan;
        self.turns = Turns::of(plan);
        let stored = plan.storage.values().filter(|s| s.place != Place::Local).map(|s| &s.layout[..]);
        let ends = plan.ends.kept.values().map(Vec::as_slice);
        let layouts = stored.chain(self.turns.kept.iter().map(|a| plan.graph.within(*a))).chain(ends);
        let axes: BTreeSet<AxisId> =
            layouts.filter_map(|l| place::ragged(&plan.graph, l).map(|k| l[k])).collect();
        for axis in axes {
            let name = self.names.fresh("rows");
            self.push(quote!(let mut #name = 0usize;));
            self.turns.totals.insert(axis, name);
        }
    }

    /// The loop goes on as long as a condition holds.
    pub(super) fn counts_turns(&self, axis: AxisId, inside: &[usize]) -> bool {
        let goes = |s: &usize| matches!(self.plan.statements[*s].work, Work::Go(scan) if self.plan.graph.scan(scan).axis == axis);
        inside.iter().any(goes)
    }

    /// Leaves the loop where it does not go on.
    pub(super) fn go(&mut self, scan: ScanId, frame: usize) {
        let info = self.plan.graph.scan(scan).clone();
        let Some(go) = info.go else { return };
        self.prepare(&[go]);
        let go = self.operand(go, frame);
        self.push(quote!(if !#go { break; }));
    }

    /// Before the body of a counted loop is written: where its rows start.
    pub(super) fn start_rows(&mut self, axis: AxisId) {
        if let Some(total) = self.turns.totals.get(&axis).cloned() {
            let start = self.names.fresh("start");
            self.push(quote!(let #start = #total;));
            self.top().starts.insert(axis, start);
        }
    }

    /// A loop around `out`, which leaves it; afterwards the number of turns is known.
    pub(super) fn counted_loop(&mut self, axis: AxisId, var: &Ident, out: TokenStream) {
        self.push(quote!(let mut #var = 0usize;));
        let before = std::mem::take(&mut self.top().out);
        // room for what this iteration keeps
        for node in self.growing(axis, true) {
            self.grow(node, axis, quote!(#var + 1));
        }
        let room = std::mem::replace(&mut self.top().out, before);
        self.top().counted.insert(axis);
        let turns = self.size(&self.plan.graph.axis_size(axis).clone());
        self.push(quote! {
            loop { #room #out #var += 1; }
            let #turns = #var;
        });
        if let Some(total) = self.turns.totals.get(&axis).cloned() {
            self.push(quote!(#total += #turns;));
        }
        if self.turns.kept.contains(&axis) {
            let at = self.around(axis);
            let kept = self.name_of(Slice::Turns(axis), true);
            let start = self.top().starts.get(&axis).map_or(quote!(0), |s| quote!(#s));
            self.push(quote!(rt::keep_rows(#kept, #at, #start, #turns);));
        }
        for node in self.growing(axis, false) {
            self.grow(node, axis, turns.clone());
        }
    }

    // ---- loops that end before their last position ----

    /// Before a loop that ends early: the variable that says where, and zeros where the loop does not come.
    pub(super) fn end_of(&mut self, axis: AxisId, body: &[Step], inside: &[usize]) -> Option<Ident> {
        let key = self.plan.loop_of(axis, body)?;
        let (flag, end) = *self.plan.ends.flags.get(&key)?;
        for s in inside {
            let map = matches!(self.plan.statements[*s].work, Work::Map(_));
            if map && self.plan.ends.cleared.contains(s) {
                self.fill(*s, 0.0);
            }
        }
        match end {
            End::Here => return self.ends.get(&flag).cloned(),
            End::Kept => {
                let (end, axes) = (self.names.fresh("end"), self.plan.ends.kept.get(&flag)?.clone());
                let at = self.position_of(&axes);
                let kept = self.name_of(Slice::Ends(flag), false);
                self.push(quote!(let #end = #kept[#at];));
                return Some(end);
            }
            End::Asked => {}
        }
        if self.plan.ends.flags.values().any(|(f, end)| *f == flag && *end != End::Asked) {
            let (end, n) = (self.names.fresh("end"), self.extent(axis));
            self.push(quote!(let mut #end = #n;));
            self.ends.insert(flag, end);
        }
        None
    }

    /// Leaves the loop where its flag is false.
    pub(super) fn end_loop(&mut self, flag: NodeId, value: &Ident) {
        let plan = self.plan;
        let asks = |(l, (f, end)): (&Loop, &(NodeId, End))| (*f == flag && *end == End::Asked).then_some(l.0);
        let Some(axis) = plan.ends.flags.iter().find_map(asks) else { return };
        let at = self.variable(axis).and_then(|f| f.var.clone());
        let end = self.ends.get(&flag).zip(at).map(|(end, at)| quote!(#end = #at;));
        self.push(quote!(if !#value { #end break; }));
    }

    /// After the loop that asks a flag: where it ended.
    pub(super) fn keep_end(&mut self, axis: AxisId, body: &[Step]) {
        let Some((flag, End::Asked)) =
            self.plan.loop_of(axis, body).and_then(|l| self.plan.ends.flags.get(&l)).copied()
        else {
            return;
        };
        let Some(axes) = self.plan.ends.kept.get(&flag).cloned() else { return };
        let Some(end) = self.ends.get(&flag).cloned() else { return };
        let at = self.position_of(&axes);
        let kept = self.name_of(Slice::Ends(flag), true);
        self.push(quote!(rt::grow(#kept, #at + 1); #kept[#at] = #end;));
    }

    /// The position of loops, as one number.
    fn position_of(&mut self, axes: &[AxisId]) -> TokenStream {
        let index: Vec<Index> = axes.iter().map(|a| Index::axis(*a)).collect();
        self.position(&place::within(&self.plan.graph, axes, &index)).unwrap_or(quote!(0))
    }

    /// The position of the loops around a counted axis, as one number.
    fn around(&mut self, axis: AxisId) -> TokenStream {
        let within = self.plan.graph.within(axis).to_vec();
        self.position_of(&within)
    }

    /// Names how often loops turn that a size counts, where that is not known yet.
    pub(super) fn name_turns(&mut self, size: &Size) {
        let graph = &self.plan.graph;
        if graph.sizes.within(size).is_empty() {
            return;
        }
        let size = graph.sizes.resolve(size);
        let counted: Vec<AxisId> = (0..graph.axis_count() as u32)
            .map(AxisId)
            .filter(|a| !graph.within(*a).is_empty())
            .filter(|a| graph.axis_size(*a).as_sym().is_some_and(|s| size.mentions(s)))
            .collect();
        counted.into_iter().for_each(|axis| self.know_turns(axis));
    }

    /// Where the rows of the current position of the loops around start.
    pub(super) fn start_of(&mut self, axis: AxisId) -> TokenStream {
        let known = |this: &Self| this.frames.iter().rev().find_map(|f| f.starts.get(&axis)).cloned();
        if known(self).is_none() {
            self.know_turns(axis);
        }
        match known(self) {
            Some(start) => quote!(#start),
            None => {
                self.bugs.push(format!("the rows of axis {} have no start", axis.0));
                quote!(0)
            }
        }
    }

    fn know_turns(&mut self, axis: AxisId) {
        if self.frames.iter().any(|f| f.counted.contains(&axis)) {
            return;
        }
        let last = self.plan.graph.within(axis).last().copied();
        let frame = self.frames.iter().rposition(|f| f.axis.is_some() && f.axis == last);
        let (Some(frame), true) = (frame, self.turns.kept.contains(&axis)) else {
            self.bugs.push(format!("how often axis {} turns is not known here", axis.0));
            return;
        };
        // as if in the loop around
        let inner: Vec<Frame> = self.frames.split_off(frame + 1);
        self.top().counted.insert(axis);
        let at = self.around(axis);
        let kept = self.name_of(Slice::Turns(axis), false);
        let turns = self.size(&self.plan.graph.axis_size(axis).clone());
        let start = match self.turns.totals.contains_key(&axis) {
            true => {
                let start = self.names.fresh("start");
                self.top().starts.insert(axis, start.clone());
                quote!(#start)
            }
            false => quote!(_),
        };
        self.push(quote!(let (#start, #turns) = rt::kept_rows(#kept, #at);));
        self.frames.extend(inner);
    }

    /// Arrays along an axis whose turns are counted, by whether the counting loop fills them.
    fn growing(&mut self, axis: AxisId, inside: bool) -> Vec<NodeId> {
        let plan = self.plan;
        let fills = |n: NodeId| self.turns.filled.contains(&(axis, n));
        let mut out = vec![];
        for (node, storage) in &plan.storage {
            let at = storage.layout.iter().position(|a| *a == axis);
            if storage.place != Place::Buffer || at.is_none() || fills(*node) != inside {
                continue;
            }
            match place::ragged(&plan.graph, &storage.layout) {
                Some(k) if at.is_some_and(|at| at < k) => continue,
                Some(k) if at == Some(k) => {}
                None if at == Some(0) => {}
                _ => self.bugs.push("an array in which counted turns do not come first".into()),
            }
            out.push(*node);
        }
        out
    }

    /// Makes room for rows along an axis.
    fn grow(&mut self, node: NodeId, axis: AxisId, mut rows: TokenStream) {
        let Some(storage) = self.plan.storage.get(&node) else { return };
        let at = storage.layout.iter().position(|a| *a == axis).unwrap_or(0);
        let sizes: Vec<Size> =
            storage.layout[at + 1..].iter().map(|a| self.plan.graph.axis_size(*a).clone()).collect();
        if at > 0 {
            let start = self.start_of(axis);
            rows = quote!(#start + #rows);
        }
        let name = self.name_of(Slice::Buffer(node), true);
        let row = Size::product(&sizes);
        if row.is_one() {
            self.push(quote!(rt::grow(#name, #rows);));
        } else {
            let row = self.size(&row);
            self.push(quote!(rt::grow(#name, (#rows) * #row);));
        }
    }
}
