//! Statements: each extends the environment, the last expression is the value.
//!
//! Invariant: statements touch nothing but the environment and the graph, so control flow can run them on a snapshot.

use super::env::Value;
use super::patterns::{named, variables};
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
                Stmt::Expr(e, None) if last => {
                    return match self.refuse_effects(e) {
                        true => Value::Poison,
                        false => self.expr(e),
                    }
                }
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
                Stmt::Macro(m) if self.stops(&m.mac).is_some() => {}
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
        if (!self.nested() && self.kept(e)) || self.refuse_effects(e) {
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

    /// An inactive statement that host code runs. What it writes to parts of values is followed here as well, because
    /// what is written to other parts may be differentiated.
    fn kept(&mut self, e: &Expr) -> bool {
        let before = self.env.clone();
        if !self.keep_statement(&e.to_token_stream()) {
            return false;
        }
        let parts = |k: &usize| {
            let (old, new) = (&before.bindings[*k], &self.env.bindings[*k]);
            old.host.as_ref().map(ToString::to_string) != new.host.as_ref().map(ToString::to_string)
                && matches!(new.value, Value::Host(_))
                && match &old.value {
                    Value::Tensor(t) => t.rank() > 0,
                    Value::Tuple(_) | Value::Struct(_) => true,
                    _ => false,
                }
        };
        let parts: Vec<usize> = (0..before.bindings.len()).filter(parts).collect();
        if parts.is_empty() {
            return true;
        }
        let kept = std::mem::replace(&mut self.env, before);
        let (dead, errors) = (self.dead, self.errors.len());
        let done = matches!(self.expr(e), Value::Unit);
        let followed = std::mem::replace(&mut self.env, kept);
        if done && self.errors.len() == errors && self.dead == dead {
            for k in parts {
                self.env.bindings[k].value = followed.bindings[k].value.clone();
            }
        }
        self.errors.list.truncate(errors);
        self.dead = dead;
        true
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
        if let Some((_, other)) = &init.diverge {
            return self.let_else(pat, &init.expr, other);
        }
        let mut names = Vec::new();
        let mutable = variables(pat, &mut names);
        let effects = self.effects(&init.expr);
        let alone = plain(pat) && !self.nested() && self.keep_changing(&effects, &init.expr);
        if !effects.is_empty() && !alone {
            self.refuse_effects(&init.expr);
            names.into_iter().for_each(|name| self.env.bind(name, Value::Poison, None));
            return;
        }
        let mut value = match (effects.is_empty(), self.host_tokens(&init.expr)) {
            (false, Some(tokens)) => Value::Host(tokens),
            _ => self.expr(&init.expr),
        };
        if let (Value::Unread(place, _), false) = (&value, plain(pat)) {
            value = Value::Host(place.clone());
        }
        if let (Value::Host(_), false) = (&value, plain(pat)) {
            return self.apart(pat, &value);
        }
        let host_init = match value.active() {
            true => None,
            false => self.host_tokens(&init.expr),
        };
        let kept = match host_init {
            Some(init) if !self.nested() && !self.moves(&init) => {
                self.keep_let(&names, &pat.to_token_stream(), ty.map(|t| t.to_token_stream()), init)
            }
            // what is inactive inside of a loop is written out where it is used
            Some(init) => match names.as_slice() {
                [name] if !matches!(value, Value::Poison) => vec![(name.clone(), quote::quote!((#init)))],
                _ => vec![],
            },
            None => vec![],
        };
        if !effects.is_empty() {
            self.also_names(&effects);
        }
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

    /// Takes a value apart that only rustc knows: a `let` for each name.
    fn apart(&mut self, pat: &Pat, value: &Value) {
        let pat = if let Pat::Type(p) = pat { &*p.pat } else { pat };
        for name in named(pat) {
            let Some(part) = self.about(value, pat, Some(&name), true) else {
                self.env.bind(name, Value::Poison, None);
                continue;
            };
            let host = match self.nested() || self.moves(&part) {
                true => part,
                false => {
                    let ident = syn::parse_str::<proc_macro2::TokenStream>(&name).unwrap_or_default();
                    let kept = self.keep_let(std::slice::from_ref(&name), &ident, None, part.clone());
                    kept.into_iter().next().map_or(part, |k| k.1)
                }
            };
            self.env.bind(name, Value::Host(host.clone()), Some(host));
        }
    }

    /// Inside of a loop or a branch: what runs there cannot be moved out of it.
    pub fn nested(&self) -> bool {
        !self.env.guards.is_empty() || self.frames.iter().any(|f| f.is_loop)
    }

    /// Mentions a position along an axis, as the body of a closure does that is called for each.
    fn moves(&self, tokens: &TokenStream) -> bool {
        let mentioned = super::host::names(tokens);
        self.host_positions.iter().any(|p| mentioned.contains(&p.0))
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
            (Value::Empty(_), Known::Numbers(Form::Slice(_), _)) => Value::Empty(element(ty)),
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
        let name = source(&self.in_branch(tokens, crate::ir::Dtype::Int));
        crate::ir::Size::sym(self.symbol(&name, true))
    }
}

/// The type of a vector's elements.
fn element(ty: &Type) -> Option<std::rc::Rc<Type>> {
    let Type::Path(p) = super::types::strip(ty).0 else { return None };
    let syn::PathArguments::AngleBracketed(a) = &p.path.segments.last()?.arguments else { return None };
    match a.args.first()? {
        syn::GenericArgument::Type(t) => Some(std::rc::Rc::new(t.clone())),
        _ => None,
    }
}

/// A name, or a tuple of names.
fn plain(pat: &Pat) -> bool {
    match pat {
        Pat::Ident(p) => p.subpat.is_none(),
        Pat::Wild(_) => true,
        Pat::Tuple(p) => p.elems.iter().all(plain),
        Pat::Paren(p) => plain(&p.pat),
        Pat::Type(p) => plain(&p.pat),
        _ => false,
    }
}
