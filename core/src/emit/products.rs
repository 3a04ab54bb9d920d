//! The functions that multiply with vectors, `vjp`, `jvp` and `hvp`, and the value alone.
//!
//! Invariant: results lie in memory of their own.

use super::entry::usize_literal;
use super::face::{make_gradient, memory_name, names, scalar_gradients, scalar_results};
use super::heads::Heads;
use super::module::{Generated, Program};
use super::types::owned;
use crate::signature::Primal;
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};

/// Declarations of the arrays that values are written to.
pub fn value_memory(primal: &Primal, program: &Program) -> TokenStream {
    let mut out = TokenStream::new();
    for (k, o) in program.outputs.iter().enumerate() {
        let rank = usize_literal(o.dims.len());
        if !o.dims.is_empty() {
            let (name, ty) = (memory_name(primal, k), owned(&o.form, &primal.graph.sizes));
            out.extend(quote!(let mut #name: #ty = ::chainrule::rt::make::<#rank, _>([0; #rank]);));
        }
    }
    out
}

/// The result of the primal, assembled from its components.
pub fn values(primal: &Primal, program: &Program) -> TokenStream {
    let results = scalar_results(program);
    let parts: Vec<TokenStream> = (0..program.outputs.len())
        .map(|k| match &results[k] {
            Some(t) => t.clone(),
            None => memory_name(primal, k).to_token_stream(),
        })
        .collect();
    group(&parts)
}

/// One thing alone, several as a tuple.
pub fn group(parts: &[TokenStream]) -> TokenStream {
    match parts {
        [one] => one.clone(),
        _ => quote!((#(#parts),*)),
    }
}

/// The primal's value by the generated code.
pub fn value(primal: &Primal, heads: &Heads, generated: &Generated, program: &Program) -> TokenStream {
    let (call, host, names) = (&generated.call, &primal.host, names(primal));
    let (memory, values) = (value_memory(primal, program), values(primal, program));
    let (head, into) = (heads.value_alone(), heads.value_into());
    let args = &primal.signature.generic_args;
    let turbofish = (!args.is_empty()).then(|| quote!(::<#(#args),*>));
    quote! {
        #head {
            value_into #turbofish(#(#names,)* &mut Workspace::default())
        }
        #into {
            #memory
            #(#host)*
            let results = { #call };
            #values
        }
    }
}

pub fn vjp(primal: &Primal, heads: &Heads, generated: &Generated, program: &Program) -> TokenStream {
    let (call, host, head, ty) = (&generated.call, &primal.host, heads.vjp(), &heads.gradient);
    let (memory, values) = (value_memory(primal, program), values(primal, program));
    let scalars = scalar_gradients(primal, program);
    let make = make_gradient(&heads.active);
    let [workspace, made, gradient] =
        ["workspace", "made", "gradient"].map(|name| primal.signature.local(name));
    quote! {
        #head {
            let #workspace = &mut Workspace::default();
            let mut #made: #ty = #make;
            let #gradient = &mut #made;
            #memory
            #(#host)*
            let results = { #call };
            #scalars
            (#values, #made)
        }
    }
}

pub fn jvp(primal: &Primal, heads: &Heads, generated: &Generated, program: &Program) -> TokenStream {
    let (call, host, head) = (&generated.call, &primal.host, heads.jvp());
    let n = primal.outputs.len();
    let results = scalar_results(program);
    let workspace = primal.signature.local("workspace");
    let mut memory = TokenStream::new();
    let (mut values, mut tangents) = (vec![], vec![]);
    for (k, o) in program.outputs.iter().enumerate() {
        let name = memory_name(primal, k);
        let rank = usize_literal(o.dims.len());
        let part = match &results[k] {
            Some(t) => t.clone(),
            None => {
                let ty = owned(&o.form, &primal.graph.sizes);
                memory.extend(quote!(let mut #name: #ty = ::chainrule::rt::make::<#rank, _>([0; #rank]);));
                quote!(#name)
            }
        };
        if k < n {
            values.push(part)
        } else {
            tangents.push(part)
        }
    }
    let (values, tangents) = (group(&values), group(&tangents));
    quote! {
        #head {
            let #workspace = &mut Workspace::default();
            #memory
            #(#host)*
            let results = { #call };
            (#values, #tangents)
        }
    }
}

pub fn hvp(primal: &Primal, heads: &Heads, generated: &Generated, program: &Program) -> TokenStream {
    let (call, host, ty) = (&generated.call, &primal.host, &heads.gradient);
    let (head, into) = (heads.hvp(), heads.hvp_into());
    let (scalars, values, make) =
        (scalar_gradients(primal, program), values(primal, program), make_gradient(&heads.active));
    let tangents = heads.active.iter().map(|a| primal.signature.tangent(a));
    let names: Vec<_> = names(primal).into_iter().cloned().chain(tangents).collect();
    let args = &primal.signature.generic_args;
    let turbofish = (!args.is_empty()).then(|| quote!(::<#(#args),*>));
    let [gradient, product, value] =
        ["gradient", "product", "value"].map(|name| primal.signature.local(name));
    quote! {
        #head {
            let mut #gradient: #ty = #make;
            let mut #product: #ty = #make;
            let #value = hvp_into #turbofish(
                #(#names,)* &mut #gradient, &mut #product, &mut Workspace::default());
            (#value, #gradient, #product)
        }
        #into {
            #(#host)*
            let results = { #call };
            #scalars
            #values
        }
    }
}
