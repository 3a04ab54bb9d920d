//! Positions, loads, stores and fills.
//!
//! Invariant: every computed position is checked, or lies inside by the checks on entry.

use super::super::names::join;
use super::super::place::{Linear, Slice};
use super::super::{expr, place};
use super::{Body, Chunk, Frame, Lanes};
use crate::ir::{Array, AxisId, Dtype, Index, Node, RedOp, Size};
use crate::schedule::Work;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, ToTokens};

impl<'a> Body<'a> {
    pub(super) fn variable(&self, axis: AxisId) -> Option<&Frame> {
        self.frames.iter().rev().find(|f| f.axis == Some(axis))
    }

    /// The position as a `usize` expression; `None` for nothing to add.
    pub(super) fn position(&mut self, at: &Linear) -> Option<TokenStream> {
        let mut plus: Vec<TokenStream> = vec![];
        let mut minus: Vec<TokenStream> = vec![];
        if at.offset.as_const() != Some(0) {
            plus.push(self.size(&at.offset));
        }
        for (axis, c) in &at.axes {
            let rows = |f: &Frame| f.rows.clone().filter(|r| r.0 == *axis);
            let row = self.frames.iter().rev().find_map(rows);
            let var = match row {
                Some((_, None)) => continue,
                Some((_, row)) => row,
                None => self.variable(*axis).and_then(|f| f.var.clone()),
            };
            let Some(var) = var else {
                self.bugs.push(format!("axis {} is outside of its loop", axis.0));
                continue;
            };
            if c.is_one() {
                plus.push(quote!(#var));
            } else if c.as_const().is_some_and(|c| c < 0) {
                let c = self.size(&c.scale(-1));
                minus.push(quote!(#var * #c));
            } else {
                let c = self.size(c);
                plus.push(quote!(#var * #c));
            }
        }
        for (axis, stride) in &at.starts {
            let start = self.start_of(*axis);
            match stride.is_one() {
                true => plus.push(start),
                false => {
                    let stride = self.size(stride);
                    plus.push(quote!(#start * #stride));
                }
            }
        }
        for (index, stride, below) in &at.gathers {
            // the whole position along the dimension, checked: a wrong one would read a neighbour
            let mut parts = vec![];
            if let Some(node) = index.gather {
                parts.push(self.int(node));
            }
            if index.offset.as_const() != Some(0) {
                parts.push(self.signed_size(&index.offset));
            }
            for (axis, c) in &index.terms {
                if let Some(var) = self.variable(*axis).and_then(|f| f.var.clone()) {
                    let c = self.signed_size(c);
                    parts.push(quote!(#var as isize * #c));
                }
            }
            let (sum, below) = (join(&parts, quote!(+)), self.size(below));
            let index = match self.constant() {
                false => quote!(rt::bounded(#sum, #below)),
                true => {
                    let what = self.looked_up(index);
                    quote!(::chainrule::rt::chosen(#sum, #below, #what))
                }
            };
            if stride.is_one() {
                plus.push(index);
            } else {
                let stride = self.size(stride);
                plus.push(quote!(#index * #stride));
            }
        }
        if plus.is_empty() && minus.is_empty() {
            return None;
        }
        let mut out = if plus.is_empty() { quote!(0) } else { join(&plus, quote!(+)) };
        for m in minus {
            out.extend(quote!(- #m));
        }
        Some(out)
    }

    /// What stands where a position that is looked up lies outside.
    fn looked_up(&self, index: &Index) -> String {
        let graph = &self.plan.graph;
        let of = match index.gather.map(|g| graph.node(g)) {
            Some(Node::Load { array: Array::Input(i), .. }) => format!("`{}`", graph.input(*i).name),
            _ => "a computed position".to_string(),
        };
        format!("{}: {of} is out of range of what it chooses from", self.function)
    }

    pub(super) fn read(
        &mut self,
        slice: Slice,
        at: &Linear,
        frame: usize,
        lanes: Lanes,
        dtype: Dtype,
    ) -> TokenStream {
        let v = self.vector_type(dtype, lanes);
        if lanes == Lanes::One {
            let name = self.name_of(slice, false);
            if let Slice::Input(i) = slice {
                if self.plan.graph.input(i).dims.is_empty() {
                    if dtype == Dtype::Bool {
                        return quote!(#name);
                    }
                    return self.splat(&v, &quote!(#name));
                }
            }
            let zero = match dtype {
                Dtype::Bool => quote!(false),
                Dtype::Int => quote!(0),
                _ => self.splat(&v, &quote!(0.0)),
            };
            return self.where_reached(at, frame, &zero, &|run| {
                let at = run.position(at).unwrap_or(quote!(0));
                match dtype {
                    Dtype::Bool => quote!(#name[#at]),
                    Dtype::Int => quote!((#name[#at] as isize)),
                    _ => run.splat(&v, &quote!(#name[#at])),
                }
            });
        }
        if lanes.blocks() {
            return self.read_points(slice, at, lanes, dtype);
        }
        let Some(axis) = self.frames[frame].axis else { return quote!(()) };
        let c = at.coefficient(axis);
        if c.is_one() && self.direct.contains(&slice) {
            let row = self.at_once(slice, at, frame, axis);
            return match lanes {
                Lanes::Part => quote!(#v::load_part(&#row)),
                _ => quote!(#v::load(&#row)),
            };
        }
        if c.is_one() {
            let chunk = self.chunk(slice, at, frame, axis, false);
            return match lanes {
                Lanes::Part => quote!(#v::load_part(#chunk)),
                _ => quote!(#v::load(#chunk)),
            };
        }
        // elements that lie apart
        self.frames[frame].counts = true;
        let name = self.name_of(slice, false);
        let rest = at.without(axis);
        let base = self.position(&rest).unwrap_or(quote!(0));
        let var = self.frames[frame].var.clone();
        let extent = self.plan.graph.axis_size(axis).clone();
        let n = self.size(&extent);
        if c.as_const().is_some_and(|c| c < 0) {
            let c = self.size(&c.scale(-1));
            quote!(#v::from_fn(|l| if #var + l < #n { #name[#base - (#var + l) * #c] } else { Default::default() }))
        } else {
            let c = self.size(&c);
            match lanes {
                Lanes::Part => {
                    let ends = self.plan.ends.flags.keys().any(|l| l.0 == axis);
                    let left = if ends { self.frames[frame].rest.clone() } else { quote!(#n - #var) };
                    quote!(#v::load_strided_part(&#name[#base + #var * #c..], #c, #left))
                }
                _ => quote!(#v::load_strided(&#name[#base + #var * #c..], #c)),
            }
        }
    }

    /// The variable of a run of elements along the vector axis.
    pub(super) fn chunk(
        &mut self,
        slice: Slice,
        at: &Linear,
        frame: usize,
        axis: AxisId,
        mutable: bool,
    ) -> Ident {
        let at = at.without(axis);
        if let Some(chunk) = self.frames[frame].chunks.iter_mut().find(|c| c.slice == slice && c.at == at) {
            chunk.mutable |= mutable;
            return chunk.name.clone();
        }
        let base = self.name_of(slice, mutable);
        let name = self.names.fresh(&format!("{base}_c"));
        self.frames[frame].chunks.push(Chunk { slice, at, name: name.clone(), mutable });
        name
    }

    /// Writes a value of the top frame to memory.
    pub(super) fn write(
        &mut self,
        slice: Slice,
        at: &Linear,
        value: TokenStream,
        update: Option<RedOp>,
        dtype: Dtype,
    ) {
        let frame = self.frames.len() - 1;
        let lanes = self.frames[frame].lanes;
        let v = self.vector_type(dtype, lanes);
        if let (Lanes::One, Some(condition)) = (lanes, self.reached(at)) {
            self.prepare(&[condition]);
            let holds = self.operand_as(condition, frame, Lanes::One);
            let (inside, ()) = self.under(condition, |run| run.write(slice, at, value, update, dtype));
            self.push(quote!(if #holds { #inside }));
            return;
        }
        if lanes == Lanes::One {
            let name = self.name_of(slice, true);
            let at = self.position(at).unwrap_or(quote!(0));
            let tokens = match update {
                None if dtype == Dtype::Bool => quote!(#name[#at] = #value;),
                None if dtype == Dtype::Int => quote!(#name[#at] = (#value) as usize;),
                None => {
                    let value = self.number(&value);
                    quote!(#name[#at] = #value;)
                }
                Some(op) => {
                    let old = self.splat(&v, &quote!(#name[#at]));
                    let new = self.combine(op, dtype, &old, &value);
                    let new = self.number(&quote!((#new)));
                    quote!(#name[#at] = #new;)
                }
            };
            self.push(tokens);
            return;
        }
        if lanes.blocks() {
            self.write_points(slice, at, value, update, dtype);
            return;
        }
        let Some(axis) = self.frames[frame].axis else { return };
        let stride = at.coefficient(axis);
        if !stride.is_one() {
            if update.is_some() || stride.as_const().is_some_and(|c| c <= 0) {
                self.bugs.push("a vector is added to elements that lie apart".into());
                return;
            }
            self.frames[frame].counts = true;
            let (name, stride) = (self.name_of(slice, true), self.size(&stride));
            let base = self.position(&at.without(axis)).unwrap_or(quote!(0));
            let var = self.frames[frame].var.clone();
            let extent = self.plan.graph.axis_size(axis).clone();
            let n = self.size(&extent);
            let count = match lanes {
                Lanes::Part => quote!(#n - #var),
                _ => quote!(#v::LEN),
            };
            self.push(
                quote!(rt::store_strided(#value, &mut #name[#base + #var * #stride..], #stride, #count);),
            );
            return;
        }
        let chunk = match self.direct.contains(&slice) {
            true => {
                self.name_of(slice, true);
                self.at_once(slice, at, frame, axis)
            }
            false => self.chunk(slice, at, frame, axis, true).into_token_stream(),
        };
        let (read, chunk) = match self.direct.contains(&slice) {
            true => (quote!(&#chunk), quote!(&mut #chunk)),
            false => (chunk.clone(), chunk),
        };
        let (load, store) = match lanes {
            Lanes::Part => (quote!(load_part), quote!(store_part)),
            _ => (quote!(load), quote!(store)),
        };
        let value = match update {
            None => value,
            Some(op) => {
                let old = quote!(#v::#load(#read));
                let new = expr::combine(op, &old, &value);
                quote!((#new))
            }
        };
        self.push(quote!(#value.#store(#chunk);));
    }

    /// Sets the elements that a statement accumulates into, for the current position of the loops around.
    pub(super) fn fill(&mut self, s: usize, value: f64) {
        let Some(node) = self.plan.statements[s].work.node() else { return };
        let Some((slice, _)) = place::of_stored(self.plan, node) else { return };
        if self.plan.grown.contains(&node) {
            return;
        }
        let dtype = self.plan.graph.dtype(node);
        let number = expr::number(value, dtype == Dtype::F32);
        if self.points().is_some() {
            self.fill_points(node, slice, number);
            return;
        }
        let name = self.name_of(slice, true);
        let layout = self.plan.storage.get(&node).map(|s| s.layout.clone()).unwrap_or_default();
        let entered: Vec<AxisId> =
            self.frames.iter().flat_map(|f| f.axis.into_iter().chain(f.rows.as_ref().map(|r| r.0))).collect();
        let outer = layout.iter().take_while(|a| entered.contains(a)).count();
        if layout[outer..].iter().any(|a| entered.contains(a)) {
            self.bugs.push("an accumulated array has its loops inside out".into());
            return;
        }
        if outer == 0 {
            // rows to come hold zeros
            if place::ragged(&self.plan.graph, &layout).is_some() && value != 0.0 {
                self.bugs.push("an accumulated array whose rows are not there yet".into());
            }
            match self.covered(s) {
                // what the first part assigns needs no zeros
                Some((start, end)) => {
                    let whole =
                        layout.first().map(|a| self.plan.graph.axis_size(*a).clone()).unwrap_or_default();
                    if start.as_const() != Some(0) {
                        let start = self.size(&start);
                        self.set_all(&name, None, Some(start), &number);
                    }
                    if end != whole {
                        let end = self.size(&end);
                        self.set_all(&name, Some(end), None, &number);
                    }
                }
                None => self.set_all(&name, None, None, &number),
            }
            return;
        }
        let graph = &self.plan.graph;
        let inner: Vec<Size> = layout[outer..].iter().map(|a| graph.axis_size(*a).clone()).collect();
        // the position of the first element that is set, in blocks of those that are
        let index: Vec<Index> = layout[..outer].iter().map(|a| Index::axis(*a)).collect();
        let (row, count) = match place::ragged(graph, &layout) {
            Some(k) if k > outer => {
                self.bugs.push("an accumulated array whose rows have different lengths".into());
                return;
            }
            Some(k) if k == outer => {
                let row = self.size(&Size::product(&inner[1..]));
                (self.start_of(layout[k]), Some(row))
            }
            _ => {
                let row = self.position(&place::within(graph, &layout[..outer], &index));
                (row.unwrap_or(quote!(0)), None)
            }
        };
        let len = self.size(&Size::product(&inner));
        let unit = count.unwrap_or_else(|| len.clone());
        if self.constant() {
            let first = self.names.fresh("first");
            self.push(quote!(let #first = (#row) * #unit;));
            self.set_all(&name, Some(quote!(#first)), Some(quote!(#first + #len)), &number);
            return;
        }
        self.push(quote!(#name[(#row) * #unit..][..#len].fill(#number);));
    }

    /// The range of a one-dimensional array that the first part of a scatter assigns.
    pub(super) fn covered(&self, s: usize) -> Option<(Size, Size)> {
        let Work::Part(node, 0) = self.plan.statements.get(s)?.work else { return None };
        if self.plan.ends.cleared.contains(&s) {
            return None;
        }
        let Node::Scatter { view: None, dims, .. } = self.plan.graph.node(node) else { return None };
        let part = self.plan.graph.part(node, 0)?;
        let ([_], [index]) = (&dims[..], &part.index[..]) else { return None };
        match &index.terms[..] {
            [(axis, c)] if c.is_one() && self.lands_once(part) => {
                let size = self.plan.graph.axis_size(*axis);
                let (start, size) = match self.plan.neighbours(node, 0) {
                    Some(pair) => {
                        let here = self.plan.graph.part(node, pair.here)?.index.first()?;
                        (here.offset.clone(), size.add(&Size::constant(1)))
                    }
                    None => (index.offset.clone(), size.clone()),
                };
                let end = self.plan.graph.sizes.resolve(&start.add(&size));
                Some((start, end))
            }
            _ => None,
        }
    }
}
