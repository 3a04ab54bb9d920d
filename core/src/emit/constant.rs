//! Derivatives as `const fn`: one function in plain loops, with the user's arguments as they are.
//!
//! All memory is arrays of the function's own, so that every length is a constant. The variables of generated code are apart from
//! the user's names by the hygiene of macros. Invariant: what stands here rustc evaluates at compile time, or the user's own code
//! does not.

use super::body::{Body, Style};
use super::entry::Entry;
use super::face::{finish, gradient_place, surroundings, Module, Programs};
use super::header::{self, Planned};
use super::heads::Heads;
use super::module::{is_computed, target, target_name, uses, Program};
use super::names::{join, product, Names};
use super::place::Slice;
use super::types::{element, owned};
use crate::diag::{Errors, Kind};
use crate::ir::{Dtype, InputId, Size, Sym};
use crate::schedule::{schedule_plain, Target};
use crate::signature::{Arg, Form, Leaf, Primal, Signature};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use std::collections::BTreeSet;

/// The module of a function whose derivatives are `const fn`.
pub fn module(primal: &Primal, heads: &Heads, programs: &Programs) -> Module {
    let (mut errors, mut bugs, mut plans) = (Errors::default(), vec![], vec![]);
    let mut functions = heads.gradient_type();
    if let Some(program) = &programs.gradient {
        let (body, planned) = body(primal, program, &mut errors, &mut bugs);
        functions.extend(self::functions(primal, heads, &body));
        plans.push(planned);
    }
    functions.extend(surroundings(primal));
    let notes = header::lines(primal, &plans);
    Module { plans, bugs, errors, ..finish(heads, functions, &notes) }
}

fn functions(primal: &Primal, heads: &Heads, body: &TokenStream) -> TokenStream {
    let signature = &primal.signature;
    let [gradient, value] = ["gradient", "value"].map(|name| signature.local(name));
    let names: Vec<_> = signature.args.iter().map(|a| &a.ident).collect();
    let args = &signature.generic_args;
    let turbofish = (!args.is_empty()).then(|| quote!(::<#(#args),*>));
    let (ty, start) = (&heads.gradient, start(primal, &heads.active));
    let (head_1, head_2, head_3) = (heads.gradient(), heads.value_and_gradient(), heads.constant_into());
    let copies = copies(primal, &heads.active);
    quote! {
        #copies
        #head_1 {
            value_and_gradient #turbofish(#(#names),*).1
        }
        #head_2 {
            let mut #gradient: #ty = #start;
            let #value = value_and_gradient_into #turbofish(#(#names,)* &mut #gradient);
            (#value, #gradient)
        }
        #head_3 {
            #body
        }
    }
}

/// Structs are copied to become their gradients: rustc says where the user named the type if it is not `Copy`.
fn copies(primal: &Primal, active: &[&Arg]) -> TokenStream {
    let generic = !primal.signature.generic_args.is_empty();
    let structs = active.iter().filter(|a| a.form.holds_structs() && !generic);
    let checks: Vec<TokenStream> = structs
        .map(|a| {
            let ty = owned(&a.form, &primal.graph.sizes);
            let at = a.ty.clone().into_iter().last().map_or_else(Span::call_site, |t| t.span());
            quote_spanned!(at=> copied::<#ty>();)
        })
        .collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    quote! {
        const _: () = {
            const fn copied<T: ::core::marker::Copy>() {}
            #(#checks)*
        };
    }
}

/// What a gradient holds before it is written to.
fn start(primal: &Primal, active: &[&Arg]) -> TokenStream {
    let one = |a: &&Arg| {
        let name = &a.ident;
        match a.form.holds_structs() {
            true if a.by_ref => quote!(*#name),
            true => quote!(#name),
            false => zeros(&a.form, primal),
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

fn zeros(form: &Form, primal: &Primal) -> TokenStream {
    match form {
        Form::Array(item, size) => {
            let item = zeros(item, primal);
            let n: TokenStream = primal.graph.sizes.show(size).parse().unwrap_or_default();
            quote!([#item; #n])
        }
        _ => quote!(0.0),
    }
}

/// The function that writes to `gradient` and gives the value.
fn body(
    primal: &Primal,
    program: &Program,
    errors: &mut Errors,
    bugs: &mut Vec<String>,
) -> (TokenStream, Planned) {
    let signature = &primal.signature;
    let mut targets: Vec<Target> = program.outputs.iter().map(|o| target(o.node, &o.dims)).collect();
    targets.extend(program.gradients.iter().map(|g| target(g.node, &g.dims)));
    let plan = schedule_plain(program.graph.clone(), targets);
    let generics: Vec<String> = signature.generic_args.iter().map(|g| g.to_string()).collect();
    let mut names = Names::apart(&signature.names);
    generics.iter().for_each(|g| {
        names.fresh(g);
    });
    let leaves: Vec<&Leaf> = primal.leaves.iter().collect();
    let values = (0..program.outputs.len()).map(|k| target_name(k, program.outputs.len()).to_string());
    let gradients = program.gradients.iter().map(|g| format!("{}_bar", program.graph.input(g.input).name));
    let target_names: Vec<String> = values.chain(gradients).collect();
    let mut body = Body::new(&plan, &mut names, &generics);
    body.target_names = target_names.clone();
    (body.style, body.function) = (Style::Constant, signature.ident.to_string());
    let inputs = (0..plan.graph.inputs.len() as u32).map(InputId);
    body.computed = inputs.filter(|i| is_computed(&leaves, *i)).collect();
    body.functions =
        body.computed.iter().filter_map(|i| Some((*i, apart(&leaves.get(i.0 as usize)?.place)))).collect();
    let code = super::tidy::tidy(body.emit());
    let (slices, results) = (std::mem::take(&mut body.slices), std::mem::take(&mut body.results));
    bugs.append(&mut body.bugs);
    for name in std::mem::take(&mut body.missing) {
        let help = "use the functions of `chainrule::math`";
        errors.push(Kind::Constant, &signature.ident, &[&format!("`{name}`"), help]);
    }
    drop(body);

    let (mut memory, mut after, mut stored) = (TokenStream::new(), TokenStream::new(), vec![]);
    for (slice, (ident, changes)) in &slices {
        match slice {
            Slice::Input(i) if is_computed(&leaves, *i) => {}
            Slice::Input(i) => {
                let Some(leaf) = leaves.get(i.0 as usize) else { continue };
                memory.extend(input(signature, leaf, plan.graph.input(*i).dtype, ident));
            }
            Slice::Buffer(n) => {
                stored.push((ident.clone(), *n));
                let layout = &plan.storage[n].layout;
                let sizes: Vec<Size> = layout.iter().map(|a| plan.graph.axis_size(*a).clone()).collect();
                let elem = element(plan.graph.dtype(*n));
                let zero = match plan.graph.dtype(*n) {
                    Dtype::Int => quote!(0usize),
                    Dtype::Bool => quote!(false),
                    _ => quote!(0.0),
                };
                let mut lengths = vec![];
                for size in &sizes {
                    match length(primal, &plan.graph.sizes.resolve(size), &plan.graph.sizes) {
                        Ok(length) => lengths.push(length),
                        Err(name) => refuse_length(signature, &name, errors),
                    }
                }
                let array = lengths.iter().rev().fold(zero, |item, n| quote!([#item; #n]));
                let array = match lengths.len() {
                    0 => quote!([#array]),
                    _ => array,
                };
                let flat = vec![quote!(.as_flattened_mut()); lengths.len().saturating_sub(1)];
                let change = changes.then(|| quote!(mut));
                memory.extend(match flat.is_empty() {
                    true => quote!(let #ident: &#change [#elem] = &#change #array;),
                    false => {
                        let all = quote!(#ident #(#flat)*);
                        quote!(let #ident = &mut #array; let #ident: &mut [#elem] = #all;)
                    }
                });
            }
            Slice::Target(k) => {
                let Some(gradient) =
                    k.checked_sub(program.outputs.len()).and_then(|k| program.gradients.get(k))
                else {
                    bugs.push("a result that is an array".into());
                    continue;
                };
                let Some(leaf) = leaves.get(gradient.input.0 as usize) else { continue };
                let place = gradient_place(primal, "gradient", leaf.arg, &leaf.place);
                let elem = element(plan.graph.dtype(gradient.node));
                let flat = vec![quote!(.as_flattened_mut()); leaf.form.rank().saturating_sub(1)];
                // elements of one array cannot be borrowed side by side: each is taken out and put back
                let indexed = leaf.place.clone().into_iter().any(|t| matches!(t, TokenTree::Group(_)));
                let own = indexed.then(|| names.fresh("taken"));
                let place = match &own {
                    Some(own) => {
                        memory.extend(quote!(let mut #own = #place;));
                        after.extend(quote!(#place = #own;));
                        quote!(#own)
                    }
                    None => place,
                };
                memory.extend(match flat.is_empty() {
                    true => quote!(let #ident: &mut [#elem] = &mut #place;),
                    false => quote!(let #ident: &mut [#elem] = (#place) #(#flat)*;),
                });
            }
            _ => bugs.push("memory that grows, in a function at compile time".into()),
        }
    }
    for (k, gradient) in program.gradients.iter().enumerate() {
        let k = k + program.outputs.len();
        let Some(leaf) = leaves.get(gradient.input.0 as usize) else { continue };
        if plan.targets.get(k).is_some_and(|t| t.scalar) {
            let place = gradient_place(primal, "gradient", leaf.arg, &leaf.place);
            match results.get(&k) {
                Some(value) if gradient.dims.is_empty() => after.extend(quote!(#place = #value;)),
                _ => bugs.push(format!("target {k} has no value")),
            }
        }
    }
    let value = results.get(&0).cloned().unwrap_or_else(|| {
        bugs.push("a function without a value".into());
        quote!(0.0)
    });
    let entry = Entry {
        function: signature.ident.to_string(),
        signature,
        leaves: &leaves,
        graph: &plan.graph,
        generics: &generics,
        constant: true,
    };
    let bounds = entry.bounds(&mut names, &plan);
    let wanted: BTreeSet<Sym> = names.syms().map(|s| s.0).collect();
    let shapes = entry.shapes(&mut names, &wanted);
    let host = &primal.host;
    let tokens = quote! {
        #(#host)*
        #shapes
        #bounds
        #memory
        #code
        #after
        #value
    };
    let planned = Planned {
        name: "value_and_gradient".into(),
        plan,
        targets: target_names,
        stored,
        notes: program.notes.clone(),
    };
    (tokens, planned)
}

/// An argument, or a value of the user's inactive code, as a number or a flat slice.
fn input(signature: &Signature, leaf: &Leaf, dtype: Dtype, ident: &proc_macro2::Ident) -> TokenStream {
    let Leaf { place, form, arg } = leaf;
    let behind = arg.and_then(|a| signature.args.get(a)).is_some_and(|a| a.by_ref && a.form == *form);
    let flat = vec![quote!(.as_flattened()); form.rank().saturating_sub(1)];
    match (form.rank(), dtype) {
        (0, Dtype::Int) if behind => quote!(let #ident = (*#place) as usize;),
        (0, Dtype::Int) => quote!(let #ident = (#place) as usize;),
        (0, _) if behind => quote!(let #ident = *#place;),
        (0, _) => quote!(let #ident = #place;),
        (1, _) if behind => quote!(let #ident = #place.as_slice();),
        (1, _) => quote!(let #ident = (&#place).as_slice();),
        _ => quote!(let #ident = (#place) #(#flat)*;),
    }
}

/// The names of a closure's arguments, and its value.
fn apart(closure: &TokenStream) -> (Vec<TokenStream>, TokenStream) {
    let mut names = vec![];
    let mut tokens = closure.clone().into_iter().skip(1);
    // `name: usize,` up to the second bar
    for token in tokens.by_ref() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '|' => break,
            TokenTree::Ident(i) if i != "usize" => names.push(quote!(#i)),
            _ => {}
        }
    }
    (names, tokens.collect())
}

/// A size as the length of an array; the name that is no constant where there is one.
fn length(primal: &Primal, size: &Size, sizes: &crate::ir::Sizes) -> Result<TokenStream, String> {
    // arguments, and what the body's own `let`s hold, are known when the function runs
    let held: TokenStream = primal.host.iter().cloned().collect();
    let runs = |name: &proc_macro2::Ident| {
        primal.signature.args.iter().any(|a| a.ident == *name) || uses(&held, &name.to_string())
    };
    let generic = |name: &str| primal.signature.generic_args.iter().any(|g| g.to_string() == name);
    let single = size.as_sym().is_some();
    let mut terms = vec![];
    for (syms, c) in size.terms() {
        let mut factors = vec![];
        if *c != 1 || syms.is_empty() {
            let k = proc_macro2::Literal::i64_unsuffixed(c.abs());
            factors.push(quote!(#k));
        }
        for sym in syms {
            let name = sizes.name(*sym);
            let tokens = primal.signature.restored(&name);
            let mentions = tokens.clone().into_iter().any(|t| match t {
                TokenTree::Ident(i) => runs(&i),
                _ => false,
            });
            if mentions || (generic(&name) && !single) || sizes.counted(&Size::sym(*sym)) {
                return Err(name);
            }
            factors.push(tokens);
        }
        terms.push((*c < 0, product(&factors)));
    }
    let of = |sign: bool| -> Vec<TokenStream> {
        terms.iter().filter(|t| t.0 == sign).map(|t| t.1.clone()).collect()
    };
    let (plus, minus) = (of(false), of(true));
    let plus = if plus.is_empty() { quote!(0) } else { join(&plus, quote!(+)) };
    Ok(match minus.is_empty() {
        true => plus,
        false => {
            let minus = join(&minus, quote!(-));
            quote!({ #plus - #minus })
        }
    })
}

/// Memory whose length only the run knows.
fn refuse_length(signature: &Signature, name: &str, errors: &mut Errors) {
    let what = format!("an array as long as `{name}` says");
    let help = "lengths are numbers, constants, or single const generics";
    let arg = signature.args.iter().find(|a| a.ident == name).map(|a| &a.ident);
    errors.push(Kind::Constant, arg.unwrap_or(&signature.ident), &[&what, help]);
}
