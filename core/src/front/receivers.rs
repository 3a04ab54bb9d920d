//! Methods of structs as the functions that they are: `net.scores(x)` and `Mlp::scores(net, x)` are `mlp_scores(net, x)`.
//!
//! `#[differentiable]` on an `impl` block puts that function beside the type (`impls.rs`). What type a receiver has is read off the
//! signature, so it is an argument by its own name.
//!
//! Invariant: a name that the body binds again is no argument any more; its methods are left alone.

use super::function::arg_ident;
use super::types::strip;
use quote::{quote, ToTokens};
use std::collections::{BTreeMap, BTreeSet};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    AngleBracketedGenericArguments, Expr, ExprCall, ExprPath, FnArg, GenericArgument, Ident, ItemFn, Path,
    PathArguments, Type,
};

/// The name of the function that a method is: `Mlp::loss` is `mlp_loss`.
pub fn function_name(ty: &Ident, method: &Ident) -> Ident {
    let (ty, method_text) = (ty.to_string(), method.to_string());
    let letters: Vec<char> = ty.trim_start_matches("r#").chars().collect();
    let mut out = String::new();
    for (k, c) in letters.iter().enumerate() {
        let lower = |k: usize| letters.get(k).is_some_and(|c| !c.is_uppercase());
        if c.is_uppercase() && k > 0 && (lower(k - 1) || lower(k + 1)) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    Ident::new(&format!("{out}_{}", method_text.trim_start_matches("r#")), method.span())
}

/// How a method takes its receiver.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    Value,
    Reference,
}

/// The receiver as the first argument of a function.
pub fn passed(receiver: Expr, behind: bool, taken: Receiver) -> Expr {
    match (behind, taken) {
        (true, Receiver::Value) => syn::parse_quote!(*#receiver),
        (false, Receiver::Reference) => syn::parse_quote!(&#receiver),
        _ => receiver,
    }
}

/// Writes methods as functions; `known` tells of a function whether it is one, and how it takes its first argument.
pub fn as_functions(item: &mut ItemFn, known: &dyn Fn(&Path) -> Option<Receiver>) {
    let mut bound = Bound::default();
    bound.visit_block(&item.block);
    let generic: Vec<String> = item.sig.generics.type_params().map(|t| t.ident.to_string()).collect();
    let typed = item.sig.inputs.iter().filter_map(|a| match a {
        FnArg::Typed(t) => Some((arg_ident(&t.pat)?.to_string(), strip(&t.ty))),
        FnArg::Receiver(_) => None,
    });
    let structs = typed.filter_map(|(name, (ty, behind))| match ty {
        Type::Path(p) if p.qself.is_none() && !bound.0.contains(&name) => {
            Some((name, (p.path.clone(), behind)))
        }
        _ => None,
    });
    let receivers = structs.collect();
    Functions { receivers, generic, known }.visit_block_mut(&mut item.block);
}

/// Names that patterns bind.
#[derive(Default)]
struct Bound(BTreeSet<String>);

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, p: &'ast syn::PatIdent) {
        self.0.insert(p.ident.to_string());
        visit::visit_pat_ident(self, p);
    }
}

struct Functions<'a> {
    /// Arguments with the paths of their types, and whether they are references.
    receivers: BTreeMap<String, (Path, bool)>,
    generic: Vec<String>,
    known: &'a dyn Fn(&Path) -> Option<Receiver>,
}

impl Functions<'_> {
    /// The function beside a type.
    fn function(
        &self,
        ty: &Path,
        method: &Ident,
        said: Option<&AngleBracketedGenericArguments>,
    ) -> Option<(Path, Receiver)> {
        let last = ty.segments.last()?;
        let name = last.ident.to_string();
        let a_type = name.chars().next().is_some_and(char::is_uppercase);
        let a_function = method.to_string().chars().next().is_some_and(|c| !c.is_uppercase());
        let kept = super::methods::keeps(&method.to_string());
        if !a_type
            || !a_function
            || kept
            || name == "Self"
            || self.generic.contains(&name)
            || super::requests::standard(&name)
        {
            return None;
        }
        let mut path = ty.clone();
        let own = path.segments.last_mut()?;
        own.ident = function_name(&last.ident, method);
        if let PathArguments::AngleBracketed(a) = &mut own.arguments {
            // what the type is given comes first
            let sizes = a.args.iter().filter(|a| !matches!(a, GenericArgument::Lifetime(_)));
            a.args = sizes.cloned().collect();
            a.colon2_token.get_or_insert_with(Default::default);
            if a.args.is_empty() {
                own.arguments = PathArguments::None;
            }
        }
        if let Some(last) = path.segments.last_mut() {
            more(&mut last.arguments, said);
        }
        (self.known)(&path).map(|receiver| (path, receiver))
    }

    fn call(&self, m: &syn::ExprMethodCall) -> Option<ExprCall> {
        let mut receiver = &*m.receiver;
        while let Expr::Paren(syn::ExprParen { expr, .. }) | Expr::Group(syn::ExprGroup { expr, .. }) =
            receiver
        {
            receiver = expr;
        }
        let Expr::Path(p) = receiver else { return None };
        let (ty, behind) = self.receivers.get(&p.path.get_ident()?.to_string())?;
        let (path, taken) = self.function(ty, &m.method, m.turbofish.as_ref())?;
        let first = passed(receiver.clone(), *behind, taken);
        let args: Punctuated<Expr, syn::Token![,]> =
            std::iter::once(first).chain(m.args.iter().cloned()).collect();
        let func = Box::new(Expr::Path(ExprPath { attrs: vec![], qself: None, path }));
        Some(ExprCall { attrs: vec![], func, paren_token: m.paren_token, args })
    }
}

impl VisitMut for Functions<'_> {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        if let Expr::MethodCall(m) = e {
            if let Some(call) = self.call(m) {
                *e = Expr::Call(call);
            }
        }
        visit_mut::visit_expr_mut(self, e);
    }
    fn visit_expr_path_mut(&mut self, p: &mut ExprPath) {
        if p.qself.is_some() || p.path.segments.len() < 2 {
            return;
        }
        let mut ty = p.path.clone();
        let Some(method) = ty.segments.pop() else { return };
        ty.segments.pop_punct();
        let method = method.into_value();
        let said = match &method.arguments {
            PathArguments::AngleBracketed(a) => Some(a),
            _ => None,
        };
        if let Some((path, _)) = self.function(&ty, &method.ident, said) {
            p.path = path;
        }
    }
}

/// Adds generic arguments behind those that are there.
fn more(arguments: &mut PathArguments, said: Option<&AngleBracketedGenericArguments>) {
    match (arguments, said) {
        (PathArguments::AngleBracketed(a), Some(said)) => a.args.extend(said.args.iter().cloned()),
        (none, Some(said)) => *none = PathArguments::AngleBracketed(said.clone()),
        (_, None) => {}
    }
}

/// The function's first parameter as a receiver.
pub fn receiver_of(item: &ItemFn) -> Receiver {
    match item.sig.inputs.first() {
        Some(FnArg::Typed(t)) if !strip(&t.ty).1 => Receiver::Value,
        _ => Receiver::Reference,
    }
}

/// The path as definitions are asked for.
pub fn bare(path: &Path) -> proc_macro2::TokenStream {
    let mut path = path.clone();
    path.segments.iter_mut().for_each(|s| s.arguments = PathArguments::None);
    let tokens = path.to_token_stream();
    quote!(#tokens)
}
