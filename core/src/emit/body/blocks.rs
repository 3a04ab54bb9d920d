//! Loops whose points are lanes: a block of vectors at a time, and what is left a vector at a time.
//!
//! Inside, a value that depends on the points is a block, and what does not is a number that all lanes share. Invariant:
//! lanes behind the last point reach no sum over the points and no memory of the caller.

use super::super::place::{Linear, Slice};
use super::super::{expr, place};
use super::{Body, Frame, Lanes};
use crate::ir::{AxisId, Dtype, Node, NodeId, RedOp, Size};
use crate::schedule::{Step, Work};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

impl<'a> Body<'a> {
    /// The axis whose points are lanes here.
    pub(super) fn points(&self) -> Option<AxisId> {
        self.plan.lanes.filter(|_| self.frames.last().is_some_and(|f| f.lanes.blocks()))
    }

    /// How many lanes a node's value has in a frame.
    pub(super) fn lanes_of(&self, id: NodeId, frame: usize) -> Lanes {
        let lanes = self.frames[frame].lanes;
        let shared = lanes.blocks() && self.plan.lanes.is_none_or(|a| !self.plan.graph.axes(id).contains(&a));
        if shared {
            Lanes::One
        } else {
            lanes
        }
    }

    /// The reduction runs over the points that are lanes.
    pub(super) fn joins_points(&self, node: NodeId) -> bool {
        let over = |axis: AxisId| matches!(self.plan.graph.node(node), Node::Reduce(_, over, _) if over.contains(&axis));
        self.plan.lanes.is_some_and(over)
    }

    pub(super) fn lanes_loop(&mut self, axis: AxisId, body: &[Step]) {
        let float = self.loop_float(body);
        let inside = self.statements(body);
        for s in &inside {
            let statement = &self.plan.statements[*s];
            match self.reduction(statement) {
                Some((op, 0, _)) => self.declare(*s, op, axis, true),
                Some((op, _, Some(0))) => self.fill(*s, expr::initial(op)),
                _ => {}
            }
            if matches!(statement.work, Work::Part(node, 0) if !self.is_block(Slice::Buffer(node))) {
                self.fill(*s, 0.0);
            }
        }
        let (at, left) = (self.names.fresh("at"), self.names.fresh("left"));
        let emit = |this: &mut Self, lanes: Lanes| {
            let mut frame = Frame::new(Some(axis), Some(at.clone()), lanes);
            frame.rest = quote!(#left);
            this.frames.push(frame);
            let sums: Vec<Ident> = inside.iter().filter_map(|s| this.sums_of(*s)).collect();
            for s in &inside {
                if matches!(this.plan.statements[*s].work, Work::Part(node, 0) if this.is_block(Slice::Buffer(node)))
                {
                    this.fill(*s, 0.0);
                }
            }
            this.steps(body);
            this.push(quote!(#(#sums.end();)*));
            this.frames.pop().map(|f| f.out).unwrap_or_default()
        };
        let (block, tail) = (emit(self, Lanes::Block), emit(self, Lanes::Tail));
        let n = self.size(&self.plan.graph.axis_size(axis).clone());
        let (of_block, of_tail) =
            (self.vector_type(float, Lanes::Block), self.vector_type(float, Lanes::Tail));
        let whole = self.names.fresh("whole");
        self.push(quote! {
            let #whole = #n - #n % #of_block::LEN;
            for #at in (0..#whole).step_by(#of_block::LEN) { #block }
            for #at in (#whole..#n).step_by(#of_tail::LEN) {
                let #left = #of_tail::LEN.min(#n - #at);
                #tail
            }
        });
        for s in &inside {
            if let Some((op, 0, outer)) = self.reduction(&self.plan.statements[*s]) {
                self.finish(*s, op, outer.is_some());
            }
        }
    }

    /// A variable that takes what a reduction over the points adds to an array, where it does.
    fn sums_of(&mut self, s: usize) -> Option<Ident> {
        let (op, _, outer) = self.reduction(&self.plan.statements[s])?;
        let node = self.plan.statements[s].work.node()?;
        let (slice, _) = place::of_stored(self.plan, node).filter(|_| outer == Some(0))?;
        let (join, v) = (fold(op), self.vector_type(self.plan.graph.dtype(node), Lanes::Full));
        let to = self.name_of(slice, true);
        let name = self.names.fresh(&format!("{to}_sums"));
        self.push(quote!(let mut #name = rt::Sums::<#join, #v>::of(#to);));
        self.top().sums.insert(s, name.clone());
        Some(name)
    }

    /// A value of the top frame, for the points that there are, joined to what the reduction of a statement has so far.
    pub(super) fn join_points(&mut self, s: usize, node: NodeId, value: &Joined, op: RedOp) {
        let dtype = self.plan.graph.dtype(node);
        let v = self.vector_type(dtype, Lanes::Full);
        let tail = self.top().lanes == Lanes::Tail;
        let join = fold(op);
        let value = match value {
            Joined::Product(a, b) if tail => Joined::Value(quote!((#a * #b))),
            value => value.clone(),
        };
        let value = match value {
            Joined::Value(x) if tail => {
                let (left, wide) = (self.top().rest.clone(), self.vector_type(dtype, Lanes::Tail));
                let initial = expr::number(expr::initial(op), dtype == Dtype::F32);
                Joined::Value(match op {
                    RedOp::Sum => quote!(#x.keep(#left)),
                    _ => quote!(#x.keep_or(#left, #wide::splat(#initial))),
                })
            }
            value => value,
        };
        let acc = self.frames.iter().rev().find_map(|f| f.accumulators.get(&s)).cloned();
        let to = match &acc {
            Some(acc) => quote!(#acc),
            None => {
                let start = expr::number(expr::initial(op), dtype == Dtype::F32);
                quote!(#v::splat(#start))
            }
        };
        let joined = match value {
            Joined::Value(x) => quote!(#x.join::<#join>(#to)),
            Joined::Product(a, b) => quote!(#a.join_product(#b, #to)),
        };
        if acc.is_some() {
            self.push(quote!(#to = #joined;));
            return;
        }
        let Some(sums) = self.frames.iter().rev().find_map(|f| f.sums.get(&s)).cloned() else {
            self.bugs.push("a sum over points without an array".into());
            return;
        };
        let at =
            place::of_stored(self.plan, node).and_then(|(_, at)| self.position(&at)).unwrap_or(quote!(0));
        self.push(quote!(#sums.add(#at, #joined);));
    }

    /// The position of an element that is as many numbers as there are points.
    fn in_blocks(&mut self, slice: Slice, at: &Linear, dtype: Dtype, lanes: Lanes) -> TokenStream {
        let points = if lanes == Lanes::Row { Lanes::Tail } else { lanes };
        let v = self.vector_type(dtype, points);
        let start = self.block_start(slice);
        let at = match (self.position(at), at.axes.len()) {
            (None, _) => None,
            (Some(at), 1) if at.clone().into_iter().count() == 1 => Some(quote!(#at * #v::LEN)),
            (Some(at), _) => Some(quote!((#at) * #v::LEN)),
        };
        sum(start, at).unwrap_or(quote!(0))
    }

    /// Where the blocks of these points start, in an array that holds those of all points.
    fn block_start(&mut self, slice: Slice) -> Option<TokenStream> {
        let Slice::Buffer(node) = slice else { return None };
        let storage = self.plan.storage.get(&node).filter(|s| s.lasting)?;
        let sizes = storage.layout.iter().map(|a| self.plan.graph.axis_size(*a));
        let count = self.size(&Size::product(sizes));
        let at = self.variable(self.plan.lanes?).and_then(|f| f.var.clone())?;
        Some(quote!(#at * #count))
    }

    /// Whether each element of a slice is a block.
    pub(super) fn is_block(&self, slice: Slice) -> bool {
        matches!(slice, Slice::Buffer(n) if self.plan.storage.get(&n).is_some_and(|s| s.block))
    }

    /// The elements at the points.
    pub(super) fn read_points(
        &mut self,
        slice: Slice,
        at: &Linear,
        lanes: Lanes,
        dtype: Dtype,
    ) -> TokenStream {
        let v = self.vector_type(dtype, lanes);
        let name = self.name_of(slice, false);
        if self.is_block(slice) {
            let moves = self.row().is_none_or(|axis| at.coefficient(axis).is_one());
            let at = self.in_blocks(slice, at, dtype, lanes);
            if lanes == Lanes::Row && !moves {
                let one = self.vector_type(dtype, Lanes::Full);
                return quote!(#v::repeat(#one::load(&#name[#at..])));
            }
            return quote!(#v::load(&#name[#at..]));
        }
        let Some(axis) = self.plan.lanes else { return quote!(()) };
        let stride = at.coefficient(axis);
        let at = self.position(at).unwrap_or(quote!(0));
        let left = self.top().rest.clone();
        let stride = (!stride.is_one()).then(|| self.size(&stride));
        match (lanes, stride) {
            (Lanes::Tail, None) => quote!(#v::load_part(&#name[#at..][..#left])),
            (_, None) => quote!(#v::load(&#name[#at..])),
            (Lanes::Tail, Some(stride)) => quote!(#v::load_strided_part(&#name[#at..], #stride, #left)),
            (_, Some(stride)) => quote!(#v::load_strided(&#name[#at..], #stride)),
        }
    }

    /// Writes a value of the top frame to the elements at the points.
    pub(super) fn write_points(
        &mut self,
        slice: Slice,
        at: &Linear,
        value: TokenStream,
        update: Option<RedOp>,
        dtype: Dtype,
    ) {
        let lanes = self.top().lanes;
        let value = match update {
            Some(op) => {
                let old = self.read_points(slice, at, lanes, dtype);
                let new = expr::combine(op, &old, &value);
                quote!((#new))
            }
            None => value,
        };
        let v = self.vector_type(dtype, lanes);
        let name = self.name_of(slice, true);
        if self.is_block(slice) {
            let at = self.in_blocks(slice, at, dtype, lanes);
            self.push(quote!(#value.store(&mut #name[#at..]);));
            return;
        }
        let Some(axis) = self.plan.lanes else { return };
        let stride = at.coefficient(axis);
        let at = self.position(at).unwrap_or(quote!(0));
        let left = self.top().rest.clone();
        let stride = (!stride.is_one()).then(|| self.size(&stride));
        self.push(match (lanes, stride) {
            (Lanes::Tail, None) => quote!(#value.store_part(&mut #name[#at..][..#left]);),
            (_, None) => quote!(#value.store(&mut #name[#at..]);),
            (Lanes::Tail, Some(stride)) => quote!(#value.store_strided(&mut #name[#at..], #stride, #left);),
            (_, Some(stride)) => quote!(#value.store_strided(&mut #name[#at..], #stride, #v::LEN);),
        });
    }

    /// Sets the blocks that a statement accumulates into, for the current position of the loops around.
    pub(super) fn fill_points(&mut self, node: NodeId, slice: Slice, number: TokenStream) {
        let Some(storage) = self.plan.storage.get(&node) else { return };
        let graph = &self.plan.graph;
        let entered: Vec<AxisId> = self.frames.iter().filter_map(|f| f.axis).collect();
        let (outer, inner): (Vec<AxisId>, Vec<AxisId>) =
            storage.layout.iter().partition(|a| entered.contains(a));
        if !storage.block || storage.layout != [&outer[..], &inner[..]].concat() {
            self.bugs.push("an accumulated array of blocks has its loops inside out".into());
            return;
        }
        let inner: Vec<Size> = inner.iter().map(|a| graph.axis_size(*a).clone()).collect();
        let index: Vec<crate::ir::Index> = outer.iter().map(|a| crate::ir::Index::axis(*a)).collect();
        let dims: Vec<Size> = outer.iter().map(|a| graph.axis_size(*a).clone()).collect();
        let (dtype, lanes) = (graph.dtype(node), self.top().lanes);
        let (v, count) = (self.vector_type(dtype, lanes), self.size(&Size::product(&inner)));
        let name = self.name_of(slice, true);
        let row =
            self.position(&place::row_major(&dims, &index)).map(|row| quote!((#row) * #count * #v::LEN));
        let start = sum(self.block_start(slice), row);
        self.push(quote!(#name[#start..][..#count * #v::LEN].fill(#number);));
    }

    /// The statements that stand in loops whose points are lanes.
    pub(super) fn stands_in_lanes(&self, s: usize) -> bool {
        self.in_lanes.contains(&s)
    }

    /// The operation on blocks: what `math` computes, vector by vector.
    pub(super) fn on_blocks(&self, op: crate::ir::Op, args: &[TokenStream]) -> Option<TokenStream> {
        let name = format_ident!("{}", op.info().name);
        if !expr::is_function(op) {
            return None;
        }
        match args {
            [a] => Some(quote!(rt::each!(math::#name, #a))),
            [a, b] => Some(quote!(rt::each!(math::#name, #a, #b))),
            [a, b, c] => Some(quote!(rt::each!(math::#name, #a, #b, #c))),
            _ => None,
        }
    }
}

/// The sum of two positions; `None` is nothing to add.
fn sum(a: Option<TokenStream>, b: Option<TokenStream>) -> Option<TokenStream> {
    match (a, b) {
        (Some(a), Some(b)) => Some(quote!(#a + #b)),
        (a, b) => a.or(b),
    }
}

/// What a reduction over points adds: a value, or a product that one multiply-add takes in.
#[derive(Clone)]
pub(super) enum Joined {
    Value(TokenStream),
    Product(TokenStream, TokenStream),
}

/// The way of joining lanes.
pub(super) fn fold(op: RedOp) -> TokenStream {
    match op {
        RedOp::Sum => quote!(rt::simd::Sum),
        RedOp::Prod => quote!(rt::simd::Prod),
        RedOp::Min => quote!(rt::simd::Least),
        RedOp::Max | RedOp::LogSumExp => quote!(rt::simd::Greatest),
    }
}
