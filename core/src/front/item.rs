//! The item itself: its name, and the function as rustc shall see it.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// The function without the attributes that only the macro reads.
pub fn without_attributes(item: &TokenStream) -> TokenStream {
    if super::too_deep(item).is_some() {
        return item.clone();
    }
    let Ok(mut function) = syn::parse2::<syn::ItemFn>(item.clone()) else { return item.clone() };
    for arg in &mut function.sig.inputs {
        if let syn::FnArg::Typed(typed) = arg {
            typed.attrs.retain(|a| !a.path().is_ident("dims"));
        }
    }
    function.to_token_stream()
}

/// The name under which other expansions ask for a function or struct; a method has none.
pub fn item_name(item: &TokenStream) -> Option<Ident> {
    let mut tokens = item.clone().into_iter();
    let keyword = tokens.find_map(|t| match t {
        TokenTree::Ident(i) if i == "fn" || i == "struct" => Some(i),
        _ => None,
    })?;
    let TokenTree::Ident(name) = tokens.next()? else { return None };
    let arguments = tokens.find_map(|t| match t {
        TokenTree::Group(g) if g.delimiter() == Delimiter::Parenthesis => Some(g.stream()),
        _ => None,
    });
    let first = arguments.into_iter().flatten();
    let is_self = |t: TokenTree| matches!(t, TokenTree::Ident(i) if i == "self");
    let method = keyword == "fn"
        && first
            .take_while(|t| !matches!(t, TokenTree::Punct(p) if matches!(p.as_char(), ':' | ',')))
            .any(is_self);
    (!method).then_some(name)
}
