//! Indexing and slicing: elements at positions that are affine in the axes, or looked up in integer arrays.
//!
//! Invariant: a position that is known to be out of bounds is an error at the user's index.

use super::env::{Pick, Tensor, Value};
use super::Lower;
use crate::diag::Kind;
use crate::ir::{Dtype, Index, Node, NodeId, Op, Size};
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
        if let (Value::Tensor(t), Expr::Range(_)) = (&base, strip(index)) {
            // `x[a..b]` of a slice
            return match self.pick(index, None) {
                Some(pick) => self.sliced(t, &[pick], e),
                None => Value::Poison,
            };
        }
        let index = self.expr(index);
        match (base, index) {
            (_, Value::Poison) => Value::Poison,
            (Value::Tuple(list), Value::Int(k)) => {
                let k = self.graph.sizes.resolve(&k).as_const();
                match k.and_then(|k| usize::try_from(k).ok()).and_then(|k| list.get(k)) {
                    Some(v) => v.clone(),
                    None => self.unsupported(e, "this index", "write a number below the length"),
                }
            }
            (Value::List(list), Value::Int(k)) => self.list_index(&list, &k, e),
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

    /// A position that is the same for all elements, or looked up.
    fn position_of(&mut self, value: Value, len: &Size, at: &dyn ToTokens) -> Option<Index> {
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
                Some(Index::at(k))
            }
            Value::Host(tokens) => Some(Index::at(self.rigid(&tokens))),
            Value::Tensor(t) if t.rank() == 0 && self.graph.dtype(t.node) == Dtype::Int => {
                if let Some(index) = self.affine(t.node, 0) {
                    return Some(index);
                }
                Some(Index { gather: Some(t.node), ..Index::default() })
            }
            Value::Poison => None,
            _ => {
                let help = "an integer that does not depend on a differentiated value";
                self.errors.push(Kind::Argument, at, &["an index", help, ""]);
                None
            }
        }
    }

    /// An integer expression as a position that is affine in the axes.
    fn affine(&self, node: NodeId, depth: usize) -> Option<Index> {
        if depth > super::MAX_DEPTH {
            return None;
        }
        match self.graph.node(node) {
            Node::Const(bits) => Some(Index::at(Size::constant(f64::from_bits(*bits) as i64))),
            Node::Size(size) => Some(Index::at(size.clone())),
            Node::Position(axis) => Some(Index::axis(*axis)),
            Node::Apply(op @ (Op::Add | Op::Sub | Op::Mul | Op::Neg), args) => {
                let a = self.affine(args[0], depth + 1)?;
                let Some(b) = args.get(1) else { return Some(scaled(&a, &Size::constant(-1))) };
                let b = self.affine(*b, depth + 1)?;
                match op {
                    Op::Add => Some(plus(&a, &b)),
                    Op::Sub => Some(plus(&a, &scaled(&b, &Size::constant(-1)))),
                    _ if b.terms.is_empty() => Some(scaled(&a, &b.offset)),
                    _ if a.terms.is_empty() => Some(scaled(&b, &a.offset)),
                    _ => None,
                }
            }
            _ => None,
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

fn scaled(a: &Index, by: &Size) -> Index {
    let terms = a.terms.iter().map(|(axis, c)| (*axis, c.mul(by))).collect();
    Index { terms, offset: a.offset.mul(by), gather: None }
}

fn plus(a: &Index, b: &Index) -> Index {
    let mut terms = a.terms.clone();
    for (axis, c) in &b.terms {
        match terms.iter_mut().find(|t| t.0 == *axis) {
            Some(t) => t.1 = t.1.add(c),
            None => terms.push((*axis, c.clone())),
        }
    }
    terms.retain(|t| t.1.as_const() != Some(0));
    terms.sort();
    Index { terms, offset: a.offset.add(&b.offset), gather: None }
}

/// The index that is an axis, or the only position of a dimension of size 1.
pub fn along(axis: &Option<crate::ir::AxisId>) -> Index {
    axis.map_or_else(Index::default, Index::axis)
}

fn strip(e: &Expr) -> &Expr {
    match e {
        Expr::Paren(p) => strip(&p.expr),
        Expr::Group(g) => strip(&g.expr),
        Expr::Reference(r) => strip(&r.expr),
        _ => e,
    }
}
