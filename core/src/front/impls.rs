//! An `impl` block with `#[differentiable]` in; the block as rustc shall see it, and its methods as functions, out.
//!
//! A method `loss` of `Mlp` is a function `mlp_loss` beside its type, with `this` for `self`. Whatever is known of functions holds
//! for it. Invariant: only methods with the attribute, and those that they call, become functions.

use super::item::plain;
use super::receivers::{function_name, passed, Receiver};
use super::scope::moved;
use crate::diag::{Errors, Kind};
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{format_ident, quote, ToTokens};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, FnArg, GenericParam, ImplItem, ImplItemFn, ItemImpl, Path, Type};

/// What became of a block.
pub struct Block {
    /// Without the attributes that only the macro reads.
    pub block: TokenStream,
    pub functions: Vec<Function>,
    pub errors: Errors,
}

/// A method as a function.
pub struct Function {
    /// The options of its attribute; none for a method without it.
    pub attr: Option<TokenStream>,
    pub item: TokenStream,
    /// What its face needs beside the type: `crate::signature::Method` in groups.
    pub method: TokenStream,
    /// The function that rustc sees: a call of the method.
    pub wrapper: TokenStream,
}

/// The item is an `impl` block.
pub fn is_block(item: &TokenStream) -> bool {
    let first = item.clone().into_iter().find_map(|t| match t {
        TokenTree::Ident(i) => Some(i.to_string()),
        _ => None,
    });
    first.is_some_and(|word| word == "impl")
}

/// The attribute of a method, and its options.
fn options(attrs: &[Attribute]) -> Option<TokenStream> {
    let own = attrs.iter().find(|a| is_own(a))?;
    Some(match &own.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    })
}

fn is_own(a: &Attribute) -> bool {
    a.path().segments.last().is_some_and(|s| s.ident == "differentiable")
}

pub fn block(attr: &TokenStream, item: &TokenStream) -> Block {
    let mut errors = Errors::default();
    let untouched = |errors| Block { block: item.clone(), functions: vec![], errors };
    if let Some(at) = super::too_deep(item) {
        errors.push(Kind::Depth, &at, &[]);
        return untouched(errors);
    }
    let parsed: ItemImpl = match syn::parse2(item.clone()) {
        Ok(parsed) => parsed,
        Err(e) => return untouched(super::syntax(&e)),
    };
    let mut cleaned = parsed.clone();
    for item in &mut cleaned.items {
        if let ImplItem::Fn(m) = item {
            m.attrs.retain(|a| !is_own(a));
            plain(&mut m.sig);
        }
    }
    super::item::parenthesised(&mut cleaned);
    let mut refuse =
        |at: &dyn ToTokens, what: &str, help: &str| errors.push(Kind::Function, at, &[what, help]);
    if !attr.is_empty() {
        refuse(
            attr,
            "a whole `impl` block with options",
            "give them to the methods: `#[differentiable(jvp)] fn …`",
        );
    }
    if let Some((_, path, _)) = &parsed.trait_ {
        refuse(
            path,
            "the `impl` of a trait",
            "call a method of the type's own `impl` block from that of the trait",
        );
    }
    for param in parsed.generics.type_params() {
        refuse(
            param,
            "an `impl` block that is generic over types",
            "write it for f32 or for f64; generics over const sizes are fine",
        );
    }
    let methods: Vec<&ImplItemFn> =
        parsed.items.iter().filter_map(|i| if let ImplItem::Fn(m) = i { Some(m) } else { None }).collect();
    for receiver in methods.iter().filter(|m| options(&m.attrs).is_some()).filter_map(|m| m.sig.receiver()) {
        if receiver.reference.is_some() && receiver.mutability.is_some() {
            let help = "return the new value, or take the arrays that change as `&mut` arguments";
            refuse(receiver, "a method with `&mut self`", help);
        }
    }
    if !methods.iter().any(|m| options(&m.attrs).is_some()) {
        let help = "put `#[differentiable]` on the methods that need derivatives, too";
        refuse(&parsed.impl_token, "an `impl` block without a marked method", help);
    }
    let path = match &*parsed.self_ty {
        Type::Path(p) if p.qself.is_none() => Some(&p.path),
        other => {
            refuse(other, "an `impl` block for this type", "write it for a struct by its name");
            None
        }
    };
    let functions = match path {
        Some(path) if errors.is_empty() => functions(&parsed, path, &methods),
        _ => vec![],
    };
    Block { block: cleaned.to_token_stream(), functions, errors }
}

/// The marked methods and those that they call.
fn functions(block: &ItemImpl, ty: &Path, methods: &[&ImplItemFn]) -> Vec<Function> {
    let names: BTreeMap<String, &ImplItemFn> =
        methods.iter().map(|m| (m.sig.ident.to_string(), *m)).collect();
    let mut wanted: Vec<&ImplItemFn> =
        methods.iter().filter(|m| options(&m.attrs).is_some()).copied().collect();
    let mut seen: BTreeSet<String> = wanted.iter().map(|m| m.sig.ident.to_string()).collect();
    let mut out = Vec::new();
    let mut k = 0;
    while let Some(method) = wanted.get(k).copied() {
        let receiver = takes(method).unwrap_or(Receiver::Value);
        let mut calls =
            Calls { ty, receiver, generics: const_arguments(block), names: &names, called: vec![] };
        out.push(function(block, ty, method, &mut calls));
        wanted.extend(
            calls
                .called
                .iter()
                .filter(|name| seen.insert(name.to_string()))
                .filter_map(|name| names.get(name)),
        );
        k += 1;
    }
    out
}

/// The block's const generics, applied.
fn const_arguments(block: &ItemImpl) -> Vec<Ident> {
    block.generics.const_params().map(|c| c.ident.clone()).collect()
}

fn function(block: &ItemImpl, ty: &Path, method: &ImplItemFn, calls: &mut Calls) -> Function {
    let mut m = method.clone();
    let attr = options(&m.attrs);
    m.attrs.retain(|a| !is_own(a) && !a.path().is_ident("doc"));
    calls.visit_block_mut(&mut m.block);
    let name =
        function_name(&ty.segments.last().map_or(m.sig.ident.clone(), |s| s.ident.clone()), &m.sig.ident);
    let mut taken = BTreeSet::new();
    super::host::visit(&m.to_token_stream(), &mut |i| {
        taken.insert(i.to_string());
    });
    let mut this = String::from("this");
    while taken.contains(&this) {
        this.push('_');
    }
    let renamed = Renamed { this, ty: expression_path(ty) };
    // the receiver as the first argument
    let receiver = m.sig.receiver().map(|r| r.to_token_stream()).unwrap_or_default();
    for arg in &mut m.sig.inputs {
        if let FnArg::Receiver(r) = arg {
            let (name, ty) = (renamed.this(&r.self_token), &r.ty);
            let word = r.mutability.filter(|_| r.reference.is_none());
            *arg = syn::parse_quote!(#word #name: #ty);
        }
    }
    let own = m.sig.generics.clone();
    m.sig.generics.params = merged(&block.generics, &own);
    if let Some(more) = &block.generics.where_clause {
        m.sig.generics.make_where_clause().predicates.extend(more.predicates.iter().cloned());
    }
    let method_name = std::mem::replace(&mut m.sig.ident, name.clone());
    let item = renamed.tokens(m.to_token_stream());
    let attr = attr.map(|attr| renamed.tokens(attr));
    let (vis, self_ty) = (&m.vis, &block.self_ty);
    let face = [
        block.generics.params.to_token_stream(),
        self_ty.to_token_stream(),
        block.generics.where_clause.to_token_stream(),
        receiver,
        method_name.to_token_stream(),
        renamed.tokens(own.params.to_token_stream()),
    ]
    .map(moved);
    let inner_vis = inside(vis);
    let wrapper = match m.sig.asyncness.is_some() || m.sig.unsafety.is_some() || m.sig.variadic.is_some() {
        true => TokenStream::new(),
        false => {
            let mut sig = m.sig.clone();
            plain(&mut sig);
            let mut names = Vec::new();
            for (k, arg) in sig.inputs.iter_mut().enumerate() {
                if let FnArg::Typed(t) = arg {
                    let ident = super::function::arg_ident(&t.pat).unwrap_or(format_ident!("argument_{k}"));
                    t.pat = syn::parse_quote!(#ident);
                    names.push(ident);
                }
            }
            let sig = renamed.tokens(sig.to_token_stream());
            let path = &renamed.ty;
            let doc = format!("[`{0}::{method_name}`] as a function.", crate::diag::source(&bare(ty)));
            quote! {
                #[doc = #doc]
                #[allow(private_interfaces, dead_code, clippy::all, clippy::pedantic)]
                #vis #sig { #path::#method_name(#(#names),*) }
            }
        }
    };
    Function { attr, item, method: quote!(#({ #face })* { #inner_vis }), wrapper }
}

fn bare(ty: &Path) -> TokenStream {
    super::receivers::bare(ty)
}

/// The path as an expression says it: `Net::<N>`.
fn expression_path(ty: &Path) -> Path {
    let mut path = ty.clone();
    for segment in &mut path.segments {
        if let syn::PathArguments::AngleBracketed(a) = &mut segment.arguments {
            a.colon2_token.get_or_insert_with(Default::default);
        }
    }
    path
}

/// The parameters of a block before those of its method, lifetimes first.
fn merged(
    block: &syn::Generics,
    own: &syn::Generics,
) -> syn::punctuated::Punctuated<GenericParam, syn::Token![,]> {
    let all = || block.params.iter().chain(&own.params).cloned();
    let lifetime = |p: &GenericParam| matches!(p, GenericParam::Lifetime(_));
    all().filter(lifetime).chain(all().filter(|p| !lifetime(p))).collect()
}

/// A method's visibility as an `impl` block one module below says it.
fn inside(vis: &syn::Visibility) -> TokenStream {
    match vis {
        syn::Visibility::Inherited => quote!(pub(super)),
        syn::Visibility::Restricted(r) => match r.path.get_ident().map(|i| i.to_string()).as_deref() {
            Some("crate") => quote!(#vis),
            Some("self") => quote!(pub(super)),
            Some("super") => quote!(pub(in super::super)),
            _ => {
                let path = moved(r.path.to_token_stream());
                quote!(pub(in #path))
            }
        },
        syn::Visibility::Public(_) => quote!(pub),
    }
}

/// `self` and `Self` by the names that they have in a function.
struct Renamed {
    this: String,
    ty: Path,
}

impl Renamed {
    fn this(&self, word: &syn::Token![self]) -> Ident {
        Ident::new(&self.this, word.span)
    }

    fn tokens(&self, tokens: TokenStream) -> TokenStream {
        let list: Vec<TokenTree> = tokens.into_iter().collect();
        let mut out = TokenStream::new();
        for (k, token) in list.iter().enumerate() {
            match token {
                TokenTree::Group(g) => {
                    let mut group = Group::new(g.delimiter(), self.tokens(g.stream()));
                    group.set_span(g.span());
                    out.extend([TokenTree::Group(group)]);
                }
                TokenTree::Ident(i) if i == "Self" => self.ty.to_tokens(&mut out),
                // no path
                TokenTree::Ident(i) if i == "self" && !super::host::punct(&list, k + 1, ':') => {
                    out.extend([TokenTree::Ident(Ident::new(&self.this, i.span()))]);
                }
                other => out.extend([other.clone()]),
            }
        }
        out
    }
}

/// How a method takes its receiver; none where it has none.
fn takes(m: &ImplItemFn) -> Option<Receiver> {
    Some(match &*m.sig.receiver()?.ty {
        Type::Reference(_) => Receiver::Reference,
        _ => Receiver::Value,
    })
}

/// Calls of the block's methods become calls of functions.
struct Calls<'a> {
    ty: &'a Path,
    /// How the method takes its own `self`.
    receiver: Receiver,
    generics: Vec<Ident>,
    names: &'a BTreeMap<String, &'a ImplItemFn>,
    called: Vec<String>,
}

impl Calls<'_> {
    fn path(&mut self, method: &Ident, said: Option<&syn::AngleBracketedGenericArguments>) -> Option<Path> {
        let known = self.names.get(&method.to_string())?;
        self.called.push(method.to_string());
        let name = function_name(&self.ty.segments.last()?.ident, method);
        let own =
            known.sig.generics.params.iter().filter(|p| !matches!(p, GenericParam::Lifetime(_))).count();
        let given: Vec<TokenStream> = match said {
            Some(said) => said.args.iter().map(|a| a.to_token_stream()).collect(),
            None => vec![quote!(_); own],
        };
        let block = &self.generics;
        Some(match block.is_empty() && said.is_none() {
            true => syn::parse_quote!(#name),
            false => syn::parse_quote!(#name::<#(#block,)* #(#given),*>),
        })
    }
}

impl VisitMut for Calls<'_> {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        if let Expr::MethodCall(m) = e {
            let own = matches!(&*m.receiver, Expr::Path(p) if p.path.is_ident("self"));
            let taken = self.names.get(&m.method.to_string()).filter(|_| own).and_then(|m| takes(m));
            if let Some((taken, path)) =
                taken.and_then(|taken| Some((taken, self.path(&m.method, m.turbofish.as_ref())?)))
            {
                let first = passed((*m.receiver).clone(), self.receiver == Receiver::Reference, taken);
                let args = m.args.iter();
                *e = syn::parse_quote!(#path(#first, #(#args),*));
            }
        }
        visit_mut::visit_expr_mut(self, e);
    }
    fn visit_expr_path_mut(&mut self, p: &mut syn::ExprPath) {
        let segments: Vec<&syn::PathSegment> = p.path.segments.iter().collect();
        let [ty, method] = segments[..] else { return };
        let own = ty.ident == "Self" || self.ty.segments.last().is_some_and(|s| s.ident == ty.ident);
        let said = match &method.arguments {
            syn::PathArguments::AngleBracketed(a) => Some(a.clone()),
            _ => None,
        };
        if !own {
            return;
        }
        let method = method.ident.clone();
        if let Some(path) = self.path(&method, said.as_ref()) {
            p.path = path;
        }
    }
}
