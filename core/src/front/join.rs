//! Joining: `concatenate!`, `stack!`, array literals; and which macros a body may use.
//!
//! Invariant: what is joined is one scatter whose parts do not overlap.

use super::env::{Tensor, Value};
use super::index::along;
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{Dtype, Index, NodeId, Part, Size};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

impl Lower {
    pub fn macro_call(&mut self, m: &syn::ExprMacro) -> Value {
        if let Some(value) = self.stops(&m.mac) {
            return value;
        }
        let name = m.mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let tokens = m.mac.tokens.clone();
        match name.as_str() {
            "s" => self.selection(tokens, m),
            "concatenate" | "stack" => {
                let parsed = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens);
                let Ok(args) = parsed else { return self.unsupported(m, "this macro call", "") };
                let mut args = args.iter();
                let axis = args.next().map_or(Value::Unit, |a| self.expr(a));
                let parts = args.map(|a| (self.expr(a), a.to_token_stream())).collect();
                self.join_all(&name, axis, parts, m)
            }
            "vec" => {
                let repeat = |input: syn::parse::ParseStream| -> syn::Result<(Expr, Expr)> {
                    let value = input.parse()?;
                    input.parse::<Token![;]>()?;
                    Ok((value, input.parse()?))
                };
                if let Ok((value, len)) = repeat.parse2(tokens.clone()) {
                    return self.repeated(&value, &len, m);
                }
                if tokens.is_empty() {
                    return Value::Empty(None);
                }
                let literal = proc_macro2::Group::new(proc_macro2::Delimiter::Bracket, tokens);
                match syn::parse2::<syn::ExprArray>(literal.to_token_stream()) {
                    Ok(literal) => self.array_literal(&literal),
                    Err(_) => self.unsupported(m, "this macro call", "write the elements out"),
                }
            }
            "array" => {
                let literal = proc_macro2::Group::new(proc_macro2::Delimiter::Bracket, tokens);
                match syn::parse2::<syn::ExprArray>(literal.to_token_stream()) {
                    Ok(literal) => match self.array_literal(&literal) {
                        Value::Tensor(t) => Value::Tensor(Tensor { nd: true, ..t }),
                        other => other,
                    },
                    Err(_) => self.unsupported(m, "this macro call", "write the elements out"),
                }
            }
            "matches" => self.matches(tokens, m),
            "einsum" => self.einsum(tokens, m),
            _ => {
                if let Some(host) = self.host(m) {
                    return host;
                }
                self.errors.push(Kind::Macro, &m.mac.path, &[&source(&m.mac.path)]);
                Value::Poison
            }
        }
    }

    /// Arrays, each with the expression that it came of, behind or above each other.
    pub fn join_all(
        &mut self,
        name: &str,
        axis: Value,
        parts: Vec<(Value, TokenStream)>,
        at: &dyn ToTokens,
    ) -> Value {
        let mut arrays = Vec::new();
        for (part, e) in parts {
            match part {
                Value::Tensor(t) => arrays.push(t),
                Value::Poison => return Value::Poison,
                Value::Host(_) if !self.mentions_active(at) => return self.host(at).unwrap_or(Value::Poison),
                _ => {
                    self.missing_type(&e);
                    return Value::Poison;
                }
            }
        }
        match axis {
            Value::Axis(k) => self.joined(name, &k, &arrays, at),
            _ => self.unsupported(at, "this call", "write `concatenate![Axis(0), a, b]`"),
        }
    }

    pub fn joined(&mut self, name: &str, axis: &Size, parts: &[Tensor], at: &dyn ToTokens) -> Value {
        let stack = name == "stack";
        let Some(first) = parts.first() else {
            return self.unsupported(at, "joining nothing", "name the arrays");
        };
        let rank = first.rank() + usize::from(stack);
        let k = match self.graph.sizes.resolve(axis).as_const() {
            Some(k) if (0..rank as i64).contains(&k) => k as usize,
            _ => {
                self.errors.push(
                    Kind::Argument,
                    at,
                    &[&format!("`{name}`"), "a dimension that the arrays have", ""],
                );
                return Value::Poison;
            }
        };
        let mut dims = first.dims.clone();
        if stack {
            dims.insert(k, self.int(parts.len() as i64));
        }
        let mut starts = Vec::new();
        let mut total = self.int(0);
        for t in parts {
            let mut shape = t.dims.clone();
            if stack {
                shape.insert(k, dims[k].clone());
            }
            let fits = shape.len() == rank
                && (0..rank).all(|j| (j == k && !stack) || self.graph.sizes.unify(&shape[j], &dims[j]));
            if !fits {
                let (a, b) = (self.shape_text(&first.dims), self.shape_text(&t.dims));
                let help = "all dimensions but the joined one must be equal";
                self.errors.push(Kind::Shape, at, &[&format!("`{name}!`"), &a, &b, help]);
                return Value::Poison;
            }
            starts.push(total.clone());
            total = total.add(&if stack { self.int(1) } else { t.dims[k].clone() });
        }
        dims[k] = total;
        let parts: Vec<(Tensor, Size)> = parts.iter().cloned().zip(starts).collect();
        Value::Tensor(self.pieces(dims, k, stack, &parts, true))
    }

    /// An array put together along dimension `k` from pieces that start at the given positions.
    fn pieces(
        &mut self,
        dims: Vec<Size>,
        k: usize,
        stack: bool,
        parts: &[(Tensor, Size)],
        nd: bool,
    ) -> Tensor {
        let parts = parts.iter().map(|(t, start)| {
            let t = self.canonical(t);
            let mut index: Vec<Index> = t.axes.iter().map(along).collect();
            match stack {
                true => index.insert(k, Index::at(start.clone())),
                false => index[k].offset = start.clone(),
            }
            (t, index)
        });
        let parts: Vec<(Tensor, Vec<Index>)> = parts.collect();
        self.put_together(dims, &parts, nd)
    }

    /// An array of zeros to which parts are added, each at its positions along all dimensions.
    pub fn put_together(&mut self, dims: Vec<Size>, parts: &[(Tensor, Vec<Index>)], nd: bool) -> Tensor {
        let axes = self.layout(&dims);
        let outer: Vec<_> = parts
            .iter()
            .flat_map(|p| {
                let own = p.0.own_axes();
                self.graph.axes(p.0.node).iter().copied().filter(|a| !own.contains(a)).collect::<Vec<_>>()
            })
            .collect();
        let mut free: Vec<_> = outer;
        free.sort();
        free.dedup();
        let mut out = Vec::new();
        for (t, index) in parts {
            // dimensions of size 1 have no place in the scatter
            let mut index: Vec<Index> =
                index.iter().cloned().zip(&axes).filter(|(_, a)| a.is_some()).map(|(i, _)| i).collect();
            index.extend(free.iter().map(|a| Index::axis(*a)));
            let mut over = t.own_axes();
            over.extend(&free);
            out.push(Part { index, over, value: t.node });
        }
        let mut bound: Vec<_> = axes.iter().flatten().copied().collect();
        bound.extend(&free);
        let dtype = parts.first().map_or(Dtype::F64, |p| self.graph.dtype(p.0.node));
        let active = parts.iter().any(|p| p.0.active);
        let node: NodeId = match (bound.is_empty(), out.as_slice()) {
            (true, [only]) => only.value,
            _ => self.graph.scatter(bound, None, out, dtype),
        };
        Tensor { node, dims, axes, active, nd }
    }

    /// `[value; len]` and `vec![value; len]`.
    pub fn repeated(&mut self, value: &Expr, len: &Expr, at: &dyn ToTokens) -> Value {
        let n = match self.expr(len) {
            Value::Int(n) => n,
            Value::Host(tokens) => self.rigid(&tokens),
            Value::Poison => return Value::Poison,
            _ => return self.unsupported(len, "this length", "write an integer that is known on entry"),
        };
        let value = self.expr(value);
        if matches!(value, Value::Struct(_) | Value::Tuple(_)) {
            return match self.graph.sizes.resolve(&n).as_const() {
                Some(n) if (0..=64).contains(&n) => Value::Tuple(vec![value; n as usize]),
                _ => self.unsupported(at, "an array of tuples or structs", "keep an array for each field"),
            };
        }
        if !value.active() && matches!(value, Value::Int(_) | Value::Host(_)) && !self.nested() {
            if let Some(host) = self.host(at) {
                return host;
            }
        }
        let dtype = match &value {
            Value::Int(_) => Some(Dtype::Int),
            _ => self.only_float(),
        };
        let Some(t) = self.tensor(value, dtype, at) else { return Value::Poison };
        let t = self.canonical(&t);
        let mut dims = vec![self.graph.sizes.resolve(&n)];
        dims.extend(t.dims.iter().cloned());
        let axes = self.layout(&dims);
        let node = self.align(&t, &axes[1..]);
        Value::Tensor(Tensor { node, dims, axes, active: t.active, nd: false })
    }

    pub fn array_literal(&mut self, a: &syn::ExprArray) -> Value {
        let values: Vec<Value> = a.elems.iter().map(|e| self.expr(e)).collect();
        if values.iter().any(Value::is_poison) || values.is_empty() {
            return Value::Poison;
        }
        let dtype = values.iter().find_map(|v| match v {
            Value::Tensor(t) => Some(self.graph.dtype(t.node)),
            _ => None,
        });
        if !values.iter().any(Value::active) {
            // sizes, labels and constants stay what they are
            let ints = values.iter().all(|v| matches!(v, Value::Int(_)));
            if ints {
                return Value::Tuple(values);
            }
            if dtype.is_none() {
                let nums = values.iter().all(|v| matches!(v, Value::Num(_)));
                return match (nums, self.only_float()) {
                    (true, Some(dtype)) => self.row(values, dtype, a),
                    _ => self.host(a).unwrap_or(Value::Poison),
                };
            }
        }
        if values.iter().any(|v| matches!(v, Value::Struct(_) | Value::Closure(_) | Value::Tuple(_))) {
            return Value::Tuple(values);
        }
        self.row(values, dtype.unwrap_or(Dtype::F64), a)
    }

    pub fn row(&mut self, values: Vec<Value>, dtype: Dtype, at: &dyn ToTokens) -> Value {
        let mut parts = Vec::new();
        for (k, value) in values.into_iter().enumerate() {
            let Some(t) = self.tensor(value, Some(dtype), at) else { return Value::Poison };
            parts.push((t, self.int(k as i64)));
        }
        let Some((first, _)) = parts.first().cloned() else { return Value::Poison };
        let same = parts.iter().all(|p| {
            p.0.rank() == first.rank()
                && p.0.dims.iter().zip(&first.dims).all(|(a, b)| self.graph.sizes.unify(a, b))
        });
        if !same {
            return self.unsupported(at, "an array of arrays of different shapes", "use a tuple");
        }
        let mut dims = vec![self.int(parts.len() as i64)];
        dims.extend(first.dims.iter().cloned());
        Value::Tensor(self.pieces(dims, 0, true, &parts, false))
    }
}
