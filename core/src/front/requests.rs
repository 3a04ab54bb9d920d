//! Tokens of a function in, the paths out whose definitions its lowering needs.
//!
//! A walk over names: what may carry a derivative is what mentions an argument that may, in order of appearance.
//!
//! Invariant: each path comes once; a path that std or ndarray defines never comes.

use super::definitions::path_key;
use super::function::arg_ident;
use super::patterns::variables;
use super::types::{scalar_type, strip};
use crate::diag::Errors;
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, GenericArgument, PathArguments, Type};

/// The paths to look up through the macro namespace, once each, in order of appearance.
pub fn requests(item: &TokenStream, attr: &TokenStream) -> Vec<TokenStream> {
    let mut walk = Walk::default();
    if super::too_deep(item).is_some() {
        return vec![];
    }
    let Ok(mut item) = syn::parse2::<syn::ItemFn>(item.clone()) else { return vec![] };
    super::receivers::as_functions(&mut item, &|_| Some(super::receivers::Receiver::Reference));
    let asked = super::options::parse(attr.clone(), &mut Errors::default());
    for param in &item.sig.generics.params {
        if let syn::GenericParam::Type(t) = param {
            walk.locals.insert(t.ident.to_string());
        }
    }
    for arg in &item.sig.inputs {
        let FnArg::Typed(arg) = arg else { continue };
        let Some(ident) = arg_ident(&arg.pat) else {
            walk.types(&arg.ty, 0);
            walk.pattern(&arg.pat, may_be_active(&arg.ty));
            continue;
        };
        let name = ident.to_string();
        let active = asked.wrt.as_ref().is_none_or(|w| w.contains(&ident));
        if active {
            walk.types(&arg.ty, 0);
        }
        if active && may_be_active(&arg.ty) {
            walk.tainted.insert(name.clone());
        }
        walk.locals.insert(name);
    }
    match &asked.custom {
        // the body is not read; a rule that is differentiated again is
        Some(custom) if asked.more.hvp || asked.more.hessian => {
            custom.gradient.iter().for_each(|path| walk.ask(path));
        }
        Some(_) => {}
        None => walk.visit_block(&item.block),
    }
    // what the function itself is, is known
    walk.found.retain(|path| path.to_string() != item.sig.ident.to_string());
    walk.found
}

/// The paths that the fields of a struct with `#[derive(Differentiable)]` need.
pub fn struct_requests(item: &TokenStream) -> Vec<TokenStream> {
    let mut walk = Walk::default();
    if super::too_deep(item).is_some() {
        return vec![];
    }
    let Ok(item) = syn::parse2::<syn::ItemStruct>(item.clone()) else { return vec![] };
    for param in &item.generics.params {
        if let syn::GenericParam::Type(t) = param {
            walk.locals.insert(t.ident.to_string());
        }
    }
    for field in &item.fields {
        if !field.attrs.iter().any(|a| a.path().is_ident("constant")) {
            walk.types(&field.ty, 0);
        }
    }
    walk.found
}

/// Integers carry no derivative.
fn may_be_active(ty: &Type) -> bool {
    let text = strip(ty).0.to_token_stream().to_string();
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let float = words.iter().any(|w| matches!(*w, "f32" | "f64"));
    let int = words
        .iter()
        .any(|w| scalar_type(w).is_some_and(|d| !d.is_float()) || matches!(*w, "str" | "String" | "char"));
    float || !int
}

/// Names of std and ndarray that are types, or functions that the lowering knows by name.
pub fn standard(name: &str) -> bool {
    scalar_type(name).is_some()
        || name.starts_with("Array")
        || matches!(
            name,
            "Vec"
                | "Option"
                | "Result"
                | "String"
                | "str"
                | "char"
                | "Box"
                | "Rc"
                | "Arc"
                | "Cow"
                | "CowArray"
                | "Range"
                | "HashMap"
                | "BTreeMap"
                | "HashSet"
                | "BTreeSet"
                | "VecDeque"
                | "Duration"
                | "Instant"
                | "PhantomData"
                | "Zip"
                | "aview0"
                | "aview1"
                | "aview2"
                | "arr0"
                | "arr1"
                | "arr2"
                | "from_fn"
        )
}

#[derive(Default)]
struct Walk {
    found: Vec<TokenStream>,
    keys: BTreeSet<String>,
    tainted: BTreeSet<String>,
    locals: BTreeSet<String>,
    /// Inside of a loop.
    looping: bool,
}

impl Walk {
    /// What a loop's body changes may carry a derivative when it begins again: the outermost one is walked twice.
    fn repeated(&mut self, body: &syn::Block) {
        let times = if std::mem::replace(&mut self.looping, true) { 1 } else { 2 };
        (0..times).for_each(|_| self.visit_block(body));
        self.looping = times == 1;
    }

    fn ask(&mut self, path: &syn::Path) {
        let mut bare = path.clone();
        bare.segments.iter_mut().for_each(|s| s.arguments = PathArguments::None);
        let tokens = bare.to_token_stream();
        if self.keys.insert(path_key(&tokens)) {
            self.found.push(tokens);
        }
    }

    fn types(&mut self, ty: &Type, depth: usize) {
        if depth > super::MAX_DEPTH {
            return;
        }
        match strip(ty).0 {
            Type::Array(a) => self.types(&a.elem, depth + 1),
            Type::Slice(s) => self.types(&s.elem, depth + 1),
            Type::Tuple(t) => t.elems.iter().for_each(|t| self.types(t, depth + 1)),
            Type::Path(p) if p.qself.is_none() => {
                let Some(last) = p.path.segments.last() else { return };
                let name = last.ident.to_string();
                if name == "Vec" {
                    if let PathArguments::AngleBracketed(a) = &last.arguments {
                        for arg in &a.args {
                            if let GenericArgument::Type(t) = arg {
                                self.types(t, depth + 1);
                            }
                        }
                    }
                } else if !standard(&name) && !self.locals.contains(&name) && name != "Self" {
                    self.ask(&p.path);
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, path: &syn::Path) {
        let mut path = path.clone();
        let mut names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        // `loss::gradient`: what is needed is the definition of `loss`
        if names.len() > 1 && names.last().is_some_and(|n| super::nested::is_derivative(n)) {
            names.pop();
            path.segments.pop();
            path.segments.pop_punct();
        }
        let path = &path;
        let (Some(last), Some(first)) = (names.last(), names.first()) else { return };
        // a closure, or a function of a type parameter
        let local = self.locals.contains(first);
        let owner_known =
            names.iter().rev().skip(1).any(|n| standard(n) || matches!(n.as_str(), "std" | "core" | "alloc"));
        let constructor = last.chars().next().is_some_and(|c| c.is_uppercase());
        if !local && !owner_known && !constructor && !standard(last) {
            self.ask(path);
        }
    }

    /// The names of a pattern are variables; of a value that may carry a derivative, so do they.
    fn pattern(&mut self, pat: &syn::Pat, active: bool) {
        let names = super::patterns::named(pat);
        if active {
            self.tainted.extend(names.clone());
        }
        self.locals.extend(names);
    }

    /// May carry a derivative.
    fn active(&self, e: &Expr) -> bool {
        let mut look = Look { walk: self, hit: false };
        look.visit_expr(e);
        look.hit
    }
}

struct Look<'a> {
    walk: &'a Walk,
    hit: bool,
}

impl<'ast> Visit<'ast> for Look<'_> {
    fn visit_expr_path(&mut self, p: &'ast syn::ExprPath) {
        if let Some(ident) = p.path.get_ident() {
            self.hit |= self.walk.tainted.contains(&ident.to_string());
        }
    }
    fn visit_expr_method_call(&mut self, m: &'ast syn::ExprMethodCall) {
        let size = matches!(
            m.method.to_string().as_str(),
            "len" | "nrows" | "ncols" | "dim" | "raw_dim" | "shape" | "ndim" | "len_of" | "is_empty"
        );
        if !size {
            visit::visit_expr_method_call(self, m);
        }
    }
    fn visit_expr_cast(&mut self, c: &'ast syn::ExprCast) {
        let integer = scalar_type(&c.ty.to_token_stream().to_string()).is_some_and(|d| !d.is_float());
        if !integer {
            visit::visit_expr_cast(self, c);
        }
    }
    fn visit_macro(&mut self, m: &'ast syn::Macro) {
        let names = super::host::names(&m.tokens);
        self.hit |= names.iter().any(|n| self.walk.tainted.contains(n));
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        let mut names = Vec::new();
        variables(&local.pat, &mut names);
        let integer = matches!(&local.pat, syn::Pat::Type(t) if !may_be_active(&t.ty));
        let active = !integer
            && local.init.as_ref().is_some_and(|i| {
                if let Expr::Path(p) = &*i.expr {
                    // a function under another name
                    if p.path.get_ident().is_none_or(|n| !self.locals.contains(&n.to_string())) {
                        self.function(&p.path);
                    }
                }
                matches!(&*i.expr, Expr::Closure(_)) || self.active(&i.expr)
            });
        for name in names {
            match active {
                true => self.tainted.insert(name.clone()),
                false => self.tainted.remove(&name),
            };
            self.locals.insert(name);
        }
    }
    fn visit_expr_call(&mut self, c: &'ast syn::ExprCall) {
        if let Expr::Path(p) = &*c.func {
            // `ndarray::concatenate(Axis(0), &[…])`, which has a name of its own beside the macro
            let joins = matches!(c.args.first(), Some(Expr::Call(first)) if axis(first)) && c.args.len() == 2;
            if !joins && p.qself.is_none() && c.args.iter().any(|a| self.active(a)) {
                self.function(&p.path);
            }
        }
        c.args.iter().for_each(|a| self.visit_expr(a));
    }
    fn visit_expr_method_call(&mut self, m: &'ast syn::ExprMethodCall) {
        self.visit_expr(&m.receiver);
        let active = self.active(&m.receiver);
        for arg in &m.args {
            match arg {
                Expr::Closure(c) if !active => {
                    let mut names = Vec::new();
                    c.inputs.iter().for_each(|p| {
                        variables(p, &mut names);
                    });
                    self.locals.extend(names);
                    self.visit_expr(&c.body);
                }
                Expr::Path(p) if active && maps(&m.method.to_string()) => self.function(&p.path),
                other => self.visit_expr(other),
            }
        }
    }
    fn visit_expr_closure(&mut self, c: &'ast syn::ExprClosure) {
        let mut names = Vec::new();
        c.inputs.iter().for_each(|p| {
            variables(p, &mut names);
        });
        self.locals.extend(names.clone());
        self.tainted.extend(names);
        self.visit_expr(&c.body);
    }
    fn visit_expr_for_loop(&mut self, l: &'ast syn::ExprForLoop) {
        self.visit_expr(&l.expr);
        let mut names = Vec::new();
        variables(&l.pat, &mut names);
        if self.active(&l.expr) {
            self.tainted.extend(names.clone());
        }
        self.locals.extend(names);
        self.repeated(&l.body);
    }
    fn visit_expr_while(&mut self, w: &'ast syn::ExprWhile) {
        self.visit_expr(&w.cond);
        self.repeated(&w.body);
    }
    fn visit_expr_loop(&mut self, l: &'ast syn::ExprLoop) {
        self.repeated(&l.body);
    }
    fn visit_expr_match(&mut self, m: &'ast syn::ExprMatch) {
        let active = self.active(&m.expr);
        for arm in &m.arms {
            self.pattern(&arm.pat, active);
        }
        visit::visit_expr_match(self, m);
    }
    fn visit_expr_let(&mut self, l: &'ast syn::ExprLet) {
        let active = self.active(&l.expr);
        self.pattern(&l.pat, active);
        visit::visit_expr_let(self, l);
    }
    fn visit_expr_assign(&mut self, a: &'ast syn::ExprAssign) {
        visit::visit_expr_assign(self, a);
        if self.active(&a.right) {
            self.tainted.extend(super::host::names(&a.left.to_token_stream()));
        }
    }
    fn visit_expr_binary(&mut self, b: &'ast syn::ExprBinary) {
        visit::visit_expr_binary(self, b);
        if b.op.to_token_stream().to_string().ends_with('=') && self.active(&b.right) {
            self.tainted.extend(super::host::names(&b.left.to_token_stream()));
        }
    }
    fn visit_macro(&mut self, m: &'ast syn::Macro) {
        let parser = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        if let Ok(args) = syn::parse::Parser::parse2(parser, m.tokens.clone()) {
            args.iter().for_each(|a| self.visit_expr(a));
        }
    }
}

/// `Axis(k)`
fn axis(c: &syn::ExprCall) -> bool {
    matches!(&*c.func, Expr::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == "Axis"))
}

/// Methods that take the path of a function.
fn maps(method: &str) -> bool {
    matches!(
        method,
        "map"
            | "mapv"
            | "mapv_into"
            | "map_axis"
            | "fold"
            | "fold_axis"
            | "for_each"
            | "flat_map"
            | "zip"
            | "map_inplace"
    )
}
