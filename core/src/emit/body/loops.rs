//! Loops over one axis: scalar ones, and vector ones with their rest.
//!
//! Invariant: a loop is vectorised only if every access of its statements fits.

use super::super::{expr, place};
use super::{Body, Frame, Lanes};
use crate::ir::{AxisId, Dtype, Math, Node, Op, RedOp};
use crate::schedule::{Statement, Step, Work};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::BTreeSet;

impl<'a> Body<'a> {
    pub(super) fn statements(&self, steps: &[Step]) -> Vec<usize> {
        let mut out = vec![];
        let mut stack: Vec<&Step> = steps.iter().rev().collect();
        while let Some(step) = stack.pop() {
            match step {
                Step::Run(s) => out.push(*s),
                Step::Loop { body, .. } => stack.extend(body.iter().rev()),
            }
        }
        out
    }

    /// The elements that a statement accumulates into inside of its first `outer` loops do not lie next to each other,
    /// and each turn of these loops has its own.
    fn across(&self, statement: &Statement, outer: usize) -> bool {
        let layout = statement.work.node().and_then(|n| self.plan.storage.get(&n)).map(|s| &s.layout);
        let (Some(layout), Some(entered)) = (layout, statement.loops.get(..outer)) else { return false };
        let first = layout.iter().take_while(|a| entered.contains(a)).count();
        let apart = layout[first..].iter().any(|a| entered.contains(a));
        apart && statement.scans.is_empty() && entered.iter().all(|a| layout.contains(a))
    }

    pub(super) fn looped(&mut self, axis: AxisId, body: &[Step]) {
        let depth = self.frames.len() - 1;
        let mut inside = self.statements(body);
        let (kept, back) = (self.kept_in(axis, &inside), self.gone_back_in(axis, &inside));
        let skipped = kept.map(|sweep| self.only(&inside, &sweep.first));
        inside.retain(|s| !self.skip.contains(s));
        if inside.is_empty() {
            return;
        }
        let end = self.end_of(axis, body, &inside);
        let (variables, reversed) = self.variables(axis, &inside);
        for (carry, last) in &variables {
            self.start(*carry, *last);
        }
        kept.into_iter().for_each(|sweep| self.before_kept(sweep));
        let vector = variables.is_empty() && self.vectorises(axis, body);
        for s in &inside {
            let statement = &self.plan.statements[*s];
            if let Some((op, start, outer)) = self.reduction(statement) {
                // where its elements lie across the loops, the whole array is set at once
                let at = outer.map(|outer| if self.across(statement, outer) { 0 } else { outer });
                if at == Some(depth) {
                    self.fill(*s, expr::initial(op));
                }
                if start == depth {
                    self.declare(*s, op, axis, vector);
                }
            }
            if let Work::Part(_, 0) = statement.work {
                if depth == statement.scans.len() {
                    self.fill(*s, 0.0);
                }
            }
        }
        self.keep(&inside, axis, vector);
        if vector {
            self.vector_loop(axis, body, end);
        } else {
            let hint = ["i", "j", "k", "l", "m", "n"].get(depth).copied().unwrap_or("i");
            let var = self.names.fresh(hint);
            let counts = self.counts_turns(axis, &inside);
            if counts {
                self.start_rows(axis);
            }
            let row = self.top().lanes == Lanes::Tail && self.runs_in_rows(axis, body);
            let bounds = if variables.is_empty() && !row { self.bounds(axis, &inside, depth) } else { None };
            let mut frame = Frame::new(Some(axis), Some(var.clone()), Lanes::One);
            frame.truth = bounds.as_ref().map(|b| b.truth);
            if let Some(top) = self.frames.last().filter(|f| f.lanes.blocks()) {
                (frame.lanes, frame.rest) = (top.lanes, top.rest.clone());
            }
            if row {
                frame.lanes = Lanes::Row;
            }
            let segment = back.map(|sweep| (sweep, self.names.fresh("row")));
            frame.rows = match &segment {
                Some((sweep, row)) => Some((sweep.rows, Some(row.clone()))),
                None => kept.map(|sweep| (sweep.rows, None)),
            };
            self.frames.push(frame);
            self.steps(body);
            let mut out = self.frames.pop().map(|f| f.out).unwrap_or_default();
            if let Some(sweep) = kept {
                let keep = self.kept_here(sweep, &var);
                out = quote!(#keep #out);
            }
            let end_of = end.map(|end| quote!(#end));
            let (start, end) = bounds.map_or((None, None), |b| (b.start, b.end));
            let start = start.unwrap_or(quote!(0));
            let end = match end {
                None if counts => TokenStream::new(),
                None => end_of.unwrap_or_else(|| self.extent(axis)),
                Some(bound) => end_of.map_or(bound.clone(), |end| quote!((#bound).min(#end))),
            };
            if row {
                let block = self.vector_type(self.loop_float(body), Lanes::Row);
                self.push(quote!(for #var in (#start..#end).step_by(#block::PARTS) { #out }));
                out = TokenStream::new();
            }
            match (segment, counts, reversed) {
                _ if row => {}
                (Some((sweep, row)), ..) => self.back_by_segments(sweep, &var, &row, out),
                (None, true, _) => self.counted_loop(axis, &var, out),
                (None, false, _) => {
                    let walk = self.walk(&var, &start, &end, reversed, &out);
                    self.push(walk);
                }
            }
            self.keep_end(axis, body);
            for (carry, last) in variables {
                self.remains(carry, last);
            }
        }
        skipped.into_iter().for_each(|before| self.skip = before);
        self.write_last(&inside, axis, vector);
        for s in &inside {
            if let Some((op, start, outer)) = self.reduction(&self.plan.statements[*s]) {
                if start == depth {
                    self.finish(*s, op, outer.is_some());
                }
            }
        }
    }

    /// How many positions an axis has.
    pub(super) fn extent(&mut self, axis: AxisId) -> TokenStream {
        self.size(&self.plan.graph.axis_size(axis).clone())
    }

    /// Every access of the loop's statements fits a vector along the axis.
    pub(super) fn vectorises(&self, axis: AxisId, body: &[Step]) -> bool {
        let graph = &self.plan.graph;
        if self.constant()
            || self.points().is_some()
            || graph.axis_size(axis).as_const().is_some_and(|n| n < 4)
        {
            return false;
        }
        // the position depends on the axis through a gathered index
        let moves = |i: &crate::ir::Index| {
            i.gather.is_some_and(|g| graph.axes(g).contains(&axis) || i.terms.iter().any(|t| t.0 == axis))
        };
        let mut float = None;
        let mut same = |d: Dtype| !d.is_float() || *float.get_or_insert(d) == d;
        for step in body {
            let Step::Run(s) = step else { return false };
            let work = &self.plan.statements[*s].work;
            // lanes would add in another order
            let ordered = |n: &crate::ir::NodeId| match graph.node(*n) {
                Node::Reduce(op, over, _) => over.contains(&axis) && matches!(op, RedOp::Sum | RedOp::Prod),
                _ => false,
            };
            let written = match work {
                Work::Reduce(n) if graph.math == Math::Strict && ordered(n) => return false,
                Work::Gemm(_) | Work::Go(_) => return false,
                Work::Call(_) | Work::Zero(_) | Work::Added(_) => return false,
                Work::Map(n) => place::of_stored(self.plan, *n),
                Work::Reduce(n) => {
                    if !matches!(graph.node(*n), Node::Reduce(_, over, _) if over.contains(&axis)) {
                        place::of_stored(self.plan, *n)
                    } else {
                        None
                    }
                }
                Work::Part(n, k) => place::of_part(self.plan, *n, *k),
                // its elements may lie apart
                Work::List(_) => None,
                Work::Write(n, true) => place::of_write(self.plan, *n),
                Work::Write(n, false) | Work::Next { last: n, .. } | Work::Start { last: n, .. } => {
                    place::of_stored(self.plan, *n)
                }
                Work::Carry(n) => {
                    let memory = self.plan.last.get(n).and_then(|last| place::of_stored(self.plan, *last));
                    if memory.is_none_or(|(_, at)| !at.coefficient(axis).is_one()) {
                        return false;
                    }
                    place::of_stored(self.plan, *n)
                }
                Work::Store(k) => Some(place::of_target(self.plan, *k)),
            };
            let stored = written.is_some();
            if written.is_some_and(|(_, at)| {
                !at.coefficient(axis).is_one() || at.gathers.iter().any(|(i, ..)| moves(i))
            }) {
                return false;
            }
            // truth values are stored one by one
            let memory = match work {
                Work::Start { last, .. } => Some(*last),
                work => work.node(),
            };
            if stored && memory.is_some_and(|n| graph.dtype(n) == Dtype::Bool) {
                return false;
            }
            let mut stack = self.plan.expression(work);
            stack.extend(work.node());
            let mut seen = BTreeSet::new();
            while let Some(id) = stack.pop() {
                if !seen.insert(id) || !graph.axes(id).contains(&axis) && work.node() != Some(id) {
                    continue;
                }
                if !same(graph.dtype(id)) {
                    return false;
                }
                if self.plan.storage.contains_key(&id) && work.node() != Some(id) {
                    if !graph.dtype(id).is_float() {
                        return false;
                    }
                    continue;
                }
                match graph.node(id) {
                    Node::Load { array: crate::ir::Array::Input(i), .. } if self.computed.contains(i) => {
                        return false;
                    }
                    Node::Load { index, .. } => {
                        if !graph.dtype(id).is_float() || index.iter().any(moves) {
                            return false;
                        }
                    }
                    Node::Cast(x) if graph.dtype(*x) != Dtype::Int => return false,
                    Node::Apply(..) if graph.dtype(id) == Dtype::Int => return false,
                    Node::Scatter { .. } | Node::Write { .. } | Node::Carry { .. } | Node::Final { .. } => {}
                    // one exponent for all lanes
                    Node::Apply(Op::Powi, args) if graph.axes(args[1]).contains(&axis) => return false,
                    _ => stack.extend(graph.operands(id)),
                }
            }
        }
        true
    }

    pub(super) fn vector_loop(&mut self, axis: AxisId, body: &[Step], end: Option<Ident>) {
        let var = self.names.fresh("at");
        let n = end.as_ref().map_or_else(|| self.extent(axis), |end| quote!(#end));
        let float = self.loop_float(body);
        let v = self.vector_type(float, Lanes::Full);
        let turns = self.unrolls(axis, body);
        let (turn, left) = (self.names.fresh("turn"), self.names.fresh("left"));
        let emit = |this: &mut Self, lanes: Lanes| {
            let mut frame = Frame::new(Some(axis), Some(var.clone()), lanes);
            (frame.turn, frame.rest) = match (turns, lanes) {
                (true, Lanes::Full) => (Some(quote!(#turn)), TokenStream::new()),
                (true, _) => (Some(quote!(0)), quote!(#left)),
                (false, _) => (None, quote!(#n % #v::LEN)),
            };
            this.frames.push(frame);
            this.steps(body);
            this.frames.pop()
        };
        self.direct = self.shared_rows(axis, body);
        let (Some(full), Some(part)) = (emit(self, Lanes::Full), emit(self, Lanes::Part)) else { return };
        self.direct.clear();
        // every vector width divides the extent
        let whole = self.plan.graph.axis_size(axis).as_const().is_some_and(|n| n % 16 == 0);
        let whole = whole && !turns && end.is_none();
        // rows may start behind their arrays where nothing is read
        let some = self.may_be_reversed(axis).then(|| quote!(if #n > 0));
        let step = if turns { quote!((TURNS * #v::LEN)) } else { quote!(#v::LEN) };
        let piece = self.names.fresh("k");
        let (mut open, mut get, mut cut, mut cut_rest) =
            (TokenStream::new(), TokenStream::new(), TokenStream::new(), TokenStream::new());
        for (k, chunk) in full.chunks.iter().enumerate() {
            let Some((base, _)) = self.slices.get(&chunk.slice).cloned() else { continue };
            let row = match self.position(&chunk.at) {
                Some(at) => quote!([#at..][..#n]),
                None => quote!([..#n]),
            };
            let name = &chunk.name;
            let tail = part.chunks.get(k).map_or_else(|| name.clone(), |c| c.name.clone());
            let kept = if whole { quote!(_) } else { quote!(#tail) };
            if chunk.mutable {
                open.extend(quote!(let (mut #name, #kept) = rt::split_mut(&mut #base #row, #step);));
                get.extend(quote!(let #name = #name.get(#piece);));
                cut.extend(quote!(let #name = &mut #name[#turn * #v::LEN..][..#v::LEN];));
                cut_rest.extend(quote!(let #tail = &mut #tail[#turn..];));
            } else {
                open.extend(quote!(let (#name, #kept) = rt::split(&#base #row, #step);));
                get.extend(quote!(let #name = #name.get(#piece);));
                cut.extend(quote!(let #name = &#name[#turn * #v::LEN..][..#v::LEN];));
                cut_rest.extend(quote!(let #tail = &#tail[#turn..];));
            }
        }
        let counts = full.counts;
        let (main, rest) = (full.out, part.out);
        if turns {
            let at = counts.then(|| quote!(let #var = #piece * #step + #turn * #v::LEN;));
            let at_rest = counts.then(|| quote!(let #var = #n - #n % #step + #turn;));
            self.push(quote!(#some {
                #open
                for #piece in 0..#n / #step {
                    #get
                    for #turn in 0..TURNS { #at #cut #main }
                }
                for #turn in (0..#n % #step).step_by(#v::LEN) {
                    let #left = #n % #step - #turn;
                    #at_rest #cut_rest #rest
                }
            }));
            return;
        }
        let at = counts.then(|| quote!(let #var = #piece * #v::LEN;));
        let rest = if whole {
            quote!()
        } else {
            let start = counts.then(|| quote!(let #var = #n - #n % #v::LEN;));
            quote!(if #n % #v::LEN != 0 { #start #rest })
        };
        self.push(quote!(#some { #open for #piece in 0..#n / #v::LEN { #get #at #main } #rest }));
    }

    /// The range of a loop may end before it starts, and is empty then.
    pub(super) fn may_be_reversed(&self, axis: AxisId) -> bool {
        let extent = self.plan.graph.sizes.resolve(self.plan.graph.axis_size(axis));
        extent.terms().iter().any(|t| t.1 < 0)
    }

    pub(super) fn loop_float(&self, body: &[Step]) -> Dtype {
        let statements = self.statements(body);
        let of = |s: &usize| {
            let work = &self.plan.statements[*s].work;
            work.node()
                .into_iter()
                .chain(self.plan.expression(work))
                .map(|n| self.plan.graph.dtype(n))
                .find(|d| d.is_float())
        };
        statements.iter().find_map(of).unwrap_or(Dtype::F64)
    }
}
