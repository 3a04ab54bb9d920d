//! Tokens of a function in, its graph and signature out.
//!
//! The body is interpreted over abstract values. It is done twice: the first run collects equations between sizes, the
//! second starts from their solution, so that equal sizes are equal from the start and axes get their final names.
//!
//! Invariant: only this room reads `syn`; an expression that is not understood is an error, never a missing derivative.

mod borrows;
mod call;
mod cells;
mod changes;
mod choices;
mod close;
mod compile_time;
mod control;
mod counters;
mod definitions;
mod effects;
mod einsum;
mod env;
mod expr;
mod foreign;
mod function;
mod host;
mod impls;
mod index;
mod instances;
mod item;
mod join;
mod layers;
mod list;
mod lists_of_host;
mod literals;
mod loops;
mod methods;
mod nested;
mod nn;
mod options;
mod patterns;
mod place;
mod receivers;
mod recursion;
mod requests;
mod returns;
mod scope;
mod stmt;
mod stops;
mod structs;
mod tensor;
mod types;
mod watched;
mod windows;

#[cfg(test)]
mod tests;

pub use definitions::{path_key, Definition, Definitions};
pub use einsum::Einsum;
pub use impls::{block, is_block, Block};
pub use item::{is_template, item_name, visibility, without_attributes};
pub use requests::{requests, struct_requests};
pub use watched::watched;

use crate::diag::{Errors, Kind};
use crate::ir::{AxisId, Graph, Math, Modes, Size, Sizes, Sym};
use crate::signature::{Called, Leaf, List, Name, Primal};
use env::Env;
use proc_macro2::{Ident, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How deep expressions, types, definitions and calls may be nested: a stack overflow would kill rustc.
pub const MAX_DEPTH: usize = 200;
/// How many tokens a statement may have outside of its brackets.
const MAX_CHAIN: usize = 1000;

/// A function with mistakes.
#[derive(Debug)]
pub struct Failure {
    pub errors: Errors,
    /// What was understood, for the sake of its signature; none where no function was found, and none for a method,
    /// which no module can stand beside.
    pub primal: Option<Box<Primal>>,
}

/// Lowers a function that carries `#[differentiable(attr)]`.
///
/// # Errors
/// All mistakes of the function, each at the user's own tokens.
pub fn lower(
    attr: TokenStream,
    item: TokenStream,
    defs: &Definitions,
    modes: Modes,
) -> Result<Primal, Failure> {
    let mut errors = Errors::default();
    if let Some(at) = too_deep(&item).or_else(|| too_deep(&attr)) {
        errors.push(Kind::Depth, &at, &[]);
        return Err(Failure { errors, primal: signature_alone(attr, item, defs, modes) });
    }
    let tokens = item.clone();
    let mut item: syn::ItemFn = match syn::parse2(item) {
        Ok(item) => item,
        Err(e) => {
            errors.list.extend(syntax(&e).list);
            return Err(Failure { errors, primal: signature_alone(attr, tokens, defs, modes) });
        }
    };
    let asked = options::parse(attr, &mut errors);
    function::check(&item, &mut errors);
    compile_time::check(&item, &asked, &mut errors);
    receivers::as_functions(&mut item, &|path| defs.receiver(path));
    for name in borrows::written_out(&mut item) {
        errors.push(Kind::Mutation, &name, &[&name.to_string(), borrows::HELP]);
    }
    if item.sig.receiver().is_some() {
        return Err(Failure { errors, primal: None });
    }
    let (mut sizes, mut walked_lists) = (Sizes::default(), BTreeSet::new());
    for last in [false, true] {
        sizes.residual.clear();
        sizes.spans.clear();
        let mut run = Lower::new(asked.math, sizes, defs, errors.clone(), modes);
        run.own = Some(Rc::new(recursion::Own::new(&item, &asked)));
        run.walked_lists = walked_lists;
        run.at_compile_time = asked.more.constant.is_some();
        let signature = run.function(&tokens, &item, &asked);
        if !run.errors.is_empty() {
            let errors = std::mem::take(&mut run.errors);
            return Err(Failure { errors, primal: Some(Box::new(run.finish(signature, &asked))) });
        }
        // without unknown sizes the first run is final
        if last || (run.graph.sizes.syms.iter().all(|s| s.rigid) && run.stacks.is_empty()) {
            return Ok(run.finish(signature, &asked));
        }
        (sizes, walked_lists) = (run.graph.sizes, run.walked_lists);
    }
    Err(Failure { errors, primal: None })
}

/// The function without its body, where that much can be read.
fn signature_alone(
    attr: TokenStream,
    item: TokenStream,
    defs: &Definitions,
    modes: Modes,
) -> Option<Box<Primal>> {
    let mut trees: Vec<TokenTree> = item.into_iter().collect();
    trees.pop();
    let head: TokenStream = trees.into_iter().collect();
    if too_deep(&head).or_else(|| too_deep(&attr)).is_some() {
        return None;
    }
    let item: syn::ItemFn = syn::parse2(quote::quote!(#head {})).ok()?;
    if item.sig.receiver().is_some() {
        return None;
    }
    let asked = options::parse(attr, &mut Errors::default());
    let mut run = Lower::new(asked.math, Sizes::default(), defs, Errors::default(), modes);
    let args = run.arguments(&item, &asked);
    let signature = run.signature(&item, args);
    Some(Box::new(run.finish(signature, &asked)))
}

/// The state of one run over a function.
struct Lower {
    graph: Graph,
    errors: Errors,
    leaves: Vec<Leaf>,
    lists: Vec<List>,
    /// The float type of each list that holds floats.
    list_floats: Vec<crate::ir::Dtype>,
    /// Elements of lists that were read, by list and number.
    elements: BTreeMap<(usize, usize), env::Value>,
    /// All elements of lists that loops go through, by list.
    stacks: BTreeMap<usize, env::Value>,
    /// The places of those lists; the second run knows them from the first one.
    walked_lists: BTreeSet<String>,
    /// While the elements of such a list are made inputs: its length.
    each: Option<crate::ir::Size>,
    env: Env,
    /// Axes of the closures that enclose the expression: what is built inside keeps clear of them.
    outer: Vec<AxisId>,
    /// Functions that are being inlined.
    calls: Vec<(String, TokenStream)>,
    depth: usize,
    /// Functions and loops around the expression.
    frames: Vec<control::Frame>,
    /// Control has left the block.
    dead: bool,
    host_lets: Vec<host::HostLet>,
    host_names: BTreeSet<String>,
    /// Positions in loops that host code may name.
    host_positions: Vec<(String, crate::ir::NodeId)>,
    /// How often each symbol name was asked for.
    asked_symbols: BTreeMap<String, usize>,
    outputs: Vec<crate::signature::Output>,
    /// Whether the type that is read belongs to a field.
    in_field: bool,
    /// Where the arguments' names stand.
    arg_spans: BTreeMap<String, proc_macro2::Span>,
    /// While a loop's body is run to see what it pushes: the first item.
    first_push: Option<Option<env::Value>>,
    /// The differentiation of what calls of derivatives stand for.
    modes: Modes,
    /// Arguments of functions that are differentiated in place.
    marks: u32,
    /// Functions that stay calls.
    callees: Vec<(Called, crate::ir::Callee)>,
    /// The function itself, for calls of it in its body.
    own: Option<Rc<recursion::Own>>,
    /// The const generics of the function.
    generics: BTreeSet<String>,
    /// Its derivatives are `const fn`.
    at_compile_time: bool,
}

impl Lower {
    fn new(math: Math, sizes: Sizes, defs: &Definitions, errors: Errors, modes: Modes) -> Self {
        Lower {
            graph: Graph::new(math, sizes),
            errors,
            leaves: vec![],
            lists: vec![],
            list_floats: vec![],
            elements: BTreeMap::new(),
            stacks: BTreeMap::new(),
            walked_lists: BTreeSet::new(),
            each: None,
            env: Env { defs: std::rc::Rc::new(defs.clone()), ..Env::default() },
            outer: vec![],
            calls: vec![],
            depth: 0,
            frames: vec![],
            dead: false,
            host_lets: vec![],
            host_names: BTreeSet::new(),
            host_positions: vec![],
            asked_symbols: BTreeMap::new(),
            outputs: vec![],
            in_field: false,
            arg_spans: BTreeMap::new(),
            first_push: None,
            modes,
            marks: 0,
            callees: vec![],
            own: None,
            generics: BTreeSet::new(),
            at_compile_time: false,
        }
    }

    /// A symbol by name. A rigid name is one symbol; otherwise the n-th request of a run is the n-th symbol of the name.
    fn symbol(&mut self, name: &str, rigid: bool) -> Sym {
        let times = self.asked_symbols.entry(name.to_string()).or_insert(0);
        if !rigid {
            *times += 1;
        }
        let nth = times.saturating_sub(1);
        let same = |s: &crate::ir::size::SymInfo| s.name == name && s.rigid == rigid;
        let found = self.graph.sizes.syms.iter().enumerate().filter(|(_, s)| same(s)).nth(if rigid {
            0
        } else {
            nth
        });
        match found {
            Some((k, _)) => Sym(k as u32),
            None => self.graph.sizes.fresh(name, rigid),
        }
    }

    fn int(&self, value: i64) -> Size {
        Size::constant(value)
    }

    /// The names of arguments and kept `let`s, and all that is mentioned beside them.
    fn users_names(
        &self,
        signature: &crate::signature::Signature,
        host: &[TokenStream],
    ) -> BTreeMap<String, Name> {
        let mut names = BTreeMap::new();
        for arg in &signature.args {
            names.insert(arg.ident.to_string(), Name { span: arg.ident.span(), times: 0 });
        }
        let mut note = |ident: &Ident, times: usize| {
            let name = names.entry(ident.to_string()).or_insert(Name { span: ident.span(), times: 0 });
            name.times += times;
        };
        host.iter().for_each(|kept| host::visit(kept, &mut |ident| note(ident, 0)));
        self.leaves.iter().for_each(|leaf| host::visit(&leaf.place, &mut |ident| note(ident, 1)));
        for tokens in self.callees.iter().flat_map(|c| c.0.hosts()) {
            host::visit(tokens, &mut |ident| note(ident, 1));
        }
        for sym in self.graph.sizes.syms.iter().filter(|s| s.rigid) {
            let tokens = sym.name.parse::<TokenStream>().unwrap_or_default();
            host::visit(&tokens, &mut |ident| {
                let mut ident = ident.clone();
                ident.set_span(signature.ident.span());
                note(&ident, 1);
            });
        }
        names
    }

    fn finish(mut self, signature: crate::signature::Signature, asked: &options::Asked) -> Primal {
        let mut needed: Vec<String> = Vec::new();
        for leaf in self.leaves.iter().filter(|l| l.arg.is_none()) {
            needed.extend(host::names(&leaf.place));
        }
        for sym in self.graph.sizes.syms.iter().filter(|s| s.rigid) {
            if let Ok(tokens) = sym.name.parse::<TokenStream>() {
                needed.extend(host::names(&tokens));
            }
        }
        needed.extend(self.callees.iter().flat_map(|c| c.0.hosts()).flat_map(host::names));
        let host = self.needed_lets(needed);
        let names = self.users_names(&signature, &host);
        let signature = crate::signature::Signature { names, ..signature };
        let surroundings = self.surroundings(&signature, &host);
        let checkpoint = asked.more.checkpoint.as_ref().map(|c| c.0);
        self.graph.scans.iter_mut().filter(|s| !s.reversed).for_each(|s| s.checkpoint = checkpoint);
        Primal {
            surroundings,
            graph: self.graph,
            signature,
            leaves: self.leaves,
            lists: self.lists,
            callees: self.callees.into_iter().map(|c| c.0).collect(),
            recursive: self.own.as_ref().is_some_and(|own| own.recursive),
            rules: asked.custom.as_ref().map_or(vec![], Lower::rules_of),
            outputs: self.outputs,
            host,
            options: asked.options(),
            watched: None,
        }
    }
}

fn syntax(e: &syn::Error) -> Errors {
    let mut errors = Errors::default();
    for e in e.clone() {
        let mut at = TokenTree::Ident(proc_macro2::Ident::new("_e", e.span()));
        at.set_span(e.span());
        errors.push(Kind::Syntax, &at, &[&e.to_string()]);
    }
    errors
}

/// The first token whose groups are nested too deeply; found without recursion.
fn too_deep(tokens: &TokenStream) -> Option<TokenTree> {
    let mut level: Vec<TokenStream> = vec![tokens.clone()];
    for depth in 0.. {
        let mut next = Vec::new();
        let mut first = None;
        for stream in level {
            let (mut prefix, mut length, mut angles) = (0, 0, 0usize);
            for token in stream {
                // a chain of operators or methods is a tree as deep as it is long
                length = match &token {
                    TokenTree::Punct(p) if matches!(p.as_char(), ';' | ',') => 0,
                    // a block ends a statement
                    TokenTree::Group(g) if g.delimiter() == proc_macro2::Delimiter::Brace => 0,
                    _ => length + 1,
                };
                // a run of prefix operators nests as well
                prefix = match &token {
                    TokenTree::Punct(p) if matches!(p.as_char(), '-' | '!' | '&' | '*' | '|') => prefix + 1,
                    _ => 0,
                };
                // so do generic arguments
                angles = match &token {
                    TokenTree::Punct(p) if p.as_char() == '<' => angles + 1,
                    TokenTree::Punct(p) if p.as_char() == '>' => angles.saturating_sub(1),
                    TokenTree::Punct(p) if p.as_char() == ';' => 0,
                    _ => angles,
                };
                if prefix > MAX_DEPTH || angles > MAX_DEPTH || length > MAX_CHAIN {
                    return Some(token);
                }
                if let TokenTree::Group(g) = &token {
                    next.push(g.stream());
                    first.get_or_insert(token);
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        if depth >= MAX_DEPTH {
            return first;
        }
        level = next;
    }
    None
}
