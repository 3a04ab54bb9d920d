//! Ranges between integers, and active loops over what only rustc knows: ranges of its integers, and slices of its tuples and
//! structs.
//!
//! Invariant: what is looped over here is written as it would be by position.

use super::env::Value;
use super::index::strip;
use super::Lower;
use quote::ToTokens;
use syn::{Expr, ExprForLoop, Pat};

impl Lower {
    /// A range between a number and what only rustc knows, which is an integer then.
    pub fn range_of_host(&mut self, r: &syn::ExprRange) -> Option<Value> {
        let (start, end) = (self.expr(r.start.as_ref()?), self.expr(r.end.as_ref()?));
        let whole = |run: &mut Self, value: Value| match value {
            Value::Host(tokens) => run.whole(&tokens),
            value => value,
        };
        let number = |v: &Value| matches!(v, Value::Int(_) | Value::Tensor(_));
        if !number(&start) && !number(&end) {
            return None;
        }
        let bounds = (whole(self, start), whole(self, end));
        self.between(bounds, r, r)
    }

    /// The positions between two bounds, where both are integers.
    pub fn between(&mut self, bounds: (Value, Value), r: &syn::ExprRange, e: &dyn ToTokens) -> Option<Value> {
        let closed = matches!(r.limits, syn::RangeLimits::Closed(_));
        Some(match bounds {
            (Value::Int(a), Value::Int(b)) => {
                let b = if closed { b.add(&self.int(1)) } else { b };
                self.counted(&a, &b)
            }
            (a @ (Value::Tensor(_) | Value::Int(_)), b @ (Value::Tensor(_) | Value::Int(_))) => {
                self.moving_range(a, b, closed, e)
            }
            (Value::Poison, _) | (_, Value::Poison) => Value::Poison,
            _ => return None,
        })
    }

    /// The loop over an inactive argument, a slice of what only rustc knows, as a loop over its positions.
    pub fn by_position(&self, e: &ExprForLoop) -> Option<ExprForLoop> {
        let own = self.own.as_ref()?;
        if self.calls.iter().skip(1).any(|(name, _)| !name.is_empty()) {
            return None;
        }
        let over = match strip(&e.expr) {
            Expr::MethodCall(m) if m.method == "iter" && m.args.is_empty() => &m.receiver,
            Expr::Reference(r) if r.mutability.is_none() => &r.expr,
            over => over,
        };
        let Expr::Path(path) = strip(over) else { return None };
        let name = path.path.get_ident()?;
        let params = super::recursion::parameters(&own.item);
        let of = |p: &&syn::PatType| super::function::arg_ident(&p.pat).is_some_and(|i| i == *name);
        let indexed = match super::types::strip(&params.into_iter().find(of)?.ty).0 {
            syn::Type::Slice(_) | syn::Type::Array(_) => true,
            syn::Type::Path(p) => p.path.segments.last().is_some_and(|s| s.ident == "Vec"),
            _ => false,
        };
        let item: syn::Stmt = match &*e.pat {
            Pat::Reference(r) => {
                let inner = &r.pat;
                syn::parse_quote!(let #inner = #name[__position];)
            }
            Pat::Ident(_) => {
                let pat = &e.pat;
                syn::parse_quote!(let #pat = &#name[__position];)
            }
            _ => return None,
        };
        let (label, body) = (&e.label, &e.body.stmts);
        indexed.then(|| syn::parse_quote!(#label for __position in 0..#name.len() { #item #(#body)* }))
    }
}
