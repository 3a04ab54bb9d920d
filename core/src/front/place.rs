//! Assignments: a variable, an element, a field gets a new value; the environment is what changes.
//!
//! Invariant: arrays are values. An element that is assigned makes a new array, which takes the old one's name.

use super::env::{Tensor, Value};
use super::index::along;
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{AxisId, Index};
use quote::ToTokens;
use std::rc::Rc;
use syn::visit::Visit;
use syn::{BinOp, Expr, Member};

impl Lower {
    pub fn assign(&mut self, place: &Expr, value: Value, at: &dyn ToTokens) -> Value {
        if value.is_poison() {
            self.store(place, Value::Poison, at);
            return Value::Poison;
        }
        self.store(place, value, at);
        Value::Unit
    }

    /// `a += b` and its like.
    pub fn compound(&mut self, b: &syn::ExprBinary) -> Value {
        let op = match &b.op {
            BinOp::AddAssign(_) => BinOp::Add(Default::default()),
            BinOp::SubAssign(_) => BinOp::Sub(Default::default()),
            BinOp::MulAssign(_) => BinOp::Mul(Default::default()),
            BinOp::DivAssign(_) => BinOp::Div(Default::default()),
            BinOp::RemAssign(_) => BinOp::Rem(Default::default()),
            BinOp::ShlAssign(_) => BinOp::Shl(Default::default()),
            BinOp::ShrAssign(_) => BinOp::Shr(Default::default()),
            BinOp::BitAndAssign(_) => BinOp::BitAnd(Default::default()),
            BinOp::BitOrAssign(_) => BinOp::BitOr(Default::default()),
            BinOp::BitXorAssign(_) => BinOp::BitXor(Default::default()),
            _ => return self.unsupported(b, &format!("`{}`", source(&b.op)), "write it as arithmetic"),
        };
        let right = self.expr(&b.right);
        let left = self.expr(&b.left);
        if left.is_poison() || right.is_poison() {
            self.store(&b.left, Value::Poison, b);
            return Value::Poison;
        }
        let shape = match &left {
            Value::Tensor(t) => Some((t.dims.clone(), t.nd)),
            _ => None,
        };
        let whole = syn::ExprBinary { op, ..b.clone() };
        let value = self.binary(&whole.op, left, right, &whole);
        if let (Some((dims, _)), Value::Tensor(t)) = (&shape, &value) {
            if dims.len() != t.dims.len() {
                let (a, b_) = (self.shape_text(dims), self.shape_text(&t.dims));
                let text = format!("`{}`", source(&b.op));
                self.errors.push(Kind::Shape, &b.op, &[&text, &a, &b_, "the left side keeps its shape"]);
                return Value::Poison;
            }
        }
        self.assign(&b.left, value, b)
    }

    /// Puts a value in a place.
    fn store(&mut self, place: &Expr, value: Value, at: &dyn ToTokens) {
        match place {
            Expr::Paren(p) => self.store(&p.expr, value, at),
            Expr::Group(p) => self.store(&p.expr, value, at),
            Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => match self.aliased(&u.expr) {
                Some((base, index)) => self.store_element(&base, vec![index], value, at),
                // what it refers to is not known
                None if self.copied_from(&u.expr) => {
                    let help = "write to the array itself, or loop over its `iter_mut()`";
                    self.errors.push(Kind::Mutation, place, &[&format!("*{}", source(&u.expr)), help]);
                }
                None => self.store(&u.expr, value, at),
            },
            Expr::Path(p) => {
                let name = p.path.get_ident().map(|i| i.to_string()).unwrap_or_default();
                let Some(k) = self.env.position(&name) else {
                    self.errors.push(
                        Kind::Unsupported,
                        at,
                        &["this assignment", "assign to a variable of the function"],
                    );
                    return;
                };
                if k < self.env.sealed {
                    let help = "return the new value from the closure, or write a loop";
                    self.errors.push(Kind::Mutation, at, &[&name, help]);
                    return;
                }
                let value = self.settled(&self.env.bindings[k].value.clone(), value, at);
                if let Value::Tensor(t) = &value {
                    self.graph.set_name(t.node, &name);
                }
                self.env.assign(k, value);
            }
            Expr::Field(f) => {
                let base = self.expr(&f.base);
                let name = match &f.member {
                    Member::Named(n) => n.to_string(),
                    Member::Unnamed(i) => i.index.to_string(),
                };
                let changed = match base {
                    Value::Struct(fields) if fields.iter().any(|x| x.0 == name) => {
                        let mut fields = (*fields).clone();
                        for field in fields.iter_mut().filter(|x| x.0 == name) {
                            let old = field.1.clone();
                            field.1 = self.settled(&old, value.clone(), at);
                        }
                        Value::Struct(Rc::new(fields))
                    }
                    Value::Tuple(mut list) => {
                        match name.parse::<usize>().ok().and_then(|k| list.get_mut(k)) {
                            Some(slot) => *slot = value,
                            None => return,
                        }
                        Value::Tuple(list)
                    }
                    Value::Poison => return,
                    _ => {
                        self.errors.push(
                            Kind::Unsupported,
                            at,
                            &["this assignment", "assign to a variable, an element or a field"],
                        );
                        return;
                    }
                };
                self.store(&f.base, changed, at);
            }
            Expr::Index(_) => {
                let mut base = place;
                let mut index = Vec::new();
                while let Expr::Index(i) = base {
                    let position = self.expr(&i.index);
                    match position {
                        Value::Tuple(list) => index.extend(list.into_iter().rev()),
                        Value::Tensor(t) if t.rank() == 1 => {
                            // `x[[i, j]]`
                            let Expr::Array(a) = super::index::strip(&i.index) else { return };
                            let list: Vec<Value> = a.elems.iter().map(|e| self.expr(e)).collect();
                            index.extend(list.into_iter().rev());
                        }
                        position => index.push(position),
                    }
                    base = &i.expr;
                }
                index.reverse();
                self.store_element(base, index, value, at);
            }
            Expr::Infer(_) => {}
            Expr::Tuple(t) => match value {
                Value::Tuple(list) if list.len() == t.elems.len() => {
                    for (place, value) in t.elems.iter().zip(list) {
                        self.store(place, value, at);
                    }
                }
                Value::Poison => t.elems.iter().for_each(|place| self.store(place, Value::Poison, at)),
                _ => {
                    let help = "assign a tuple of as many parts";
                    self.errors.push(Kind::Unsupported, place, &["this assignment", help]);
                }
            },
            Expr::Array(a) if matches!(&value, Value::Tensor(t) if t.rank() > 0) => {
                for (k, place) in a.elems.iter().enumerate() {
                    let k = Value::Int(self.int(k as i64));
                    let part = self.index_value(value.clone(), vec![k], at);
                    self.store(place, part, at);
                }
            }
            _ => {
                let help = "assign to a variable, an element or a field";
                self.errors.push(Kind::Unsupported, place, &["this assignment", help]);
            }
        }
    }

    /// The value in the type that the variable has.
    fn settled(&mut self, old: &Value, new: Value, at: &dyn ToTokens) -> Value {
        match (old, new) {
            (Value::Tensor(t), new @ (Value::Num(_) | Value::Int(_) | Value::Host(_))) => {
                let dtype = self.graph.dtype(t.node);
                self.tensor(new, Some(dtype), at).map_or(Value::Poison, Value::Tensor)
            }
            (old, new) => self.ordered(old, new),
        }
    }

    pub fn store_element(&mut self, base: &Expr, index: Vec<Value>, value: Value, at: &dyn ToTokens) {
        if let Some((outer, first)) = self.aliased(base) {
            let mut all = vec![first];
            all.extend(index);
            return self.store_element(&outer, all, value, at);
        }
        if index.iter().any(Value::is_poison) || value.is_poison() {
            return;
        }
        match self.expr(base) {
            Value::Tensor(t) => {
                let Some(changed) = self.written(&t, index, value, at) else { return };
                self.store(base, Value::Tensor(changed), at);
            }
            Value::Tuple(mut list) => {
                let known = match index.first() {
                    Some(Value::Int(k)) => self.graph.sizes.resolve(k).as_const(),
                    _ => None,
                };
                match known.and_then(|k| usize::try_from(k).ok()).and_then(|k| list.get_mut(k)) {
                    Some(slot) if index.len() == 1 => *slot = value,
                    _ => {
                        self.errors.push(
                            Kind::Unsupported,
                            at,
                            &["this index", "write a number below the length"],
                        );
                        return;
                    }
                }
                self.store(base, Value::Tuple(list), at);
            }
            Value::Poison => {}
            _ => {
                self.errors.push(
                    Kind::Unsupported,
                    at,
                    &["this assignment", "elements of arrays and slices of numbers can be assigned"],
                );
            }
        }
    }

    /// The array with one element, or one subarray, changed.
    pub fn written(
        &mut self,
        t: &Tensor,
        index: Vec<Value>,
        value: Value,
        at: &dyn ToTokens,
    ) -> Option<Tensor> {
        if index.len() > t.rank() || (t.nd && index.len() < t.rank()) {
            let text = format!("{} positions", t.rank());
            self.errors.push(Kind::Argument, at, &["this index", &text, ""]);
            return None;
        }
        let dtype = self.graph.dtype(t.node);
        let value = self.tensor(value, Some(dtype), at)?;
        let t = self.canonical(t);
        let mut places = Vec::new();
        for (k, position) in index.into_iter().enumerate() {
            places.push(self.position_of(position, &t.dims[k].clone(), at)?);
        }
        let rest = places.len();
        if value.rank() != t.rank() - rest {
            let (a, b) = (self.shape_text(&t.dims[rest..]), self.shape_text(&value.dims));
            self.errors.push(Kind::Shape, at, &["`=`", &a, &b, "both sides have one shape"]);
            return None;
        }
        for (a, b) in t.dims[rest..].iter().zip(&value.dims) {
            if !self.graph.sizes.unify(a, b) {
                let (a, b) = (self.shape_text(&t.dims[rest..]), self.shape_text(&value.dims));
                self.errors.push(Kind::Shape, at, &["`=`", &a, &b, "both sides have one shape"]);
                return None;
            }
        }
        if self.graph.dtype(value.node) != dtype {
            let found = self.graph.dtype(value.node).name();
            self.errors.push(Kind::Dtypes, at, &["=", dtype.name(), found]);
            return None;
        }
        let node = self.align(&value, &t.axes[rest..]);
        places.extend(t.axes[rest..].iter().map(along));
        let (dims, places): (Vec<AxisId>, Vec<Index>) =
            t.axes.iter().zip(places).filter_map(|(a, p)| Some(((*a)?, p))).unzip();
        let node = match dims.is_empty() {
            true => node,
            false => self.graph.write(t.node, dims, places, vec![], node),
        };
        Some(Tensor { node, active: t.active || value.active, ..t })
    }

    /// A place that means the same wherever it is looked at: its variable by number, its positions by value.
    pub fn frozen(&mut self, place: &Expr) -> Option<Expr> {
        let hidden = |run: &mut Self, value: Value| -> Expr {
            let name = quote::format_ident!("chainrule_place_{}", run.env.bindings.len());
            run.env.bind(name.to_string(), value, None);
            syn::parse_quote!(#name)
        };
        Some(match place {
            Expr::Path(p) => {
                let k = self.env.position(&p.path.get_ident()?.to_string())?;
                match &self.env.bindings[k].value {
                    Value::Place(..) => place.clone(),
                    _ => hidden(self, Value::Alias(k)),
                }
            }
            Expr::Paren(p) => self.frozen(&p.expr)?,
            Expr::Field(f) => {
                Expr::Field(syn::ExprField { base: Box::new(self.frozen(&f.base)?), ..f.clone() })
            }
            Expr::Index(i) => {
                if matches!(super::index::strip(&i.index), Expr::Range(_)) {
                    return None;
                }
                let base = self.frozen(&i.expr)?;
                let at = self.expr(&i.index);
                let index = hidden(self, at);
                Expr::Index(syn::ExprIndex { expr: Box::new(base), index: Box::new(index), ..i.clone() })
            }
            _ => return None,
        })
    }

    /// A variable that is neither an argument behind `&mut` nor declared `mut`.
    fn copied_from(&self, e: &Expr) -> bool {
        let Expr::Path(p) = e else { return false };
        let name = p.path.get_ident().map(|i| i.to_string()).unwrap_or_default();
        self.env.get(&name).is_some_and(|b| !b.mutable && !b.value.is_poison())
    }

    /// The elements of what a variable of `iter_mut` refers to, as places: such a variable is a reference itself.
    pub fn elements_behind(&mut self, e: &Expr) -> Option<Value> {
        self.aliased(e)?;
        match self.expr(e) {
            Value::Tensor(t) if t.rank() > 0 && !t.nd => {
                let t = self.canonical(&t);
                Some(self.places(&t, e))
            }
            _ => None,
        }
    }

    /// The array and the position behind a variable of `iter_mut`.
    pub fn aliased(&self, e: &Expr) -> Option<(Expr, Value)> {
        match e {
            Expr::Paren(p) => self.aliased(&p.expr),
            Expr::Path(p) => match &self.env.get(&p.path.get_ident()?.to_string())?.value {
                Value::Place(base, index) => Some(((**base).clone(), (**index).clone())),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The variables that code may assign to, in order of their first mention.
pub fn assigned(code: &dyn Fn(&mut Roots)) -> Vec<String> {
    let mut roots = Roots::default();
    code(&mut roots);
    roots.names
}

/// Collects the roots of places that are assigned, borrowed mutably, or changed by a method.
#[derive(Default)]
pub struct Roots {
    pub names: Vec<String>,
    /// `break` or `return` that leave the loop itself.
    pub leaves: bool,
    loops: usize,
}

/// Methods that change what they are called on.
pub const CHANGING: &[&str] = &[
    "push",
    "pop",
    "iter_mut",
    "swap",
    "fill",
    "extend",
    "sort",
    "reverse",
    "insert",
    "remove",
    "clear",
    "truncate",
    "assign",
    "mapv_inplace",
    "map_inplace",
    "row_mut",
    "column_mut",
    "slice_mut",
    "copy_from_slice",
    "extend_from_slice",
    "clone_from_slice",
    "chunks_exact_mut",
    "chunks_mut",
    "outer_iter_mut",
    "get_mut",
    "last_mut",
    "first_mut",
];

impl Roots {
    pub fn root(&mut self, e: &Expr) {
        let mut e = e;
        loop {
            e = match e {
                Expr::Index(i) => &i.expr,
                Expr::Field(f) => &f.base,
                Expr::Paren(p) => &p.expr,
                Expr::Group(p) => &p.expr,
                Expr::Unary(u) => &u.expr,
                Expr::MethodCall(m) => &m.receiver,
                Expr::Reference(r) => &r.expr,
                Expr::Tuple(t) => return t.elems.iter().for_each(|e| self.root(e)),
                Expr::Array(a) => return a.elems.iter().for_each(|e| self.root(e)),
                Expr::Path(p) => {
                    if let Some(name) = p.path.get_ident().map(|i| i.to_string()) {
                        if !self.names.contains(&name) {
                            self.names.push(name);
                        }
                    }
                    return;
                }
                _ => return,
            };
        }
    }
}

impl<'ast> Visit<'ast> for Roots {
    fn visit_expr_assign(&mut self, e: &'ast syn::ExprAssign) {
        self.root(&e.left);
        syn::visit::visit_expr_assign(self, e);
    }
    fn visit_expr_binary(&mut self, e: &'ast syn::ExprBinary) {
        if assigns(&e.op) {
            self.root(&e.left);
        }
        syn::visit::visit_expr_binary(self, e);
    }
    fn visit_expr_reference(&mut self, e: &'ast syn::ExprReference) {
        if e.mutability.is_some() {
            self.root(&e.expr);
        }
        syn::visit::visit_expr_reference(self, e);
    }
    fn visit_expr_method_call(&mut self, e: &'ast syn::ExprMethodCall) {
        if CHANGING.contains(&e.method.to_string().as_str()) {
            self.root(&e.receiver);
        }
        syn::visit::visit_expr_method_call(self, e);
    }
    fn visit_expr_break(&mut self, e: &'ast syn::ExprBreak) {
        self.leaves |= self.loops == 0 || e.label.is_some();
        syn::visit::visit_expr_break(self, e);
    }
    fn visit_expr_continue(&mut self, e: &'ast syn::ExprContinue) {
        self.leaves |= e.label.is_some();
    }
    fn visit_expr_return(&mut self, e: &'ast syn::ExprReturn) {
        self.leaves = true;
        syn::visit::visit_expr_return(self, e);
    }
    fn visit_expr_closure(&mut self, e: &'ast syn::ExprClosure) {
        // a `return` in a closure leaves the closure
        let before = self.leaves;
        syn::visit::visit_expr_closure(self, e);
        self.leaves = before;
    }
    fn visit_expr_for_loop(&mut self, e: &'ast syn::ExprForLoop) {
        self.loops += 1;
        syn::visit::visit_expr_for_loop(self, e);
        self.loops -= 1;
    }
    fn visit_expr_while(&mut self, e: &'ast syn::ExprWhile) {
        self.loops += 1;
        syn::visit::visit_expr_while(self, e);
        self.loops -= 1;
    }
    fn visit_expr_loop(&mut self, e: &'ast syn::ExprLoop) {
        self.loops += 1;
        syn::visit::visit_expr_loop(self, e);
        self.loops -= 1;
    }
}

/// The expression assigns to nothing and leaves nothing.
pub fn changes_nothing(e: &Expr) -> bool {
    let mut roots = Roots::default();
    roots.visit_expr(e);
    roots.names.is_empty() && !roots.leaves
}

pub fn assigns(op: &BinOp) -> bool {
    let text = op.to_token_stream().to_string();
    text.ends_with('=') && !matches!(text.as_str(), "==" | "!=" | "<=" | ">=")
}
