//! Operations on inactive integers that the graph has no node for: bits, powers, extrema.
//!
//! Where the user's own tokens can stand in host code they do, in the user's own types. A variable that a loop changes has
//! no name there; then the operation is written in `isize`, if it means the same in every type of integer.
//!
//! Invariant: an operation whose result depends on the width or the sign of its type is never guessed.

use crate::diag::Kind;
use crate::front::env::{Tensor, Value};
use crate::front::Lower;
use crate::ir::{Dtype, Op, Size};
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::BinOp;

/// Methods whose results are integers of the same value in every type that can hold the operands.
const SAME: &[&str] = &[
    "pow",
    "min",
    "max",
    "abs_diff",
    "rem_euclid",
    "div_euclid",
    "trailing_ones",
    "next_power_of_two",
    "isqrt",
    "ilog2",
    "div_ceil",
];
/// Those that give a truth value.
const TRUTHS: &[&str] = &["is_power_of_two", "is_multiple_of", "is_positive", "is_negative"];

impl Lower {
    /// Whether the value is an inactive integer, or may be one.
    fn is_whole(&self, value: &Value) -> bool {
        match value {
            Value::Int(_) => true,
            Value::Tensor(t) => t.rank() == 0 && !t.active && self.graph.dtype(t.node) == Dtype::Int,
            _ => false,
        }
    }

    fn is_truth(&self, value: &Value) -> bool {
        matches!(value, Value::Tensor(t) if t.rank() == 0 && self.graph.dtype(t.node) == Dtype::Bool)
    }

    /// `<<`, `>>`, `&`, `|`, `^`; none for other operands than integers and truth values.
    pub fn bits(&mut self, op: &BinOp, a: &Value, b: &Value, e: &dyn ToTokens) -> Option<Value> {
        let logical = matches!(op, BinOp::BitAnd(_) | BinOp::BitOr(_) | BinOp::BitXor(_));
        if !(logical || matches!(op, BinOp::Shl(_) | BinOp::Shr(_))) {
            return None;
        }
        if logical && (self.is_truth(a) || self.is_truth(b)) {
            let active = a.active() || b.active();
            let (a, b) = (self.condition(a.clone(), e)?, self.condition(b.clone(), e)?);
            let node = match op {
                BinOp::BitAnd(_) => self.graph.apply(Op::And, &[a, b]),
                BinOp::BitOr(_) => self.graph.apply(Op::Or, &[a, b]),
                _ => {
                    let (not_a, not_b) = (self.graph.apply(Op::Not, &[a]), self.graph.apply(Op::Not, &[b]));
                    let one = self.graph.apply(Op::And, &[a, not_b]);
                    let other = self.graph.apply(Op::And, &[not_a, b]);
                    self.graph.apply(Op::Or, &[one, other])
                }
            };
            return Some(Value::Tensor(self.scalar(node, active)));
        }
        let possible = |run: &Self, v: &Value| run.is_whole(v) || matches!(v, Value::Host(_));
        let some = self.is_whole(a) || self.is_whole(b);
        if !(some && possible(self, a) && possible(self, b)) {
            return None;
        }
        if let (Some(x), Some(y)) = (self.known_whole(a), self.known_whole(b)) {
            let shift = u32::try_from(y).ok();
            let value = match op {
                BinOp::BitAnd(_) => Some(x & y),
                BinOp::BitOr(_) => Some(x | y),
                BinOp::BitXor(_) => Some(x ^ y),
                BinOp::Shr(_) => shift.and_then(|y| x.checked_shr(y)),
                _ => shift.filter(|y| *y < 31 && x.abs() < 1 << 31).map(|y| x << y),
            };
            if let Some(value) = value {
                return Some(Value::Int(self.int(value)));
            }
        }
        if let Some(tokens) = self.host_tokens(e) {
            return Some(self.whole(&quote!((#tokens))));
        }
        let (a, b) = (self.in_isize(a)?, self.in_isize(b)?);
        Some(self.whole_when_reached(&quote!((#a #op #b))))
    }

    /// A quotient of sizes, or what remains: nothing is divided where the branch does not run.
    pub fn quotient(&mut self, op: Op, sizes: &[Size; 2], tokens: &TokenStream) -> Value {
        if self.runs_by_what_is_known() {
            return Value::Int(self.rigid(tokens));
        }
        let [a, b] = [0, 1].map(|k| self.graph.size(&sizes[k], Dtype::Int));
        let b = self.divisor(b);
        let node = self.graph.apply(op, &[a, b]);
        Value::Tensor(self.scalar(node, false))
    }

    /// An integer that the loop changes, computed where the branch runs.
    fn whole_when_reached(&mut self, tokens: &TokenStream) -> Value {
        match self.whole(tokens) {
            Value::Tensor(t) => {
                let node = self.when_reached(t.node);
                Value::Tensor(Tensor { node, ..t })
            }
            value => value,
        }
    }

    fn known_whole(&self, value: &Value) -> Option<i64> {
        match value {
            Value::Int(n) => self.graph.sizes.resolve(n).as_const(),
            Value::Tensor(t) => self.graph.as_const(t.node).map(|v| v as i64),
            _ => None,
        }
    }

    /// Host code for an integer of the graph, as an `isize`.
    fn in_isize(&mut self, value: &Value) -> Option<TokenStream> {
        let tokens = match value {
            Value::Int(n) => self.rust_tokens(n)?,
            Value::Tensor(t) => match self.graph.as_const(t.node) {
                Some(v) => proc_macro2::Literal::i64_unsuffixed(v as i64).to_token_stream(),
                None => self.host_position("whole", value)?,
            },
            Value::Host(tokens) => tokens.clone(),
            _ => return None,
        };
        Some(quote!(((#tokens) as isize)))
    }

    /// A method of an inactive integer; none where there is no such method.
    pub fn whole_method(
        &mut self,
        recv: &Value,
        name: &str,
        args: &[Value],
        at: &dyn ToTokens,
    ) -> Option<Value> {
        if !self.is_whole(recv) || !args.iter().all(|a| self.is_whole(a) || matches!(a, Value::Host(_))) {
            return None;
        }
        let truth = TRUTHS.contains(&name);
        if let (Value::Int(n), "pow", [Value::Int(k)]) = (recv, name, args) {
            if let Some(k) = k.as_const().filter(|k| (0..=8).contains(k)) {
                return Some(Value::Int((0..k).fold(Size::constant(1), |p, _| p.mul(n))));
            }
        }
        if let (Some(x), "min" | "max", [other]) = (self.known_whole(recv), name, args) {
            if let Some(y) = self.known_whole(other) {
                return Some(Value::Int(self.int(if name == "min" { x.min(y) } else { x.max(y) })));
            }
        }
        if let Some(tokens) = self.host_tokens(at) {
            return Some(match truth || !self.integral(name) {
                true => Value::Host(tokens),
                false => self.whole(&quote!((#tokens))),
            });
        }
        if matches!((name, args), ("min" | "max", [_])) {
            let [a, b] = [recv.clone(), args[0].clone()].map(|v| match v {
                Value::Host(tokens) => self.whole(&tokens),
                v => v,
            });
            let (a, b) = (self.tensor(a, Some(Dtype::Int), at)?, self.tensor(b, Some(Dtype::Int), at)?);
            let below = self.graph.apply(Op::Lt, &[a.node, b.node]);
            let sides = if name == "min" { [below, a.node, b.node] } else { [below, b.node, a.node] };
            let node = self.graph.apply(Op::Select, &sides);
            return Some(Value::Tensor(self.scalar(node, false)));
        }
        if !(truth || SAME.contains(&name)) {
            let what = format!("`{name}` of an integer that a loop changes");
            let help = "its result depends on the type; write it with arithmetic and `if`";
            self.errors.push(Kind::Unsupported, at, &[&what, help]);
            return Some(Value::Poison);
        }
        let method = syn::parse_str::<syn::Ident>(name).ok()?;
        let recv = self.in_isize(recv)?;
        let unsigned = matches!(
            name,
            "trailing_ones"
                | "next_power_of_two"
                | "is_power_of_two"
                | "isqrt"
                | "div_ceil"
                | "is_multiple_of"
        );
        let recv = if unsigned { quote!((#recv as usize)) } else { recv };
        let mut list = Vec::new();
        for arg in args {
            let arg = self.in_isize(arg)?;
            list.push(match name {
                "pow" => quote!(#arg as u32),
                _ if unsigned => quote!(#arg as usize),
                _ => arg,
            });
        }
        let tokens = quote!((#recv.#method(#(#list),*)));
        Some(if truth { Value::Host(tokens) } else { self.whole_when_reached(&tokens) })
    }

    /// The method of an integer gives an integer.
    fn integral(&self, name: &str) -> bool {
        const OTHERS: &[&str] = &[
            "abs",
            "signum",
            "clamp",
            "count_ones",
            "count_zeros",
            "leading_zeros",
            "leading_ones",
            "trailing_zeros",
            "saturating_sub",
            "saturating_add",
            "saturating_mul",
            "saturating_pow",
            "wrapping_sub",
            "wrapping_add",
            "wrapping_mul",
            "wrapping_neg",
            "rotate_left",
            "rotate_right",
            "swap_bytes",
            "reverse_bits",
            "unsigned_abs",
            "next_multiple_of",
            "ilog10",
        ];
        SAME.contains(&name) || OTHERS.contains(&name)
    }
}
