//! Calls: methods written as functions, network functions, other differentiable functions inlined, closures applied.
//!
//! Invariant: a callee sees its own definitions and names, never its caller's.

use super::definitions::{path_key, Definition, Definitions};
use super::env::{Closure, Env, Value};
use super::foreign::Argument;
use super::function::arg_ident;
use super::nested::Marked;
use super::options;
use super::recursion::recursive;
use super::scope::Scope;
use super::types::{scalar_type, strip, Known};
use super::{Lower, MAX_DEPTH};
use crate::diag::{source, Errors, Kind};
use crate::ir::{Dtype, Size};
use crate::signature::Form;
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::rc::Rc;
use syn::{Expr, ExprCall, FnArg, GenericParam, ItemFn, ReturnType};

impl Lower {
    pub fn call(&mut self, c: &ExprCall) -> Value {
        if let Some(value) = self.exchanged(c) {
            return value;
        }
        let callee = match &*c.func {
            Expr::Path(p) => p,
            other => match self.expr(other) {
                Value::Closure(closure) => {
                    let args = c.args.iter().map(|a| self.expr(a)).collect();
                    return self.apply_closure(&closure, args, c);
                }
                Value::Poison => return Value::Poison,
                _ => return self.unsupported(c, "this call", "call a function by its name"),
            },
        };
        if let Some(ident) = callee.path.get_ident() {
            match self.env.get(&ident.to_string()).map(|b| b.value.clone()) {
                Some(Value::Closure(closure)) => {
                    let args = c.args.iter().map(|a| self.expr(a)).collect();
                    return self.apply_closure(&closure, args, c);
                }
                Some(Value::Function(path)) => {
                    let args = c.args.iter().map(|a| self.expr(a)).collect();
                    return self.call_path(&path, args, Some(c), c);
                }
                Some(_) => return self.unsupported(c, "this call", "it is not a function"),
                None => {}
            }
        }
        if let Some(qself) = &callee.qself {
            // `<f64>::exp(x)`
            let dtype = scalar_type(&source(&qself.ty)).filter(|d| d.is_float());
            let args: Vec<Value> = c.args.iter().map(|a| self.expr(a)).collect();
            return match (dtype, callee.path.segments.first()) {
                _ if args.iter().any(Value::is_poison) => Value::Poison,
                (Some(dtype), Some(method)) if callee.path.segments.len() == 1 => {
                    self.float_function(dtype, &method.ident.to_string(), args, c)
                }
                _ => self.unsupported(c, "a function of a trait", "call the method on the value"),
            };
        }
        if let Some(value) = self.constructor(callee, c) {
            return value;
        }
        let defined = matches!(
            self.env.defs.get(&path_key(&callee.to_token_stream())),
            Some(Definition::Function { .. })
        );
        let mut args: Vec<Value> = Vec::new();
        for a in &c.args {
            args.push(match a {
                // its new value comes back from the callee
                Expr::Reference(r) if r.mutability.is_some() && defined => self.expr(&r.expr),
                Expr::MethodCall(m) if defined && super::borrows::view_mut(m) => self.expr(&m.receiver),
                a => self.expr(a),
            });
        }
        if args.iter().any(Value::is_poison) {
            return Value::Poison;
        }
        if let Some(value) = self.made(c, &args) {
            return value;
        }
        self.call_path(&callee.to_token_stream(), args, Some(c), c)
    }

    /// Applies the function at a path to values.
    pub fn call_path(
        &mut self,
        path: &TokenStream,
        args: Vec<Value>,
        c: Option<&ExprCall>,
        at: &dyn ToTokens,
    ) -> Value {
        if args.iter().any(Value::is_poison) {
            return Value::Poison;
        }
        let key = path_key(path);
        let defs = self.env.defs.clone();
        match defs.entry(&key) {
            Some((_, Definition::Builtin(name))) => return self.builtin(name, args, at),
            Some((path, Definition::Function { attr, item, defs, surroundings })) => {
                let env = self.callee(path, defs, surroundings);
                return self.inline((attr.clone(), item.clone()), env, args, c, at, None);
            }
            Some((_, Definition::Struct { .. })) => {
                return self.unsupported(at, "a struct made of differentiated values", "return a tuple");
            }
            None => {}
        }
        if let Some((owner, what)) = key.rsplit_once("::").filter(|k| super::nested::is_derivative(k.1)) {
            if let Some((path, Definition::Function { attr, item, defs, surroundings })) = defs.entry(owner) {
                let env = self.callee(path, defs, surroundings);
                return self.derivative(what, (attr.clone(), item.clone()), env, args, c, at);
            }
        }
        let segments: Vec<&str> = key.split("::").collect();
        if let [.., ty, method] = segments[..] {
            // `f64::exp(x)`
            if matches!(ty, "f32" | "f64") {
                let dtype = if ty == "f32" { Dtype::F32 } else { Dtype::F64 };
                return self.float_function(dtype, method, args, at);
            }
        }
        if !args.iter().any(Value::active) {
            if let Some(host) = self.host(at) {
                return host;
            }
        }
        if let Some(value) = self.own_recursion(&key, &args, c, at) {
            return value;
        }
        match self.calls.last().is_some_and(|(name, _)| *name == key) {
            true => self.errors.push(Kind::Recursion, at, &[&key]),
            false => self.errors.push(Kind::UnknownFunction, path, &[&key]),
        }
        Value::Poison
    }

    /// The environment that a function of the definitions is lowered in, before its arguments are bound.
    fn callee(&self, path: &TokenStream, defs: &Definitions, surroundings: &[TokenStream]) -> Env {
        let (path, surroundings, outer) = (path.clone(), surroundings.to_vec(), self.env.scope.clone());
        let scope = Some(Rc::new(Scope { path, surroundings, outer }));
        Env { defs: Rc::new(defs.clone()), scope, ..Env::default() }
    }

    fn float_function(&mut self, dtype: Dtype, method: &str, args: Vec<Value>, at: &dyn ToTokens) -> Value {
        let mut args = args.into_iter();
        let Some(first) = args.next() else { return self.unsupported(at, "this call", "") };
        if matches!(method, "from" | "from_f64" | "from_f32") {
            return match self.tensor(first, Some(dtype), at) {
                Some(t) => {
                    let node = self.graph.cast(t.node, dtype);
                    Value::Tensor(super::env::Tensor { node, ..t })
                }
                None => Value::Poison,
            };
        }
        let first = match first {
            Value::Host(_) if self.host(at).is_some() => return self.host(at).unwrap_or(Value::Poison),
            Value::Num(_) | Value::Host(_) | Value::Int(_) => match self.tensor(first, Some(dtype), at) {
                Some(t) => Value::Tensor(t),
                None => return Value::Poison,
            },
            other => other,
        };
        let rest = args.collect();
        match self.scalar_method(&first, method, rest, at) {
            Some(value) => value,
            None => self.unknown_method(method, "numbers", at),
        }
    }

    /// `Axis(0)`, conversions that keep the numbers, arrays of one value.
    fn constructor(&mut self, callee: &syn::ExprPath, c: &ExprCall) -> Option<Value> {
        let segments: Vec<String> = callee.path.segments.iter().map(|s| s.ident.to_string()).collect();
        let last = segments.last()?.as_str();
        let owner = segments.len().checked_sub(2).map(|k| segments[k].as_str()).unwrap_or("");
        let defined = self.env.defs.get(&path_key(&callee.to_token_stream())).is_some();
        if defined {
            return None;
        }
        match (owner, last) {
            ("" | "ndarray", "Axis") => {
                let k = self.expr(c.args.first()?);
                match k {
                    Value::Int(k) => Some(Value::Axis(k)),
                    Value::Poison => Some(Value::Poison),
                    _ => Some(self.unsupported(c, "this axis", "write `Axis(0)` with a number")),
                }
            }
            ("Vec", "new") if c.args.is_empty() => Some(Value::Empty(None)),
            ("Vec", "with_capacity") if c.args.len() == 1 => Some(Value::Empty(None)),
            ("" | "array", "from_fn") if c.args.len() == 1 => {
                let f = self.callable(c.args.first()?)?;
                let n = match &segments_turbofish(callee) {
                    Some(n) => match self.expr(n) {
                        Value::Int(n) => n,
                        _ => Size::sym(self.symbol("from_fn", false)),
                    },
                    None => Size::sym(self.symbol("from_fn", false)),
                };
                Some(match self.from_positions(vec![n], &f, c) {
                    Value::Tensor(t) => Value::Tensor(super::env::Tensor { nd: false, ..t }),
                    other => other,
                })
            }
            ("" | "ndarray", "aview1" | "arr1" | "aview2" | "arr2" | "arr0" | "aview0")
                if c.args.len() == 1 =>
            {
                let value = self.expr(c.args.first()?);
                self.as_nd(value, c)
            }
            ("" | "ndarray", "concatenate" | "stack") if c.args.len() == 2 => {
                let axis = self.expr(c.args.first()?);
                let parts = match strip_expr(c.args.get(1)?) {
                    Expr::Array(list) => {
                        list.elems.iter().map(|e| (self.expr(e), e.to_token_stream())).collect()
                    }
                    other => vec![(self.expr(other), other.to_token_stream())],
                };
                Some(self.join_all(last, axis, parts, c))
            }
            (owner, "from" | "from_vec" | "from_iter") if owner.starts_with("Array") && c.args.len() == 1 => {
                let value = self.expr(c.args.first()?);
                self.as_nd(value, c)
            }
            (owner, "from_shape_fn") if owner.starts_with("Array") && c.args.len() == 2 => {
                let dims = self.expr(c.args.first()?);
                let dims = self.shape_of(dims)?;
                let f = self.callable(c.args.get(1)?)?;
                Some(self.from_positions(dims, &f, c))
            }
            (owner, "from_shape_vec") if owner.starts_with("Array") && c.args.len() == 2 => {
                let dims = self.expr(c.args.first()?);
                let dims = self.shape_of(dims)?;
                let value = self.expr(c.args.get(1)?);
                match self.as_nd(value, c)? {
                    Value::Tensor(t) => Some(self.reshaped(&t, dims, c)),
                    other => Some(other),
                }
            }
            (owner, "zeros" | "ones" | "from_elem") if owner.starts_with("Array") => {
                let dims = self.expr(c.args.first()?);
                let dims = self.shape_of(dims)?;
                let turbofish = source(callee);
                let value = match last {
                    "from_elem" => self.expr(c.args.get(1)?),
                    "ones" => Value::Num(super::env::Num { v64: 1.0, v32: 1.0 }),
                    _ => Value::Num(super::env::Num { v64: 0.0, v32: 0.0 }),
                };
                let dtype = match (turbofish.contains("f32"), turbofish.contains("f64")) {
                    (true, _) => Some(Dtype::F32),
                    (_, true) => Some(Dtype::F64),
                    _ => None,
                };
                let dtype = dtype.or(self.only_float())?;
                let t = self.tensor(value, Some(dtype), c)?;
                let axes = self.layout(&dims);
                Some(Value::Tensor(super::env::Tensor {
                    node: t.node,
                    dims,
                    axes,
                    active: t.active,
                    nd: true,
                }))
            }
            _ => None,
        }
    }

    fn as_nd(&mut self, value: Value, c: &ExprCall) -> Option<Value> {
        match value {
            Value::Tensor(t) if t.rank() > 0 => Some(Value::Tensor(super::env::Tensor { nd: true, ..t })),
            Value::Iter(_) => self.collected(&value, true),
            Value::Poison => Some(Value::Poison),
            _ => Some(self.unsupported(c, "this array", "write its type: `let m: Array1<f64> = …`")),
        }
    }

    pub fn apply_closure(&mut self, closure: &Closure, args: Vec<Value>, at: &dyn ToTokens) -> Value {
        if self.calls.len() > MAX_DEPTH {
            self.errors.push(Kind::Depth, at, &[]);
            return Value::Poison;
        }
        if args.len() != closure.params.len() {
            let text = format!("{} arguments", closure.params.len());
            self.errors.push(Kind::Argument, at, &["this closure", &text, ""]);
            return Value::Poison;
        }
        let sealed = closure.env.bindings.len();
        let inside = Env { guards: self.env.guards.clone(), sealed, ..closure.env.clone() };
        let outside = std::mem::replace(&mut self.env, inside);
        for (pat, value) in closure.params.iter().zip(args) {
            self.bind(pat, value, &[]);
        }
        self.calls.push((String::new(), TokenStream::new()));
        let value = self.framed(|run| run.expr(&closure.body), at);
        self.calls.pop();
        self.env = outside;
        value
    }

    /// The callee's body in the place of the call.
    pub fn inline(
        &mut self,
        (attr, item): (TokenStream, TokenStream),
        env: Env,
        args: Vec<Value>,
        c: Option<&ExprCall>,
        at: &dyn ToTokens,
        mut marked: Option<&mut Marked>,
    ) -> Value {
        let source = item.clone();
        let parsed = syn::parse2(item).and_then(|item| self.instance(item, &args, c));
        let mut item: ItemFn = match parsed {
            Ok(item) => item,
            Err(e) => {
                self.errors.push(Kind::Syntax, at, &[&e.to_string()]);
                return Value::Poison;
            }
        };
        let name = item.sig.ident.to_string();
        super::receivers::as_functions(&mut item, &|path| env.defs.receiver(path));
        if let Some(moved) = super::borrows::written_out(&mut item).first() {
            let what = format!("`{name}`, which gives its argument `{moved}` another name,");
            return self.unsupported(at, &what, super::borrows::HELP);
        }
        let again =
            self.calls.iter().any(|(n, tokens)| *n == name && body_text(tokens) == body_text(&source));
        if again || self.calls.len() > MAX_DEPTH {
            self.errors.push(Kind::Recursion, at, &[&name]);
            return Value::Poison;
        }
        let params: Vec<&syn::PatType> = item
            .sig
            .inputs
            .iter()
            .filter_map(|a| match a {
                FnArg::Typed(t) => Some(t),
                FnArg::Receiver(_) => None,
            })
            .collect();
        if params.len() != args.len() {
            self.errors.push(
                Kind::Argument,
                at,
                &[&format!("`{name}`"), &format!("{} arguments", params.len()), ""],
            );
            return Value::Poison;
        }
        let hosts = self.host_arguments(&params, &args, c);
        let asked = options::parse(attr, &mut Errors::default());
        let path = env.scope.as_ref().map(|s| s.path.clone()).unwrap_or_default();
        let stays = (asked.custom.is_some() || recursive(&item)).then(|| self.paths(&path));
        let changed = self.out_parameters(&params, c, at);
        let given = self.turbofish(c);
        let inside = Env {
            bindings: vec![],
            sealed: 0,
            guards: self.env.guards.clone(),
            versions: self.env.versions.clone(),
            ..env
        };
        let outside = std::mem::replace(&mut self.env, inside);
        self.calls.push((name.clone(), source));
        let mut given = given.into_iter();
        for param in &item.sig.generics.params {
            let said = if matches!(param, GenericParam::Lifetime(_)) { None } else { given.next().flatten() };
            if let GenericParam::Const(g) = param {
                let n = g.ident.to_string();
                let (size, host) = said.unwrap_or_else(|| (Size::sym(self.symbol(&n, false)), None));
                self.env.bind(n, Value::Int(size), host);
            }
        }
        let before = self.errors.len();
        let mut bound = Vec::new();
        for ((param, value), host) in params.iter().zip(args).zip(hosts) {
            let name = arg_ident(&param.pat).map_or_else(String::new, |i| i.to_string());
            let dims = self.dims_attr(&param.attrs);
            let value = self.passed(value, param, dims.as_ref(), &name, host.as_ref(), at);
            match (&mut marked, arg_ident(&param.pat)) {
                (Some(marked), Some(ident)) if marked.wants(self, &ident, &param.ty) => {
                    let value = marked.argument(self, &ident, value, at);
                    bound.push((&param.pat, name, value, None));
                }
                _ => bound.push((&param.pat, name, value, host)),
            }
        }
        let (value, after) = match stays {
            Some(paths) => {
                let arguments = params.iter().zip(bound);
                let arguments =
                    arguments.map(|(param, (_, name, value, host))| Argument { param, name, value, host });
                (self.foreign(&item, &asked, arguments.collect(), &paths, at), vec![])
            }
            None => {
                for (pat, name, value, host) in bound {
                    match name.is_empty() {
                        true => self.bind(pat, value, &[]),
                        false => self.env.bind(name, value, host),
                    }
                }
                self.borrowed(&changed);
                let places = changed.iter().filter_map(|(name, _)| self.env.position(name)).collect();
                self.framed_with(|run| run.block(&item.block), places, at)
            }
        };
        let value = match &item.sig.output {
            ReturnType::Type(_, ty) => self.returned(value, ty, at),
            ReturnType::Default => value,
        };
        self.calls.pop();
        self.env = outside;
        for ((_, place), after) in changed.iter().zip(after) {
            self.assign(place, after, at);
        }
        // the user's own tokens are the call; the callee was checked on its own
        if let Some(first) = self.errors.list.get(before).cloned() {
            self.errors.list.truncate(before);
            self.errors.push(Kind::Syntax, at, &[&format!("in the call of `{name}`: {}", first.message)]);
            return Value::Poison;
        }
        value
    }

    /// An argument's value, seen as the parameter's type.
    pub fn passed(
        &mut self,
        value: Value,
        param: &syn::PatType,
        dims: Option<&super::types::Dims>,
        name: &str,
        host: Option<&TokenStream>,
        at: &dyn ToTokens,
    ) -> Value {
        let known = self.known(&param.ty);
        let value = match (value, &known, host) {
            // an array of integers that the call writes out
            (Value::Tuple(_), Known::Numbers(Form::Slice(_) | Form::Array(..), Dtype::Int), Some(tokens)) => {
                Value::Host(tokens.clone())
            }
            (value, ..) => value,
        };
        match known {
            Known::Numbers(form, dtype) if dtype.is_float() || !matches!(form, Form::Scalar(_)) => {
                let host_array = matches!(value, Value::Host(_)) && !matches!(form, Form::Scalar(_));
                let t = match value {
                    Value::Host(tokens) if host_array => {
                        let sizes = self.dims_of(&form, &source(&tokens));
                        Some(self.input(&tokens, form.clone(), dtype, sizes, None, false))
                    }
                    value => self.tensor(value, Some(dtype), at),
                };
                let t =
                    t.and_then(|t| self.typed(t, &form, dtype, strip(&param.ty).0, &at.to_token_stream()));
                let Some(t) = t else { return Value::Poison };
                if let Some(attr) = dims {
                    self.apply_dims(&t.dims.clone(), attr, name);
                }
                Value::Tensor(t)
            }
            Known::Struct(known) => super::structs::unread(value, known),
            _ => value,
        }
    }

    fn returned(&mut self, value: Value, ty: &syn::Type, at: &dyn ToTokens) -> Value {
        match (value, self.known(ty)) {
            (Value::Tuple(list), Known::Tuple(types)) if list.len() == types.len() => {
                Value::Tuple(list.into_iter().zip(&types).map(|(v, t)| self.returned(v, t, at)).collect())
            }
            (value @ (Value::Tensor(_) | Value::Num(_)), Known::Numbers(form, dtype)) if dtype.is_float() => {
                let tokens = at.to_token_stream();
                self.tensor(value, Some(dtype), at)
                    .and_then(|t| self.typed(t, &form, dtype, ty, &tokens))
                    .map_or(Value::Poison, Value::Tensor)
            }
            (value, _) => value,
        }
    }
}

/// What tells one function from another of the same name: its tokens from `fn` on, without attributes.
fn body_text(item: &TokenStream) -> String {
    let text = item.to_string();
    text[text.find("fn ").unwrap_or(0)..].to_string()
}

/// The length in `from_fn::<_, 3, _>`.
fn segments_turbofish(p: &syn::ExprPath) -> Option<Expr> {
    let syn::PathArguments::AngleBracketed(a) = &p.path.segments.last()?.arguments else { return None };
    match a.args.iter().nth(1)? {
        syn::GenericArgument::Const(e) => Some(e.clone()),
        syn::GenericArgument::Type(t) => syn::parse2(t.to_token_stream()).ok(),
        _ => None,
    }
}

/// The expression without references and parentheses.
fn strip_expr(mut e: &Expr) -> &Expr {
    loop {
        e = match e {
            Expr::Reference(r) => &r.expr,
            Expr::Paren(p) => &p.expr,
            Expr::Group(g) => &g.expr,
            _ => return e,
        };
    }
}
