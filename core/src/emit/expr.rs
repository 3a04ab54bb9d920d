//! Scalar operations as Rust over the vectors of the support module.
//!
//! Invariant: the text of an operation depends on its op and its operands' text alone.

use crate::ir::{Dtype, Op, RedOp};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

/// A float literal of an `f32` or `f64`, exact; the infinities and NaN by name.
pub fn number(value: f64, f32_type: bool) -> TokenStream {
    let ty = Ident::new(if f32_type { "f32" } else { "f64" }, Span::call_site());
    if value.is_nan() {
        quote!(::core::#ty::NAN)
    } else if value == f64::INFINITY {
        quote!(::core::#ty::INFINITY)
    } else if value == f64::NEG_INFINITY {
        quote!(::core::#ty::NEG_INFINITY)
    } else {
        let magnitude = if f32_type {
            Literal::f32_unsuffixed(value.abs() as f32)
        } else {
            Literal::f64_unsuffixed(value.abs())
        };
        if value.is_sign_negative() {
            quote!(-#magnitude)
        } else {
            quote!(#magnitude)
        }
    }
}

/// The operation on operands that are vectors (of one or more lanes) of type `v`.
pub fn apply(op: Op, args: &[TokenStream], v: &TokenStream, strict: bool) -> TokenStream {
    let name = Ident::new(op.info().name, Span::call_site());
    match (op, args) {
        (Op::Add, [a, b]) => quote!((#a + #b)),
        (Op::Sub, [a, b]) => quote!((#a - #b)),
        (Op::Mul, [a, b]) => quote!((#a * #b)),
        (Op::Div, [a, b]) => quote!((#a / #b)),
        (Op::Neg, [a]) => quote!((-#a)),
        (Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne, [a, b]) => quote!(#a.#name(#b)),
        (Op::And, [a, b]) => quote!((#a & #b)),
        (Op::Or, [a, b]) => quote!((#a | #b)),
        (Op::Not, [a]) => quote!((!#a)),
        (Op::Select, [c, a, b]) => quote!(#v::select(#c, #a, #b)),
        (Op::When, [_, a]) => quote!(#a),
        (Op::Constant, [a]) | (Op::Mark, [a, _]) => quote!(#a),
        (Op::Sqrt | Op::Abs | Op::Floor | Op::Ceil | Op::Trunc | Op::Round, [a]) => quote!(#a.#name()),
        (Op::Max | Op::Min | Op::Copysign, [a, b]) => quote!(#a.#name(#b)),
        (Op::Rem, [a, b]) if strict => quote!(rt::map2(#a, #b, |a, b| a % b)),
        (op, args) if strict && std_method(op) => {
            let (first, rest) = (&args[0], &args[1..]);
            match rest {
                [] => quote!(#first.map(|x| x.#name())),
                [b] => quote!(rt::map2(#first, #b, |a, b| a.#name(b))),
                _ => quote!(math::#name(#(#args),*)),
            }
        }
        (_, args) => quote!(math::#name(#(#args),*)),
    }
}

/// The operation is a function of the support module's `math`, rather than an operator or a method of vectors.
pub fn is_function(op: Op) -> bool {
    let operator = matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Neg | Op::Select);
    let method = matches!(op, Op::Sqrt | Op::Abs | Op::Floor | Op::Ceil | Op::Trunc | Op::Round);
    !operator && !method && !op.is_bool() && !matches!(op, Op::Max | Op::Min | Op::Copysign)
}

/// The operation is a method of `f32` and `f64`.
pub fn std_method(op: Op) -> bool {
    !matches!(op, Op::Sigmoid | Op::Softplus | Op::Erf | Op::Diff | Op::XLogY | Op::Weight)
        && op.slope_of().is_none()
        && !op.is_bool()
        && op != Op::Select
}

/// The operation on plain numbers.
pub fn std_apply(op: Op, args: &[TokenStream]) -> TokenStream {
    let name = Ident::new(op.info().name, Span::call_site());
    match (op, args) {
        (Op::Add, [a, b]) => quote!((#a + #b)),
        (Op::Sub, [a, b]) => quote!((#a - #b)),
        (Op::Mul, [a, b]) => quote!((#a * #b)),
        (Op::Div, [a, b]) => quote!((#a / #b)),
        (Op::Rem, [a, b]) => quote!((#a % #b)),
        (Op::Neg, [a]) => quote!((-#a)),
        (Op::Lt, [a, b]) => quote!((#a < #b)),
        (Op::Le, [a, b]) => quote!((#a <= #b)),
        (Op::Gt, [a, b]) => quote!((#a > #b)),
        (Op::Ge, [a, b]) => quote!((#a >= #b)),
        (Op::Eq, [a, b]) => quote!((#a == #b)),
        (Op::Ne, [a, b]) => quote!((#a != #b)),
        (Op::And, [a, b]) => quote!((#a && #b)),
        (Op::Or, [a, b]) => quote!((#a || #b)),
        (Op::Not, [a]) => quote!((!#a)),
        (Op::Select, [c, a, b]) => quote!((if #c { #a } else { #b })),
        (op, [a, rest @ ..]) if std_method(op) => quote!(#a.#name(#(#rest),*)),
        (_, args) => quote!(math::#name(#(#args),*)),
    }
}

/// The operation on plain numbers in a `const fn`.
pub fn constant(op: Op, args: &[TokenStream], dtype: Dtype) -> TokenStream {
    let name = Ident::new(op.info().name, Span::call_site());
    let math = Ident::new(if dtype == Dtype::F32 { "math32" } else { "math64" }, Span::call_site());
    match (op, args) {
        (Op::And, [a, b]) => quote!((#a & #b)),
        (Op::Or, [a, b]) => quote!((#a | #b)),
        (Op::When, [_, a]) | (Op::Constant, [a]) | (Op::Mark, [a, _]) => quote!(#a),
        (Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem | Op::Neg | Op::Not | Op::Select, _) => {
            std_apply(op, args)
        }
        (op, args) if op.is_bool() => std_apply(op, args),
        (_, args) => quote!(::chainrule::rt::#math::#name(#(#args),*)),
    }
}

/// There is a `const fn` for the operation.
pub fn at_compile_time(op: Op) -> bool {
    !matches!(
        op,
        Op::Cbrt
            | Op::Exp2
            | Op::Log2
            | Op::Log10
            | Op::Asin
            | Op::Acos
            | Op::Atan
            | Op::Atan2
            | Op::Asinh
            | Op::Acosh
            | Op::Atanh
            | Op::Erf
    )
}

/// The function of `chainrule::math` that the operation is in a `const fn`; none for operators, and for what no `const fn` has.
pub fn function_at_compile_time(op: Op) -> Option<&'static str> {
    let arithmetic = matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem | Op::Neg | Op::Select);
    let passes = matches!(op, Op::When | Op::Constant | Op::Mark);
    let function = !arithmetic && !passes && !op.is_bool() && at_compile_time(op);
    function.then(|| op.info().name)
}

/// One step of a reduction in a `const fn`.
pub fn combine_constant(op: RedOp, dtype: Dtype, acc: &TokenStream, x: &TokenStream) -> TokenStream {
    let both = [acc.clone(), x.clone()];
    match op {
        RedOp::Sum => quote!(#acc + #x),
        RedOp::Prod => quote!(#acc * #x),
        RedOp::Max | RedOp::LogSumExp => constant(Op::Max, &both, dtype),
        RedOp::Min => constant(Op::Min, &both, dtype),
    }
}

/// The value that a reduction starts from.
pub fn initial(op: RedOp) -> f64 {
    match op {
        RedOp::Sum => 0.0,
        RedOp::Prod => 1.0,
        RedOp::Max | RedOp::LogSumExp => f64::NEG_INFINITY,
        RedOp::Min => f64::INFINITY,
    }
}

/// One step of a reduction.
pub fn combine(op: RedOp, acc: &TokenStream, x: &TokenStream) -> TokenStream {
    match op {
        RedOp::Sum => quote!(#acc + #x),
        RedOp::Prod => quote!(#acc * #x),
        RedOp::Max | RedOp::LogSumExp => quote!(#acc.max(#x)),
        RedOp::Min => quote!(#acc.min(#x)),
    }
}
