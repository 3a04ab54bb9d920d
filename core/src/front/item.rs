//! The item itself: its name, and the function as rustc shall see it.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;

/// The function without the attributes that only the macro reads.
pub fn without_attributes(item: &TokenStream) -> TokenStream {
    let Ok(mut function) = syn::parse2::<syn::ItemFn>(item.clone()) else { return item.clone() };
    for arg in &mut function.sig.inputs {
        if let syn::FnArg::Typed(typed) = arg {
            typed.attrs.retain(|a| !a.path().is_ident("dims"));
        }
    }
    function.to_token_stream()
}

/// The name of a function or struct.
pub fn item_name(item: &TokenStream) -> Option<Ident> {
    match syn::parse2::<syn::Item>(item.clone()).ok()? {
        syn::Item::Fn(function) => Some(function.sig.ident),
        syn::Item::Struct(structure) => Some(structure.ident),
        _ => None,
    }
}
