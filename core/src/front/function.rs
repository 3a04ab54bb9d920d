//! A function's signature: what is refused of it, its arguments as values, its results as outputs.
//!
//! Invariant: arguments are bound in the order of the signature, so inputs are numbered by it.

use super::borrows;
use super::env::Value;
use super::foreign::{own_path, Argument, Paths};
use super::instances::{bounds, callable_bound};
use super::options::Asked;
use super::scope::moved;
use super::types::{strip, Known};
use super::Lower;
use crate::diag::{source, Errors, Kind};
use crate::ir::{Dtype, Size};
use crate::signature::{Arg, Form, Output, Signature};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, ToTokens};
use syn::{FnArg, GenericParam, ItemFn, Pat, ReturnType, Type};

/// What no function that is differentiated may be.
pub fn check(item: &ItemFn, errors: &mut Errors) {
    let sig = &item.sig;
    if let Some(t) = &sig.asyncness {
        errors.push(
            Kind::Function,
            t,
            &["an async function", "compute in an ordinary function and call it from the async one"],
        );
    }
    if let Some(t) = &sig.unsafety {
        errors.push(Kind::Function, t, &["an unsafe function", "write a safe function"]);
    }
    if let Some(t) = &sig.abi {
        errors.push(
            Kind::Function,
            t,
            &["an extern function", "call an ordinary function from the extern one"],
        );
    }
    if let Some(t) = &sig.variadic {
        errors.push(Kind::Function, t, &["a variadic function", "take a slice"]);
    }
    if let Some(t) = sig.receiver() {
        errors.push(
            Kind::Function,
            t,
            &["a method by itself", "put `#[differentiable]` on its `impl` block, too"],
        );
    }
    for param in &sig.generics.params {
        if let GenericParam::Type(t) = param {
            let help = "write f32 or f64, bound it by `chainrule::Real`, or by `Fn`; generics over const sizes are fine";
            errors.push(Kind::Function, t, &["a function that is generic over types", help]);
        }
    }
    for arg in &sig.inputs {
        if let FnArg::Typed(t) = arg {
            if let (Type::ImplTrait(ty), _) = strip(&t.ty) {
                let help = "write the type itself: f64, &[f64], ArrayView2<f32>, …";
                errors.push(Kind::Function, ty, &["a function with `impl Trait` arguments", help]);
            }
            let simple = matches!(&*t.pat, Pat::Ident(p) if p.subpat.is_none());
            // `[x, y, z]: [f64; 3]`
            let numbers = matches!((&*t.pat, &*t.ty), (Pat::Slice(_), Type::Array(_)));
            if !simple && !numbers {
                let help = "give the argument a name and take it apart with `let` in the body";
                errors.push(Kind::Function, &t.pat, &["a function with a pattern as its argument", help]);
            }
        }
    }
    if matches!(sig.output, ReturnType::Default) && !changes(item) {
        errors.push(
            Kind::Function,
            &sig.ident,
            &["a function without a result", "return the value to differentiate: `-> f64`"],
        );
    }
}

/// A function that is nothing by itself: its calls say which functions or float types it is about. It has no derivatives of
/// its own and is inlined where it is called.
pub fn template(item: &ItemFn) -> bool {
    let generics = &item.sig.generics;
    let type_params = || {
        generics.params.iter().filter_map(|p| match p {
            GenericParam::Type(t) => Some(t),
            _ => None,
        })
    };
    let real = |t| bounds(generics, t).any(|b| source(b).rsplit("::").next() == Some("Real"));
    let functions = item.sig.inputs.iter().any(|a| match a {
        FnArg::Typed(t) => match strip(&t.ty).0 {
            Type::ImplTrait(i) => i.bounds.iter().all(|b| source(b).contains("Fn")),
            Type::TraitObject(i) => i.bounds.iter().any(|b| source(b).contains("Fn")),
            _ => false,
        },
        FnArg::Receiver(_) => false,
    });
    let all = type_params().all(|t| real(t) || callable_bound(generics, t));
    all && (functions || changes(item) || type_params().next().is_some())
}

/// The function changes some of its arguments.
pub fn changes(item: &ItemFn) -> bool {
    item.sig.inputs.iter().any(|a| matches!(a, FnArg::Typed(t) if borrows::changes(&t.ty)))
}

/// The type of the result, or those of the components of a tuple.
fn components(ty: &Type) -> Vec<Type> {
    match strip(ty).0 {
        Type::Tuple(t) => t.elems.iter().cloned().collect(),
        other => vec![other.clone()],
    }
}

pub fn arg_ident(pat: &Pat) -> Option<Ident> {
    match pat {
        Pat::Ident(p) => Some(p.ident.clone()),
        _ => None,
    }
}

impl Lower {
    /// Lowers the whole function.
    pub fn function(&mut self, tokens: &TokenStream, item: &ItemFn, asked: &Asked) -> Signature {
        let args = self.arguments(item, asked);
        let name = item.sig.ident.to_string();
        self.calls.push((name.clone(), tokens.clone()));
        let changed: Vec<usize> = (0..args.len()).filter(|k| args[*k].changed).collect();
        let places = changed.iter().filter_map(|k| self.env.position(&args[*k].ident.to_string())).collect();
        let (value, after) = match &asked.custom {
            Some(_) => (self.own_call(item, asked), vec![]),
            None => self.framed_with(|run| run.block(&item.block), places, &item.block),
        };
        if matches!(item.sig.output, ReturnType::Type(..)) || !changed.is_empty() {
            self.outputs = match &item.sig.output {
                ReturnType::Type(_, ty) => self.results(ty, value, &item.block, &name, asked),
                ReturnType::Default => self.nothing(item, asked),
            };
            for (k, value) in changed.into_iter().zip(after) {
                let output = self.after(&args[k], value);
                self.outputs.extend(output);
            }
            if self.outputs.is_empty() && self.errors.is_empty() {
                // a value that came of a mistake, without the mistake: not silently nothing
                let help = "write it as arithmetic, methods of numbers and arrays, and calls";
                self.errors.push(Kind::Unsupported, &item.sig.ident, &["a part of this function", help]);
            }
        }
        if self.errors.is_empty() {
            self.check_rules(asked);
        }
        let signature = self.signature(item, args);
        if self.outputs.len() != signature.results.len() && self.errors.is_empty() {
            self.errors.push(Kind::Unsupported, &item.sig.ident, &["a part of this function", ""]);
        }
        self.matrices(&signature, asked);
        self.check_lengths(item, &signature);
        signature
    }

    /// A function whose body is not read is a call of itself.
    fn own_call(&mut self, item: &ItemFn, asked: &Asked) -> Value {
        let mut arguments = vec![];
        for arg in &item.sig.inputs {
            let FnArg::Typed(param) = arg else { continue };
            let Some(ident) = arg_ident(&param.pat) else { continue };
            let name = ident.to_string();
            let Some(binding) = self.env.get(&name) else { continue };
            let host = (!binding.value.active()).then(|| ident.to_token_stream());
            arguments.push(Argument { param, value: binding.value.clone(), name, host });
        }
        let function = own_path(&item.sig.ident.to_token_stream());
        let paths = Paths { function, module: quote!(self) };
        self.foreign(item, asked, arguments, &paths, &item.sig.ident)
    }

    /// Refuses a Jacobian or a Hessian that no type holds.
    fn matrices(&mut self, signature: &Signature, asked: &Asked) {
        let active: Vec<&Arg> = signature.args.iter().filter(|a| a.differentiated).collect();
        let plain = "take numbers, arrays, slices or `ndarray` arrays, or ask for `jvp`, `vjp` or `hvp`";
        let nested = "take `ndarray` arrays of at most 6 dimensions together, or return arrays or slices";
        let mut refuse = |what: &str, arg: &Arg, of: &Form| {
            let (shown, help) = match arg.form.is_tensor() {
                true if of.of_each(&arg.form).is_some() => return,
                true => ("an `ndarray` array of arrays", nested),
                false => ("more than one array", plain),
            };
            self.errors.push(Kind::Matrix, &arg.ident, &[what, &arg.ident.to_string(), shown, help]);
        };
        for arg in &active {
            if asked.more.jacobian && asked.columns.as_ref().is_none_or(|c| c.contains(&arg.ident)) {
                signature.results.iter().for_each(|result| refuse("Jacobian", arg, result));
            }
            if asked.more.hessian {
                let of = active.iter().map(|a| &a.form).find(|f| f.of_each(&arg.form).is_none());
                refuse("Hessian", arg, of.unwrap_or(&arg.form));
            }
        }
        for name in asked.columns.iter().flatten().filter(|name| !active.iter().any(|a| a.ident == **name)) {
            let known: Vec<String> = active.iter().map(|a| a.ident.to_string()).collect();
            self.errors.push(
                Kind::Argument,
                name,
                &["`jacobian(…)`", &format!("differentiated arguments: {}", known.join(", ")), ""],
            );
        }
    }

    /// The signature around the arguments.
    pub fn signature(&mut self, item: &ItemFn, args: Vec<Arg>) -> Signature {
        let sig = &item.sig;
        let const_generic = |p: &GenericParam| match p {
            GenericParam::Const(c) => Some(c.ident.to_token_stream()),
            GenericParam::Type(_) | GenericParam::Lifetime(_) => None,
        };
        let generics = &sig.generics.params;
        let (output, results) = match &sig.output {
            ReturnType::Default => (quote!(()), vec![]),
            ReturnType::Type(_, ty) => (moved(ty.to_token_stream()), components(ty)),
        };
        let results: Vec<Form> = results.iter().map(|t| self.form(t)).collect();
        let changed = args.iter().filter(|a| a.changed).map(|a| a.form.clone());
        Signature {
            vis: item.vis.to_token_stream(),
            constness: item.sig.constness.is_some(),
            ident: sig.ident.clone(),
            generics: if generics.is_empty() { TokenStream::new() } else { quote!(<#generics>) },
            generic_args: generics.iter().filter_map(const_generic).collect(),
            where_clause: sig.generics.where_clause.to_token_stream(),
            returned: results.len(),
            results: results.into_iter().chain(changed).collect(),
            args,
            method: None,
            output,
            names: Default::default(),
        }
    }

    /// The arguments, bound to values.
    pub fn arguments(&mut self, item: &ItemFn, asked: &Asked) -> Vec<Arg> {
        let sig = &item.sig;
        let name = sig.ident.to_string();
        for param in &sig.generics.params {
            if let GenericParam::Const(c) = param {
                let n = c.ident.to_string();
                let size = Size::sym(self.symbol(&n, true));
                self.generics.insert(n.clone());
                self.env.bind(n, Value::Int(size), Some(c.ident.to_token_stream()));
            }
        }
        let typed: Vec<&syn::PatType> = sig
            .inputs
            .iter()
            .filter_map(|a| match a {
                FnArg::Typed(t) => Some(t),
                FnArg::Receiver(_) => None,
            })
            .collect();
        let names: Vec<String> =
            typed.iter().map(|t| arg_ident(&t.pat).map_or_else(String::new, |i| i.to_string())).collect();
        for ident in asked.wrt.iter().flatten() {
            match names.iter().position(|n| ident == n) {
                None => {
                    self.errors.push(Kind::WrtUnknown, ident, &[&ident.to_string(), &name, &names.join(", ")])
                }
                Some(k) => {
                    if !self.differentiable(&typed[k].ty) {
                        let ty = source(&typed[k].ty);
                        match self.known(&typed[k].ty) {
                            Known::Refused(why) => self.errors.push(Kind::Type, &typed[k].ty, &[&ty, why]),
                            _ => self.errors.push(Kind::WrtType, ident, &[&names[k], &ty]),
                        }
                    }
                }
            }
        }
        // integers first: `#[dims(n)]` may name one that comes later
        for t in &typed {
            if let (Some(ident), Known::Numbers(Form::Scalar(Dtype::Int), _)) =
                (arg_ident(&t.pat), self.known(&t.ty))
            {
                let size = Size::sym(self.symbol(&ident.to_string(), true));
                self.env.bind(ident.to_string(), Value::Int(size), Some(ident.to_token_stream()));
            }
        }
        for t in &typed {
            // named sizes come before the sizes of arguments, which are solved for them
            for e in self.dims_attr(&t.attrs).unwrap_or_default() {
                self.name_size(&e);
            }
        }
        let mut args = Vec::new();
        let mut bound = Vec::new();
        for t in &typed {
            // a pattern is refused; the argument stays in the signature
            let named = arg_ident(&t.pat);
            let ident = named.clone().unwrap_or_else(|| format_ident!("argument_{}", args.len()));
            let differentiated = match &asked.wrt {
                Some(names) => names.contains(&ident) && self.differentiable(&t.ty),
                None => self.differentiable(&t.ty),
            };
            let dims = self.dims_attr(&t.attrs);
            if asked.wrt.is_none() {
                if let Known::Refused(why) = self.known(&t.ty) {
                    self.errors.push(Kind::Type, &t.ty, &[&source(&t.ty), why]);
                }
            }
            if named.is_some() || matches!(&*t.pat, Pat::Slice(_)) {
                let place = ident.to_token_stream();
                let value = self.place(&t.ty, &place, Some(args.len()), differentiated, dims.as_ref());
                self.host_names.insert(ident.to_string());
                bound.push((named, &t.pat, ident.clone(), value));
            }
            let (stripped, by_ref) = strip(&t.ty);
            let form = self.form(stripped);
            let numbers = matches!(self.known(&t.ty), Known::Numbers(_, d) if d.is_float());
            let changed = borrows::changes(&t.ty) && numbers;
            if borrows::changes(&t.ty) && !numbers {
                let help =
                    "take `&` and return the new value; `&mut` is for numbers, arrays and slices of them";
                let what = "a function that changes an argument of this type";
                self.errors.push(Kind::Function, &t.ty, &[what, help]);
            }
            let ty = moved(borrows::shared(&t.ty));
            let declared = moved(t.ty.to_token_stream());
            args.push(Arg { ident, ty, declared, form, by_ref, differentiated, changed });
        }
        self.arg_spans.extend(args.iter().map(|a| (a.ident.to_string(), a.ident.span())));
        for (named, pat, ident, value) in bound {
            match named {
                // host code would read what it was before, or write to it
                Some(_) if args.iter().any(|a| a.changed && a.ident == ident) => {
                    self.env.bind(ident.to_string(), value, None);
                    self.env.bindings.last_mut().into_iter().for_each(|b| b.mutable = true);
                }
                Some(_) => self.env.bind(ident.to_string(), value, Some(ident.to_token_stream())),
                None => self.bind(pat, value, &[]),
            }
        }
        self.can_step(sig, &args, asked);
        if !args.iter().any(|a| a.differentiated) && asked.wrt.is_none() && self.errors.is_empty() {
            self.errors.push(Kind::NoDifferentiable, &sig.ident, &[&name]);
        }
        args
    }

    fn results(
        &mut self,
        ty: &Type,
        value: Value,
        block: &syn::Block,
        name: &str,
        asked: &Asked,
    ) -> Vec<Output> {
        let at: TokenStream = match block.stmts.last() {
            Some(stmt) => stmt.to_token_stream(),
            None => block.to_token_stream(),
        };
        let types = components(ty);
        let plural = matches!(strip(ty).0, Type::Tuple(_));
        let mut scalar = !plural;
        for t in &types {
            match self.known(t) {
                Known::Numbers(form, d) if d.is_float() => scalar &= matches!(form, Form::Scalar(_)),
                Known::Numbers(..) | Known::Host => {
                    let help = "return f32, f64, arrays of them, or a tuple of those";
                    self.errors.push(Kind::Type, t, &[&source(t), help]);
                    return vec![];
                }
                Known::Refused(why) => {
                    self.errors.push(Kind::Type, t, &[&source(t), why]);
                    return vec![];
                }
                _ => {
                    let help = "return f32, f64, arrays of them, or a tuple of those";
                    self.errors.push(Kind::Type, t, &[&source(t), help]);
                    return vec![];
                }
            }
        }
        let more = &asked.more;
        if !scalar
            && asked.custom.is_none()
            && (more.hvp || more.hessian || !(more.value || more.jvp || more.vjp || more.jacobian))
        {
            self.errors.push(Kind::NonScalar, ty, &[name, "more than one number"]);
        }
        let values = match value {
            Value::Tuple(list) if plural => list,
            other => vec![other],
        };
        if values.iter().any(Value::is_poison) {
            return vec![];
        }
        if values.len() != types.len() {
            self.errors.push(Kind::Result, &at, &["something else", &source(ty)]);
            return vec![];
        }
        types.iter().zip(values).filter_map(|(t, v)| self.result(t, v, &at)).collect()
    }

    /// A function without a result has no gradient.
    fn nothing(&mut self, item: &ItemFn, asked: &Asked) -> Vec<Output> {
        let (more, name) = (&asked.more, &item.sig.ident);
        if more.hvp || more.hessian || !(more.value || more.jvp || more.vjp || more.jacobian) {
            self.errors.push(Kind::NonScalar, name, &[&name.to_string(), "no number"]);
        }
        vec![]
    }

    /// What an argument that the function changes holds at its end, in the shape that it came with.
    fn after(&mut self, arg: &Arg, value: Value) -> Option<Output> {
        let name = arg.ident.to_string();
        let dtype = arg.form.dtype()?;
        let t = self.tensor(value, Some(dtype), &arg.ident)?;
        let dims = self.graph.inputs.iter().find(|i| i.name == name).map(|i| i.dims.clone())?;
        let fits =
            t.dims.len() == dims.len() && t.dims.iter().zip(&dims).all(|(a, b)| self.graph.sizes.unify(a, b));
        if !fits {
            let (a, b) = (self.shape_text(&dims), self.shape_text(&t.dims));
            let help = "an argument keeps its shape; return the new array instead";
            self.errors.push(Kind::Shape, &arg.ident, &[&format!("`{name}` before and after"), &a, &b, help]);
            return None;
        }
        Some(self.output(t, arg.form.clone()))
    }

    fn result(&mut self, ty: &Type, value: Value, at: &TokenStream) -> Option<Output> {
        let Known::Numbers(form, dtype) = self.known(ty) else { return None };
        let t = self.tensor(value, Some(dtype), at)?;
        let t = self.typed(t, &form, dtype, ty, at)?;
        Some(self.output(t, form))
    }

    fn output(&mut self, t: super::env::Tensor, form: Form) -> Output {
        let t = self.canonical(&t);
        let mut dims = Vec::new();
        for (size, axis) in t.dims.iter().zip(&t.axes) {
            dims.push(match axis {
                Some(axis) => *axis,
                None => {
                    let used = dims.clone();
                    self.free_axis(size, &used)
                }
            });
        }
        Output { node: t.node, dims, form }
    }

    /// The tensor, checked against a type that the user wrote for it.
    pub fn typed(
        &mut self,
        t: super::env::Tensor,
        form: &Form,
        dtype: Dtype,
        ty: &Type,
        at: &TokenStream,
    ) -> Option<super::env::Tensor> {
        let before = self.asked_symbols.clone();
        let want = self.dims_of(form, "result");
        let nd = matches!(form, Form::Nd { .. });
        let shape = self.shape_text(&t.dims);
        if want.len() != t.dims.len() {
            self.asked_symbols = before;
            let what =
                if t.dims.is_empty() { "a scalar".to_string() } else { format!("an array of shape {shape}") };
            self.errors.push(Kind::Result, at, &[&what, &source(ty)]);
            return None;
        }
        for (a, b) in t.dims.iter().zip(&want) {
            if !self.graph.sizes.unify(a, b) {
                self.errors.push(Kind::Result, at, &[&format!("an array of shape {shape}"), &source(ty)]);
                return None;
            }
        }
        if self.graph.dtype(t.node) != dtype {
            let found = self.graph.dtype(t.node).name();
            self.errors.push(Kind::Result, at, &[&format!("values of type {found}"), &source(ty)]);
            return None;
        }
        Some(super::env::Tensor { nd, ..t })
    }
}
