//! The procedural macros of `chainrule`.

use proc_macro::TokenStream;

/// Derives the trait of the same name for a struct of parameters.
///
/// Each field is a parameter (`f32`, `f64`, an array or `Vec` of parameters, an `ndarray::Array`, another derived
/// struct), all over one scalar type, unless it is marked `#[constant]`.
#[proc_macro_derive(Differentiable, attributes(constant))]
pub fn derive_differentiable(input: TokenStream) -> TokenStream {
    chainrule_core::params::derive_differentiable(input.into()).into()
}

/// The internal step of expansion that definition macros call back into.
#[doc(hidden)]
#[proc_macro]
pub fn __expand(_state: TokenStream) -> TokenStream {
    TokenStream::new()
}
