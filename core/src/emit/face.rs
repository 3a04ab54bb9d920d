//! The public functions of the generated module: `gradient` and its relatives, `Gradient`, `Workspace`, `SOURCE`.
//!
//! Invariant: every function takes the user's arguments with the user's types and checks them before it writes.

use super::entry::usize_literal;
use super::header::{self, Planned};
use super::heads::{documentation, Heads};
use super::lists;
use super::module::{generate, generate_with, target_name, Generated, Memory, Program};
use super::step::{self, Updates};
use super::{calls, constant, matrices, nans, products};
use crate::diag::Errors;
use crate::ir::Dtype;
use crate::signature::{accessor, Arg, Form, Leaf, Primal};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{format_ident, quote, ToTokens};

/// The programs that the module offers.
pub struct Programs {
    /// Values alone.
    pub value: Option<Program>,
    /// Values and gradients of a scalar function.
    pub gradient: Option<Program>,
    /// Of a function that calls itself: the same, added to memory.
    pub adjoint: Option<Program>,
    /// Values and tangents.
    pub jvp: Option<Program>,
    /// Values, and gradients for a given cotangent of the result.
    pub vjp: Option<Program>,
    /// Values, gradients, and their derivatives along tangents.
    pub hvp: Option<Program>,
    pub jacobian: Option<Program>,
    pub hessian: Option<Program>,
}

/// The generated module and what went wrong inside the compiler.
pub struct Module {
    pub tokens: TokenStream,
    pub source: String,
    /// The plan of each kernel, with the names of the memory that it writes.
    pub plans: Vec<Planned>,
    pub bugs: Vec<String>,
    /// What no `const fn` can do.
    pub errors: Errors,
}

pub fn module(primal: &Primal, programs: Programs) -> Module {
    let heads = Heads::new(primal);
    if primal.options.constant.is_some() {
        return constant::module(primal, &heads, &programs);
    }
    let mut kernels = TokenStream::new();
    let mut functions = TokenStream::new();
    let mut buffers: Vec<(Ident, Dtype)> = vec![];
    let (mut bugs, mut plans) = (vec![], vec![]);
    let mut take = |mut g: Generated| {
        kernels.extend(g.kernel);
        buffers.append(&mut g.buffers);
        bugs.append(&mut g.bugs);
        plans.push(g.planned);
    };
    if let Some(program) = &programs.value {
        let generated = generate(primal, program, "value", TokenStream::new(), &|k, dims| {
            value_slice(primal, k, dims).into()
        });
        functions.extend(products::value(primal, &heads, &generated, program));
        take(generated);
    }
    if let Some(program) = &programs.gradient {
        let generated = reverse(primal, program, "value_and_gradient");
        functions.extend(gradient_functions(primal, &heads, &generated, program));
        take(generated);
        if primal.options.step {
            let generated = step::generated(primal, program);
            functions.extend(step::function(primal, &heads, program, generated.as_ref()));
            generated.into_iter().for_each(&mut take);
        }
    }
    if let Some(program) = &programs.vjp {
        let generated = reverse(primal, program, "vjp");
        functions.extend(products::vjp(primal, &heads, &generated, program));
        take(generated);
    }
    if let Some(program) = &programs.adjoint {
        let generated = generate(primal, program, "adjoint", TokenStream::new(), &|k, _| {
            let gradient = k.checked_sub(program.outputs.len()).and_then(|k| program.gradients.get(k));
            let leaf = gradient.and_then(|g| primal.leaves.get(g.input.0 as usize));
            let arg = leaf.and_then(|l| l.arg).and_then(|a| primal.signature.args.get(a));
            let memory = arg.map(|a| calls::sum(primal, a));
            quote!(&mut #memory[..]).into()
        });
        functions.extend(calls::adjoint(primal, &heads, &generated, program));
        take(generated);
    }
    if let Some(program) = &programs.jvp {
        let generated = generate(primal, program, "jvp", TokenStream::new(), &|k, dims| {
            value_slice(primal, k, dims).into()
        });
        functions.extend(products::jvp(primal, &heads, &generated, program));
        take(generated);
    }
    if let Some(program) = &programs.hvp {
        let generated = reverse(primal, program, "hvp");
        functions.extend(products::hvp(primal, &heads, &generated, program));
        take(generated);
    }
    let matrices =
        [(&programs.jacobian, matrices::jacobian(primal)), (&programs.hessian, matrices::hessian(primal))];
    for (program, matrix) in matrices {
        if let Some(program) = program {
            let generated = matrices::generated(primal, program, &matrix);
            functions.extend(matrices::functions(primal, &heads, &matrix, &generated, program));
            take(generated);
        }
    }
    if primal.options.debug_nans {
        functions.extend(nans::function(&heads));
    }
    let fields = buffers.iter().map(|(name, dtype)| {
        let ty = super::types::element(*dtype);
        quote!(#name: ::std::vec::Vec<#ty>)
    });
    let mut body = assemble(&heads, fields.collect(), functions, kernels);
    body.extend(surroundings(primal));
    body.extend(calls::rules(primal, &heads));
    let notes = header::lines(primal, &plans);
    Module { plans, bugs, ..finish(&heads, body, &notes) }
}

/// The module of a function with mistakes: the right types, and nothing that runs.
pub fn stub(primal: &Primal) -> Module {
    let heads = Heads::new(primal);
    let options = &primal.options;
    // what the function would have had without its mistakes
    let signature = &primal.signature;
    let number = matches!(signature.results[..signature.returned], [Form::Scalar(_)]);
    let scalar = number || signature.results.is_empty();
    let gradient = scalar || !(options.value || options.vjp || options.jvp || options.jacobian);
    let mut all = vec![];
    if gradient {
        let into = match options.constant {
            Some(_) => heads.constant_into(),
            None => heads.value_and_gradient_into(),
        };
        all.extend([heads.gradient(), heads.value_and_gradient(), into]);
    }
    if options.value {
        all.extend([heads.value_alone(), heads.value_into()]);
    }
    let moved = signature.args.iter().find(|a| a.differentiated);
    all.extend(moved.filter(|_| options.step && gradient).map(|a| heads.step(a)));
    all.extend(options.debug_nans.then(|| heads.debug_nans()));
    all.extend(options.vjp.then(|| heads.vjp()));
    all.extend(options.jvp.then(|| heads.jvp()));
    if options.hvp {
        all.extend([heads.hvp(), heads.hvp_into()]);
    }
    for (wanted, matrix) in
        [(options.jacobian, matrices::jacobian(primal)), (options.hessian, matrices::hessian(primal))]
    {
        if wanted && matrix.possible() {
            all.extend(matrices::heads(&heads, &matrix));
        }
    }
    let functions = quote!(#(#all { ::core::unreachable!() })*);
    let body = assemble(&heads, vec![], functions, TokenStream::new());
    finish(&heads, body, &[])
}

/// The items of the module.
fn assemble(
    heads: &Heads,
    fields: Vec<TokenStream>,
    functions: TokenStream,
    kernels: TokenStream,
) -> TokenStream {
    let gradient_type = heads.gradient_type();
    let matrices: TokenStream = [
        heads.primal.options.jacobian.then(|| matrices::jacobian(heads.primal)),
        heads.primal.options.hessian.then(|| matrices::hessian(heads.primal)),
    ]
    .into_iter()
    .flatten()
    .filter(matrices::Matrix::possible)
    .map(|matrix| matrices::types(heads, &matrix))
    .collect();
    let kernels = (!kernels.is_empty()).then(|| {
        quote! {
            mod kernel {
                use ::chainrule::rt::{self, math, Vector, TURNS};
                #kernels
            }
        }
    });
    quote! {
        #gradient_type
        #matrices
        /// Memory for intermediate values; it grows at the first call and is used again by the next ones.
        #[derive(Clone, Debug, Default)]
        pub struct Workspace { #(#fields,)* }
        #functions
        #kernels
    }
}

/// What the functions of other modules need that this one is inlined into.
pub fn surroundings(primal: &Primal) -> TokenStream {
    let imports = &primal.surroundings.imports;
    let values = primal.surroundings.values.iter().enumerate().map(|(k, (tokens, dtype))| {
        let name = accessor(k);
        let docs =
            documentation("What the function reads of its module, for callers that it is inlined into.");
        // what a `const fn` reads, another one reads through it
        let constant = primal.signature.constness.then(|| quote!(const));
        match dtype {
            Dtype::Int => {
                quote!(#docs pub(crate) #constant fn #name() -> usize { #imports (#tokens) as usize })
            }
            float => {
                let ty = format_ident!("{}", float.name());
                quote!(#docs pub(crate) #constant fn #name() -> #ty { #imports #tokens })
            }
        }
    });
    let names = primal.surroundings.names.then(|| {
        let docs = documentation("The module of the function, for callers that it is inlined into.");
        quote!(#docs pub(crate) mod scope { pub(crate) use super::super::*; })
    });
    quote!(#(#values)* #names)
}

/// The module around its items.
pub fn finish(heads: &Heads, body: TokenStream, notes: &[String]) -> Module {
    let signature = &heads.primal.signature;
    let (ident, vis) = (&signature.ident, &signature.vis);
    let names: Vec<String> = heads.active.iter().map(|a| format!("`{}`", a.ident)).collect();
    let title = |of: &str| {
        format!("Derivatives of {of} with respect to {}, generated by `chainrule`.", names.join(", "))
    };
    let mut header = String::new();
    for line in std::iter::once(&title(&format!("`{ident}`"))).chain(notes) {
        header.push_str(format!("// {line}").trim_end());
        header.push('\n');
    }
    let source = format_source(ident, &body, &header);
    let docs = [title(&format!("[`{ident}`](fn@{ident})"))]
        .iter()
        .chain(notes)
        .map(|l| format!("{l}\n"))
        .collect::<String>();
    let docs = documentation(&docs);
    let body = with_traits(body);
    let methods = heads.methods();
    let watched = heads.primal.watched.as_ref().map(nans::module);
    let tokens = quote! {
        #docs
        #[allow(private_interfaces, unused_imports, unused_variables, unused_mut, unused_parens, non_snake_case, dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        #vis mod #ident {
            use super::*;
            #body
            /// The generated code of this module.
            pub const SOURCE: &str = #source;
            #methods
            #watched
        }
    };
    Module { tokens, source, plans: vec![], bugs: vec![], errors: Errors::default() }
}

/// The items with the traits in scope whose methods they call: the crate of the user may be without the prelude.
fn with_traits(body: TokenStream) -> TokenStream {
    let mut out = quote!(
        use ::core::default::Default as _;
    );
    let mut kernel = false;
    for token in body {
        match token {
            TokenTree::Group(g) if kernel => {
                let items = g.stream();
                out.extend(quote!({ use ::core::iter::Iterator as _; #items }));
                kernel = false;
            }
            token => {
                kernel = matches!(&token, TokenTree::Ident(i) if i == "kernel");
                out.extend([token]);
            }
        }
    }
    out
}

/// The module as formatted text.
fn format_source(ident: &Ident, body: &TokenStream, header: &str) -> String {
    let file: TokenStream = quote!(pub mod #ident { #body });
    let text = match crate::emit::format(file) {
        Some(text) => text,
        None => String::from("// the generated code could not be formatted\n"),
    };
    format!("{header}{text}")
}

/// The memory of a result which is an array.
pub fn value_slice(primal: &Primal, k: usize, dims: &[TokenStream]) -> TokenStream {
    let (name, rank) = (memory_name(primal, k), usize_literal(dims.len()));
    quote!(::chainrule::rt::fit::<#rank, _>(&mut #name, [#(#dims),*]))
}

/// A reverse program whose gradients go to `gradient`, and what comes behind them to `product`.
fn reverse(primal: &Primal, program: &Program, name: &str) -> Generated {
    reverse_with(primal, program, name, None)
}

/// The same, with parameters that are moved on the way.
pub fn reverse_with(primal: &Primal, program: &Program, name: &str, updates: Option<&Updates>) -> Generated {
    let roots: &[&str] = if program.more.is_empty() { &["gradient"] } else { &["gradient", "product"] };
    let lists = || primal.lists.iter().filter(|list| list.active);
    let prepare = roots
        .iter()
        .flat_map(|root| lists().map(|l| lists::like(l, &gradient_place(primal, root, l.arg, &l.place))))
        .collect();
    generate_with(primal, program, name, prepare, updates, &|k, dims| {
        let rank = usize_literal(dims.len());
        if k < program.outputs.len() {
            return value_slice(primal, k, dims).into();
        }
        let k = k - program.outputs.len();
        let root = roots[k / program.gradients.len() % roots.len()];
        let gradient = &program.gradients[k % program.gradients.len()];
        let leaf = &primal.leaves[gradient.input.0 as usize];
        let place = gradient_place(primal, root, leaf.arg, &leaf.place);
        if let Some((_, part)) = leaf.each() {
            let (list, _) = Leaf { place, ..leaf.clone() }.each().unwrap_or_default();
            let field = format_ident!("{name}_of_each_{k}");
            let dtype = program.graph.dtype(gradient.node);
            return lists::into_each(primal, &list, &part, (field, dtype), dims);
        }
        let indexed = leaf.place.clone().into_iter().any(|t| matches!(t, TokenTree::Group(_)));
        if indexed {
            // elements of one array cannot be borrowed side by side: each is taken out and put back
            let taken = primal.signature.local(&format!("taken_{}", k + program.outputs.len()));
            return Memory {
                before: quote!(let mut #taken = ::chainrule::rt::take::<#rank, _>(&mut #place);),
                slice: quote!(::chainrule::rt::fit::<#rank, _>(&mut #taken, [#(#dims),*])),
                after: quote!(#place = #taken;),
                buffers: vec![],
            };
        }
        quote!(::chainrule::rt::fit::<#rank, _>(&mut #place, [#(#dims),*])).into()
    })
}

/// The place in `gradient` that belongs to a place in the arguments: `net.w1` is `gradient.net.w1`, or `gradient.w1`
/// where `net` is the only differentiated argument.
pub fn gradient_place(primal: &Primal, root: &str, arg: Option<usize>, place: &TokenStream) -> TokenStream {
    let single = primal.signature.args.iter().filter(|a| a.differentiated).count() == 1;
    let rest: TokenStream = place.clone().into_iter().skip(1).collect();
    let gradient = primal.signature.local(root);
    let root = arg.and_then(|a| primal.signature.args.get(a)).map(|a| &a.ident);
    match (single, root, rest.is_empty()) {
        (true, _, true) => quote!(*#gradient),
        (true, _, false) => quote!(#gradient #rest),
        (false, Some(root), _) => quote!(#gradient.#root #rest),
        (false, None, _) => quote!(#gradient),
    }
}

/// The variable that holds a result which is an array.
pub fn memory_name(primal: &Primal, k: usize) -> Ident {
    primal.signature.local(&target_name(k, primal.outputs.len()).to_string())
}

pub fn names(primal: &Primal) -> Vec<&Ident> {
    primal.signature.args.iter().map(|a| &a.ident).collect()
}

/// Results of a kernel call by target: `r` where there is one, `r.k` where there are several.
pub fn scalar_results(program: &Program) -> Vec<Option<TokenStream>> {
    let ranks: Vec<bool> = program
        .outputs
        .iter()
        .map(|o| o.dims.is_empty())
        .chain(program.gradients.iter().map(|g| g.dims.is_empty()))
        .chain(program.more.iter().map(|m| m.dims.is_empty()))
        .collect();
    let total = ranks.iter().filter(|r| **r).count();
    let mut next = 0;
    ranks
        .iter()
        .map(|scalar| {
            scalar.then(|| {
                let k = proc_macro2::Literal::usize_unsuffixed(next);
                next += 1;
                if total == 1 {
                    quote!(results)
                } else {
                    quote!(results.#k)
                }
            })
        })
        .collect()
}

/// Assignments of scalar partial derivatives, and of their products.
pub fn scalar_gradients(primal: &Primal, program: &Program) -> TokenStream {
    let results = scalar_results(program);
    let mut out = TokenStream::new();
    for (k, result) in results[program.outputs.len()..].iter().enumerate() {
        if let Some(result) = result {
            let root = if k < program.gradients.len() { "gradient" } else { "product" };
            let gradient = &program.gradients[k % program.gradients.len()];
            let leaf = &primal.leaves[gradient.input.0 as usize];
            let place = gradient_place(primal, root, leaf.arg, &leaf.place);
            out.extend(quote!(#place = #result;));
        }
    }
    out
}

/// A zero gradient of the arguments' shapes.
pub fn make_gradient(active: &[&Arg]) -> TokenStream {
    let one = |a: &Arg| {
        let name = &a.ident;
        let called = matches!(a.form, Form::Array(..) | Form::Slice(_));
        match !a.form.is_tensor() && (a.by_ref || called) {
            true => lists::zeros(&a.form, &quote!(#name)),
            false => lists::zeros(&a.form, &quote!(&#name)),
        }
    };
    match active {
        [a] => one(a),
        _ => {
            let fields = active.iter().map(|a| {
                let (name, value) = (&a.ident, one(a));
                quote!(#name: #value)
            });
            quote!(Gradient { #(#fields),* })
        }
    }
}

fn gradient_functions(
    primal: &Primal,
    heads: &Heads,
    generated: &Generated,
    program: &Program,
) -> TokenStream {
    let names = names(primal);
    let (call, host, args) = (&generated.call, &primal.host, &primal.signature.generic_args);
    let scalars = scalar_gradients(primal, program);
    let value = match scalar_results(program).into_iter().next().flatten() {
        Some(value) => value,
        None => memory_name(primal, 0).to_token_stream(),
    };
    let [gradient, result] = ["gradient", "value"].map(|name| primal.signature.local(name));
    let (ty, make) = (&heads.gradient, make_gradient(&heads.active));
    let turbofish = if args.is_empty() { quote!() } else { quote!(::<#(#args),*>) };
    let (head_1, head_2, head_3) =
        (heads.gradient(), heads.value_and_gradient(), heads.value_and_gradient_into());
    quote! {
        #head_1 {
            value_and_gradient #turbofish(#(#names),*).1
        }
        #head_2 {
            let mut #gradient: #ty = #make;
            let #result = value_and_gradient_into #turbofish(#(#names,)* &mut #gradient, &mut Workspace::default());
            (#result, #gradient)
        }
        #head_3 {
            #(#host)*
            let results = { #call };
            #scalars
            #value
        }
    }
}
