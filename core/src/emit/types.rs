//! Types of generated code, and names made of names.
//!
//! Invariant: nothing here depends on a body.

use crate::ir::{Dtype, Size};
use crate::signature::Form;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// `const N: usize` for each const generic.
pub fn const_generics(args: &[TokenStream]) -> Vec<TokenStream> {
    args.iter().map(|g| quote!(const #g: usize)).collect()
}

/// The element type of an input.
pub fn element(dtype: Dtype) -> TokenStream {
    match dtype {
        Dtype::F32 => quote!(f32),
        Dtype::F64 => quote!(f64),
        Dtype::Int => quote!(usize),
        Dtype::Bool => quote!(bool),
    }
}

/// `value_and_gradient` is `ValueAndGradient`.
pub fn camel(name: &str) -> String {
    name.split('_')
        .map(|p| {
            let mut c = p.chars();
            c.next().map_or(String::new(), |f| f.to_ascii_uppercase().to_string() + c.as_str())
        })
        .collect()
}

/// The owned type of a form: what its gradient is.
pub fn owned(form: &Form, sizes: &crate::ir::Sizes) -> TokenStream {
    match form {
        Form::Scalar(d) => {
            let d = format_ident!("{}", d.name());
            quote!(#d)
        }
        Form::Array(item, size) => {
            let (item, n) = (owned(item, sizes), array_len(size, sizes));
            quote!([#item; #n])
        }
        Form::Slice(item) => {
            let item = owned(item, sizes);
            quote!(::std::vec::Vec<#item>)
        }
        Form::Nd { dtype, rank, .. } => {
            let (d, array) = (format_ident!("{}", dtype.name()), format_ident!("Array{rank}"));
            quote!(::chainrule::rt::nd::#array<#d>)
        }
        Form::Struct(name) => name.parse().unwrap_or_default(),
        Form::Each(_) | Form::Computed(_) | Form::Host => quote!(()),
    }
}

/// The length of an array in a type: a number or a const generic.
fn array_len(size: &Size, sizes: &crate::ir::Sizes) -> TokenStream {
    sizes.show(size).parse().unwrap_or_default()
}
