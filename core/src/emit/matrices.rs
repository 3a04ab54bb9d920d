//! The functions that give all partial derivatives at once: `jacobian`, `hessian`, their relatives and their types.
//!
//! A Jacobian has the type of the result with each number replaced by the argument's owned type; a Hessian is the
//! Jacobian of the gradient. Invariant: nothing is copied where the result is one piece of memory.

use super::entry::usize_literal;
use super::face::{names, scalar_results, value_slice};
use super::heads::{documentation, mentioned, Heads};
use super::module::{generate, Generated, Memory, Program};
use super::products::{group, value_memory, values};
use super::types::{const_generics, owned};
use crate::signature::{Arg, Form, Primal};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeSet;

/// What a Jacobian or a Hessian is made of, in the order of the program's arrays.
pub struct Matrix {
    /// `Jacobian`
    name: &'static str,
    /// `jacobian`
    function: &'static str,
    blocks: Vec<Block>,
    /// Fields of the type, each with the places in `blocks` that it holds; none where there is one block.
    fields: Vec<Field>,
}

struct Block {
    /// Behind the name of the whole: `.x`, `.x.y`, `.x.0` or nothing.
    place: TokenStream,
    form: Option<Form>,
}

/// A field for an argument: a Jacobian's blocks, or a row of a Hessian with the name of its type.
struct Field {
    name: Ident,
    row: Option<Ident>,
    blocks: std::ops::Range<usize>,
}

impl Matrix {
    /// Whether a type says all of it.
    pub fn possible(&self) -> bool {
        self.blocks.iter().all(|b| b.form.is_some())
    }
    fn with_value(&self) -> bool {
        self.function == "jacobian"
    }
}

fn active(primal: &Primal) -> Vec<&Arg> {
    primal.signature.args.iter().filter(|a| a.differentiated).collect()
}

pub fn jacobian(primal: &Primal) -> Matrix {
    let active: Vec<&Arg> = primal.signature.args.iter().filter(|a| primal.is_column(a)).collect();
    let results = &primal.signature.results;
    let (mut blocks, mut fields) = (vec![], vec![]);
    for arg in &active {
        let (name, start) = (&arg.ident, blocks.len());
        for (k, result) in results.iter().enumerate() {
            let field = (active.len() > 1).then(|| quote!(.#name));
            let k = usize_literal(k);
            let component = (results.len() > 1).then(|| quote!(.#k));
            blocks.push(Block { place: quote!(#field #component), form: result.of_each(&arg.form) });
        }
        fields.push(Field { name: name.clone(), row: None, blocks: start..blocks.len() });
    }
    Matrix { name: "Jacobian", function: "jacobian", blocks, fields }
}

pub fn hessian(primal: &Primal) -> Matrix {
    let active = active(primal);
    let (mut blocks, mut fields) = (vec![], vec![]);
    let mut taken = BTreeSet::new();
    for arg in &active {
        let (name, start) = (&arg.ident, blocks.len());
        for other in &active {
            let inner = &other.ident;
            let place = if active.len() > 1 { quote!(.#name.#inner) } else { quote!() };
            blocks.push(Block { place, form: arg.form.of_each(&other.form) });
        }
        let mut row = format!("Hessian{}", super::types::camel(name.to_string().trim_start_matches("r#")));
        while !taken.insert(row.clone()) {
            row.push('_');
        }
        let row = (active.len() > 1).then(|| format_ident!("{row}"));
        fields.push(Field { name: name.clone(), row, blocks: start..blocks.len() });
    }
    Matrix { name: "Hessian", function: "hessian", blocks, fields }
}

/// The type of a block.
fn ty(primal: &Primal, block: &Block) -> TokenStream {
    block.form.as_ref().map_or(quote!(()), |form| owned(form, &primal.graph.sizes))
}

/// A value of a form, without elements where their number is open.
fn blank(form: &Form) -> TokenStream {
    match form {
        Form::Scalar(_) => quote!(0.0),
        Form::Array(item, _) => {
            let item = blank(item);
            quote!(::core::array::from_fn(|_| #item))
        }
        Form::Nd { rank, .. } => {
            let array = format_ident!("Array{rank}");
            quote!(<::chainrule::rt::nd::#array<_> as ::core::default::Default>::default())
        }
        _ => quote!(::std::vec::Vec::new()),
    }
}

/// The definitions of the types.
pub fn types(heads: &Heads, matrix: &Matrix) -> TokenStream {
    let primal = heads.primal;
    let args = &primal.signature.generic_args;
    let params = const_generics(args);
    let name = format_ident!("{}", matrix.name);
    let docs_of = |of: &str| match matrix.with_value() {
        true => format!("All partial derivatives of the result with respect to {of}."),
        false => format!("All second partial derivatives with respect to {of}."),
    };
    if let [one] = &matrix.fields[..] {
        let parts: Vec<TokenStream> = matrix.blocks.iter().map(|b| ty(primal, b)).collect();
        let ty = group(&parts);
        let params = const_generics(&mentioned(&ty, primal));
        let docs = documentation(&docs_of(&format!("`{}`", one.name)));
        return quote!(#docs pub type #name<#(#params),*> = #ty;);
    }
    let blank_of = |block: &Block| block.form.as_ref().map_or(quote!(()), blank);
    let structure =
        |name: &Ident, docs: &str, fields: Vec<(TokenStream, &Ident, TokenStream, TokenStream)>| {
            let docs = documentation(docs);
            let (tokens, makes): (Vec<_>, Vec<_>) = fields
                .into_iter()
                .map(|(docs, field, ty, make)| (quote!(#docs pub #field: #ty), quote!(#field: #make)))
                .unzip();
            quote! {
                #docs
                #[derive(Clone, Debug, PartialEq)]
                pub struct #name<#(#params),*> { #(#tokens),* }
                impl<#(#params),*> ::core::default::Default for #name<#(#args),*> {
                    fn default() -> Self { #name { #(#makes),* } }
                }
            }
        };
    let mut out = TokenStream::new();
    let mut fields = vec![];
    for field in &matrix.fields {
        let blocks = &matrix.blocks[field.blocks.clone()];
        let docs = documentation(&docs_of(&format!("`{}`", field.name)));
        let (ty, make) = match &field.row {
            Some(row) => {
                let inner = blocks.iter().zip(&matrix.fields).map(|(block, other)| {
                    let text = format!("The derivatives of these with respect to `{}`.", other.name);
                    (documentation(&text), &other.name, ty(primal, block), blank_of(block))
                });
                let text =
                    format!("The derivatives of the partial derivative with respect to `{}`.", field.name);
                out.extend(structure(row, &text, inner.collect()));
                (quote!(#row<#(#args),*>), quote!(::core::default::Default::default()))
            }
            None => {
                let types: Vec<TokenStream> = blocks.iter().map(|b| ty(primal, b)).collect();
                let makes: Vec<TokenStream> = blocks.iter().map(blank_of).collect();
                (group(&types), group(&makes))
            }
        };
        fields.push((docs, &field.name, ty, make));
    }
    let whole = structure(&name, &docs_of("the differentiated arguments, each in its field"), fields);
    quote!(#whole #out)
}

/// The type with its generics applied.
fn applied(heads: &Heads, matrix: &Matrix) -> TokenStream {
    let primal = heads.primal;
    let name = format_ident!("{}", matrix.name);
    let args: Vec<TokenStream> = match &matrix.fields[..] {
        [_] => {
            let parts: Vec<TokenStream> = matrix.blocks.iter().map(|b| ty(primal, b)).collect();
            mentioned(&group(&parts), primal)
        }
        _ => primal.signature.generic_args.clone(),
    };
    quote!(#name<#(#args),*>)
}

/// The signatures, those of the plainer functions first.
pub fn heads(heads: &Heads, matrix: &Matrix) -> Vec<TokenStream> {
    let (whole, value, of) = (applied(heads, matrix), &heads.value, heads.ident());
    let [into, workspace] = [matrix.function, "workspace"].map(|name| heads.primal.signature.local(name));
    let memory = [quote!(#into: &mut #whole), quote!(#workspace: &mut Workspace)];
    let into_docs = |plain: &str, result: &str| {
        format!(
            "As [`{plain}`], into memory of the caller: {result} is allocated\n\
             once `workspace` and `{0}` have seen these shapes. `{0}` is overwritten.\n\n*Panics* where shapes do not fit, before anything is written.",
            matrix.function
        )
    };
    if !matrix.with_value() {
        let docs = format!("The Hessian of [`{of}`](fn@super::{of}): the Jacobian of its gradient.");
        return vec![
            heads.function(&docs, "hessian", &[], whole.clone()),
            heads.function(&into_docs("hessian", "nothing"), "hessian_into", &memory, TokenStream::new()),
        ];
    }
    let docs = format!(
        "The Jacobian of [`{of}`](fn@super::{of}): its result with each number replaced by the partial\n\
         derivatives of that number."
    );
    let both = format!("The value and the Jacobian of [`{of}`](fn@super::{of}), from one pass.");
    let into = into_docs("value_and_jacobian", "nothing but a value on the heap");
    vec![
        heads.function(&docs, "jacobian", &[], whole.clone()),
        heads.function(&both, "value_and_jacobian", &[], quote!((#value, #whole))),
        heads.function(&into, "value_and_jacobian_into", &memory, value.clone()),
    ]
}

/// The place of a block in the caller's memory.
fn place(primal: &Primal, matrix: &Matrix, block: &Block) -> TokenStream {
    let (whole, rest) = (primal.signature.local(matrix.function), &block.place);
    match rest.is_empty() {
        true => quote!(*#whole),
        false => quote!(#whole #rest),
    }
}

/// The kernel: blocks that are one piece of memory are written in place, others through the workspace.
pub fn generated(primal: &Primal, program: &Program, matrix: &Matrix) -> Generated {
    let name = if matrix.with_value() { "value_and_jacobian" } else { "hessian" };
    generate(primal, program, name, TokenStream::new(), &|k, dims| {
        if k < program.outputs.len() {
            return value_slice(primal, k, dims).into();
        }
        let block = &matrix.blocks[k - program.outputs.len()];
        let place = place(primal, matrix, block);
        let rank = usize_literal(dims.len());
        if block.form.as_ref().is_some_and(|f| f.is_tensor() && f.rank() <= 4) {
            return quote!(::chainrule::rt::fit::<#rank, _>(&mut #place, [#(#dims),*])).into();
        }
        let dtype = program.graph.dtype(program.more[k - program.outputs.len()].node);
        let [shape, workspace] =
            [&format!("block_{k}"), "workspace"].map(|name| primal.signature.local(name));
        let field = format_ident!("{name}_block_{k}");
        Memory {
            before: quote!(let #shape: [usize; #rank] = [#(#dims),*];),
            slice: quote!(::chainrule::rt::room(&mut #workspace.#field, #shape.iter().product())),
            after: quote! {
                let count: usize = #shape.iter().product();
                ::chainrule::rt::nest(&mut #place, &#shape, ::chainrule::rt::room(&mut #workspace.#field, count));
            },
            buffers: vec![(field, dtype)],
        }
    })
}

/// The public functions.
pub fn functions(
    primal: &Primal,
    heads: &Heads,
    matrix: &Matrix,
    generated: &Generated,
    program: &Program,
) -> TokenStream {
    let (call, host, names) = (&generated.call, &primal.host, names(primal));
    let (memory, values) = (value_memory(primal, program), values(primal, program));
    let mut scalars = TokenStream::new();
    for (block, result) in matrix.blocks.iter().zip(&scalar_results(program)[program.outputs.len()..]) {
        if let Some(result) = result {
            let place = place(primal, matrix, block);
            scalars.extend(quote!(#place = #result;));
        }
    }
    let args = &primal.signature.generic_args;
    let turbofish = if args.is_empty() { quote!() } else { quote!(::<#(#args),*>) };
    let whole = primal.signature.local(matrix.function);
    let (ty, value) = (applied(heads, matrix), primal.signature.local("value"));
    let make = match &matrix.fields[..] {
        [_] => {
            let blocks: Vec<TokenStream> =
                matrix.blocks.iter().map(|b| b.form.as_ref().map_or(quote!(()), blank)).collect();
            group(&blocks)
        }
        _ => quote!(::core::default::Default::default()),
    };
    let inner = quote! {
        #memory
        #(#host)*
        let results = { #call };
        #scalars
    };
    match &self::heads(heads, matrix)[..] {
        [alone, both, into] => quote! {
            #alone { value_and_jacobian #turbofish(#(#names),*).1 }
            #both {
                let mut #whole: #ty = #make;
                let #value = value_and_jacobian_into #turbofish(#(#names,)* &mut #whole, &mut Workspace::default());
                (#value, #whole)
            }
            #into { #inner #values }
        },
        [alone, into] => quote! {
            #alone {
                let mut #whole: #ty = #make;
                hessian_into #turbofish(#(#names,)* &mut #whole, &mut Workspace::default());
                #whole
            }
            #into { #inner }
        },
        _ => TokenStream::new(),
    }
}
