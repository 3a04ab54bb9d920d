//! Lists of structs, arrays or lists: their lengths are checked before anything of them is read, and their partial
//! derivatives get the same elements.
//!
//! Invariant: after [`like`], a partial derivative has the argument's shape wherever no kernel writes to it, and is zero
//! there.

use super::entry::usize_literal;
use super::module::Memory;
use crate::ir::Dtype;
use crate::signature::{Form, List, Primal};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// Checks that each list has the elements that are read.
pub fn lengths(function: &str, lists: &[List]) -> TokenStream {
    let mut out = TokenStream::new();
    for list in lists {
        let Some(last) = list.read.last() else { continue };
        let (place, argument) = (&list.place, crate::diag::source(&list.place));
        let needed = usize_literal(last + 1);
        out.extend(quote!(::chainrule::rt::check_length(#function, #argument, #place.len(), #needed);));
    }
    out
}

/// Gives the partial derivative the elements of the list, and clears those that are not read.
pub fn like(list: &List, gradient: &TokenStream) -> TokenStream {
    let (place, read) = (&list.place, list.read.iter().map(|k| usize_literal(*k)));
    let (make, clear) = (zeros(&list.item, &quote!(item)), cleared(&list.item));
    quote!(::chainrule::rt::like(&mut #gradient, &#place, &[#(#read),*], |item| #make, |zero, item| { #clear });)
}

/// Memory for the partial derivatives of a part of all elements, and their way to the elements.
pub fn into_each(
    primal: &Primal,
    list: &TokenStream,
    part: &TokenStream,
    buffer: (Ident, Dtype),
    dims: &[TokenStream],
) -> Memory {
    let (workspace, field) = (primal.signature.local("workspace"), &buffer.0);
    let (inner, rank) = (&dims[1..], usize_literal(dims.len() - 1));
    let room = quote!(::chainrule::rt::room(&mut #workspace.#field, [#(#dims),*].iter().product::<usize>()));
    Memory {
        before: TokenStream::new(),
        slice: room.clone(),
        after: quote! {
            ::chainrule::rt::into_each::<#rank, _>(
                #room, [#(#inner),*], #list.iter_mut().map(|item| &mut (*item) #part));
        },
        buffers: vec![buffer],
    }
}

/// A zero gradient of the shape of what a reference points to.
pub fn zeros(form: &Form, of: &TokenStream) -> TokenStream {
    let rank = usize_literal(form.rank());
    match form {
        Form::Scalar(_) => quote!(0.0),
        form if form.is_tensor() => {
            quote!(::chainrule::rt::make::<#rank, _>(::chainrule::rt::shape::<#rank>(#of)))
        }
        Form::Array(item, _) => {
            let item = zeros(item, &quote!(item));
            quote!(#of.each_ref().map(|item| #item))
        }
        Form::Slice(item) => {
            let item = zeros(item, &quote!(item));
            quote!(#of.iter().map(|item| #item).collect::<::std::vec::Vec<_>>())
        }
        _ => quote!(::chainrule::Differentiable::zeros_like(#of)),
    }
}

/// Makes `zero` the zero gradient of what `item` points to.
fn cleared(form: &Form) -> TokenStream {
    let rank = usize_literal(form.rank());
    match form {
        Form::Scalar(_) => quote!(*zero = 0.0;),
        form if form.is_tensor() => {
            quote!(::chainrule::rt::fit::<#rank, _>(zero, ::chainrule::rt::shape::<#rank>(item)).fill(0.0);)
        }
        Form::Array(inner, _) => {
            let clear = cleared(inner);
            quote!(for (zero, item) in zero.iter_mut().zip(item) { #clear })
        }
        Form::Slice(inner) => {
            let (make, clear) = (zeros(inner, &quote!(item)), cleared(inner));
            quote!(::chainrule::rt::like(zero, item, &[], |item| #make, |zero, item| { #clear });)
        }
        _ => quote!(::chainrule::rt::clear(zero, item);),
    }
}

/// A value of the owned type of a form, without elements where their number is open.
pub fn empty(form: &Form) -> TokenStream {
    let rank = usize_literal(form.rank());
    match form {
        Form::Scalar(_) => quote!(0.0),
        form if form.is_tensor() => quote!(::chainrule::rt::make::<#rank, _>([0; #rank])),
        Form::Array(item, _) => {
            let item = empty(item);
            quote!(::core::array::from_fn(|_| #item))
        }
        _ => quote!(::std::vec::Vec::new()),
    }
}
