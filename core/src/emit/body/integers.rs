//! Inactive integers: plain `isize` arithmetic, and vectors of floats where they are compared in vectors.
//!
//! Invariant: an integer keeps its sign.

use super::super::place::Slice;
use super::super::{expr, place};
use super::{Body, Lanes};
use crate::ir::{Array, Dtype, Index, InputId, Node, NodeId, Op};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

impl<'a> Body<'a> {
    /// An inactive integer as an `isize` expression, outside of vectors.
    pub(super) fn int(&mut self, id: NodeId) -> TokenStream {
        let is_float = self.plan.graph.dtype(id).is_float();
        match (self.known(id), self.plan.graph.node(id)) {
            // an exponent has the type of its base, but is an integer
            (_, Node::Cast(x)) if is_float => return self.int(*x),
            (Some(f), _) if !is_float => return self.frames[f].memo[&id].clone(),
            _ => {}
        }
        if self.plan.storage.contains_key(&id) {
            self.compute(id);
            if let Some(f) = self.known(id) {
                return self.frames[f].memo[&id].clone();
            }
        }
        match self.plan.graph.node(id).clone() {
            Node::Const(bits) => {
                let value = f64::from_bits(bits) as i64;
                let magnitude = proc_macro2::Literal::i64_unsuffixed(value.abs());
                if value < 0 {
                    quote!((-#magnitude))
                } else {
                    quote!(#magnitude)
                }
            }
            Node::Size(size) => self.signed_size(&size),
            Node::Position(axis) => match self.variable(axis).and_then(|f| f.var.clone()) {
                Some(var) => quote!((#var as isize)),
                None => {
                    self.bugs.push("position outside of its loop".into());
                    quote!(0)
                }
            },
            Node::Load { array: Array::Input(i), index, .. } if self.computed.contains(&i) => {
                self.called(i, &index)
            }
            Node::Load { .. } => match place::of_load(self.plan, id) {
                Some((slice, at)) => {
                    let frame = self.home(id);
                    let name = self.name_of(slice, false);
                    let single = matches!(slice, Slice::Input(i) if self.plan.graph.input(i).dims.is_empty());
                    let tokens = self.where_reached(&at, frame, &quote!(0), &|run| match run.position(&at) {
                        Some(at) => quote!((#name[#at] as isize)),
                        None if single => quote!((#name as isize)),
                        None => quote!((#name[0] as isize)),
                    });
                    let var = self.names.fresh("at");
                    self.frames[frame].out.extend(quote!(let #var = #tokens;));
                    self.frames[frame].memo.insert(id, quote!(#var));
                    quote!(#var)
                }
                None => quote!(0),
            },
            // a position that counts only under a condition
            Node::Apply(Op::When | Op::Select, args) if self.holds(args[0]) => self.int(args[1]),
            Node::Apply(op @ (Op::When | Op::Select), args) => {
                let c = self.truth(args[0]);
                let x = self.int(args[1]);
                match (op, args.get(2)) {
                    (Op::Select, Some(y)) => {
                        let y = self.int(*y);
                        quote!((if #c { #x } else { #y }))
                    }
                    _ => quote!((if #c { #x } else { 0 })),
                }
            }
            Node::Cast(x) => {
                let x = self.int(x);
                quote!((#x as isize))
            }
            Node::Apply(op, args) => {
                let parts: Vec<TokenStream> = args.iter().map(|a| self.int(*a)).collect();
                self.of_integers(op, &parts)
            }
            _ => {
                self.bugs.push(format!("%{} is no integer expression", id.0));
                quote!(0)
            }
        }
    }

    /// The call of an input that is a function of positions.
    pub(super) fn called(&mut self, input: InputId, index: &[Index]) -> TokenStream {
        let name = self.name_of(Slice::Input(input), false);
        let args: Vec<TokenStream> = index
            .iter()
            .map(|i| {
                let mut parts = vec![];
                parts.extend(i.gather.map(|g| self.int(g)));
                if i.offset.as_const() != Some(0) {
                    parts.push(self.signed_size(&i.offset));
                }
                for (axis, c) in &i.terms {
                    let Some(var) = self.variable(*axis).and_then(|f| f.var.clone()) else { continue };
                    let c = (!c.is_one()).then(|| self.signed_size(c));
                    parts.push(match c {
                        Some(c) => quote!(#var as isize * #c),
                        None => quote!((#var as isize)),
                    });
                }
                if parts.is_empty() {
                    return quote!(0);
                }
                let sum = super::super::names::join(&parts, quote!(+));
                quote!((#sum) as usize)
            })
            .collect();
        if self.constant() {
            return self.written_out(input, &args);
        }
        quote!(#name(#(#args),*))
    }

    /// An operation on integers.
    pub(super) fn of_integers(&self, op: Op, parts: &[TokenStream]) -> TokenStream {
        match (self.constant(), op, parts) {
            (true, Op::Max, [a, b]) => quote!(::chainrule::rt::larger(#a, #b)),
            (true, Op::Min, [a, b]) => quote!(::chainrule::rt::smaller(#a, #b)),
            _ => expr::std_apply(op, parts),
        }
    }

    /// A function of positions, without a call: the user's code behind the names of its arguments.
    fn written_out(&mut self, input: InputId, args: &[TokenStream]) -> TokenStream {
        let Some((names, value)) = self.functions.get(&input).cloned() else {
            self.bugs.push("a function of positions that is not known".into());
            return quote!(0);
        };
        quote!({ #(let #names: usize = #args;)* #value })
    }

    /// A condition outside of vectors.
    fn truth(&mut self, id: NodeId) -> TokenStream {
        self.prepare(&[id]);
        let frame = self.frames.len() - 1;
        self.operand_as(id, frame, Lanes::One)
    }

    /// An integer as an operand of a comparison in a frame; in vectors, as floats.
    pub(super) fn int_operand(&mut self, id: NodeId, frame: usize, lanes: Lanes) -> TokenStream {
        if lanes == Lanes::One {
            return self.int(id);
        }
        let ty = self.frame_float();
        let ident = format_ident!("{}", ty.name());
        let v = self.vector_type(ty, lanes);
        self.int_lanes(id, frame, &v, &ident)
    }

    /// An integer as a vector of floats.
    pub(super) fn int_lanes(&mut self, id: NodeId, frame: usize, v: &TokenStream, ty: &Ident) -> TokenStream {
        let axis = self.frames[frame].axis;
        if let (Node::Position(a), true) = (self.plan.graph.node(id), self.frames[frame].lanes != Lanes::One)
        {
            if Some(*a) == axis {
                self.frames[frame].counts = true;
                let var = self.frames[frame].var.clone();
                return quote!((#v::iota() + #v::splat(#var as #ty)));
            }
        }
        let x = self.int(id);
        self.converted(v, &x, ty)
    }

    /// The float type of the loop that is being emitted.
    pub(super) fn frame_float(&self) -> Dtype {
        let roots: Vec<NodeId> = self.plan.targets.iter().map(|t| t.node).collect();
        roots.iter().map(|r| self.plan.graph.dtype(*r)).find(|d| d.is_float()).unwrap_or(Dtype::F64)
    }
}
