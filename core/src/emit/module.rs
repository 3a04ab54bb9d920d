//! The module beside a function: its kernels behind the face that API.md describes.
//!
//! Invariant: code of a kernel names only `::core`, `::std` and the support module of `chainrule`.

use super::body::{count, Body};
use super::calls;
use super::entry::{may_be_strided, usize_literal, Entry};
use super::header::{Notes, Planned};
use super::lists;
use super::names::Names;
use super::place::Slice;
use super::step::Updates;
use super::types::{camel, const_generics, element};
use crate::derive::Gradient;
use crate::ir::{AxisId, Dtype, Graph, NodeId, Size, Sym};
use crate::schedule::{schedule, Plan, Target};
use crate::signature::{Form, Leaf, List, Output, Primal};
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{format_ident, quote};
use std::collections::BTreeSet;

/// A derivative program, ready to be scheduled: values first, then gradients or tangents.
pub struct Program {
    pub graph: Graph,
    pub outputs: Vec<Output>,
    pub gradients: Vec<Gradient>,
    /// What comes behind: products with the Hessian, or blocks of a Jacobian or of a Hessian.
    pub more: Vec<More>,
    /// Inputs beyond the primal's: tangents or a seed.
    pub extra: Vec<Leaf>,
    /// Lists of which elements are read.
    pub lists: Vec<List>,
    pub notes: Notes,
    /// Gradients that are arrays are added to what their memory holds.
    pub adds: bool,
}

/// An array that a program gives beside values and gradients.
pub struct More {
    pub name: String,
    pub node: NodeId,
    /// One axis for each dimension.
    pub dims: Vec<AxisId>,
}

/// One generated function and what stands beside it.
pub struct Generated {
    pub kernel: TokenStream,
    /// Fields of the workspace: name and element type.
    pub buffers: Vec<(Ident, Dtype)>,
    /// From the user's arguments to the kernel's call; writes gradients, yields the scalar results.
    pub call: TokenStream,
    pub planned: Planned,
    pub bugs: Vec<String>,
}

/// A buffer at most this long and of constant size lies on the stack.
const STACK: i64 = 1024;

/// Where a target is written: statements before the kernel, the slice, statements after it.
pub struct Memory {
    pub before: TokenStream,
    pub slice: TokenStream,
    pub after: TokenStream,
    /// Fields of the workspace that it needs.
    pub buffers: Vec<(Ident, Dtype)>,
}

impl From<TokenStream> for Memory {
    fn from(slice: TokenStream) -> Self {
        Memory { before: TokenStream::new(), slice, after: TokenStream::new(), buffers: vec![] }
    }
}

/// The kernel of a program and the code that calls it. `targets[k]` says where output `k` goes: a slice expression;
/// `prepare` comes between the checks and the first write.
pub fn generate(
    primal: &Primal,
    program: &Program,
    name: &str,
    prepare: TokenStream,
    target_memory: &dyn Fn(usize, &[TokenStream]) -> Memory,
) -> Generated {
    generate_with(primal, program, name, prepare, None, target_memory)
}

/// The same, for a kernel that gives parameters to an optimiser.
pub fn generate_with(
    primal: &Primal,
    program: &Program,
    name: &str,
    prepare: TokenStream,
    updates: Option<&Updates>,
    target_memory: &dyn Fn(usize, &[TokenStream]) -> Memory,
) -> Generated {
    let mut targets: Vec<Target> = program.outputs.iter().map(|o| target(o.node, &o.dims)).collect();
    let adds = |g: &Gradient| Target { adds: program.adds && !g.dims.is_empty(), ..target(g.node, &g.dims) };
    targets.extend(program.gradients.iter().map(adds));
    targets.extend(program.more.iter().map(|m| target(m.node, &m.dims)));
    let shapes: Vec<Vec<AxisId>> = targets.iter().map(|t| t.dims.clone()).collect();
    let plan = schedule(program.graph.clone(), targets);
    let generics: Vec<String> = primal.signature.generic_args.iter().map(|g| g.to_string()).collect();
    let mut names = Names::new(&primal.signature.names);
    generics.iter().for_each(|g| {
        names.fresh(g);
    });
    let moved = updates.map(|u| u.arrays(primal)).unwrap_or_default();
    let update = (!moved.is_empty()).then(|| names.fresh("update"));
    let mut body = Body::new(&plan, &mut names, &generics);
    body.updates = update.iter().flat_map(|name| moved.iter().map(|m| (name.clone(), *m))).collect();
    let values = (0..program.outputs.len()).map(|k| target_name(k, primal.outputs.len()).to_string());
    let gradients = program.gradients.iter().map(|g| format!("{}_bar", program.graph.input(g.input).name));
    let more = program.more.iter().map(|m| m.name.clone());
    let target_names: Vec<String> = values.chain(gradients).chain(more).collect();
    body.target_names = target_names.clone();
    let all: Vec<&Leaf> = primal.leaves.iter().chain(&program.extra).collect();
    body.computed = (0..plan.graph.inputs.len() as u32)
        .map(crate::ir::InputId)
        .filter(|i| is_computed(&all, *i))
        .collect();
    let code = super::tidy::tidy(body.emit());
    let (slices, results, bugs) =
        (std::mem::take(&mut body.slices), std::mem::take(&mut body.results), std::mem::take(&mut body.bugs));
    drop(body);

    let leaves: Vec<&Leaf> = primal.leaves.iter().chain(&program.extra).collect();
    let entry = Entry {
        function: primal.signature.ident.to_string(),
        signature: &primal.signature,
        leaves: &leaves,
        graph: &plan.graph,
        generics: &generics,
        constant: false,
    };
    let workspace = primal.signature.local("workspace");
    let ty = |d: Dtype| format_ident!("{}", d.name());
    let mut fields = vec![];
    let mut function_types: Vec<(Ident, TokenStream)> = vec![];
    let mut values = vec![];
    let mut open = TokenStream::new();
    let mut stack = TokenStream::new();
    let mut buffers = vec![];
    let mut stored = vec![];
    let (mut setup, mut restore) = (TokenStream::new(), TokenStream::new());
    if let (Some(name), Some(updates)) = (&update, updates) {
        let elem = ty(primal.signature.results.first().and_then(Form::dtype).unwrap_or(Dtype::F64));
        let bound = quote!(::core::ops::FnMut(usize, &mut [#elem], &[#elem]));
        function_types.push((format_ident!("Update"), bound));
        fields.push(quote!(pub #name: Update));
        open.extend(quote!(mut #name,));
        values.push(quote!(#name));
        setup.extend(updates.closure(primal, name, &quote!(#elem)));
    }
    for (slice, (ident, _)) in &slices {
        match slice {
            Slice::Input(_) if moved.iter().any(|m| m.0 == *slice) => {
                let elem = moved_type(&plan, slice);
                fields.push(quote!(pub #ident: &'k mut [#elem]));
                open.extend(quote!(#ident,));
                values.push(quote!(#ident));
            }
            Slice::Input(i) => {
                let input = plan.graph.input(*i);
                let elem = element(input.dtype);
                if is_computed(&leaves, *i) {
                    let ty = format_ident!("Function{}", i.0);
                    let args = vec![quote!(usize); input.dims.len()];
                    let result = if input.dtype == Dtype::Int { quote!(isize) } else { elem };
                    function_types.push((ty.clone(), quote!(::core::ops::Fn(#(#args),*) -> #result)));
                    fields.push(quote!(pub #ident: #ty));
                } else if input.dims.is_empty() {
                    fields.push(quote!(pub #ident: #elem));
                } else {
                    fields.push(quote!(pub #ident: &'k [#elem]));
                }
                open.extend(quote!(#ident,));
                values.push(quote!(#ident));
            }
            Slice::Callee(c) => {
                let Some(callee) = primal.callees.get(c.0 as usize) else { continue };
                let ty = format_ident!("Call{}", c.0);
                function_types.push((ty.clone(), calls::bound(callee)));
                fields.push(quote!(pub #ident: #ty));
                open.extend(quote!(#ident,));
                values.push(quote!(#ident));
                let local = |name: &str| primal.signature.local(name);
                let closure = calls::closure(callee, &plan.graph.sizes, &local);
                setup.extend(quote!(let #ident = #closure;));
            }
            Slice::Buffer(n) => {
                stored.push((ident.clone(), *n));
                let storage = &plan.storage[n];
                let elem = element(plan.graph.dtype(*n));
                let sizes: Vec<Size> =
                    storage.layout.iter().map(|a| plan.graph.axis_size(*a).clone()).collect();
                // numbers in an element
                match Size::product(&sizes).as_const() {
                    Some(c) if c <= STACK && !storage.block => {
                        let c = usize_literal(c as usize);
                        stack.extend(quote!(let #ident = &mut [#elem::default(); #c][..];));
                    }
                    // an array along counted turns grows as the loop goes on
                    _ if sizes.iter().any(|s| plan.graph.sizes.counted(s)) => {
                        let field = format_ident!("{name}_{ident}");
                        fields.push(quote!(pub #ident: &'k mut ::std::vec::Vec<#elem>));
                        open.extend(quote!(#ident,));
                        values.push(quote!(#ident));
                        setup.extend(quote!(let #ident = &mut #workspace.#field;));
                        buffers.push((field, plan.graph.dtype(*n)));
                    }
                    _ => {
                        let mut len =
                            match plan.sweeps.iter().find(|s| storage.layout.first() == Some(&s.rows)) {
                                // a segment is no longer than the loop, where that is known before
                                Some(s) if may_be_short(&plan, s.axis) => {
                                    let row = count(&mut names, &plan, &sizes[1..], &generics);
                                    let [n, k] = [s.axis, s.rows].map(|a| plan.graph.axis_size(a).clone());
                                    let [n, k] = [n, k].map(|x| names.size(&plan.graph, &x, &generics));
                                    quote!((#n).min(#k) * (#row))
                                }
                                _ => count(&mut names, &plan, &sizes, &generics),
                            };
                        if let (Some(points), true) = (plan.lanes, storage.block) {
                            let points = plan.graph.axis_size(points).clone();
                            let points = names.size(&plan.graph, &points, &generics);
                            len = match storage.lasting {
                                true => quote!((#len) * ::chainrule::rt::lanes_of::<#elem>(#points)),
                                false => quote!((#len) * ::chainrule::rt::lanes_at_once::<#elem>(#points)),
                            };
                        }
                        let field = format_ident!("{name}_{ident}");
                        fields.push(quote!(pub #ident: &'k mut [#elem]));
                        open.extend(quote!(#ident,));
                        values.push(quote!(#ident));
                        setup.extend(
                            quote!(let #ident = ::chainrule::rt::room(&mut #workspace.#field, #len);),
                        );
                        buffers.push((field, plan.graph.dtype(*n)));
                    }
                }
            }
            Slice::Kept(n) => {
                let elem = element(plan.graph.dtype(*n));
                let field = format_ident!("{name}_{ident}");
                fields.push(quote!(pub #ident: &'k mut ::std::vec::Vec<#elem>));
                open.extend(quote!(#ident,));
                values.push(quote!(#ident));
                setup.extend(quote!(let #ident = &mut #workspace.#field;));
                buffers.push((field, plan.graph.dtype(*n)));
            }
            Slice::Turns(_) | Slice::Ends(_) => {
                let field = format_ident!("{name}_{ident}");
                fields.push(quote!(pub #ident: &'k mut ::std::vec::Vec<usize>));
                open.extend(quote!(#ident,));
                values.push(quote!(#ident));
                setup.extend(quote!(let #ident = &mut #workspace.#field;));
                buffers.push((field, Dtype::Int));
            }
            Slice::Target(k) => {
                let elem = ty(plan.graph.dtype(plan.targets[*k].node));
                let sizes: Vec<TokenStream> = shapes[*k]
                    .iter()
                    .map(|a| names.size(&plan.graph, &plan.graph.axis_size(*a).clone(), &generics))
                    .collect();
                let Memory { before, slice, after, buffers: own } = target_memory(*k, &sizes);
                buffers.extend(own);
                restore.extend(after);
                fields.push(quote!(pub #ident: &'k mut [#elem]));
                open.extend(quote!(#ident,));
                values.push(quote!(#ident));
                setup.extend(quote!(#before let #ident = #slice;));
            }
        }
    }
    let roots: Vec<NodeId> = plan.targets.iter().map(|t| t.node).collect();
    let unclosed = plan
        .graph
        .carries(&plan.graph.reachable(&roots))
        .into_iter()
        .any(|c| plan.graph.next_of(c).is_none());
    // scalar results in the order of the targets
    let scalars: Vec<usize> = (0..plan.targets.len()).filter(|k| plan.targets[*k].scalar).collect();
    let mut result_types = vec![];
    let mut result_values = vec![];
    let mut bugs = bugs;
    if unclosed {
        bugs.push("a variable of a loop was never given its next value".into());
    }
    for k in &scalars {
        let node = plan.targets[*k].node;
        result_types.push(ty(plan.graph.dtype(node)));
        match results.get(k) {
            Some(t) => result_values.push(quote!(#t.lane(0))),
            None => bugs.push(format!("target {k} has no value")),
        }
    }
    let wanted: BTreeSet<Sym> =
        names.syms().map(|s| s.0).filter(|s| !plan.graph.sizes.counted(&Size::sym(*s))).collect();
    let shapes = entry.shapes(&mut names, &wanted);
    let bounds = entry.bounds(&mut names, &plan);
    let labels = entry.labels(&mut names, &plan);
    let counted = |s: Sym| plan.graph.sizes.counted(&Size::sym(s));
    for (_, var) in names.syms().filter(|(s, _)| !counted(*s)) {
        let text = var.to_string();
        let used = uses(&code, &text) || result_values.iter().any(|value| uses(value, &text));
        if !generics.contains(&text) && used {
            fields.push(quote!(pub #var: usize));
            open.extend(quote!(#var,));
            values.push(quote!(#var));
        }
    }
    let (mut begin, mut inputs) = (TokenStream::new(), TokenStream::new());
    if let Some(updates) = updates {
        begin = updates.before(primal, &entry);
        restore.extend(updates.after(primal, program));
        for (slice, (ident, _)) in slices.iter().filter(|s| moved.iter().any(|m| m.0 == *s.0)) {
            let Slice::Input(i) = slice else { continue };
            let Some(leaf) = leaves.get(i.0 as usize) else { continue };
            let (shape, rank, place) =
                (entry.shape_ident(i.0 as usize), usize_literal(leaf.form.rank()), &leaf.place);
            inputs.extend(quote!(let #ident = ::chainrule::rt::fit::<#rank, _>(&mut #place, #shape);));
        }
    }
    let unmoved = slices.iter().filter(|s| !moved.iter().any(|m| m.0 == *s.0));
    let unmoved = unmoved.map(|(s, name)| (*s, name.clone())).collect();
    inputs.extend(input_slices(primal, &leaves, &plan, &unmoved, name, &mut buffers));
    // one result stands alone, several are a tuple
    let group = |parts: &[TokenStream]| match parts {
        [one] => one.clone(),
        _ => quote!((#(#parts),*)),
    };
    let result_types: Vec<TokenStream> = result_types.iter().map(|t| quote!(#t)).collect();
    let (result_type, result_value) = (group(&result_types), group(&result_values));
    let kernel_name = format_ident!("{}", camel(name));
    let generic_params: Vec<TokenStream> = const_generics(&primal.signature.generic_args);
    let args = &primal.signature.generic_args;
    let inferred = function_types.iter().map(|_| quote!(_));
    let applied: Vec<TokenStream> = inferred.chain(args.iter().cloned()).collect();
    let turbofish = (!applied.is_empty()).then(|| quote!(::<#(#applied),*>));
    let functions: Vec<TokenStream> =
        function_types.iter().map(|(name, bound)| quote!(#name: #bound)).collect();
    let function_names: Vec<&Ident> = function_types.iter().map(|f| &f.0).collect();
    let points = (!plan.in_lanes().is_empty()).then(|| {
        quote!(
            use rt::Points;
        )
    });
    let kernel = quote! {
        pub struct #kernel_name<'k, #(#functions,)* #(#generic_params,)*> { #(#fields,)* pub lifetime: ::core::marker::PhantomData<&'k ()> }
        impl<'k, #(#functions,)* #(#generic_params,)*> rt::Kernel for #kernel_name<'k, #(#function_names,)* #(#args,)*> {
            type Output = #result_type;
            #[inline(always)]
            fn run<S: rt::Simd>(self) -> Self::Output {
                #points
                let Self { #open lifetime: _ } = self;
                #stack
                #code
                #result_value
            }
        }
    };
    let kernel = match generics.iter().any(|g| g == "S") {
        true => level_renamed(kernel),
        false => kernel,
    };
    let lengths = lists::lengths(&entry.function, &program.lists);
    let call = quote! {
        #lengths
        #shapes
        #bounds
        #inputs
        #labels
        #begin
        #prepare
        #setup
        let results = ::chainrule::rt::dispatch(kernel::#kernel_name #turbofish { #(#values,)* lifetime: ::core::marker::PhantomData });
        #restore
        results
    };
    let (name, notes) = (name.to_string(), program.notes.clone());
    let planned = Planned { name, plan, targets: target_names, stored, notes };
    Generated { kernel, buffers, call, planned, bugs }
}

/// A loop whose length is known once arguments are, and not before.
fn may_be_short(plan: &Plan, axis: AxisId) -> bool {
    let size = plan.graph.axis_size(axis);
    size.as_const().is_none() && !plan.graph.sizes.counted(size)
}

pub fn target(node: NodeId, dims: &[AxisId]) -> Target {
    Target { node, dims: dims.to_vec(), scalar: dims.is_empty(), adds: false }
}

/// The variable of a result: tangents come behind the `n` values. In the user's scope, `Signature::local` has its name.
pub fn target_name(k: usize, n: usize) -> Ident {
    if k < n {
        format_ident!("value_{k}")
    } else {
        format_ident!("tangent_{}", k - n)
    }
}

/// The element type of an input that is moved.
fn moved_type(plan: &Plan, slice: &Slice) -> TokenStream {
    match slice {
        Slice::Input(i) => element(plan.graph.input(*i).dtype),
        _ => TokenStream::new(),
    }
}

/// The input is a function rather than memory.
pub fn is_computed(leaves: &[&Leaf], input: crate::ir::InputId) -> bool {
    leaves.get(input.0 as usize).is_some_and(|l| matches!(l.form, Form::Computed(_)))
}

/// Slices of the inputs that the kernel reads.
fn input_slices(
    primal: &Primal,
    leaves: &[&Leaf],
    plan: &Plan,
    slices: &std::collections::BTreeMap<Slice, (Ident, bool)>,
    name: &str,
    buffers: &mut Vec<(Ident, Dtype)>,
) -> TokenStream {
    let mut out = TokenStream::new();
    let [workspace, order, spare] = ["workspace", "order", "spare"].map(|name| primal.signature.local(name));
    for (slice, (ident, _)) in slices {
        let Slice::Input(i) = slice else { continue };
        let input = plan.graph.input(*i);
        let Some(leaf) = leaves.get(i.0 as usize) else { continue };
        let Leaf { place, form, arg } = leaf;
        if matches!(form, Form::Computed(_)) {
            out.extend(quote!(let #ident = #place;));
            continue;
        }
        let behind =
            arg.and_then(|a| primal.signature.args.get(a)).is_some_and(|a| a.by_ref && a.form == *form);
        let place = if behind && input.dims.is_empty() { quote!(*#place) } else { place.clone() };
        if input.dims.is_empty() {
            let elem = element(input.dtype);
            match input.dtype {
                Dtype::Int => out.extend(quote!(let #ident = (#place) as usize;)),
                _ => out.extend(quote!(let #ident: #elem = #place;)),
            }
            continue;
        }
        if let Some((list, part)) = leaf.each() {
            let field = format_ident!("{name}_{ident}_of_each");
            let rank = usize_literal(form.rank() - 1);
            out.extend(quote! {
                let #ident = ::chainrule::rt::of_each::<#rank, _>(
                    #list.iter().map(|item| &(*item) #part), &mut #workspace.#field);
            });
            buffers.push((field, input.dtype));
            continue;
        }
        let rank = usize_literal(form.rank());
        if input.dtype == Dtype::Int {
            let field = format_ident!("{name}_{ident}_positions");
            let (function, argument) = (primal.signature.ident.to_string(), &input.name);
            out.extend(quote! {
                let #order = &mut ::std::vec::Vec::new();
                let #ident = ::chainrule::rt::positions::<#rank, _>(
                    &#place, #order, &mut #workspace.#field, #function, #argument);
            });
            buffers.push((field, input.dtype));
        } else if may_be_strided(form) {
            let field = format_ident!("{name}_{ident}_in_order");
            out.extend(
                quote!(let #ident = ::chainrule::rt::elements::<#rank, _>(&#place, &mut #workspace.#field);),
            );
            buffers.push((field, input.dtype));
        } else {
            out.extend(quote! {
                let #spare = &mut ::std::vec::Vec::new();
                let #ident = ::chainrule::rt::elements::<#rank, _>(&#place, #spare);
            });
        }
    }
    out
}

/// The kernel with another name for the level `S`, which is a const generic of the user's.
fn level_renamed(kernel: TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut tokens = kernel.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let level = matches!(&token, TokenTree::Ident(i) if i == "S")
            && matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == ':')
            && !matches!(out.last(), Some(TokenTree::Ident(i)) if i == "const");
        out.push(match token {
            TokenTree::Ident(i) if level => TokenTree::Ident(Ident::new("Level", i.span())),
            TokenTree::Group(g) => TokenTree::Group(Group::new(g.delimiter(), level_renamed(g.stream()))),
            other => other,
        });
    }
    out.into_iter().collect()
}

pub fn uses(code: &TokenStream, name: &str) -> bool {
    code.clone().into_iter().any(|t| match t {
        TokenTree::Ident(i) => i == name,
        TokenTree::Group(g) => uses(&g.stream(), name),
        _ => false,
    })
}
