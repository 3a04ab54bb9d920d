//! What a call says about the function that it calls: float types, lengths, and the places that it changes.
//!
//! Invariant: a type parameter is `f32`, `f64` or a function, or the call is refused.

use super::env::Value;
use super::function::arg_ident;
use super::Lower;
use crate::diag::source;
use crate::ir::Size;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, ExprCall, FnArg, GenericParam, ItemFn};

impl Lower {
    /// The function with the float types that the call has for its type parameters.
    pub fn instance(&self, item: ItemFn, args: &[Value], c: Option<&ExprCall>) -> syn::Result<ItemFn> {
        let said: Vec<&syn::GenericArgument> = c.map_or(vec![], type_arguments);
        let mut given: Vec<(String, TokenStream)> = Vec::new();
        let mut k = 0;
        for param in &item.sig.generics.params {
            if matches!(param, GenericParam::Lifetime(_)) {
                continue;
            }
            k += 1;
            let GenericParam::Type(t) = param else { continue };
            if callable_bound(&item.sig.generics, t) {
                continue;
            }
            let name = t.ident.to_string();
            let written = said.get(k - 1).map(|t| t.to_token_stream()).filter(|t| t.to_string() != "_");
            let found = written.or_else(|| {
                let typed = item.sig.inputs.iter().filter_map(|a| match a {
                    FnArg::Typed(t) => Some(t),
                    FnArg::Receiver(_) => None,
                });
                typed.zip(args).find_map(|(param, arg)| match (mentions(&param.ty, &name), arg) {
                    (true, Value::Tensor(t)) if self.graph.dtype(t.node).is_float() => {
                        self.graph.dtype(t.node).name().parse().ok()
                    }
                    _ => None,
                })
            });
            let found = found.or_else(|| self.only_float().and_then(|d| d.name().parse().ok()));
            match found.filter(|f| matches!(f.to_string().as_str(), "f32" | "f64")) {
                Some(ty) => given.push((name, ty)),
                None => {
                    let text = format!(
                        "the type parameter `{name}` of `{}` is not known to be f32 or f64",
                        item.sig.ident
                    );
                    return Err(syn::Error::new_spanned(t, text));
                }
            }
        }
        if given.is_empty() {
            return Ok(item);
        }
        let mut bare = item;
        bare.sig.generics.params = std::mem::take(&mut bare.sig.generics.params)
            .into_iter()
            .filter(|p| !matches!(p, GenericParam::Type(t) if given.iter().any(|g| t.ident == g.0)))
            .collect();
        bare.sig.generics.where_clause = None;
        syn::parse2(super::types::replaced(bare.to_token_stream(), &given))
    }

    /// The `&mut` parameters of a callee, each with the caller's place that it stands for.
    pub fn out_parameters(
        &mut self,
        params: &[&syn::PatType],
        c: Option<&ExprCall>,
        at: &dyn ToTokens,
    ) -> Vec<(String, Expr)> {
        let mut out = Vec::new();
        for (k, param) in params.iter().enumerate() {
            if !super::borrows::changes(&param.ty) {
                continue;
            }
            let place = match c.and_then(|c| c.args.get(k)) {
                Some(Expr::Reference(r)) if r.mutability.is_some() && !part(&r.expr) => {
                    Some((*r.expr).clone())
                }
                Some(e @ Expr::Path(_)) => Some(e.clone()),
                Some(Expr::MethodCall(m)) if super::borrows::view_mut(m) => Some((*m.receiver).clone()),
                _ => None,
            };
            match (arg_ident(&param.pat), place) {
                (Some(ident), Some(place)) => out.push((ident.to_string(), place)),
                _ => {
                    let help = "pass `&mut` of a variable, an element or a field";
                    self.unsupported(at, "this call of a function that changes its argument", help);
                }
            }
        }
        out
    }

    /// The sizes that a call writes for generic parameters, and how host code says them: `f::<3>(x)`.
    pub fn turbofish(&mut self, c: Option<&ExprCall>) -> Vec<Option<(Size, Option<TokenStream>)>> {
        let said: Vec<syn::GenericArgument> = c.map_or(vec![], type_arguments).into_iter().cloned().collect();
        said.iter()
            .map(|arg| {
                let e: Expr = match arg {
                    syn::GenericArgument::Const(e) => e.clone(),
                    syn::GenericArgument::Type(t) => syn::parse2(t.to_token_stream()).ok()?,
                    _ => return None,
                };
                let before = self.errors.len();
                let value = if source(&e) == "_" { Value::Unit } else { self.expr(&e) };
                self.errors.list.truncate(before);
                match value {
                    Value::Int(n) => Some((n, self.host_tokens(&e))),
                    _ => None,
                }
            })
            .collect()
    }
}

/// `y[1..]`, which no assignment reaches.
fn part(e: &Expr) -> bool {
    match e {
        Expr::Index(i) => matches!(super::index::strip(&i.index), Expr::Range(_)) || part(&i.expr),
        Expr::Field(f) => part(&f.base),
        Expr::Paren(p) => part(&p.expr),
        _ => false,
    }
}

fn type_arguments(c: &ExprCall) -> Vec<&syn::GenericArgument> {
    let Expr::Path(p) = &*c.func else { return vec![] };
    match p.path.segments.last().map(|s| &s.arguments) {
        Some(syn::PathArguments::AngleBracketed(a)) => {
            a.args.iter().filter(|a| !matches!(a, syn::GenericArgument::Lifetime(_))).collect()
        }
        _ => vec![],
    }
}

fn mentions(ty: &syn::Type, name: &str) -> bool {
    let mut found = false;
    super::host::visit(&ty.to_token_stream(), &mut |ident| found |= ident == name);
    found
}

/// What a type parameter is bound by, where it is named and in `where`.
pub fn bounds<'a>(
    generics: &'a syn::Generics,
    t: &'a syn::TypeParam,
) -> impl Iterator<Item = &'a syn::TypeParamBound> {
    let predicates = generics.where_clause.iter().flat_map(|w| &w.predicates);
    let wheres = predicates.filter_map(|p| match p {
        syn::WherePredicate::Type(p) if source(&p.bounded_ty) == source(&t.ident) => Some(&p.bounds),
        _ => None,
    });
    t.bounds.iter().chain(wheres.flatten())
}

/// The type parameter is that of a function: `F: Fn(f64) -> f64`.
pub fn callable_bound(generics: &syn::Generics, t: &syn::TypeParam) -> bool {
    bounds(generics, t).any(|bound| match bound {
        syn::TypeParamBound::Trait(b) => b
            .path
            .segments
            .last()
            .is_some_and(|s| matches!(s.ident.to_string().as_str(), "Fn" | "FnMut" | "FnOnce")),
        _ => false,
    })
}

/// Numbers alone, or shifted ones: their type is open.
pub fn open_type(tokens: &TokenStream) -> bool {
    let (mut literal, mut name, mut shift) = (false, false, false);
    let mut level = vec![tokens.clone()];
    while let Some(stream) = level.pop() {
        let mut last = ' ';
        for token in stream {
            let mut this = ' ';
            match token {
                proc_macro2::TokenTree::Literal(_) => literal = true,
                proc_macro2::TokenTree::Ident(_) => name = true,
                proc_macro2::TokenTree::Group(g) => level.push(g.stream()),
                proc_macro2::TokenTree::Punct(p) => this = p.as_char(),
            }
            shift |= this == last && matches!(this, '<' | '>');
            last = this;
        }
    }
    literal && (shift || !name)
}
