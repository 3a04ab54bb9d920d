//! Expressions: syntax in, values out.
//!
//! Invariant: what is not understood is passed through as host code if it is inactive, and is an error if it is not.

use super::control::Way;
use super::env::{Closure, Num, Tensor, Value};
use super::literals::{float_constant, literal, numbers, single};
use super::place::{assigns, changes_nothing};
use super::types::scalar_type;
use super::{Lower, MAX_DEPTH};
use crate::diag::{source, Kind};
use crate::ir::{Dtype, Op, Size};
use crate::signature::Form;
use quote::ToTokens;
use std::rc::Rc;
use syn::{BinOp, Expr, Member, UnOp};

impl Lower {
    pub fn expr(&mut self, e: &Expr) -> Value {
        if self.depth >= MAX_DEPTH {
            self.errors.push(Kind::Depth, &First(e), &[]);
            return Value::Poison;
        }
        self.depth += 1;
        let value = self.expr_or_host(e);
        self.depth -= 1;
        value
    }

    /// Inactive code that the lowering does not understand is not wrong: it passes through.
    fn expr_or_host(&mut self, e: &Expr) -> Value {
        let before = self.errors.len();
        let value = self.known_expr(e);
        if self.errors.len() > before && changes_nothing(e) {
            if let Some(host) = self.host(e) {
                self.errors.list.truncate(before);
                return host;
            }
        }
        value
    }

    fn known_expr(&mut self, e: &Expr) -> Value {
        match e {
            Expr::Paren(p) => self.expr(&p.expr),
            Expr::Group(g) => self.expr(&g.expr),
            Expr::Reference(r) if r.mutability.is_none() => self.expr(&r.expr),
            Expr::Block(b) if b.label.is_none() => self.block(&b.block),
            Expr::Lit(l) => match literal(&l.lit) {
                // its digits are rounded to `f32` whatever they meet
                Some(Value::Num(n)) if single(&l.lit) => {
                    let node = self.graph.constant(f64::from(n.v32), Dtype::F32);
                    Value::Tensor(self.scalar(node, false))
                }
                Some(value) => value,
                None => Value::Host(e.to_token_stream()),
            },
            Expr::Path(p) => self.path(p),
            Expr::Unary(u) => match u.op {
                UnOp::Deref(_) => self.expr(&u.expr),
                UnOp::Neg(_) => {
                    let x = self.expr(&u.expr);
                    self.negate(x, e)
                }
                UnOp::Not(_) => {
                    let x = self.expr(&u.expr);
                    match x {
                        Value::Tensor(t) if self.graph.dtype(t.node) == Dtype::Bool => {
                            Value::Tensor(self.unary(Op::Not, &t))
                        }
                        Value::Poison => Value::Poison,
                        _ => self.unsupported(e, "`!` of this value", "conditions can be negated"),
                    }
                }
                _ => self.refused(e),
            },
            Expr::Binary(b) if assigns(&b.op) => self.compound(b),
            Expr::Assign(a) => {
                let value = self.expr(&a.right);
                self.assign(&a.left, value, a)
            }
            Expr::If(i) => match (self.nested() || !changes_nothing(e), self.host(e)) {
                (false, Some(host)) => host,
                _ => self.if_else(i),
            },
            Expr::Match(m) => match (self.nested() || !changes_nothing(e), self.host(e)) {
                (false, Some(host)) => host,
                _ => self.choice(m),
            },
            Expr::ForLoop(f) => self.for_loop(f),
            Expr::While(w) => match self.counting_loop(w) {
                Some(value) => value,
                None => self.while_loop(Some(&w.cond), &w.body, w.label.as_ref(), e),
            },
            Expr::Loop(l) => self.while_loop(None, &l.body, l.label.as_ref(), e),
            Expr::Return(r) => {
                let value = r.expr.as_ref().map_or(Value::Unit, |e| self.expr(e));
                self.leave(Way::Return, value, r)
            }
            Expr::Break(b) if b.label.is_none() && b.expr.is_none() => self.leave(Way::Break, Value::Unit, b),
            Expr::Break(syn::ExprBreak { label: Some(label), expr: None, .. }) => {
                self.leave_label(label, false, e)
            }
            Expr::Continue(syn::ExprContinue { label: Some(label), .. }) => self.leave_label(label, true, e),
            Expr::Continue(c) if c.label.is_none() => self.leave(Way::Continue, Value::Unit, c),
            Expr::Repeat(r) => self.repeated(&r.expr, &r.len, e),
            Expr::Binary(b) => self.binary_chain(b),
            Expr::Cast(c) => self.cast(c),
            Expr::Struct(s) => self.struct_literal(s),
            Expr::Tuple(t) if t.elems.is_empty() => Value::Unit,
            Expr::Tuple(t) => Value::Tuple(t.elems.iter().map(|e| self.expr(e)).collect()),
            Expr::Array(a) => self.array_literal(a),
            Expr::Field(f) => self.field(f),
            Expr::Call(c) => self.call(c),
            Expr::MethodCall(m) => self.method_call(m),
            Expr::Closure(c) => {
                let active = self.mentions_active(c);
                let params = c.inputs.iter().cloned().collect();
                Value::Closure(Rc::new(Closure {
                    params,
                    body: Rc::new((*c.body).clone()),
                    env: self.env.clone(),
                    active,
                }))
            }
            Expr::Index(i) => {
                let base = self.expr(&i.expr);
                self.index(base, &i.index, e)
            }
            Expr::Macro(m) => self.macro_call(m),
            Expr::Range(r) => self.range(r, e),
            _ => self.refused(e),
        }
    }

    fn range(&mut self, r: &syn::ExprRange, e: &Expr) -> Value {
        let (Some(start), Some(end)) = (&r.start, &r.end) else { return self.refused(e) };
        let bounds = (self.expr(start), self.expr(end));
        self.between(bounds, r, e).unwrap_or_else(|| self.refused(e))
    }

    /// Syntax that has its place later, or never.
    fn refused(&mut self, e: &Expr) -> Value {
        if let Some(host) = self.host(e) {
            return host;
        }
        let (kind, what, help): (Kind, &str, &str) = match e {
            Expr::Let(_) => (
                Kind::Control,
                "let",
                "take the value apart with `if let` alone, and put what else must hold into an `if` inside",
            ),
            Expr::While(_) | Expr::Loop(_) => (Kind::Control, "label", "leave one loop at a time"),
            Expr::Break(_) => (Kind::Control, "break", "keep the value in a variable around the loop"),
            Expr::Try(_) => (Kind::Control, "?", "a differentiable function has no errors to return"),
            Expr::Reference(_) => (Kind::Mutation, "&mut", "bind a new name with `let`"),
            Expr::Unsafe(_) => (Kind::Unsupported, "`unsafe`", "write safe code"),
            Expr::Async(_) | Expr::Await(_) => {
                (Kind::Unsupported, "`async`", "compute in an ordinary function")
            }
            _ => (
                Kind::Unsupported,
                "this expression",
                "write it as arithmetic, methods of numbers and arrays, and calls",
            ),
        };
        self.errors.push(kind, &head(e), &[what, help]);
        Value::Poison
    }

    /// An error, unless the expression is inactive.
    pub fn unsupported(&mut self, e: &dyn ToTokens, what: &str, help: &str) -> Value {
        if let Some(host) = self.host(e) {
            return host;
        }
        self.errors.push(Kind::Unsupported, e, &[what, help]);
        Value::Poison
    }

    fn path(&mut self, p: &syn::ExprPath) -> Value {
        if let Some(ident) = p.path.get_ident() {
            if let Some(binding) = self.env.get(&ident.to_string()) {
                let guard = binding.guard;
                return match &binding.value {
                    Value::Place(base, index) => {
                        let (base, index) = (base.clone(), index.clone());
                        let array = self.expr(&base);
                        self.index_value(array, vec![(*index).clone()], p)
                    }
                    Value::Opaque(why) => {
                        let why = why.to_string();
                        self.errors.push(Kind::Unsupported, p, &[&format!("`{ident}`: {why}"), ""]);
                        Value::Poison
                    }
                    value => {
                        let value = value.clone();
                        self.guarded(value, guard)
                    }
                };
            }
        }
        let segments: Vec<String> = p.path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let Some(value) = float_constant(&segments) {
            return value;
        }
        let last = segments.last().cloned().unwrap_or_default();
        let constant = last.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        match constant {
            true => self.unsupported(
                p,
                "a constant of a type whose sizes the call does not say",
                "write them: `f::<3>(x)`",
            ),
            false => Value::Function(p.to_token_stream()),
        }
    }

    fn field(&mut self, f: &syn::ExprField) -> Value {
        let base = self.expr(&f.base);
        let name = match &f.member {
            Member::Named(n) => n.to_string(),
            Member::Unnamed(i) => i.index.to_string(),
        };
        let found = match &base {
            Value::Struct(fields) => fields.iter().find(|x| x.0 == name).map(|x| x.1.clone()),
            Value::Tuple(list) => name.parse::<usize>().ok().and_then(|k| list.get(k).cloned()),
            Value::Unread(place, known) => self.read(place, known, &name),
            Value::Poison => return Value::Poison,
            _ => None,
        };
        match found {
            Some(Value::Opaque(why)) => {
                self.errors.push(Kind::Unsupported, f, &[&format!("the field `{name}`: {why}"), ""]);
                Value::Poison
            }
            Some(value) => value,
            None => self.unsupported(
                f,
                &format!("the field `{name}`"),
                "it is not a field of a struct with `#[derive(Differentiable)]`",
            ),
        }
    }

    // ---- arithmetic ----

    fn negate(&mut self, x: Value, e: &Expr) -> Value {
        match x {
            Value::Num(n) => Value::Num(Num { v64: -n.v64, v32: -n.v32 }),
            Value::Int(n) => Value::Int(n.scale(-1)),
            Value::Tensor(t) => Value::Tensor(self.unary(Op::Neg, &t)),
            Value::Poison => Value::Poison,
            _ => self.unsupported(e, "this negation", "numbers and arrays can be negated"),
        }
    }

    /// A chain such as `a + b - c + …` is walked without recursion.
    fn binary_chain(&mut self, b: &syn::ExprBinary) -> Value {
        let mut spine = vec![b];
        while let Some(Expr::Binary(left)) = spine.last().map(|b| &*b.left) {
            spine.push(left);
        }
        let mut value = match spine.last() {
            Some(b) => self.expr(&b.left),
            None => return Value::Poison,
        };
        for b in spine.into_iter().rev() {
            let logical = matches!(b.op, BinOp::And(_) | BinOp::Or(_));
            let outside = matches!(value, Value::Host(_)) && self.host(b).is_some();
            if logical && !value.is_poison() && !outside {
                value = self.logic(matches!(b.op, BinOp::And(_)), value, &b.right, b);
                continue;
            }
            let right = self.expr(&b.right);
            value = self.binary(&b.op, value, right, b);
        }
        value
    }

    pub fn binary(&mut self, op: &BinOp, a: Value, b: Value, e: &syn::ExprBinary) -> Value {
        if a.is_poison() || b.is_poison() {
            return Value::Poison;
        }
        let text = source(op);
        let known = match op {
            BinOp::Add(_) => Op::Add,
            BinOp::Sub(_) => Op::Sub,
            BinOp::Mul(_) => Op::Mul,
            BinOp::Div(_) => Op::Div,
            BinOp::Rem(_) => Op::Rem,
            _ => {
                if let Some(value) = self.bits(op, &a, &b, e) {
                    return value;
                }
                let numbers = |v: &Value| matches!(v, Value::Tensor(_) | Value::Int(_));
                if !(a.active() || b.active() || numbers(&a) && numbers(&b)) {
                    if let Some(tokens) = self.host_tokens(e) {
                        return Value::Host(tokens);
                    }
                }
                let before = self.errors.len();
                if let Some(value) = self.comparison(op, a, b, e) {
                    return value;
                }
                if self.errors.len() == before {
                    self.errors.push(Kind::Control, op, &[&text, "numbers can be compared with each other"]);
                }
                return Value::Poison;
            }
        };
        // an integer of unknown value meets integers
        let whole = |v: &Value| match v {
            Value::Int(_) => true,
            Value::Tensor(t) => self.graph.dtype(t.node) == Dtype::Int && t.rank() == 0,
            _ => false,
        };
        let (a, b) = match (a, b) {
            (Value::Host(x), b) if whole(&b) => (self.whole(&x), b),
            (a, Value::Host(y)) if whole(&a) => (a, self.whole(&y)),
            other => other,
        };
        match (a, b) {
            (Value::Num(x), Value::Num(y)) => Value::Num(numbers(known, &[x, y])),
            (Value::Int(x), Value::Int(y)) => self.int_op(known, x, y, e),
            (
                x @ (Value::Tensor(_) | Value::Num(_) | Value::Int(_) | Value::Host(_)),
                y @ Value::Tensor(_),
            )
            | (x @ Value::Tensor(_), y @ (Value::Num(_) | Value::Int(_) | Value::Host(_))) => {
                let dtype = [&x, &y].iter().find_map(|v| match v {
                    Value::Tensor(t) => Some(self.graph.dtype(t.node)),
                    _ => None,
                });
                let (Some(x), Some(y)) = (self.tensor(x, dtype, &e.left), self.tensor(y, dtype, &e.right))
                else {
                    return Value::Poison;
                };
                self.elementwise(known, &[x, y], &format!("`{text}`"), &op)
                    .map_or(Value::Poison, Value::Tensor)
            }
            (
                Value::Num(_) | Value::Int(_) | Value::Host(_),
                Value::Num(_) | Value::Int(_) | Value::Host(_),
            ) => self.host_tokens(e).map_or(Value::Poison, Value::Host),
            _ => self.unsupported(
                e,
                &format!("`{text}` of these values"),
                "numbers and arrays can be computed with",
            ),
        }
    }

    fn int_op(&mut self, op: Op, x: Size, y: Size, e: &syn::ExprBinary) -> Value {
        let (x, y) = (self.graph.sizes.resolve(&x), self.graph.sizes.resolve(&y));
        let sizes = [x.clone(), y.clone()];
        match (op, x.as_const(), y.as_const()) {
            (Op::Add, ..) => Value::Int(x.add(&y)),
            (Op::Sub, ..) => Value::Int(x.sub(&y)),
            (Op::Mul, ..) => Value::Int(x.mul(&y)),
            (Op::Div, Some(a), Some(b)) if b != 0 => Value::Int(self.int(a / b)),
            (Op::Rem, Some(a), Some(b)) if b != 0 => Value::Int(self.int(a % b)),
            (Op::Div, ..) if x.div_exact(&y).is_some() => Value::Int(x.div_exact(&y).unwrap_or_default()),
            _ => match (self.rust_text(&x), self.rust_text(&y), self.host_tokens(e)) {
                (Some(x), Some(y), _) => {
                    let sign = if op == Op::Div { "/" } else { "%" };
                    let name = format!("({x}) {sign} ({y})");
                    match (y.parse::<i64>(), name.parse::<proc_macro2::TokenStream>()) {
                        (Err(_), Ok(tokens)) if !self.env.guards.is_empty() => {
                            self.quotient(op, &sizes, &tokens)
                        }
                        _ => Value::Int(Size::sym(self.symbol(&name, true))),
                    }
                }
                (_, _, Some(tokens)) => self.whole(&tokens),
                _ => self.unsupported(
                    e,
                    "this integer expression",
                    "give it a name outside of the function and pass it as an argument",
                ),
            },
        }
    }

    fn cast(&mut self, c: &syn::ExprCast) -> Value {
        let value = self.expr(&c.expr);
        let name = source(&c.ty);
        let dtype = name.rsplit("::").next().and_then(scalar_type);
        // bits may be lost
        let known = matches!(&value, Value::Int(n) if n.as_const().is_some_and(|n| (0..128).contains(&n)));
        let narrow = matches!(name.as_str(), "u8" | "i8" | "u16" | "i16") && !known;
        match (value, dtype) {
            (Value::Poison, _) => Value::Poison,
            (Value::Tensor(t), Some(dtype)) if dtype.is_float() => {
                let node = self.graph.cast(t.node, dtype);
                Value::Tensor(Tensor { node, ..t })
            }
            (Value::Tensor(t), Some(Dtype::Int)) if t.active => {
                self.errors.push(Kind::CastInteger, c, &[&name]);
                Value::Poison
            }
            (Value::Tensor(t), Some(Dtype::Int)) if self.graph.dtype(t.node) == Dtype::Int && !narrow => {
                Value::Tensor(t)
            }
            (value @ (Value::Int(_) | Value::Num(_)), Some(dtype)) if dtype.is_float() => {
                self.tensor(value, Some(dtype), &c.expr).map_or(Value::Poison, Value::Tensor)
            }
            (Value::Host(_), Some(dtype)) if dtype.is_float() => match self.host_tokens(c) {
                Some(tokens) => {
                    Value::Tensor(self.input(&tokens, Form::Scalar(dtype), dtype, vec![], None, false))
                }
                None => Value::Poison,
            },
            (Value::Int(_) | Value::Tensor(_), Some(Dtype::Int)) if narrow => match self.host_tokens(c) {
                Some(tokens) => self.whole(&tokens),
                None => self.unsupported(c, &format!("`as {name}` here"), "compute in `usize`"),
            },
            (Value::Int(n), Some(Dtype::Int)) => Value::Int(n),
            (Value::Host(_), Some(Dtype::Int)) => match self.host_tokens(c) {
                Some(tokens) => self.whole(&tokens),
                None => Value::Poison,
            },
            _ => self.unsupported(c, &format!("`as {name}`"), "`as f32` and `as f64` are"),
        }
    }

    /// A value as numbers in the graph: of the given type, where the value leaves it open.
    pub fn tensor(&mut self, value: Value, dtype: Option<Dtype>, at: &dyn ToTokens) -> Option<Tensor> {
        match value {
            Value::Tensor(t) => Some(t),
            Value::Num(n) => {
                let dtype = dtype.unwrap_or(Dtype::F64);
                let v = if dtype == Dtype::F32 { f64::from(n.v32) } else { n.v64 };
                let node = self.graph.constant(v, dtype);
                Some(self.scalar(node, false))
            }
            Value::Int(size) => {
                let node = self.graph.size(&size, dtype.unwrap_or(Dtype::Int));
                Some(self.scalar(node, false))
            }
            Value::Host(tokens) => match dtype {
                Some(dtype) => Some(self.input(&tokens, Form::Scalar(dtype), dtype, vec![], None, false)),
                None => {
                    self.missing_type(at);
                    None
                }
            },
            Value::Poison => None,
            Value::Iter(_) => {
                self.errors.push(
                    Kind::Unsupported,
                    at,
                    &[
                        "an iterator as a value",
                        "end it with `.sum()`, `.product()`, `.fold(…)` or `.collect()`",
                    ],
                );
                None
            }
            Value::Opaque(why) => {
                self.errors.push(Kind::Unsupported, at, &[&why, ""]);
                None
            }
            _ => {
                self.errors.push(
                    Kind::Unsupported,
                    at,
                    &["this value as a number", "numbers and arrays can be computed with"],
                );
                None
            }
        }
    }

    pub fn missing_type(&mut self, at: &dyn ToTokens) {
        let text = source(&at.to_token_stream());
        let name = match syn::parse_str::<syn::Ident>(&text) {
            Ok(ident) => ident.to_string(),
            Err(_) => "m".to_string(),
        };
        self.errors.push(Kind::MissingType, at, &[&text, &name]);
    }
}

/// The first token of a syntax tree, where printing all of it would be too deep.
struct First<'a>(&'a Expr);
impl ToTokens for First<'_> {
    fn to_tokens(&self, out: &mut proc_macro2::TokenStream) {
        let mut e = self.0;
        loop {
            e = match e {
                Expr::MethodCall(m) => &m.receiver,
                Expr::Field(f) => &f.base,
                Expr::Index(i) => &i.expr,
                Expr::Binary(b) => &b.left,
                Expr::Cast(c) => &c.expr,
                _ => break,
            };
        }
        out.extend(e.to_token_stream().into_iter().take(1));
    }
}

/// The keyword or sign that names the construct.
fn head(e: &Expr) -> proc_macro2::TokenStream {
    match e {
        Expr::Assign(a) => a.to_token_stream(),
        Expr::If(_) | Expr::Match(_) | Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) => {
            e.to_token_stream().into_iter().take(1).collect()
        }
        _ => e.to_token_stream(),
    }
}
