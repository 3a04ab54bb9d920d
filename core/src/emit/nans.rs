//! `debug_nans`: the user's function, which looks at what it computes.
//!
//! Invariant: a watch borrows and does not compute; lines are those of the user.

use super::heads::Heads;
use crate::signature::{Watch, Watched};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

/// How many characters of an expression are shown.
const SHOWN: usize = 80;

/// What a message shows of an expression: one line, which ends early where it is long.
fn text(said: &TokenStream) -> String {
    let formatted = super::format(quote!(fn f() { #said })).unwrap_or_default();
    let body = formatted.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
    let mut line = String::new();
    for part in body.map_or("", |b| b.0).split_whitespace() {
        let tight = line.is_empty() || line.ends_with(['(', '[']) || part.starts_with(['.', ')', ']']);
        line.push_str(if tight { "" } else { " " });
        line.push_str(part);
    }
    // what stood on several lines has a comma behind the last
    let line = line.replace(",)", ")").replace(",]", "]").replace(", }", " }");
    let line = line.trim_end_matches(';');
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_string(),
    }
}

/// What was found first.
fn found() -> Ident {
    Ident::new("found", Span::mixed_site())
}

/// One watch: a statement, or the expression around a result.
pub fn watch(watch: &Watch) -> TokenStream {
    let Watch { value, whole, result, said, span } = watch;
    let text = text(said);
    let (found, kept) = (found(), Ident::new("kept", Span::mixed_site()));
    let at = quote_spanned!(*span=> ::core::file!(), ::core::line!(), ::core::column!());
    let first = |value: &TokenStream| quote!((&&&&::chainrule::rt::Probe(&#value)).non_finite());
    let look = |finding| quote!(::chainrule::rt::watch(#found, || #finding, (#text, #at)));
    match (result, whole) {
        (Some(ty), _) => {
            let look = look(first(&quote!(#kept)));
            quote!({ let #kept: #ty = #value; #look; #kept })
        }
        (None, Some(whole)) => {
            let (value, whole) = (first(value), first(whole));
            look(quote!({ #value?; #whole }))
        }
        (None, None) => look(first(value)),
    }
}

/// The function with its watches, in a module of its own: names of the generated module shall not hide the user's.
pub fn module(watched: &Watched) -> TokenStream {
    let Watched { generics, inputs, result, bounds, before, block } = watched;
    let found = found();
    quote! {
        mod nans {
            use super::super::*;
            pub(super) fn run #generics(#inputs) -> ::core::option::Option<::chainrule::train::NonFinite> #bounds {
                use ::chainrule::rt::{WatchNumbers as _, WatchParameters as _, WatchBorrowed as _, WatchNothing as _};
                let #found = &::std::sync::OnceLock::new();
                #(#before;)*
                let _ = (|| -> #result #block)();
                #found.get().cloned()
            }
        }
    }
}

/// `debug_nans`
pub fn function(heads: &Heads) -> TokenStream {
    let signature = &heads.primal.signature;
    let (head, args) = (heads.debug_nans(), &signature.generic_args);
    let turbofish = (!args.is_empty()).then(|| quote!(::<#(#args),*>));
    let names = signature.args.iter().map(|a| &a.ident);
    quote!(#head { nans::run #turbofish(#(#names),*) })
}
