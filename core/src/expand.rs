//! Definitions through the macro namespace: how one expansion learns of items that other expansions left behind.
//!
//! Every differentiable item `name` leaves a macro `name!` beside it. `name! { state }` calls
//! `__expand! { state { definition of name } }`, which adds the definition to the state and asks the next name, until
//! nothing is missing and the item itself is expanded. The state is three groups: the item, the paths that are still to
//! be asked, and the definitions that were found.
//!
//! Invariant: an item's macro carries the definitions that its own body needs, resolved where the item stands.

use crate::front::{self, Definitions};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{format_ident, quote};

/// `#[differentiable(attr)] item`
pub fn attribute(attr: TokenStream, item: TokenStream) -> TokenStream {
    if front::is_block(&item) {
        return block(&attr, &item);
    }
    let requests = front::requests(&item, &attr);
    let primal = front::without_attributes(&item);
    let rest = next(quote!(fn { #attr } { #item }), requests, TokenStream::new());
    // whoever uses only the derivatives uses the function too
    quote!(#[allow(dead_code)] #primal #rest)
}

/// `#[differentiable] impl Type { … }`: each marked method as a function beside the type, with its derivatives.
fn block(attr: &TokenStream, item: &TokenStream) -> TokenStream {
    let front::Block { block, functions, errors } = front::block(attr, item);
    let rest = functions.into_iter().map(|f| {
        let (item, method, wrapper) = (f.item, f.method, f.wrapper);
        let requests = front::requests(&item, &f.attr.clone().unwrap_or_default());
        let state = match f.attr {
            Some(attr) => quote!(fn { #attr } { #item } { #method }),
            // only its callers need it
            None => quote!(helper { #item }),
        };
        let rest = next(state, requests, TokenStream::new());
        quote!(#wrapper #rest)
    });
    let rest: TokenStream = rest.collect();
    let errors = errors.into_compile_errors();
    quote!(#errors #block #rest)
}

/// The definition macro of a struct, after the definitions of its fields' types.
pub fn structure(item: TokenStream, requests: Vec<TokenStream>) -> TokenStream {
    next(quote!(struct { #item }), requests, TokenStream::new())
}

/// `__expand! { {item} {pending} {found} {definition of the first pending path} }`
pub fn resume(state: TokenStream) -> TokenStream {
    let groups: Vec<TokenStream> = groups(&state);
    let [item, pending, found, definition] = &groups[..] else {
        return crate::diag::internal("an expansion was resumed without its state");
    };
    let mut pending = self::groups(pending);
    if pending.is_empty() {
        return crate::diag::internal("an expansion was resumed without a question");
    }
    let path = pending.remove(0);
    next(item.clone(), pending, quote!(#found #path => { #definition }))
}

/// `einsum!("ij,jk->ik", a, b)` outside of differentiable functions.
pub fn einsum(tokens: TokenStream) -> TokenStream {
    let call = match front::Einsum::parse(tokens) {
        Ok(call) => call,
        Err(errors) => return errors.into_compile_errors(),
    };
    let factors = call.arrays.iter().map(|(letters, array)| {
        let (text, count) = (letters.iter().collect::<String>(), letters.len());
        quote!(::chainrule::rt::einsum::factor::<#count, _>(#text, #array))
    });
    let (result, rank) = (call.result.iter().collect::<String>(), call.result.len());
    quote!(::chainrule::rt::einsum::einsum::<_, #rank, _>(#result, [#(#factors),*]))
}

fn groups(tokens: &TokenStream) -> Vec<TokenStream> {
    tokens
        .clone()
        .into_iter()
        .filter_map(|t| match t {
            TokenTree::Group(g) => Some(g.stream()),
            _ => None,
        })
        .collect()
}

/// Asks for the next definition, or expands the item where all are known.
fn next(item: TokenStream, pending: Vec<TokenStream>, found: TokenStream) -> TokenStream {
    if let Some(path) = pending.first() {
        return quote!(#path! { { #item } { #({ #pending })* } { #found } });
    }
    let mut parts = item.into_iter();
    let kind = parts.next().map(|t| t.to_string()).unwrap_or_default();
    let parts = groups(&parts.collect());
    match (kind.as_str(), &parts[..]) {
        ("struct", [item]) => definition_macro(front::item_name(item), quote!(struct { #item } { #found })),
        ("helper", [item]) => {
            let module = template(item, "is called by methods: it is inlined there.");
            let definition = quote!(fn {} { #item } { #found } {});
            let definition = definition_macro(front::item_name(item), definition);
            quote!(#module #definition)
        }
        ("fn", [attr, item, method @ ..]) => {
            let method = method.first().and_then(|m| crate::signature::Method::read(&groups(m)));
            let (module, surroundings) = match front::is_template(item, attr) {
                // its callers know what it is about
                true => (template(item, GENERIC), vec![]),
                false => match Definitions::parse(found.clone()) {
                    Ok(definitions) => {
                        let compiled =
                            crate::expand_function(attr.clone(), item.clone(), method, &definitions);
                        (compiled.tokens, compiled.surroundings)
                    }
                    Err(errors) => (errors.into_compile_errors(), vec![]),
                },
            };
            let definition = quote!(fn { #attr } { #item } { #found } { #({ #surroundings })* });
            let definition = definition_macro(front::item_name(item), definition);
            quote!(#module #definition)
        }
        _ => crate::diag::internal("an expansion of an unknown kind"),
    }
}

/// Why a function with the attribute has no derivatives of its own.
const GENERIC: &str = "is generic over a function or a float type, or changes an argument: it is inlined where it is called. Differentiate its callers, or ask for its own derivatives by `vjp`, `jvp`, `jacobian` or `wrt` where it is no generic one.";

/// The module of a function that has derivatives only where it is called: what its callers read of its surroundings.
fn template(item: &TokenStream, why: &str) -> TokenStream {
    let Some(name) = front::item_name(item) else { return TokenStream::new() };
    let doc = format!("`{name}` {why}");
    let vis: TokenStream =
        item.clone().into_iter().take_while(|t| !matches!(t, TokenTree::Ident(i) if i == "fn")).collect();
    let vis = front::visibility(vis);
    quote! {
        #[doc = #doc]
        #[allow(unused_imports)]
        #vis mod #name {
            pub(crate) mod scope {
                pub(crate) use super::super::*;
            }
        }
    }
}

/// `name!`, which tells the definition to whoever asks.
fn definition_macro(name: Option<proc_macro2::Ident>, definition: TokenStream) -> TokenStream {
    let Some(name) = name else { return TokenStream::new() };
    let hidden = format_ident!("__def_{}", name.to_string().trim_start_matches("r#"));
    // `$` of the user's own macros would be read as a fragment: such items cannot be inlined, and say so
    let definition = Group::new(Delimiter::Brace, definition);
    quote! {
        #[doc(hidden)]
        #[allow(unused_macros)]
        macro_rules! #hidden {
            ($($state:tt)*) => { ::chainrule::__expand! { $($state)* #definition } };
        }
        #[doc(hidden)]
        #[allow(unused_imports)]
        pub(crate) use #hidden as #name;
    }
}
