//! Statements: each extends the environment, the last expression is the value.
//!
//! Invariant: statements touch nothing but the environment and the graph, so control flow can run them on a snapshot.

use super::env::Value;
use super::types::Known;
use super::Lower;
use crate::diag::{source, Kind};
use crate::signature::Form;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Block, Expr, Local, Pat, Stmt, Type};

impl Lower {
    /// The value of a block; its names end with it.
    pub fn block(&mut self, block: &Block) -> Value {
        let mark = self.env.bindings.len();
        let value = self.statements(&block.stmts);
        self.env.bindings.truncate(mark);
        value
    }

    fn statements(&mut self, stmts: &[Stmt]) -> Value {
        for (k, stmt) in stmts.iter().enumerate() {
            let last = k + 1 == stmts.len();
            if self.dead {
                // nothing after an exit runs
                return Value::Unit;
            }
            match stmt {
                Stmt::Local(local) => self.local(local),
                Stmt::Expr(e, None) if last => return self.expr(e),
                Stmt::Expr(e, _) => self.effect(e),
                Stmt::Item(syn::Item::Use(item)) => self.keep_use(&item.tree, TokenStream::new()),
                Stmt::Item(syn::Item::Const(c)) => {
                    let name = c.ident.to_string();
                    let host = self.host_tokens(&c.expr);
                    let value = self.expr(&c.expr);
                    let host = host.and_then(|init| {
                        let list = [name.clone()];
                        let kept = self.keep_let(
                            &list,
                            &c.ident.to_token_stream(),
                            Some(c.ty.to_token_stream()),
                            init,
                        );
                        kept.into_iter().next().map(|k| k.1)
                    });
                    let value = match (value, &host) {
                        (Value::Host(_), Some(ident)) => Value::Host(ident.clone()),
                        (value, _) => value,
                    };
                    let value = self.annotated(value, &c.ty, &c.expr);
                    self.env.bind(name, value, host);
                }
                Stmt::Item(item) => {
                    let help = "move it out of the function";
                    self.errors.push(Kind::Unsupported, item, &["an item inside the body", help]);
                }
                Stmt::Macro(m) if !last && self.keep_statement(&m.mac.to_token_stream()) => {}
                Stmt::Macro(m) => {
                    self.errors.push(Kind::Macro, &m.mac, &[&source(&m.mac.path)]);
                    if last {
                        return Value::Poison;
                    }
                }
            }
        }
        Value::Unit
    }

    /// A statement for its effect: refused where it touches what is differentiated.
    fn effect(&mut self, e: &Expr) {
        if !self.nested() && self.keep_statement(&e.to_token_stream()) {
            return;
        }
        let before = self.errors.len();
        let value = self.expr(e);
        let done = matches!(value, Value::Unit | Value::Poison) || self.dead;
        if self.errors.len() == before && !done {
            let text = source(e);
            let help = "a statement without a result is not carried into the gradient; remove it";
            self.errors.push(Kind::Unsupported, e, &[&format!("the statement `{text}`"), help]);
        }
    }

    fn local(&mut self, local: &Local) {
        let (pat, ty) = match &local.pat {
            Pat::Type(t) => (&*t.pat, Some(&*t.ty)),
            other => (other, None),
        };
        let Some(init) = &local.init else {
            // what it is comes with the first assignment
            let mut names = Vec::new();
            variables(pat, &mut names);
            names.into_iter().for_each(|name| self.env.bind(name, Value::Unit, None));
            return;
        };
        if let Some((word, _)) = &init.diverge {
            self.errors.push(Kind::Unsupported, word, &["`let … else`", "write the values without a choice"]);
            return self.bind_poison(pat);
        }
        let mut value = self.expr(&init.expr);
        let mut names = Vec::new();
        let mutable = variables(pat, &mut names);
        let host_init = match value.active() {
            true => None,
            false => self.host_tokens(&init.expr),
        };
        let kept = match host_init {
            Some(init) if !self.nested() => {
                self.keep_let(&names, &pat.to_token_stream(), ty.map(|t| t.to_token_stream()), init)
            }
            // what is inactive inside of a loop is written out where it is used
            Some(init) => match names.as_slice() {
                [name] if !matches!(value, Value::Poison) => vec![(name.clone(), quote::quote!((#init)))],
                _ => vec![],
            },
            None => vec![],
        };
        // a host value is from now on what its name says
        if let (Value::Host(_), [(_, ident)]) = (&value, kept.as_slice()) {
            value = Value::Host(ident.clone());
        }
        if let Some(ty) = ty {
            value = self.annotated(value, ty, &init.expr);
        }
        let mark = self.env.bindings.len();
        self.bind(pat, value, &kept);
        self.env.bindings[mark..].iter_mut().for_each(|b| b.mutable = mutable);
    }

    /// Inside of a loop or a branch: what runs there cannot be moved out of it.
    pub fn nested(&self) -> bool {
        !self.env.guards.is_empty() || self.frames.iter().any(|f| f.is_loop)
    }

    /// The value with the type that the user wrote for it.
    pub fn annotated(&mut self, value: Value, ty: &Type, at: &Expr) -> Value {
        let known = self.known(ty);
        match (value, known) {
            (Value::Host(tokens), Known::Numbers(form, dtype)) => match form {
                Form::Scalar(crate::ir::Dtype::Int) => self.whole(&tokens),
                Form::Scalar(crate::ir::Dtype::Bool) => Value::Host(tokens),
                _ => {
                    let dims = self.dims_of(&form, &source(&tokens));
                    Value::Tensor(self.input(&tokens, form, dtype, dims, None, false))
                }
            },
            (Value::Num(_), Known::Numbers(Form::Scalar(dtype), _)) if !dtype.is_float() => Value::Poison,
            (value @ (Value::Num(_) | Value::Tensor(_)), Known::Numbers(form, dtype)) => {
                let tokens = at.to_token_stream();
                let typed = self
                    .tensor(value, Some(dtype), &tokens)
                    .and_then(|t| self.typed(t, &form, dtype, ty, &tokens));
                typed.map_or(Value::Poison, Value::Tensor)
            }
            (Value::Tuple(list), Known::Tuple(types)) if list.len() == types.len() => {
                Value::Tuple(list.into_iter().zip(&types).map(|(v, t)| self.annotated(v, t, at)).collect())
            }
            (value, _) => value,
        }
    }

    /// An inactive integer whose value only the running program knows.
    pub fn rigid(&mut self, tokens: &TokenStream) -> crate::ir::Size {
        let name = source(tokens);
        crate::ir::Size::sym(self.symbol(&name, true))
    }

    /// Binds the names of a pattern to the parts of a value.
    pub fn bind(&mut self, pat: &Pat, value: Value, kept: &[(String, TokenStream)]) {
        let host_of = |name: &str| kept.iter().find(|k| k.0 == name).map(|k| k.1.clone());
        match pat {
            Pat::Ident(p) if p.subpat.is_none() => {
                let name = p.ident.to_string();
                let host = host_of(&name).or_else(|| self.host_position(&name, &value));
                if let Value::Tensor(tensor) = &value {
                    self.graph.set_name(tensor.node, &name);
                }
                self.env.bind(name, value, host);
            }
            Pat::Wild(_) => {}
            Pat::Paren(p) => self.bind(&p.pat, value, kept),
            Pat::Reference(p) => self.bind(&p.pat, value, kept),
            Pat::Type(p) => {
                let at = Expr::Verbatim(pat.to_token_stream());
                let value = self.annotated(value, &p.ty, &at);
                self.bind(&p.pat, value, kept);
            }
            Pat::Tuple(p) => {
                let parts: Vec<Value> = match value {
                    Value::Tuple(list) if list.len() == p.elems.len() => list,
                    Value::Host(_) => {
                        let mut parts = Vec::new();
                        for elem in &p.elems {
                            let mut names = Vec::new();
                            variables(elem, &mut names);
                            let host = names.first().and_then(|n| host_of(n));
                            parts.push(host.map_or(Value::Poison, Value::Host));
                        }
                        parts
                    }
                    Value::Poison => vec![Value::Poison; p.elems.len()],
                    _ => {
                        let help = "a tuple is taken apart with as many names as it has parts";
                        self.errors.push(Kind::Unsupported, pat, &["this pattern", help]);
                        vec![Value::Poison; p.elems.len()]
                    }
                };
                for (elem, part) in p.elems.iter().zip(parts) {
                    self.bind(elem, part, kept);
                }
            }
            Pat::Struct(p) if matches!(value, Value::Struct(_)) => {
                for field in &p.fields {
                    let name = field.member.to_token_stream().to_string();
                    let part = self.part(&value, &name, field);
                    self.bind(&field.pat, part, kept);
                }
            }
            Pat::TupleStruct(p) if matches!(value, Value::Struct(_)) => {
                let total = if let Value::Struct(fields) = &value { fields.len() } else { 0 };
                let mut skipped = 0;
                for (k, elem) in p.elems.iter().enumerate() {
                    if matches!(elem, Pat::Rest(_)) {
                        skipped = total.wrapping_sub(p.elems.len());
                        continue;
                    }
                    let k = k.wrapping_add(skipped);
                    let part = self.part(&value, &k.to_string(), elem);
                    self.bind(elem, part, kept);
                }
            }
            Pat::Slice(p) if matches!(value, Value::Tensor(_)) => {
                for (k, elem) in p.elems.iter().enumerate() {
                    let at = Value::Int(self.int(k as i64));
                    let part = self.index_value(value.clone(), vec![at], pat);
                    self.bind(elem, part, &[]);
                }
            }
            _ => {
                if !value.is_poison() {
                    let help = "names and tuples of names are";
                    self.errors.push(Kind::Unsupported, pat, &["this pattern", help]);
                }
                self.bind_poison(pat);
            }
        }
    }

    /// A field that a pattern names.
    fn part(&mut self, value: &Value, name: &str, at: &dyn ToTokens) -> Value {
        let Value::Struct(fields) = value else { return Value::Poison };
        match fields.iter().find(|f| f.0 == name) {
            Some((_, Value::Opaque(why))) => {
                self.errors.push(Kind::Unsupported, at, &[&format!("the field `{name}`: {why}"), ""]);
                Value::Poison
            }
            Some((_, part)) => part.clone(),
            None => {
                self.errors.push(Kind::Unsupported, at, &[&format!("the field `{name}`"), ""]);
                Value::Poison
            }
        }
    }

    fn bind_poison(&mut self, pat: &Pat) {
        let mut names = Vec::new();
        variables(pat, &mut names);
        for name in names {
            self.env.bind(name, Value::Poison, None);
        }
    }
}

/// The names that a pattern binds; whether one is mutable. Patterns are as deep as their tokens, which are bounded.
pub fn variables(pat: &Pat, out: &mut Vec<String>) -> bool {
    let mut all = |pats: &mut dyn Iterator<Item = &Pat>| {
        let mut mutable = false;
        for p in pats {
            mutable |= variables(p, out);
        }
        mutable
    };
    match pat {
        Pat::Ident(p) => {
            out.push(p.ident.to_string());
            p.mutability.is_some()
        }
        Pat::Tuple(p) => all(&mut p.elems.iter()),
        Pat::Slice(p) => all(&mut p.elems.iter()),
        Pat::TupleStruct(p) => all(&mut p.elems.iter()),
        Pat::Struct(p) => all(&mut p.fields.iter().map(|f| &*f.pat)),
        Pat::Paren(p) => variables(&p.pat, out),
        Pat::Reference(p) => variables(&p.pat, out),
        Pat::Type(p) => variables(&p.pat, out),
        _ => false,
    }
}
