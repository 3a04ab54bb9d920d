//! Methods that change what they are called on: `swap`, `fill`, `copy_from_slice`, `push`, and `mem::swap`.
//!
//! A vector that a loop pushes to has its final length from the start, which is the number of iterations more than before;
//! inside of the loop it knows how much of it there is.
//!
//! Invariant: a change that is not understood is refused; none is dropped.

use super::control::Frame;
use super::env::{Iter, Tensor, Value};
use super::index::along;
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{AxisId, Dtype, Index, Op, Size};
use quote::ToTokens;
use std::rc::Rc;
use syn::visit::Visit;
use syn::{Block, Expr, ExprMethodCall, Pat};

impl Lower {
    /// The change that a method makes to its receiver; none where the method makes no change that is known.
    pub fn changed(&mut self, m: &ExprMethodCall) -> Option<Value> {
        let name = m.method.to_string();
        let args: Vec<&Expr> = m.args.iter().collect();
        let known = matches!(
            (name.as_str(), args.len()),
            ("swap", 2)
                | (
                    "fill" | "copy_from_slice" | "clone_from_slice" | "push" | "extend_from_slice" | "assign",
                    1
                )
        );
        if !known || !place(&m.receiver) {
            return None;
        }
        let span = self.span(&m.receiver);
        let recv = match &span {
            Some((_, Ok(span))) => Value::Tensor(self.part_of(span)),
            Some((_, Err(()))) => return Some(Value::Poison),
            None => self.expr(&m.receiver),
        };
        if recv.is_poison() {
            return Some(Value::Poison);
        }
        let store = |run: &mut Self, value: Value| match &span {
            Some((base, Ok(span))) => run.store_span(base, span, value, m),
            _ => run.assign(&m.receiver, value, m),
        };
        match (name.as_str(), recv) {
            ("swap", Value::Tensor(t)) if t.rank() > 0 && span.is_none() && !t.nd => {
                let (i, j) = (self.expr(args[0]), self.expr(args[1]));
                let a = self.index_value(Value::Tensor(t.clone()), vec![i.clone()], m);
                let b = self.index_value(Value::Tensor(t), vec![j.clone()], m);
                self.store_element(&m.receiver, vec![i], b, m);
                self.store_element(&m.receiver, vec![j], a, m);
                Some(Value::Unit)
            }
            ("fill", Value::Tensor(t)) if t.rank() > 0 => {
                let value = self.expr(args[0]);
                let Some(value) = self.tensor(value, Some(self.graph.dtype(t.node)), m) else {
                    return Some(Value::Poison);
                };
                let t = self.canonical(&t);
                let rank = value.rank();
                let node = self.align(&value, &t.axes[t.rank() - rank..]);
                Some(store(self, Value::Tensor(Tensor { node, active: value.active, ..t })))
            }
            ("copy_from_slice" | "clone_from_slice", Value::Tensor(t)) if t.rank() > 0 && !t.nd => {
                let value = self.expr(args[0]);
                Some(self.copied(t, value, m).map_or(Value::Poison, |value| store(self, value)))
            }
            ("assign", Value::Tensor(t)) if t.nd => {
                let value = self.expr(args[0]);
                Some(self.copied(t, value, m).map_or(Value::Poison, |value| store(self, value)))
            }
            ("push", Value::Empty(ty)) => {
                let item = self.expr(args[0]);
                let item = match &ty {
                    Some(ty) => self.annotated(item, ty, args[0]),
                    None => item,
                };
                if item.is_poison() {
                    return Some(Value::Poison);
                }
                if let Some(slot) = &mut self.first_push {
                    slot.get_or_insert_with(|| item.clone());
                }
                let dtype = match &item {
                    Value::Tensor(t) => Some(self.graph.dtype(t.node)),
                    _ => self.only_float(),
                };
                let value = self.row(vec![item], dtype.unwrap_or(Dtype::F64), m);
                Some(self.assign(&m.receiver, value, m))
            }
            ("push", Value::Tensor(t)) if t.rank() > 0 && !t.nd && span.is_none() => {
                let item = self.expr(args[0]);
                let Some(item) = self.tensor(item, Some(self.graph.dtype(t.node)), m) else {
                    return Some(Value::Poison);
                };
                if self.nested() && self.first_push.is_none() {
                    let help = "push once in each iteration of a loop over a range or a slice";
                    return Some(self.unsupported(m, "a `push` under a condition", help));
                }
                let (mut dims, mut axes) = (item.dims.clone(), item.axes.clone());
                dims.insert(0, self.int(1));
                axes.insert(0, None);
                let item = Tensor { dims, axes, ..item };
                self.appended(&t, item, m).map(|value| self.assign(&m.receiver, value, m))
            }
            ("extend_from_slice", Value::Tensor(t)) if t.rank() > 0 && !t.nd && !self.nested() => {
                let more = self.expr(args[0]);
                let Some(more) = self.tensor(more, Some(self.graph.dtype(t.node)), m) else {
                    return Some(Value::Poison);
                };
                self.appended(&t, more, m).map(|value| self.assign(&m.receiver, value, m))
            }
            ("push", Value::Growing(t, len)) => {
                let item = self.expr(args[0]);
                let Some(written) = self.written(&t, vec![(*len).clone()], item, m) else {
                    return Some(Value::Poison);
                };
                let Some(len) = self.tensor((*len).clone(), Some(Dtype::Int), m) else {
                    return Some(Value::Poison);
                };
                let len = Rc::new(Value::Tensor(self.with_const(Op::Add, &len, 1.0)));
                Some(self.assign(&m.receiver, Value::Growing(written, len), m))
            }
            _ => None,
        }
    }

    fn appended(&mut self, t: &Tensor, more: Tensor, at: &dyn ToTokens) -> Option<Value> {
        let zero = self.int(0);
        let t = Tensor { nd: true, ..t.clone() };
        Some(match self.joined("concatenate", &zero, &[t, more], at) {
            Value::Tensor(t) => Value::Tensor(Tensor { nd: false, ..t }),
            other => other,
        })
    }

    /// All of an array's elements from another one of its shape.
    fn copied(&mut self, t: Tensor, value: Value, at: &dyn ToTokens) -> Option<Value> {
        let dtype = self.graph.dtype(t.node);
        let value = self.tensor(value, Some(dtype), at)?;
        let fits = t.rank() == value.rank()
            && t.dims.iter().zip(&value.dims).all(|(a, b)| self.graph.sizes.unify(a, b));
        if !fits {
            let (a, b) = (self.shape_text(&t.dims), self.shape_text(&value.dims));
            self.errors.push(Kind::Shape, at, &["the copy", &a, &b, "both sides have one shape"]);
            return None;
        }
        if self.graph.dtype(value.node) != dtype {
            let found = self.graph.dtype(value.node).name();
            self.errors.push(Kind::Dtypes, at, &["the copy", dtype.name(), found]);
            return None;
        }
        Some(Value::Tensor(Tensor { nd: t.nd, ..value }))
    }

    /// `mem::swap(&mut a, &mut b)`
    pub fn exchanged(&mut self, c: &syn::ExprCall) -> Option<Value> {
        let Expr::Path(p) = &*c.func else { return None };
        let segments: Vec<String> = p.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let [.., owner, last] = segments.as_slice() else { return None };
        if owner != "mem" || last != "swap" {
            return None;
        }
        let mut places = Vec::new();
        for arg in &c.args {
            match arg {
                Expr::Reference(r) if r.mutability.is_some() && place(&r.expr) => places.push(&*r.expr),
                _ => return None,
            }
        }
        let [a, b] = places[..] else { return None };
        let (x, y) = (self.expr(a), self.expr(b));
        self.assign(a, y, c);
        self.assign(b, x, c);
        Some(Value::Unit)
    }

    // ---- parts of arrays as places ----

    /// The place behind `a[from..to]`, where the receiver ends with a range.
    fn span(&mut self, e: &Expr) -> Option<(Expr, Result<Span, ()>)> {
        let mut ranges = Vec::new();
        let mut at = e;
        loop {
            match at {
                Expr::Paren(p) => at = &p.expr,
                Expr::Index(i) => match super::index::strip(&i.index) {
                    Expr::Range(r) => {
                        ranges.push(r.clone());
                        at = &i.expr;
                    }
                    _ => break,
                },
                _ => break,
            }
        }
        if ranges.is_empty() {
            return None;
        }
        Some((at.clone(), self.span_in(at, &ranges, e).ok_or(())))
    }

    fn span_in(&mut self, base: &Expr, ranges: &[syn::ExprRange], at: &Expr) -> Option<Span> {
        let Value::Tensor(t) = self.expr(base) else {
            self.errors.push(
                Kind::Unsupported,
                at,
                &["this assignment", "parts of arrays and slices of numbers can be assigned"],
            );
            return None;
        };
        let mut from = Index::default();
        let mut len = t.dims.first()?.clone();
        let mut end_known = true;
        for r in ranges.iter().rev() {
            let bound = |run: &mut Self, e: &Option<Box<Expr>>| -> Option<Option<Index>> {
                let Some(e) = e else { return Some(None) };
                let value = match run.expr(e) {
                    Value::Host(tokens) => run.whole(&tokens),
                    value => value,
                };
                let node = run.tensor(value, Some(Dtype::Int), e)?.node;
                let affine = run.graph.affine(node);
                if affine.is_none() {
                    run.errors.push(
                        Kind::Unsupported,
                        e,
                        &["a part at a looked-up position", "write a loop over the elements"],
                    );
                }
                affine.map(Some)
            };
            let start = bound(self, &r.start)?.unwrap_or_default();
            let end = bound(self, &r.end)?;
            let back = start.scaled(&Size::constant(-1));
            match end {
                Some(mut end) => {
                    if matches!(r.limits, syn::RangeLimits::Closed(_)) {
                        end.offset = end.offset.add(&Size::constant(1));
                    }
                    let span = end.plus(&back);
                    if !span.terms.is_empty() {
                        let help =
                            "write `a[start..][..len]` with a length that is the same for all positions";
                        self.errors.push(
                            Kind::Unsupported,
                            at,
                            &["a part whose length depends on a position", help],
                        );
                        return None;
                    }
                    (len, end_known) = (span.offset, true);
                }
                None if start.terms.is_empty() => len = len.sub(&start.offset),
                None => end_known = false,
            }
            from = from.plus(&start);
        }
        if !end_known {
            let help = "write `a[start..][..len]`";
            self.errors.push(Kind::Unsupported, at, &["a part whose length depends on a position", help]);
            return None;
        }
        Some(Span { whole: t, from, len: self.graph.sizes.resolve(&len) })
    }

    fn part_of(&mut self, span: &Span) -> Tensor {
        let mut dims = vec![span.len.clone()];
        dims.extend(span.whole.dims[1..].iter().cloned());
        self.remap(&span.whole, dims, |_, axes| {
            std::iter::once(span.from.plus(&along(&axes[0]))).chain(axes[1..].iter().map(along)).collect()
        })
    }

    fn store_span(&mut self, base: &Expr, span: &Span, value: Value, at: &dyn ToTokens) -> Value {
        if !self.env.guards.is_empty() {
            let help = "write a loop over the elements";
            return self.unsupported(at, "a part of an array that is written under a condition", help);
        }
        let Value::Tensor(value) = value else { return Value::Poison };
        let t = self.canonical(&span.whole);
        // the new elements lie along an axis of their own
        let mut used = self.outer.clone();
        used.extend(t.own_axes());
        used.extend(self.graph.axes(value.node).iter().copied());
        let fresh = (!span.len.is_one()).then(|| self.free_axis(&span.len, &used));
        let mut axes = vec![fresh];
        axes.extend(t.axes[1..].iter().copied());
        let node = self.align(&value, &axes);
        let mut places = vec![span.from.plus(&along(&fresh))];
        places.extend(t.axes[1..].iter().map(along));
        let (dims, places): (Vec<AxisId>, Vec<Index>) =
            t.axes.iter().zip(places).filter_map(|(a, p)| Some(((*a)?, p))).unzip();
        let node = match dims.is_empty() {
            true => node,
            false => self.graph.write(t.node, dims, places, fresh.into_iter().collect(), node),
        };
        self.assign(base, Value::Tensor(Tensor { node, active: t.active || value.active, ..t }), at)
    }

    // ---- vectors that grow ----

    /// Before a loop: a vector that its body pushes to gets its final length.
    pub fn reserved(
        &mut self,
        name: &str,
        axis: AxisId,
        (pat, iter, body): (&Pat, &Iter, &Block),
        leaves: bool,
        at: &dyn ToTokens,
    ) {
        let Some(k) = self.env.position(name) else { return };
        let value = self.env.bindings[k].value.clone();
        if !pushes(body, name) || !matches!(value, Value::Empty(_) | Value::Tensor(_) | Value::Growing(..)) {
            return;
        }
        let once = direct_pushes(body, name) == 1 && all_pushes(body, name) == 1;
        if !once || leaves || iter.mask.is_some() || matches!(value, Value::Growing(..)) {
            let what = format!("`{name}.push(…)` here");
            let help =
                "push once in each iteration, in the loop's own block, and leave the loop at its end only";
            self.errors.push(Kind::Unsupported, at, &[&what, help]);
            self.env.assign(k, Value::Poison);
            return;
        }
        let trip = self.graph.axis_size(axis).clone();
        let (start, item) = match &value {
            Value::Tensor(t) => (Some(t.clone()), Some((t.dims[1..].to_vec(), self.graph.dtype(t.node)))),
            _ => (None, self.first_item(pat, iter, axis, body)),
        };
        let Some((dims, dtype)) = item else {
            self.errors.push(Kind::MissingType, at, &[name, name]);
            self.env.assign(k, Value::Poison);
            return;
        };
        let mut all = vec![trip];
        all.extend(dims);
        let axes = self.layout(&all);
        let node = self.graph.constant(0.0, dtype);
        let zeros = Tensor { node, dims: all, axes, active: false, nd: false };
        let position = self.graph.position(axis, Dtype::Int);
        let mut len = self.scalar(position, false);
        let whole = match start {
            None => zeros,
            Some(t) => {
                let base = self.graph.size(&t.dims[0].clone(), Dtype::Int);
                let node = self.graph.apply(Op::Add, &[len.node, base]);
                len = self.scalar(node, false);
                match self.appended(&t, Tensor { nd: true, ..zeros }, at) {
                    Some(Value::Tensor(t)) => t,
                    _ => return,
                }
            }
        };
        self.env.assign(k, Value::Growing(whole, Rc::new(Value::Tensor(len))));
    }

    /// The shape and the type of what the first iteration pushes: the body is run for it and forgotten.
    fn first_item(
        &mut self,
        pat: &Pat,
        iter: &Iter,
        axis: AxisId,
        body: &Block,
    ) -> Option<(Vec<Size>, Dtype)> {
        let (env, dead, errors) = (self.env.clone(), self.dead, self.errors.len());
        let outside = self.first_push.replace(None);
        self.frames.push(Frame { is_loop: true, label: None, base: self.env.guards.len(), exits: vec![] });
        self.outer.push(axis);
        self.bind(pat, iter.item.clone(), &[]);
        self.block(body);
        self.outer.pop();
        self.frames.pop();
        let found = std::mem::replace(&mut self.first_push, outside).flatten();
        (self.env, self.dead) = (env, dead);
        self.errors.list.truncate(errors);
        let t = self.tensor(found?, self.only_float(), &proc_macro2::TokenStream::new())?;
        Some((t.dims.clone(), self.graph.dtype(t.node)))
    }

    /// What a vector that grows can be asked.
    pub fn growing_method(&mut self, t: &Tensor, len: &Value, name: &str, m: &ExprMethodCall) -> Value {
        match (name, m.args.len()) {
            ("len", 0) => len.clone(),
            ("last", 0) => {
                let Some(len) = self.tensor(len.clone(), Some(Dtype::Int), m) else { return Value::Poison };
                let at = Value::Tensor(self.with_const(Op::Add, &len, -1.0));
                self.index_value(Value::Tensor(t.clone()), vec![at], m)
            }
            ("first", 0) => {
                let at = Value::Int(self.int(0));
                self.index_value(Value::Tensor(t.clone()), vec![at], m)
            }
            _ => {
                let what = format!("`{name}` of a vector that the loop pushes to");
                let help = "read its elements by position, its `len()` or its `last()`";
                self.unsupported(m, &what, help)
            }
        }
    }
}

/// A part of an array as a place.
struct Span {
    whole: Tensor,
    from: Index,
    len: Size,
}

/// A variable, an element or a field of one.
fn place(e: &Expr) -> bool {
    match e {
        Expr::Path(_) => true,
        Expr::Index(i) => place(&i.expr),
        Expr::Field(f) => place(&f.base),
        Expr::Paren(p) => place(&p.expr),
        Expr::Unary(u) => matches!(u.op, syn::UnOp::Deref(_)) && place(&u.expr),
        _ => false,
    }
}

struct Pushes<'a> {
    name: &'a str,
    count: usize,
}

impl<'ast> Visit<'ast> for Pushes<'_> {
    fn visit_expr_method_call(&mut self, m: &'ast ExprMethodCall) {
        self.count += usize::from(pushes_to(m, self.name));
        syn::visit::visit_expr_method_call(self, m);
    }
}

fn pushes_to(m: &ExprMethodCall, name: &str) -> bool {
    m.method == "push" && source(&m.receiver) == name
}

fn all_pushes(body: &Block, name: &str) -> usize {
    let mut visit = Pushes { name, count: 0 };
    visit.visit_block(body);
    visit.count
}

fn pushes(body: &Block, name: &str) -> bool {
    all_pushes(body, name) > 0
}

fn direct_pushes(body: &Block, name: &str) -> usize {
    let direct = |s: &&syn::Stmt| matches!(s, syn::Stmt::Expr(Expr::MethodCall(m), _) if pushes_to(m, name));
    body.stmts.iter().filter(direct).count()
}
