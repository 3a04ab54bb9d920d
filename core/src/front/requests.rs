//! What an item needs to know of others: the paths that are looked up through the macro namespace.

use proc_macro2::TokenStream;
use quote::ToTokens;

pub fn requests(_item: &TokenStream, _attr: &TokenStream) -> Vec<TokenStream> {
    vec![]
}

/// The function without the attributes that only the macro reads.
pub fn without_attributes(item: &TokenStream) -> TokenStream {
    let Ok(mut f) = syn::parse2::<syn::ItemFn>(item.clone()) else { return item.clone() };
    for arg in &mut f.sig.inputs {
        if let syn::FnArg::Typed(t) = arg {
            t.attrs.retain(|a| !a.path().is_ident("dims"));
        }
    }
    f.to_token_stream()
}

/// The name of a function or struct.
pub fn item_name(item: &TokenStream) -> Option<proc_macro2::Ident> {
    match syn::parse2::<syn::Item>(item.clone()).ok()? {
        syn::Item::Fn(f) => Some(f.sig.ident),
        syn::Item::Struct(s) => Some(s.ident),
        _ => None,
    }
}
