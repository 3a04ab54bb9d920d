//! Indexing and slicing: elements at positions that are affine in the axes, or looked up in integer arrays.
//!
//! Invariant: a position that is known to be out of bounds is an error at the user's index.

use super::env::{Pick, Tensor, Value};
use super::Lower;
use crate::diag::Kind;
use crate::ir::{Dtype, Index, NodeId, Op, Size};
use quote::ToTokens;
use std::rc::Rc;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, RangeLimits, Token};

/// One entry of `s![…]`: `a..b;step`, `i`, `NewAxis`.
struct Entry {
    range: Expr,
    step: Option<Expr>,
}

impl Parse for Entry {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let range = input.parse()?;
        let step = match input.peek(Token![;]) {
            true => {
                input.parse::<Token![;]>()?;
                Some(input.parse()?)
            }
            false => None,
        };
        Ok(Entry { range, step })
    }
}

impl Lower {
    pub fn index(&mut self, base: Value, index: &Expr, e: &Expr) -> Value {
        if base.is_poison() {
            return Value::Poison;
        }
        if let (Value::Tensor(t) | Value::Tail(t, _), Expr::Range(r)) = (&base, strip(index)) {
            // `x[a..b]` of a slice
            let first = match &base {
                Value::Tail(_, first) => Some((**first).clone()),
                _ => None,
            };
            if let Some(value) = self.moving_slice(t, first, r, e) {
                return value;
            }
            return match self.pick(index, None) {
                Some(pick) => self.sliced(t, &[pick], e),
                None => Value::Poison,
            };
        }
        let index = self.expr(index);
        match (base, index) {
            (_, Value::Poison) => Value::Poison,
            (Value::Tail(t, first), index) => {
                let first = self.graph.position_node(&first);
                let Some(k) = self.tensor(index, Some(Dtype::Int), e) else { return Value::Poison };
                let at = self.graph.apply(Op::Add, &[first, k.node]);
                let at = Value::Tensor(self.scalar(at, false));
                self.index_value(Value::Tensor(t), vec![at], e)
            }
            (Value::Tuple(list), Value::Int(k)) => {
                let k = self.graph.sizes.resolve(&k).as_const();
                match k.and_then(|k| usize::try_from(k).ok()).and_then(|k| list.get(k)) {
                    Some(v) => v.clone(),
                    None => self.unsupported(e, "this index", "write a number below the length"),
                }
            }
            (Value::List(list), k @ (Value::Int(_) | Value::Tensor(_) | Value::Host(_))) => {
                self.list_index(&list, k, e)
            }
            (Value::Growing(t, _), index) => self.index_value(Value::Tensor(t), vec![index], e),
            (base, Value::Tuple(list)) => self.index_value(base, list, e),
            // `x[[i, j]]` is an array of integers
            (base, Value::Tensor(i)) if i.rank() == 1 && self.small_literal(e).is_some() => {
                let list = self.small_literal(e).unwrap_or_default();
                let list = list.iter().map(|i| self.expr(i)).collect();
                self.index_value(base, list, e)
            }
            (base, index) => self.index_value(base, vec![index], e),
        }
    }

    /// The entries of the literal in `x[[i, j]]`.
    fn small_literal(&self, e: &Expr) -> Option<Vec<Expr>> {
        match e {
            Expr::Index(i) => match strip(&i.index) {
                Expr::Array(a) => Some(a.elems.iter().cloned().collect()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A slice whose bounds depend on positions in loops; none where they do not.
    fn moving_slice(
        &mut self,
        t: &Tensor,
        first: Option<Index>,
        r: &syn::ExprRange,
        e: &Expr,
    ) -> Option<Value> {
        let moving = first.is_some();
        let mut bounds = [None, None];
        for (slot, bound) in bounds.iter_mut().zip([&r.start, &r.end]) {
            *slot = bound.as_ref().map(|bound| self.expr(bound));
        }
        let moves = |v: &Option<Value>| matches!(v, Some(Value::Tensor(_)));
        if !moving && !bounds.iter().any(moves) {
            return None;
        }
        let [start, end] = bounds;
        let position = |run: &mut Self, value: Option<Value>| -> Option<Option<Index>> {
            let Some(value) = value else { return Some(None) };
            let value = match value {
                Value::Host(tokens) => run.whole(&tokens),
                value => value,
            };
            let node = run.tensor(value, Some(Dtype::Int), e)?.node;
            let at = run.graph.affine(node).unwrap_or(Index { gather: Some(node), ..Index::default() });
            Some(Some(at))
        };
        let (Some(start), Some(end)) = (position(self, start), position(self, end)) else {
            return Some(Value::Poison);
        };
        let start = start.unwrap_or_default();
        let from = match &first {
            Some(first) if first.gather.is_none() || start.gather.is_none() => {
                let gather = first.gather.or(start.gather);
                Index { gather, ..first.clone() }.plus(&start)
            }
            Some(_) => return Some(self.unsupported(e, "a slice at the sum of two looked-up positions", "")),
            None => start.clone(),
        };
        let Some(mut end) = end else {
            return Some(Value::Tail(t.clone(), Rc::new(from)));
        };
        if matches!(r.limits, RangeLimits::Closed(_)) {
            end.offset = end.offset.add(&Size::constant(1));
        }
        let len = end.plus(&start.scaled(&Size::constant(-1)));
        if !len.terms.is_empty() || end.gather != start.gather {
            let help = "write `&x[start..][..len]` with a length that is the same for all positions";
            return Some(self.unsupported(e, "a slice whose length depends on a position", help));
        }
        let len = self.graph.sizes.resolve(&len.offset);
        let n = t.dims[0].clone();
        let mut dims = vec![len];
        dims.extend(t.dims[1..].iter().cloned());
        Some(Value::Tensor(self.remap(t, dims, |run, axes| {
            let along_first = from.plus(&along(&axes[0]));
            let first = run.reachable_position(along_first, &n);
            std::iter::once(first).chain(axes[1..].iter().map(along)).collect()
        })))
    }

    /// A position that is the same for all elements, or looked up.
    pub fn position_of(&mut self, value: Value, len: &Size, at: &dyn ToTokens) -> Option<Index> {
        match value {
            Value::Int(k) => {
                let (k, n) = (self.graph.sizes.resolve(&k), self.graph.sizes.resolve(len));
                let below = k.as_const().is_some_and(|k| k < 0);
                let above = k.sub(&n).as_const().is_some_and(|d| d >= 0);
                if below || above {
                    let (k, n) = (self.graph.sizes.show(&k), self.graph.sizes.show(&n));
                    self.errors.push(Kind::Bounds, at, &[&k, &n]);
                    return None;
                }
                Some(self.reachable_position(Index::at(k), len))
            }
            Value::Host(tokens) => {
                let k = self.whole(&tokens);
                self.position_of(k, len, at)
            }
            Value::Tensor(t) if t.rank() == 0 && self.graph.dtype(t.node) == Dtype::Int => {
                if let Some(index) = self.graph.affine(t.node) {
                    return Some(self.reachable_position(index, len));
                }
                let gather = Some(self.when_reached(t.node));
                Some(Index { gather, ..Index::default() })
            }
            Value::Poison => None,
            _ => {
                let help = "an integer that does not depend on a differentiated value";
                self.errors.push(Kind::Argument, at, &["an index", help, ""]);
                None
            }
        }
    }

    /// A position in a branch may be out of bounds where the branch is not taken: it is then looked up under the
    /// branch's condition, unless it lies inside for all positions of its axes.
    fn reachable_position(&mut self, index: Index, len: &Size) -> Index {
        if self.env.guards.is_empty() || self.graph.lies_inside(&index, len) {
            return index;
        }
        let node = self.graph.position_node(&index);
        let gather = Some(self.when_reached(node));
        Index { gather, ..Index::default() }
    }

    /// An integer that counts only where the guards hold.
    pub fn when_reached(&mut self, node: NodeId) -> NodeId {
        match self.guard_from(0) {
            Some(guard) => self.graph.apply(Op::When, &[guard, node]),
            None => node,
        }
    }

    /// The element, or the rest of the dimensions, at these positions.
    pub fn index_value(&mut self, base: Value, index: Vec<Value>, at: &dyn ToTokens) -> Value {
        let t = match base {
            Value::Tensor(t) => t,
            Value::Poison => return Value::Poison,
            Value::Host(_) => {
                if let Some(host) = self.host(at) {
                    return host;
                }
                self.missing_type(at);
                return Value::Poison;
            }
            _ => return self.unsupported(at, "indexing of this value", "arrays and slices can be indexed"),
        };
        if index.len() > t.rank() || (t.nd && index.len() < t.rank()) {
            let text = format!("{} positions", t.rank());
            self.errors.push(Kind::Argument, at, &["this index", &text, ""]);
            return Value::Poison;
        }
        let mut fixed = Vec::new();
        for (k, value) in index.into_iter().enumerate() {
            match self.position_of(value, &t.dims[k].clone(), at) {
                Some(i) => fixed.push(i),
                None => return Value::Poison,
            }
        }
        let dims = t.dims[fixed.len()..].to_vec();
        Value::Tensor(
            self.remap(&t, dims, |_, axes| fixed.into_iter().chain(axes.iter().map(along)).collect()),
        )
    }

    // ---- slicing ----

    /// The tokens of `s![…]`.
    pub fn selection(&mut self, tokens: proc_macro2::TokenStream, at: &dyn ToTokens) -> Value {
        let entries = match Punctuated::<Entry, Token![,]>::parse_terminated.parse2(tokens) {
            Ok(entries) => entries,
            Err(e) => {
                self.errors.push(Kind::Syntax, at, &[&format!("{e} in `s![…]`")]);
                return Value::Poison;
            }
        };
        let mut picks = Vec::new();
        for entry in &entries {
            let is_new = matches!(&entry.range, Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "NewAxis"));
            let pick =
                if is_new { Some(Pick::NewAxis) } else { self.pick(&entry.range, entry.step.as_ref()) };
            match pick {
                Some(pick) => picks.push(pick),
                None => return Value::Poison,
            }
        }
        Value::Selection(Rc::new(picks))
    }

    fn bound(&mut self, e: &Expr) -> Option<Size> {
        match self.expr(e) {
            Value::Int(n) => Some(n),
            Value::Host(tokens) => Some(self.rigid(&tokens)),
            Value::Poison => None,
            _ => {
                self.errors.push(Kind::Argument, e, &["a slice", "inactive integers as its bounds", ""]);
                None
            }
        }
    }

    fn pick(&mut self, e: &Expr, step: Option<&Expr>) -> Option<Pick> {
        let step = match step {
            None => 1,
            Some(step) => match self.bound(step).and_then(|s| self.graph.sizes.resolve(&s).as_const()) {
                Some(step) if step != 0 => step,
                _ => {
                    self.errors.push(
                        Kind::Argument,
                        step,
                        &["a slice", "a number other than 0 as its step", ""],
                    );
                    return None;
                }
            },
        };
        match strip(e) {
            Expr::Range(r) => {
                let start = match &r.start {
                    Some(e) => Some(self.bound(e)?),
                    None => None,
                };
                let end = match &r.end {
                    Some(e) => Some(self.bound(e)?),
                    None => None,
                };
                let inclusive = matches!(r.limits, RangeLimits::Closed(_));
                Some(Pick::Range { start, end, inclusive, step })
            }
            other => match self.expr(other) {
                Value::Poison => None,
                value => Some(Pick::At(value)),
            },
        }
    }

    /// `x.slice(s![…])`, and `x[a..b]`.
    pub fn sliced(&mut self, t: &Tensor, picks: &[Pick], at: &dyn ToTokens) -> Value {
        let used = picks.iter().filter(|p| !matches!(p, Pick::NewAxis)).count();
        if used > t.rank() || (t.nd && used < t.rank()) {
            let text = format!("one entry for each of the {} dimensions", t.rank());
            self.errors.push(Kind::Argument, at, &["this slice", &text, ""]);
            return Value::Poison;
        }
        let mut dims = Vec::new();
        // for each old dimension the position, in terms of the new dimension with this number
        let mut plan: Vec<(Index, Option<(usize, i64)>)> = Vec::new();
        for pick in picks {
            match pick {
                Pick::NewAxis => dims.push(self.int(1)),
                Pick::At(value) => {
                    let n = self.graph.sizes.resolve(&t.dims[plan.len()]);
                    let value = match value {
                        Value::Int(k) => Value::Int(self.counted_from_end(k, &n)),
                        other => other.clone(),
                    };
                    match self.position_of(value, &n, at) {
                        Some(i) => plan.push((i, None)),
                        None => return Value::Poison,
                    }
                }
                Pick::Range { start, end, inclusive, step } => {
                    let n = self.graph.sizes.resolve(&t.dims[plan.len()]);
                    let start = start.as_ref().map_or(self.int(0), |s| self.counted_from_end(s, &n));
                    let mut stop = end.as_ref().map_or(n.clone(), |s| self.counted_from_end(s, &n));
                    if *inclusive {
                        stop = stop.add(&self.int(1));
                    }
                    let span = stop.sub(&start);
                    let over = stop.sub(&n).as_const().is_some_and(|d| d > 0);
                    let under =
                        start.as_const().is_some_and(|d| d < 0) || span.as_const().is_some_and(|d| d < 0);
                    if over || under {
                        let shown =
                            format!("{}..{}", self.graph.sizes.show(&start), self.graph.sizes.show(&stop));
                        let n = self.graph.sizes.show(&n);
                        self.errors.push(Kind::Bounds, at, &[&shown, &n]);
                        return Value::Poison;
                    }
                    if self.env.guards.is_empty() && self.outer.is_empty() {
                        self.graph.sizes.spans.push(span.clone());
                    }
                    let Some(len) = self.steps(&span, step.abs()) else {
                        let help = "write a length that is a number or a multiple of the step";
                        return self.unsupported(at, "a step through a dimension of unknown size", help);
                    };
                    // a negative step starts at the last element of the range
                    let first = if *step > 0 { start } else { stop.sub(&self.int(1)) };
                    plan.push((Index::at(first), Some((dims.len(), *step))));
                    dims.push(len);
                }
            }
        }
        for k in plan.len()..t.rank() {
            plan.push((Index::default(), Some((dims.len(), 1))));
            dims.push(t.dims[k].clone());
        }
        Value::Tensor(self.remap(t, dims, |_, axes| {
            let position = |(mut index, along): (Index, Option<(usize, i64)>)| {
                if let Some((axis, step)) = along.and_then(|(k, step)| Some((axes[k]?, step))) {
                    index.terms.push((axis, Size::constant(step)));
                }
                index
            };
            plan.into_iter().map(position).collect()
        }))
    }

    /// A negative bound counts from the end.
    fn counted_from_end(&self, k: &Size, n: &Size) -> Size {
        let k = self.graph.sizes.resolve(k);
        let negative = k.as_const().is_some_and(|k| k < 0);
        if negative {
            n.add(&k)
        } else {
            k
        }
    }

    /// ⌈span / step⌉
    fn steps(&mut self, span: &Size, step: i64) -> Option<Size> {
        let span = self.graph.sizes.resolve(span);
        match span.as_const() {
            _ if step == 1 => Some(span),
            Some(n) => Some(self.int((n + step - 1) / step)),
            None => match span.div_exact(&self.int(step)) {
                Some(len) => Some(len),
                None => {
                    let text = self.rust_text(&span)?;
                    let name = format!("({text} + {}) / {step}", step - 1);
                    Some(Size::sym(self.symbol(&name, true)))
                }
            },
        }
    }

    /// The same as tokens, in which arguments are the user's own names.
    pub fn rust_tokens(&self, size: &Size) -> Option<proc_macro2::TokenStream> {
        let tokens: proc_macro2::TokenStream = self.rust_text(size)?.parse().ok()?;
        Some(super::host::spanned(tokens, &self.arg_spans))
    }

    /// A size as a Rust expression over the arguments, where there is one.
    pub fn rust_text(&self, size: &Size) -> Option<String> {
        let sizes = &self.graph.sizes;
        let expression = |name: &str| syn::parse_str::<Expr>(name).is_ok();
        let known = std::cell::Cell::new(true);
        let text = sizes.resolve(size).show(&|sym| {
            let own = &sizes.syms[sym.0 as usize];
            if own.rigid || own.name.contains('(') {
                return own.name.clone();
            }
            // a name of `#[dims]` is measured where an argument has it
            let measured = sizes.syms.iter().enumerate().find(|(k, info)| {
                let same = sizes.resolve(&Size::sym(crate::ir::Sym(*k as u32))) == Size::sym(sym);
                same && info.name.contains('(') && expression(&info.name)
            });
            known.set(known.get() && measured.is_some());
            measured.map_or_else(String::new, |m| m.1.name.clone())
        });
        known.get().then_some(text)
    }
}

/// The index that is an axis, or the only position of a dimension of size 1.
pub fn along(axis: &Option<crate::ir::AxisId>) -> Index {
    axis.map_or_else(Index::default, Index::axis)
}

pub fn strip(e: &Expr) -> &Expr {
    match e {
        Expr::Paren(p) => strip(&p.expr),
        Expr::Group(g) => strip(&g.expr),
        Expr::Reference(r) => strip(&r.expr),
        _ => e,
    }
}
