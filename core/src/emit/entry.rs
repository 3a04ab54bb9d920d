//! What a generated function does before it computes: it names sizes, checks shapes, and takes slices.
//!
//! Invariant: every check comes before the first write to memory of the caller.

use super::names::Names;
use crate::diag::source;
use crate::ir::{Array, Graph, Index, Node, NodeId, Size, Sym};
use crate::schedule::Plan;
use crate::signature::{Form, Leaf, Signature};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use std::collections::{BTreeMap, BTreeSet};

/// Leaves that are arrays need a spare buffer where their memory may not be in row-major order.
pub fn may_be_strided(form: &Form) -> bool {
    matches!(form, Form::Nd { .. })
}

pub struct Entry<'a> {
    pub function: String,
    pub signature: &'a Signature,
    /// One for each input of the graph.
    pub leaves: &'a [&'a Leaf],
    pub graph: &'a Graph,
    pub generics: &'a [String],
    /// The checks run at compile time, where types tell all shapes.
    pub constant: bool,
}

impl Entry<'_> {
    pub fn shape_ident(&self, leaf: usize) -> Ident {
        self.signature.local(&format!("shape_{leaf}"))
    }

    /// `let` statements for shapes and sizes, and checks of all dimensions of the leaves in use.
    pub fn shapes(&self, names: &mut Names, wanted: &BTreeSet<Sym>) -> TokenStream {
        let function = &self.function;
        let mut out = TokenStream::new();
        let mut bound: BTreeMap<Sym, String> = BTreeMap::new();
        let mut lengths: Vec<(TokenStream, String, Size)> = vec![];
        let (mut dims, mut of_each): (Vec<(usize, usize, Size)>, _) = (vec![], vec![]);
        for (k, leaf) in self.leaves.iter().enumerate() {
            let input = &self.graph.inputs[k];
            if input.dims.is_empty() || matches!(leaf.form, Form::Computed(_)) {
                continue;
            }
            let (shape, rank, place) = (self.shape_ident(k), leaf.form.rank(), &leaf.place);
            match leaf.each() {
                // the list's length is its own
                Some((list, part)) => {
                    let (rank, argument) = (usize_literal(rank - 1), source(&list));
                    let part_name = source(&part);
                    out.extend(quote! {
                        let #shape = ::chainrule::rt::shape_of_each::<#rank, _>(
                            #function, #argument, #part_name, #list.iter().map(|item| &(*item) #part));
                    });
                }
                None if self.constant => {}
                None => {
                    let rank = usize_literal(rank);
                    out.extend(quote!(let #shape = ::chainrule::rt::shape::<#rank>(&#place);));
                }
            }
            let own = usize::from(matches!(leaf.form, Form::Each(_)));
            if let (Some((list, _)), Some(length)) = (leaf.each(), input.dims.first()) {
                let (at, length) = (format!("{}.len()", source(&list)), self.graph.sizes.resolve(length));
                let wanted = self.graph.sizes.show(&length);
                if at != wanted {
                    lengths.push((list, format!("`{at}` must be {wanted}"), length));
                }
            }
            let list = if own > 0 { &mut of_each } else { &mut dims };
            for (d, size) in input.dims[own..].iter().enumerate() {
                list.push((k, d, self.graph.sizes.resolve(size)));
            }
        }
        // what another argument says comes first: a list without elements has no shapes
        dims.append(&mut of_each);
        let rigid = |s: Sym| self.graph.sizes.syms.get(s.0 as usize).is_some_and(|i| i.rigid);
        // what the user's inactive integers give
        let mut all: BTreeSet<Sym> = wanted.clone();
        dims.iter().for_each(|(_, _, s)| all.extend(s.terms().iter().flat_map(|t| &t.0)));
        self.graph.sizes.residual.iter().for_each(|s| {
            all.extend(self.graph.sizes.resolve(s).terms().iter().flat_map(|t| &t.0));
        });
        for sym in all.iter().filter(|s| rigid(**s)) {
            let name = self.graph.sizes.name(*sym);
            if !self.generics.contains(&name) {
                let value = self.signature.restored(&name);
                let var = names.sym(self.graph, *sym, self.generics);
                out.extend(quote!(let #var = (#value) as usize;));
            }
            bound.insert(*sym, format!("`{name}`"));
        }
        // a dimension that is a symbol names it; one that is a symbol and known sizes is solved for it
        let mut used: BTreeSet<(usize, usize)> = BTreeSet::new();
        loop {
            let before = bound.len();
            for (k, d, size) in &dims {
                let open: Vec<Sym> = size
                    .terms()
                    .iter()
                    .flat_map(|t| t.0.iter().copied())
                    .filter(|s| !bound.contains_key(s))
                    .collect();
                let [sym] = open[..] else { continue };
                let alone = size.as_sym() == Some(sym);
                let rest = size.sub(&Size::sym(sym));
                if !alone && rest.mentions(sym) {
                    continue;
                }
                if !alone && bound.len() > before {
                    // plain dimensions first
                    continue;
                }
                let shape = self.shape_ident(*k);
                let at = usize_literal(*d);
                let var = names.sym(self.graph, sym, self.generics);
                if alone {
                    out.extend(quote!(let #var = #shape[#at];));
                } else {
                    let (plus, minus) = signed(&rest);
                    let what = format!(
                        "dimension {d} of `{}` must be {}",
                        source(&self.leaves[*k].place),
                        self.graph.sizes.show(size)
                    );
                    let (plus, minus) = (
                        names.size(self.graph, &plus, self.generics),
                        names.size(self.graph, &minus, self.generics),
                    );
                    out.extend(quote! {
                        ::chainrule::rt::nothing_below_zero(#function, #what, #shape[#at] + #minus, #plus);
                        let #var = #shape[#at] + #minus - #plus;
                    });
                }
                let place = source(&self.leaves[*k].place);
                bound.insert(sym, format!("dimension {d} of `{place}`"));
                used.insert((*k, *d));
            }
            if bound.len() == before {
                break;
            }
        }
        for (k, d, size) in &dims {
            if used.contains(&(*k, *d)) || self.fixed(self.leaves[*k], *d) {
                continue;
            }
            let reason = match size.as_sym().and_then(|s| bound.get(&s)) {
                Some(reason) => reason.clone(),
                None if size.as_const().is_some() => "`#[dims]` or the other operand".to_string(),
                None => format!("the size {}", self.graph.sizes.show(size)),
            };
            let (shape, expected) = (self.shape_ident(*k), names.size(self.graph, size, self.generics));
            let argument = source(&self.leaves[*k].place);
            let at = usize_literal(*d);
            let check =
                quote!(::chainrule::rt::check_dim(#function, #argument, &#shape, #at, #expected, #reason););
            out.extend(match self.leaves[*k].each() {
                Some((list, _)) => quote!(if !#list.is_empty() { #check }),
                None => check,
            });
        }
        for (list, what, length) in lengths {
            let length = names.size(self.graph, &length, self.generics);
            out.extend(quote!(::chainrule::rt::check_size(#function, #what, #list.len(), #length);));
        }
        for size in &self.graph.sizes.residual {
            let size = self.graph.sizes.resolve(size);
            let (plus, minus) = signed(&size);
            if plus == minus {
                continue;
            }
            let what =
                format!("{} must equal {}", self.graph.sizes.show(&plus), self.graph.sizes.show(&minus));
            let (plus, minus) =
                (names.size(self.graph, &plus, self.generics), names.size(self.graph, &minus, self.generics));
            out.extend(match self.constant {
                true => self.literal_check(quote!(#plus == #minus), &what),
                false => quote!(::chainrule::rt::check_size(#function, #what, #plus, #minus);),
            });
        }
        out
    }

    /// A check whose message is text alone: nothing is formatted at compile time.
    fn literal_check(&self, holds: TokenStream, what: &str) -> TokenStream {
        let message = format!("{}: {what}", self.function);
        let message = message.replace('{', "{{").replace('}', "}}");
        quote!(::core::assert!(#holds, #message);)
    }

    /// The type alone fixes the dimension.
    fn fixed(&self, leaf: &Leaf, d: usize) -> bool {
        let mut form = match &leaf.form {
            Form::Each(item) => item,
            form => form,
        };
        for _ in 0..d {
            match form {
                Form::Array(item, _) | Form::Slice(item) => form = item,
                _ => return false,
            }
        }
        let rigid = |s: &Sym| self.graph.sizes.syms.get(s.0 as usize).is_some_and(|i| i.rigid);
        matches!(form, Form::Array(_, n) if n.terms().iter().all(|t| t.0.iter().all(rigid)))
    }

    /// Checks that every constant position lies inside. A range that ends before it starts is empty.
    pub fn bounds(&self, names: &mut Names, plan: &Plan) -> TokenStream {
        let function = &self.function;
        let graph = &plan.graph;
        let mut out = TokenStream::new();
        let mut done: BTreeSet<String> = BTreeSet::new();
        // an empty list has no elements whose shapes could be checked
        let mut ensure =
            |names: &mut Names, list: Option<&TokenStream>, high: Size, low: Size, what: String| {
                // high >= low
                let diff = graph.sizes.resolve(&high.sub(&low));
                if diff.terms().iter().all(|(_, c)| *c >= 0) || graph.sizes.counted(&diff) {
                    return;
                }
                let (plus, minus) = signed(&diff);
                let some = list.map(|list| quote!(if !#list.is_empty()));
                if !done.insert(format!("{plus:?} {minus:?} {}", source(&some))) {
                    return;
                }
                let (plus, minus) =
                    (names.size(graph, &plus, self.generics), names.size(graph, &minus, self.generics));
                out.extend(match self.constant {
                    true => self.literal_check(quote!(#plus >= #minus), &format!("{what}: out of range")),
                    false => {
                        let check =
                            quote!(::chainrule::rt::nothing_below_zero(#function, #what, #plus, #minus););
                        some.map_or(check.clone(), |some| quote!(#some { #check }))
                    }
                });
            };
        for span in &graph.sizes.spans {
            let what = format!("a range of {} positions", graph.sizes.show(span));
            ensure(names, None, span.clone(), Size::default(), what);
        }
        let roots: Vec<NodeId> = plan.targets.iter().map(|t| t.node).collect();
        let needed = graph.reachable(&roots);
        for id in graph.ids().filter(|id| needed[id.0 as usize]) {
            let list = match graph.node(id) {
                Node::Load { array: Array::Input(i), .. } => self.leaves[i.0 as usize].each().map(|l| l.0),
                _ => None,
            };
            let mut check = |names: &mut Names, dims: &[Size], index: &[Index], of: &str| {
                for (k, (dim, at)) in dims.iter().zip(index).enumerate().filter(|(_, d)| d.1.gather.is_none())
                {
                    let list = list.as_ref().filter(|_| k > 0);
                    if at.as_axis().is_some_and(|a| graph.axis_size(a) == dim) {
                        continue;
                    }
                    let (mut high, mut low) = (at.offset.clone(), at.offset.clone());
                    for (axis, c) in &at.terms {
                        let reach = c.mul(&graph.axis_size(*axis).sub(&Size::constant(1)));
                        match c.as_const() {
                            Some(c) if c < 0 => low = low.add(&reach),
                            _ => high = high.add(&reach),
                        }
                    }
                    let last = dim.sub(&Size::constant(1));
                    let shown = graph.sizes.show(&high);
                    ensure(
                        names,
                        list,
                        last,
                        high,
                        format!("{of} is read at {shown}, of {}", graph.sizes.show(dim)),
                    );
                    ensure(names, list, low, Size::default(), format!("{of} is read before its start"));
                }
            };
            match graph.node(id) {
                // positions are compared as floats, which count exactly up to here
                Node::Position(axis) => {
                    let size = graph.axis_size(*axis).clone();
                    ensure(
                        names,
                        None,
                        Size::constant(1 << 24),
                        size,
                        "a choice of one among too many positions".into(),
                    );
                }
                Node::Load { array, view, index } => {
                    let (dims, of) = match array {
                        Array::Input(i) => {
                            (graph.input(*i).dims.clone(), format!("`{}`", graph.input(*i).name))
                        }
                        Array::Node(_, bound) => (
                            bound.iter().map(|a| graph.axis_size(*a).clone()).collect(),
                            "an array".to_string(),
                        ),
                    };
                    check(names, view.as_ref().unwrap_or(&dims), index, &of);
                }
                Node::Scatter { dims, view, parts } => {
                    let own: Vec<Size> = dims.iter().map(|a| graph.axis_size(*a).clone()).collect();
                    for part in parts {
                        check(names, view.as_ref().unwrap_or(&own), &part.index, "an array");
                    }
                }
                _ => {}
            }
        }
        out
    }

    /// Checks of index arguments that choose positions.
    pub fn labels(&self, names: &mut Names, plan: &Plan) -> TokenStream {
        let function = &self.function;
        let graph = &plan.graph;
        let mut out = TokenStream::new();
        let mut done = BTreeSet::new();
        let roots: Vec<NodeId> = plan.targets.iter().map(|t| t.node).collect();
        let needed = graph.reachable(&roots);
        for id in graph.ids().filter(|id| needed[id.0 as usize]) {
            let Node::Load { array, view, index } = graph.node(id) else { continue };
            let own: Vec<Size> = match array {
                Array::Input(i) => graph.input(*i).dims.clone(),
                Array::Node(_, bound) => bound.iter().map(|a| graph.axis_size(*a).clone()).collect(),
            };
            for (dim, at) in view.as_ref().unwrap_or(&own).iter().zip(index) {
                let Some(Node::Load { array: Array::Input(i), .. }) = at.gather.map(|g| graph.node(g)) else {
                    continue;
                };
                if at.offset.as_const() != Some(0) || !at.terms.is_empty() || !done.insert((*i, dim.clone()))
                {
                    continue;
                }
                let leaf = self.leaves[i.0 as usize];
                if matches!(leaf.form, Form::Computed(_)) {
                    continue;
                }
                let name = graph.input(*i).name.clone();
                let below = names.size(graph, dim, self.generics);
                let values = names.input(graph, *i);
                if leaf.form.rank() > 0 {
                    out.extend(quote!(::chainrule::rt::check_labels(#function, #name, #values, #below);));
                } else {
                    out.extend(quote!(::chainrule::rt::check_labels(#function, #name, &[#values], #below);));
                }
            }
        }
        out
    }
}

/// The terms with positive coefficients, and the others with their sign changed.
fn signed(size: &Size) -> (Size, Size) {
    let mut plus = Size::default();
    let mut minus = Size::default();
    for (m, c) in size.terms() {
        let mut term = Size::constant(c.abs());
        m.iter().for_each(|s| term = term.mul(&Size::sym(*s)));
        if *c > 0 {
            plus = plus.add(&term);
        } else {
            minus = minus.add(&term);
        }
    }
    (plus, minus)
}

/// A literal for a number of elements.
pub fn usize_literal(n: usize) -> TokenStream {
    let n = Literal::usize_unsuffixed(n);
    quote!(#n)
}
