//! The training step: the gradient's kernel, which gives each parameter to the optimiser as soon as nothing reads it any more.
//!
//! Invariant: a parameter is moved after its gradient is complete and after its last read, so that a step is what
//! the gradient and then the optimiser would do, to the bit.

use super::entry::{usize_literal, Entry};
use super::face::{names, reverse_with, scalar_results};
use super::heads::Heads;
use super::module::{Generated, Program};
use super::place::Slice;
use crate::diag::source;
use crate::signature::{Arg, Form, Leaf, Primal};
use proc_macro2::{Ident, Literal, TokenStream, TokenTree};
use quote::quote;

/// One parameter of the differentiated argument.
pub struct Parameter {
    /// Its number among the inputs.
    pub leaf: usize,
    /// The number of its gradient among the targets.
    pub target: usize,
}

/// What the optimiser is given: all parameters, in the order of their walk.
pub struct Updates(pub Vec<Parameter>);

/// The differentiated argument.
fn moved(primal: &Primal) -> Option<&Arg> {
    primal.signature.args.iter().find(|a| a.differentiated)
}

/// The parameters, where each is a field, which can be borrowed beside the others.
fn updates(primal: &Primal, program: &Program) -> Option<Updates> {
    let parameters = program.gradients.iter().enumerate().map(|(k, g)| {
        let leaf = g.input.0 as usize;
        let plain = |leaf: &Leaf| {
            let place = || leaf.place.clone().into_iter();
            let field = place().count() > 1 && !place().any(|t| matches!(t, TokenTree::Group(_)));
            field && !matches!(leaf.form, Form::Each(_) | Form::Struct(_))
        };
        let plain = primal.leaves.get(leaf).is_some_and(plain);
        plain.then_some(Parameter { leaf, target: program.outputs.len() + k })
    });
    let mut all: Vec<Parameter> = parameters.collect::<Option<_>>()?;
    all.sort_by_key(|p| p.leaf);
    Some(Updates(all))
}

impl Updates {
    /// The parameters that are arrays, with their gradients: slices of the kernel.
    pub fn arrays(&self, primal: &Primal) -> Vec<(Slice, Slice, usize)> {
        let array = |(k, p): (usize, &Parameter)| {
            let leaf = primal.leaves.get(p.leaf)?;
            let input = Slice::Input(crate::ir::InputId(p.leaf as u32));
            (leaf.form.rank() > 0).then_some((input, Slice::Target(p.target), k))
        };
        self.0.iter().enumerate().filter_map(array).collect()
    }

    fn place<'a>(&self, primal: &'a Primal, k: usize) -> Option<&'a Leaf> {
        primal.leaves.get(self.0.get(k)?.leaf)
    }

    /// Where each parameter begins among all, and the beginning of the optimiser's step.
    pub fn before(&self, primal: &Primal, entry: &Entry) -> TokenStream {
        let counts = self.0.iter().enumerate().map(|(k, p)| match self.place(primal, k) {
            Some(leaf) if leaf.form.rank() > 0 => {
                let shape = entry.shape_ident(p.leaf);
                quote!(#shape.iter().product::<usize>())
            }
            _ => quote!(1),
        });
        let [starts, optimiser] = ["starts", "optimiser"].map(|name| primal.signature.local(name));
        quote! {
            let (#starts, count) = ::chainrule::rt::starts([#(#counts),*]);
            ::chainrule::rt::Stateful::begin(#optimiser, count);
        }
    }

    /// The closure that moves an array.
    pub fn closure(&self, primal: &Primal, name: &Ident, elem: &TokenStream) -> TokenStream {
        let [starts, optimiser] = ["starts", "optimiser"].map(|name| primal.signature.local(name));
        let paths = (0..self.0.len()).map(|k| self.path(primal, k));
        quote! {
            let #name = |k: usize, params: &mut [#elem], gradient: &[#elem]| {
                let paths = [#(#paths),*];
                ::chainrule::rt::Stateful::update(#optimiser, #starts[k], paths[k], params, gradient);
            };
        }
    }

    /// Moves the numbers, and ends the optimiser's step.
    pub fn after(&self, primal: &Primal, program: &Program) -> TokenStream {
        let [starts, optimiser] = ["starts", "optimiser"].map(|name| primal.signature.local(name));
        let results = scalar_results(program);
        let mut out = TokenStream::new();
        for (k, p) in self.0.iter().enumerate() {
            let (Some(leaf), Some(Some(result))) = (self.place(primal, k), results.get(p.target)) else {
                continue;
            };
            let (place, path, at) = (&leaf.place, self.path(primal, k), usize_literal(k));
            out.extend(quote! {
                ::chainrule::rt::Stateful::update(
                    #optimiser, #starts[#at], #path, ::core::slice::from_mut(&mut #place), &[#result]);
            });
        }
        out.extend(quote!(::chainrule::rt::Stateful::finish(#optimiser);));
        out
    }

    /// The parameter's path as optimisers print it: `layer.w` of `net.layer.w`.
    fn path(&self, primal: &Primal, k: usize) -> Literal {
        let place = self.place(primal, k).map(|leaf| source(&leaf.place)).unwrap_or_default();
        Literal::string(place.split_once('.').map_or("", |(_, path)| path))
    }

    /// Whether all parameters lie in memory as the kernel wants them.
    fn in_order(&self, primal: &Primal) -> TokenStream {
        let arrays = (0..self.0.len()).filter_map(|k| self.place(primal, k)).filter(|l| l.form.rank() > 0);
        let checks = arrays.map(|leaf| {
            let (place, rank) = (&leaf.place, usize_literal(leaf.form.rank()));
            quote!(::chainrule::rt::in_order::<#rank, _>(&#place))
        });
        quote!([#(#checks),*])
    }
}

/// The kernel, where the parameters can be moved in it.
pub fn generated(primal: &Primal, program: &Program) -> Option<Generated> {
    let updates = updates(primal, program)?;
    Some(reverse_with(primal, program, "step", Some(&updates)))
}

/// `step`
pub fn function(
    primal: &Primal,
    heads: &Heads,
    program: &Program,
    generated: Option<&Generated>,
) -> TokenStream {
    let Some(arg) = moved(primal) else { return TokenStream::new() };
    let [gradient, workspace, optimiser] =
        ["gradient", "workspace", "optimiser"].map(|name| primal.signature.local(name));
    let (head, args, ident) = (heads.step(arg), &primal.signature.generic_args, &arg.ident);
    let names = names(primal);
    let passed = names.iter().map(|n| if **n == arg.ident { quote!(&*#n) } else { quote!(#n) });
    let turbofish = (!args.is_empty()).then(|| quote!(::<#(#args),*>));
    let apart = quote! {
        let value = value_and_gradient_into #turbofish(#(#passed,)* #gradient, #workspace);
        ::chainrule::rt::Optimiser::step(#optimiser, #ident, #gradient);
    };
    let Some((generated, updates)) = generated.zip(updates(primal, program)) else {
        return quote!(#head { #apart value });
    };
    let (host, call, order) = (&primal.host, &generated.call, updates.in_order(primal));
    let scalars = super::face::scalar_gradients(primal, program);
    let result = scalar_results(program).into_iter().next().flatten();
    quote! {
        #head {
            if #order.contains(&false) {
                #apart
                return value;
            }
            #(#host)*
            let results = { #call };
            #scalars
            #result
        }
    }
}
