//! Functions that kernels call: closures that take numbers and flat slices, and call the user's functions with the user's
//! types; and the rules of a function, for the functions around it.
//!
//! Invariant: what a function gives has as many numbers as the kernel has room for, or the call panics and says so.

use super::entry::usize_literal;
use super::face::scalar_results;
use super::heads::{documentation, Heads};
use super::module::{Generated, Program};
use super::products::group;
use super::types::{element, owned};
use crate::ir::{Dtype, Sizes};
use crate::signature::{Arg, Called, Form, Passed, Primal, Returned, RuleKind};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// The type of a number as kernels give it.
fn number(dtype: Dtype) -> TokenStream {
    match dtype {
        Dtype::Int => quote!(isize),
        other => element(other),
    }
}

fn dtype(form: &Form) -> Dtype {
    form.dtype().unwrap_or(Dtype::F64)
}

/// The only number that a function gives.
fn single(called: &Called) -> Option<Dtype> {
    match &called.results[..] {
        // no number comes behind it
        [Returned { form, number: true, .. }] if called.sums.iter().all(|array| *array) => Some(dtype(form)),
        _ => None,
    }
}

/// What the closure takes from the kernel.
fn params(called: &Called) -> Vec<TokenStream> {
    let positions = called.positions.iter().map(|_| number(Dtype::Int));
    let given = called.args.iter().filter_map(|a| match a {
        Passed::Given { form, number, .. } => Some((form, *number)),
        Passed::Host(_) => None,
    });
    let given = given.map(|(form, single)| {
        let ty = number(dtype(form));
        match single {
            true => ty,
            false => quote!(&[#ty]),
        }
    });
    let mut out: Vec<TokenStream> = positions.chain(given).collect();
    let ty = number(called.results.first().map_or(Dtype::F64, |r| dtype(&r.form)));
    if single(called).is_none() {
        out.push(quote!(&mut [#ty]));
    }
    out.extend(called.sums.iter().filter(|array| **array).map(|_| quote!(&mut [#ty])));
    out
}

/// The trait that the closure has.
pub fn bound(called: &Called) -> TokenStream {
    let params = params(called);
    let result = single(called).map(number).map(|ty| quote!(-> #ty));
    quote!(::core::ops::Fn(#(#params),*) #result)
}

/// The closure.
pub fn closure(called: &Called, sizes: &Sizes, local: &dyn Fn(&str) -> Ident) -> TokenStream {
    let types = params(called);
    let numbers: Vec<bool> = called
        .args
        .iter()
        .filter_map(|a| match a {
            Passed::Given { number, .. } => Some(*number),
            Passed::Host(_) => None,
        })
        .collect();
    let given: Vec<Ident> = (0..numbers.len()).map(|k| local(&format!("argument_{k}"))).collect();
    let result = local("result");
    let mut names: Vec<&Ident> = called.positions.iter().chain(&given).collect();
    names.extend(single(called).is_none().then_some(&result));
    let sums: Vec<Ident> = (0..called.sums.len()).map(|k| local(&format!("sum_{k}"))).collect();
    let arrays = sums.iter().zip(&called.sums).filter(|s| *s.1);
    names.extend(arrays.map(|s| s.0));
    let as_positions = called.positions.iter().map(|p| quote!(let #p = #p as usize;));
    let mut given_names = given.iter();
    let args = called.args.iter().map(|a| match a {
        Passed::Host(tokens) => tokens.clone(),
        Passed::Given { form, ty, by_ref, number } => given_names.next().map_or(quote!(()), |name| {
            let name = if *number && form.rank() > 0 { quote!(&[#name]) } else { quote!(#name) };
            passed(&name, form, ty, *by_ref, sizes)
        }),
    });
    let path = &called.path;
    let call = quote!(#path(#(#args,)* #(#sums),*));
    let body = match (single(called), called.results.first().map_or(0, |r| r.form.rank())) {
        (Some(_), 0) => call.clone(),
        (only, _) => {
            let value = local("value");
            let function = &called.name;
            let (before, after) = match only.map(number) {
                Some(ty) => (quote!(let #result = &mut [0.0 as #ty];), quote!(#result[0])),
                None => (quote!(), quote!()),
            };
            let rest = only.is_none().then(|| quote!(let #result =));
            let puts = called.results.iter().enumerate().map(|(k, returned)| {
                let k = proc_macro2::Literal::usize_unsuffixed(k);
                let part = if called.results.len() == 1 { quote!(#value) } else { quote!(#value.#k) };
                let (of, len) = match &returned.of {
                    Some((k, name)) => {
                        let argument = &given[*k];
                        (name.as_str(), if numbers[*k] { quote!(1) } else { quote!(#argument.len()) })
                    }
                    None => ("", quote!(#result.len())),
                };
                match returned.form.rank() {
                    0 => quote!(#rest ::chainrule::rt::put_number(#part, #result);),
                    rank => {
                        let rank = usize_literal(rank);
                        quote!(#rest ::chainrule::rt::put::<#rank, _>(&#part, #result, #len, #function, #of);)
                    }
                }
            });
            quote!(#before let #value = #call; #(#puts)* #after)
        }
    };
    let numbers: Vec<&Ident> = sums.iter().zip(&called.sums).filter(|s| !s.1).map(|s| s.0).collect();
    let body = match numbers.is_empty() {
        true => body,
        false => {
            let ty = number(called.results.first().map_or(Dtype::F64, |r| dtype(&r.form)));
            let places = (1..=numbers.len()).map(usize_literal);
            quote! {
                #(let #numbers = &mut [0.0 as #ty];)*
                #result[0] = #call;
                #(#result[#places] = #numbers[0];)*
            }
        }
    };
    quote!(|#(#names: #types),*| { #(#as_positions)* #body })
}

/// What the kernel gives, in the user's type.
fn passed(name: &TokenStream, form: &Form, ty: &TokenStream, by_ref: bool, sizes: &Sizes) -> TokenStream {
    let and = by_ref.then(|| quote!(&));
    match form {
        Form::Scalar(Dtype::Int) => quote!(#and (#name as #ty)),
        Form::Scalar(_) => quote!(#and #name),
        Form::Array(..) => {
            let ty = owned(form, sizes);
            let star = (!by_ref).then(|| quote!(*));
            quote!(#star ::chainrule::rt::whole::<#ty>(#name))
        }
        Form::Slice(item) => {
            let item = owned(item, sizes);
            let items = quote!(::chainrule::rt::items::<#item>(#name));
            match ty.clone().into_iter().any(|t| t.to_string() == "Vec") {
                true => quote!(#and #items.to_vec()),
                false => items,
            }
        }
        _ => quote!(#name),
    }
}

/// The rules of the function, as functions of its module.
pub fn rules(primal: &Primal, heads: &Heads) -> TokenStream {
    let names: Vec<&Ident> = primal.signature.args.iter().map(|a| &a.ident).collect();
    let sizes = &primal.graph.sizes;
    let gradients: Vec<TokenStream> = heads.active.iter().map(|a| owned(&a.form, sizes)).collect();
    let gradient = group(&gradients);
    let rule = |rule: &crate::signature::Rule| {
        let (extra, result): (Vec<(Ident, TokenStream)>, TokenStream) = match rule.kind {
            RuleKind::Gradient => (vec![], gradient.clone()),
            RuleKind::Vjp => {
                let seed = primal.signature.local("cotangent");
                (vec![(seed, heads.value.clone())], gradient.clone())
            }
            RuleKind::Jvp => {
                let tangents = heads.active.iter().map(|a| (primal.signature.tangent(a), a.ty.clone()));
                (tangents.collect(), heads.value.clone())
            }
        };
        let params: Vec<TokenStream> = extra.iter().map(|(name, ty)| quote!(#name: #ty)).collect();
        let more = extra.iter().map(|e| &e.0);
        let path = &rule.path;
        let (name, generics) = (format_ident!("{}", rule.kind.function()), &primal.signature.generics);
        let (bounds, docs) = (
            &primal.signature.where_clause,
            documentation("The user's rule, for the kernels of this module and of callers."),
        );
        let parameters = heads.parameters();
        quote! {
            #docs
            pub(crate) fn #name #generics(#(#parameters,)* #(#params),*) -> #result #bounds {
                #path(#(#names,)* #(#more),*)
            }
        }
    };
    primal.rules.iter().map(rule).collect()
}

/// What a function that calls itself calls: its value, and its gradient added to memory.
pub fn adjoint(primal: &Primal, heads: &Heads, generated: &Generated, program: &Program) -> TokenStream {
    let (call, host) = (&generated.call, &primal.host);
    let workspace = primal.signature.local("workspace");
    let results = scalar_results(program);
    let dtype = primal.signature.results.first().map_or(Dtype::F64, dtype);
    let (ty, cotangent) = (element(dtype), primal.signature.cotangents());
    let mut extra: Vec<TokenStream> = cotangent.iter().map(|name| quote!(#name: #ty)).collect();
    let mut added = TokenStream::new();
    for (arg, result) in heads.active.iter().zip(&results[program.outputs.len()..]) {
        let name = sum(primal, arg);
        extra.push(quote!(#name: &mut [#ty]));
        if let Some(result) = result {
            added.extend(quote!(#name[0] += #result;));
        }
    }
    let docs = "The value, for a call of the function in its own body or in another one. The gradient of the value times the\n\
        cotangent is added to the memory behind.";
    let (docs, parameters) = (documentation(docs), heads.parameters());
    let (generics, bounds) = (&primal.signature.generics, &primal.signature.where_clause);
    let value = results.first().cloned().flatten();
    quote! {
        #docs
        pub(crate) fn adjoint #generics(#(#parameters,)* #(#extra),*) -> #ty #bounds {
            let #workspace = &mut Workspace::default();
            #(#host)*
            let results = { #call };
            #added
            #value
        }
    }
}

/// The memory that the gradient with respect to an argument is added to.
pub fn sum(primal: &Primal, arg: &Arg) -> Ident {
    primal.signature.local(&format!("{}_sum", arg.ident))
}
