//! Expressions: each node once, in the outermost frame that has its axes.
//!
//! Invariant: operands are emitted before their users, in the order of node numbers.

use super::super::{expr, place};
use super::{Body, Lanes};
use crate::ir::{Array, Dtype, Node, NodeId, Op};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use std::collections::BTreeSet;

impl<'a> Body<'a> {
    /// Computes all that the expressions need and is not known yet, in the order of node numbers.
    pub(super) fn prepare(&mut self, roots: &[NodeId]) {
        let mut todo = BTreeSet::new();
        let mut stack: Vec<NodeId> = roots.to_vec();
        while let Some(id) = stack.pop() {
            if self.known(id).is_some() || !todo.insert(id) {
                continue;
            }
            if self.plan.storage.contains_key(&id) {
                continue;
            }
            match self.plan.graph.node(id) {
                // the array behind a load is memory; only gathered positions are expressions
                Node::Load { index, .. } => stack.extend(index.iter().filter_map(|i| i.gather)),
                Node::Apply(Op::Select, args) if self.holds(args[0]) => stack.push(args[1]),
                _ => stack.extend(self.plan.graph.operands(id)),
            }
        }
        for id in todo {
            self.compute(id);
        }
    }

    pub(super) fn known(&self, id: NodeId) -> Option<usize> {
        (0..self.frames.len()).rev().find(|f| self.frames[*f].memo.contains_key(&id))
    }

    /// The outermost frame that has all axes of a node.
    pub(super) fn home(&self, id: NodeId) -> usize {
        let axes = self.plan.graph.axes(id);
        (0..self.frames.len())
            .rev()
            .find(|f| self.frames[*f].axis.is_some_and(|a| axes.contains(&a)))
            .unwrap_or(0)
    }

    /// An operand for use in a frame, splat over the lanes where the frame has more than the operand.
    pub(super) fn operand(&mut self, id: NodeId, frame: usize) -> TokenStream {
        self.operand_as(id, frame, self.frames[frame].lanes)
    }

    /// The same, for a value that has so many lanes.
    pub(super) fn operand_as(&mut self, id: NodeId, frame: usize, lanes: Lanes) -> TokenStream {
        let Some(from) = self.known(id) else {
            self.bugs.push(format!("%{} is used before it is computed", id.0));
            return quote!(());
        };
        let tokens = self.frames[from].memo[&id].clone();
        let known = self.lanes_of(id, from);
        let repeats = lanes == Lanes::Row && known == Lanes::Tail;
        if lanes == Lanes::One || (known != Lanes::One && !repeats) {
            return tokens;
        }
        let dtype = self.plan.graph.dtype(id);
        if let Node::Const(bits) = self.plan.graph.node(id) {
            if dtype.is_float() {
                let v = self.vector_type(dtype, lanes);
                let value = expr::number(f64::from_bits(*bits), dtype == Dtype::F32);
                return quote!(#v::splat(#value));
            }
        }
        if dtype == Dtype::Int {
            return tokens;
        }
        // before the loop over the vectors; in lanes, where the number is known
        let to = match lanes.blocks() {
            true => (from.max(1)..=frame).find(|f| self.frames[*f].lanes == lanes).unwrap_or(frame),
            false => frame - 1,
        };
        if let Some(t) = self.frames[to].splats.get(&id) {
            return t.clone();
        }
        let name = self.names.fresh("each");
        let one = if repeats {
            let v = self.vector_type(dtype, lanes);
            quote!(let #name = #v::repeat(#tokens.part(0));)
        } else if dtype == Dtype::Bool {
            // all lanes of a mask, or none
            let v = self.vector_type(self.frame_float(), lanes);
            quote!(let #name = #v::first(if rt::simd::Mask::any(#tokens) { #v::LEN } else { 0 });)
        } else {
            let v = self.vector_type(dtype, lanes);
            quote!(let #name = #v::splat(#tokens.lane(0));)
        };
        self.frames[to].out.extend(one);
        let t = quote!(#name);
        self.frames[to].splats.insert(id, t.clone());
        t
    }

    pub(super) fn compute(&mut self, id: NodeId) {
        if self.known(id).is_some() {
            return;
        }
        let frame = self.home(id);
        if self.plan.storage.contains_key(&id) {
            if let Some((slice, at)) = place::of_stored(self.plan, id) {
                let t = self.read(slice, &at, frame, self.lanes_of(id, frame), self.plan.graph.dtype(id));
                self.bind(id, frame, t, 9);
            } else {
                self.bugs.push(format!("%{} is read outside of the loops that compute it", id.0));
            }
            return;
        }
        // integers are computed where they are used
        if self.plan.graph.dtype(id) == Dtype::Int {
            return;
        }
        if let Some((tokens, weight)) = self.operation(id, frame) {
            self.bind(id, frame, tokens, weight);
        }
    }

    /// A node from its operands, whether it is stored or not, and how long the text is.
    pub(super) fn operation(&mut self, id: NodeId, frame: usize) -> Option<(TokenStream, u32)> {
        let lanes = self.lanes_of(id, frame);
        let dtype = self.plan.graph.dtype(id);
        let v = self.vector_type(dtype, lanes);
        Some(match self.plan.graph.node(id).clone() {
            Node::Const(bits) if dtype.is_float() => {
                let value = expr::number(f64::from_bits(bits), dtype == Dtype::F32);
                (self.splat(&v, &value), 0)
            }
            Node::Const(bits) if dtype == Dtype::Bool => {
                let value = f64::from_bits(bits) != 0.0;
                (quote!(#value), 0)
            }
            Node::Size(size) if dtype.is_float() => {
                let ty = format_ident!("{}", dtype.name());
                let size = self.signed_size(&size);
                (self.converted(&v, &quote!((#size)), &ty), 2)
            }
            Node::Load { array: Array::Input(i), index, .. } if self.computed.contains(&i) => {
                let call = self.called(i, &index);
                (if dtype == Dtype::Bool { call } else { self.splat(&v, &call) }, 9)
            }
            Node::Load { .. } => match place::of_load(self.plan, id) {
                Some((slice, at)) => (self.read(slice, &at, frame, lanes, dtype), 9),
                None => {
                    self.bugs.push(format!("%{} loads what is not stored", id.0));
                    return None;
                }
            },
            Node::Cast(x) if self.plan.graph.dtype(x) == Dtype::Int => {
                let ty = format_ident!("{}", dtype.name());
                (self.int_lanes(x, frame, &v, &ty), 3)
            }
            Node::Cast(x) => {
                let ty = format_ident!("{}", dtype.name());
                let x = self.operand_as(x, frame, lanes);
                let x = self.number(&x);
                (self.converted(&v, &x, &ty), 3)
            }
            Node::Apply(op, args) if op.is_bool() && self.plan.graph.dtype(args[0]) == Dtype::Int => {
                let tokens = match lanes {
                    Lanes::One => {
                        let parts: Vec<TokenStream> = args.iter().map(|a| self.int(*a)).collect();
                        self.of_integers(op, &parts)
                    }
                    _ => {
                        let parts: Vec<TokenStream> =
                            args.iter().map(|a| self.int_operand(*a, frame, lanes)).collect();
                        expr::apply(op, &parts, &v, false)
                    }
                };
                (tokens, 3)
            }
            Node::Apply(Op::Select, args) if self.holds(args[0]) => {
                (self.operand_as(args[1], frame, lanes), 0)
            }
            Node::Apply(Op::Powi, args) => {
                let x = self.operand_as(args[0], frame, lanes);
                let n = self.int(args[1]);
                if self.constant() {
                    return Some((expr::constant(Op::Powi, &[x, quote!((#n) as i32)], dtype), 4));
                }
                match lanes.blocks() {
                    true => (quote!(rt::each!(math::powi, #x; #n as i32)), 4),
                    false => (quote!(math::powi(#x, #n as i32)), 4),
                }
            }
            Node::Apply(op, args) => {
                if let Some(fused) = self.fused(op, &args, frame, lanes) {
                    (fused, 3)
                } else {
                    let parts: Vec<TokenStream> =
                        args.iter().map(|a| self.operand_as(*a, frame, lanes)).collect();
                    if self.constant() {
                        if !expr::at_compile_time(op) {
                            self.missing.insert(op.info().name);
                        }
                        let float = args.iter().map(|a| self.plan.graph.dtype(*a)).find(|d| d.is_float());
                        return Some((expr::constant(op, &parts, float.unwrap_or(dtype)), 2));
                    }
                    let strict = self.plan.graph.math == crate::ir::Math::Strict;
                    match self.on_blocks(op, &parts).filter(|_| lanes.blocks() && !strict) {
                        Some(each) => (each, 2),
                        None => (expr::apply(op, &parts, &v, strict), 2),
                    }
                }
            }
            node => {
                self.bugs.push(format!("%{} is no expression: {node:?}", id.0));
                return None;
            }
        })
    }

    /// Multiply-adds, where only the sum needs the product.
    pub(super) fn fused(
        &mut self,
        op: Op,
        args: &[NodeId],
        frame: usize,
        lanes: Lanes,
    ) -> Option<TokenStream> {
        if self.plan.graph.math == crate::ir::Math::Strict || self.constant() {
            return None;
        }
        let product_of = |this: &Self, id: NodeId| match this.plan.graph.node(id) {
            Node::Apply(Op::Mul, f)
                if this.uses[id.0 as usize] == 1
                    && !this.plan.storage.contains_key(&id)
                    && this.home(id) == frame
                    && this.lanes_of(id, frame) == lanes
                    && f[0] != f[1] =>
            {
                Some((f[0], f[1]))
            }
            _ => None,
        };
        let (a, b) = (*args.first()?, *args.get(1)?);
        match op {
            Op::Add => {
                let ((x, y), z) = match (product_of(self, a), product_of(self, b)) {
                    (_, Some(p)) => (p, a),
                    (Some(p), None) => (p, b),
                    _ => return None,
                };
                let (x, y, z) = (
                    self.operand_as(x, frame, lanes),
                    self.operand_as(y, frame, lanes),
                    self.operand_as(z, frame, lanes),
                );
                Some(quote!(#x.mul_add(#y, #z)))
            }
            Op::Sub => match (product_of(self, a), product_of(self, b)) {
                (_, Some((x, y))) => {
                    let (x, y, z) = (
                        self.operand_as(x, frame, lanes),
                        self.operand_as(y, frame, lanes),
                        self.operand_as(a, frame, lanes),
                    );
                    Some(quote!((-#x).mul_add(#y, #z)))
                }
                (Some((x, y)), None) => {
                    let (x, y, z) = (
                        self.operand_as(x, frame, lanes),
                        self.operand_as(y, frame, lanes),
                        self.operand_as(b, frame, lanes),
                    );
                    Some(quote!(#x.mul_add(#y, -#z)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Remembers a value: under a name where it is used more than once or long, as it stands where not.
    pub(super) fn bind(&mut self, id: NodeId, frame: usize, tokens: TokenStream, weight: u32) {
        let top = self.frames.len() - 1;
        let short = weight == 0 || (weight < 4 && self.uses[id.0 as usize] <= 1 && frame == top);
        let long = weight > 0 && tokens.to_string().len() > 70;
        if short && !long {
            self.frames[frame].memo.insert(id, tokens);
            return;
        }
        let name = self.node_name(id, "v");
        self.frames[frame].out.extend(quote!(let #name = #tokens;));
        self.frames[frame].memo.insert(id, quote!(#name));
    }
}
