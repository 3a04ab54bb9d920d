//! Indexing, slicing, joining: elements at positions that are affine in the axes, or looked up in integer arrays.
//!
//! Invariant: a position that is known to be out of bounds is an error at the user's index.

use super::env::{Pick, Tensor, Value};
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{Dtype, Index, Node, NodeId, Op, Part, Size};
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

impl Lower<'_> {
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
    fn selection(&mut self, tokens: proc_macro2::TokenStream, at: &dyn ToTokens) -> Value {
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
                        Value::Int(k) => Value::Int(self.from_end(k, &n)),
                        other => other.clone(),
                    };
                    match self.position_of(value, &n, at) {
                        Some(i) => plan.push((i, None)),
                        None => return Value::Poison,
                    }
                }
                Pick::Range { start, end, inclusive, step } => {
                    let n = self.graph.sizes.resolve(&t.dims[plan.len()]);
                    let start = start.as_ref().map_or(self.int(0), |s| self.from_end(s, &n));
                    let mut stop = end.as_ref().map_or(n.clone(), |s| self.from_end(s, &n));
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
    fn from_end(&self, k: &Size, n: &Size) -> Size {
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

    // ---- joining ----

    pub fn macro_call(&mut self, m: &syn::ExprMacro) -> Value {
        let name = m.mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let tokens = m.mac.tokens.clone();
        match name.as_str() {
            "s" => self.selection(tokens, m),
            "concatenate" | "stack" => {
                let parsed = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens);
                let Ok(args) = parsed else { return self.unsupported(m, "this macro call", "") };
                let mut args = args.iter();
                let axis = args.next().map(|a| self.expr(a));
                let mut parts = Vec::new();
                for arg in args {
                    match self.expr(arg) {
                        Value::Tensor(t) => parts.push(t),
                        Value::Poison => return Value::Poison,
                        Value::Host(_) if !self.mentions_active(m) => {
                            return self.host(m).unwrap_or(Value::Poison)
                        }
                        _ => {
                            self.missing_type(arg);
                            return Value::Poison;
                        }
                    }
                }
                match axis {
                    Some(Value::Axis(k)) => self.joined(&name, &k, &parts, m),
                    _ => self.unsupported(m, "this macro call", "write `concatenate![Axis(0), a, b]`"),
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
            _ => {
                if let Some(host) = self.host(m) {
                    return host;
                }
                self.errors.push(Kind::Macro, &m.mac.path, &[&source(&m.mac.path)]);
                Value::Poison
            }
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
                self.errors.push(Kind::Argument, at, &[name, "a dimension that the arrays have", ""]);
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
        for (t, start) in parts {
            let t = self.canonical(t);
            let mut index: Vec<Index> = t.axes.iter().map(along).collect();
            match stack {
                true => index.insert(k, Index::at(start.clone())),
                false => index[k].offset = start.clone(),
            }
            // dimensions of size 1 have no place in the scatter
            let mut index: Vec<Index> =
                index.into_iter().zip(&axes).filter(|(_, a)| a.is_some()).map(|(i, _)| i).collect();
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

    fn row(&mut self, values: Vec<Value>, dtype: Dtype, at: &dyn ToTokens) -> Value {
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
