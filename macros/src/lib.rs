//! The procedural macros of `chainrule`: the shell between `proc_macro` and the compiler in `chainrule-core`.

use proc_macro::TokenStream;

/// Generates the derivatives of a function, in a module of the function's name.
///
/// ```text
/// #[differentiable]
/// #[differentiable(wrt(w, b), math = "strict", jvp, vjp)]
/// ```
///
/// - `wrt(…)` names the differentiated arguments; by default they are all arguments of a differentiable type.
/// - `math = "real"`, the default, allows rewrites that hold over the real numbers, on a domain that is proven at compile time;
///   `math = "strict"` only those that keep every bit.
/// - `step` generates a training step, which moves the only differentiated argument, `&Net`, by an optimiser.
/// - `debug_nans` generates a search for the first value of the function that is NaN or infinite, with its line.
/// - `value` generates the value alone, `jacobian`, `hessian` and `hvp` what they say.
/// - `jvp` and `vjp` generate the products of the Jacobian with a tangent and with a cotangent.
/// - `custom = path` names a function that returns the gradient; the body is not read then.
///
/// On an `impl` block, the attribute takes the methods over that have it, too: `loss_gradient` stands beside `loss`.
///
/// The front page of the crate `chainrule` tells what the module contains and what the body may.
#[proc_macro_attribute]
pub fn differentiable(attr: TokenStream, item: TokenStream) -> TokenStream {
    chainrule_core::expand::attribute(attr.into(), item.into()).into()
}

/// Derives the trait of the same name for a struct of parameters.
///
/// Each field is a parameter (`f32`, `f64`, an array or `Vec` of parameters, an `ndarray::Array`, another derived
/// struct), all over one scalar type, unless it is marked `#[constant]`.
#[proc_macro_derive(Differentiable, attributes(constant, dims))]
pub fn derive_differentiable(input: TokenStream) -> TokenStream {
    chainrule_core::params::derive_differentiable(input.into()).into()
}

/// Sums of products of arrays over named axes: each letter is an axis, and letters that the result does not have are summed.
///
/// ```text
/// einsum!("bik,bkj->bij", a, b)   // the products of two lists of matrices
/// einsum!("ij,jk", a, b)          // without `->`: the letters that come once, in alphabetical order, here `ik`
/// einsum!("ii->i", a)             // the diagonal
/// einsum!("bi,oij,bj->bo", x, w, y)
/// ```
///
/// The text is a literal. Arrays are what the functions of `chainrule::nn` take: numbers, arrays and views of `ndarray`, slices and nested arrays,
/// owned or borrowed, all over `f32` or all over `f64`, of six axes at most. The result is an `ndarray` array, or a number where it has no axis.
///
/// A letter has one size: nothing stretches. Arrays are multiplied from left to right, and a letter is summed as soon as no later array and not
/// the result has it. In differentiable functions it is differentiated and fused like other products; elsewhere it is made of matrix products in `f64`.
///
/// *Panics* if a letter has two sizes.
#[proc_macro]
pub fn einsum(call: TokenStream) -> TokenStream {
    chainrule_core::expand::einsum(call.into()).into()
}

/// The step of an expansion that definition macros call back into.
#[doc(hidden)]
#[proc_macro]
pub fn __expand(state: TokenStream) -> TokenStream {
    chainrule_core::expand::resume(state.into()).into()
}
