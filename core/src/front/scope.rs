//! Where names of inactive code are looked up: the function's own module, or that of a function that is inlined.
//!
//! The generated module of a function stands one level below it, so that `super` and `self` move. Inside of an inlined
//! function, a whole expression of the callee's surroundings is a call of what the callee's module says about it
//! (`callee::surroundings_0()`); a name in a larger expression is looked up in `callee::scope`.
//!
//! Invariant: a name of the callee never means what it means to the caller.

use super::host::{names, punct};
use super::Lower;
use crate::ir::Dtype;
use crate::signature::{accessor, Form, Signature, Surroundings};
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::quote;
use std::collections::BTreeSet;
use std::rc::Rc;
use syn::visit::Visit;

/// The module of a function that is being inlined, seen from the function around it.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The path of the call.
    pub path: TokenStream,
    /// The expressions that the module has functions for.
    pub surroundings: Vec<TokenStream>,
    pub outer: Option<Rc<Scope>>,
}

/// Tokens of the function's module, as its generated module says them: one level below.
pub fn moved(tokens: TokenStream) -> TokenStream {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let mut out = TokenStream::new();
    for (k, token) in list.iter().enumerate() {
        match token {
            TokenTree::Group(g) => {
                let mut group = Group::new(g.delimiter(), moved(g.stream()));
                group.set_span(g.span());
                out.extend([TokenTree::Group(group)]);
            }
            TokenTree::Ident(i) if head(&list, k) && (i == "self" || i == "super") => {
                let up = Ident::new("super", i.span());
                out.extend(if i == "self" { quote!(#up) } else { quote!(#up::#up) });
            }
            other => out.extend([other.clone()]),
        }
    }
    out
}

/// Begins a path of several segments.
fn head(list: &[TokenTree], k: usize) -> bool {
    let follows = punct(list, k + 1, ':') && punct(list, k + 2, ':');
    follows && !(k >= 1 && punct(list, k - 1, ':'))
}

/// Tokens that are equal whatever spaces their writer left.
fn key(tokens: &TokenStream) -> String {
    tokens
        .clone()
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(g) => format!("{:?} {} end ", g.delimiter(), key(&g.stream())),
            other => format!("{other} "),
        })
        .collect()
}

impl Scope {
    /// The path to an item of the callee's surroundings, without the item.
    fn prefix(&self) -> TokenStream {
        let path = &self.path;
        let first = path.clone().into_iter().next().map(|t| t.to_string()).unwrap_or_default();
        match (&self.outer, first.as_str()) {
            (_, "crate" | ":") => quote!(#path::scope::),
            (None, _) => {
                let path = moved(path.clone());
                quote!(#path::scope::)
            }
            // no path goes up from the middle; rustc names this one where nothing else says the expression
            (Some(_), "super") => quote!(write_crate_instead_of_super::),
            (Some(outer), _) => {
                let prefix = outer.prefix();
                let path: TokenStream = match first.as_str() {
                    "self" => path.clone().into_iter().skip(3).collect(),
                    _ => path.clone(),
                };
                quote!(#prefix #path::scope::)
            }
        }
    }

    /// An expression of the callee's surroundings, said by the caller: as the callee's module says it, or else with a path
    /// before each name.
    fn said(&self, tokens: &TokenStream) -> TokenStream {
        let wanted = key(&moved(tokens.clone()));
        let Some(k) = self.surroundings.iter().position(|s| key(s) == wanted) else {
            return self.prefixed(tokens, &BTreeSet::new());
        };
        let (path, name) = (&self.path, accessor(k));
        match &self.outer {
            Some(outer) => outer.said(&quote!(#path::#name())),
            None => {
                let path = moved(path.clone());
                quote!(#path::#name())
            }
        }
    }

    /// A path before each name that is not in `known`.
    fn prefixed(&self, tokens: &TokenStream, known: &BTreeSet<String>) -> TokenStream {
        let mut known = known.clone();
        if let Ok(e) = syn::parse2::<syn::Expr>(tokens.clone()) {
            Binders(&mut known).visit_expr(&e);
        }
        self.walk(tokens.clone(), &known)
    }

    fn walk(&self, tokens: TokenStream, known: &BTreeSet<String>) -> TokenStream {
        let list: Vec<TokenTree> = tokens.into_iter().collect();
        let mut out = TokenStream::new();
        let mut k = 0;
        while let Some(token) = list.get(k) {
            match token {
                TokenTree::Group(g) => {
                    let mut group = Group::new(g.delimiter(), self.walk(g.stream(), known));
                    group.set_span(g.span());
                    out.extend([TokenTree::Group(group)]);
                }
                TokenTree::Ident(i) if begins(&list, k) => {
                    let name = i.to_string();
                    let path = head(&list, k);
                    match name.as_str() {
                        "super" if path => out.extend(quote!(write_crate_instead_of_super)),
                        "self" if path => {
                            out.extend(self.prefix());
                            k += 2;
                        }
                        _ if known.contains(&name) || everywhere(&name) => out.extend([token.clone()]),
                        _ => {
                            out.extend(self.prefix());
                            out.extend([token.clone()]);
                        }
                    }
                }
                other => out.extend([other.clone()]),
            }
            k += 1;
        }
        out
    }
}

/// May be a name that is looked up: no field, no later segment of a path, no macro, no lifetime.
fn begins(list: &[TokenTree], k: usize) -> bool {
    let before = |c| k >= 1 && punct(list, k - 1, c);
    let field = before('.') && !(k >= 2 && punct(list, k - 2, '.'));
    let called = punct(list, k + 1, '!') && !punct(list, k + 2, '=');
    let labelled = punct(list, k + 1, ':') && !punct(list, k + 2, ':');
    !(field || called || labelled || before(':') && k >= 2 && punct(list, k - 2, ':') || before('\''))
}

/// Means the same in every module.
fn everywhere(name: &str) -> bool {
    const NAMES: [&str; 27] = [
        "crate",
        "ndarray",
        "chainrule",
        "libm",
        "std",
        "core",
        "alloc",
        "Some",
        "None",
        "Ok",
        "Err",
        "Option",
        "Result",
        "Vec",
        "String",
        "Box",
        "bool",
        "char",
        "str",
        "Self",
        "Iterator",
        "Default",
        "drop",
        "vec",
        "ToString",
        "From",
        "Into",
    ];
    super::types::scalar_type(name).is_some()
        || NAMES.contains(&name)
        || syn::parse_str::<Ident>(name).is_err()
}

/// The names that patterns inside an expression bind.
struct Binders<'a>(&'a mut BTreeSet<String>);

impl<'ast> Visit<'ast> for Binders<'_> {
    fn visit_pat_ident(&mut self, p: &'ast syn::PatIdent) {
        let constant =
            p.ident.to_string().chars().all(|c| c.is_uppercase() || c == '_' || c.is_ascii_digit());
        if !constant {
            self.0.insert(p.ident.to_string());
        }
        syn::visit::visit_pat_ident(self, p);
    }
}

/// Whether the tokens mention something that is looked up outside of the function.
fn free(tokens: &TokenStream, known: &BTreeSet<String>) -> bool {
    let list: Vec<TokenTree> = tokens.clone().into_iter().collect();
    list.iter().enumerate().any(|(k, token)| match token {
        TokenTree::Group(g) => free(&g.stream(), known),
        TokenTree::Ident(i) => {
            let name = i.to_string();
            begins(&list, k) && !known.contains(&name) && (!everywhere(&name) || name == "super")
        }
        _ => false,
    })
}

impl Lower {
    /// What the lowered function reads of its surroundings.
    pub fn surroundings(&self, signature: &Signature, host: &[TokenStream]) -> Surroundings {
        let mut known: BTreeSet<String> = signature.args.iter().map(|a| a.ident.to_string()).collect();
        known.extend(signature.generic_args.iter().map(|g| g.to_string()));
        known.extend(self.host_lets.iter().flat_map(|kept| kept.names.iter().cloned()));
        let number = |form: &Form| match form {
            Form::Scalar(dtype) if *dtype != Dtype::Bool => Some(*dtype),
            _ => None,
        };
        let leaves = || self.leaves.iter().filter(|l| l.arg.is_none());
        let numbers = leaves().filter_map(|leaf| Some((leaf.place.clone(), number(&leaf.form)?)));
        let sizes = self.graph.sizes.syms.iter().filter(|s| s.rigid);
        let sizes = sizes.map(|s| (signature.restored(&s.name), Dtype::Int));
        let glob = |l: &&super::host::HostLet| l.names.is_empty() && l.uses.is_empty();
        let imports = self.host_lets.iter().filter(glob).map(|l| l.tokens.clone()).collect();
        let mut out = Surroundings { imports, ..Surroundings::default() };
        for (tokens, dtype) in numbers.chain(sizes) {
            // a variable is what its `let` gives it
            let kept = self.host_lets.iter().find(|l| l.names == [tokens.to_string()]);
            let tokens = kept.and_then(|l| l.init.clone()).unwrap_or(tokens);
            let whole = names(&tokens).iter().all(|name| !known.contains(name));
            if !free(&tokens, &known) {
                continue;
            }
            if !whole {
                out.names = true;
            } else if !out.values.iter().any(|v| key(&v.0) == key(&tokens)) {
                out.values.push((tokens, dtype));
            }
        }
        let others = leaves().filter(|l| number(&l.form).is_none());
        out.names |= others.map(|l| &l.place).chain(host).any(|tokens| free(tokens, &known));
        // the functions that are called, and what they are given
        out.names |= !self.callees.is_empty();
        out
    }

    /// Inactive tokens, so that their free names mean in the generated module what they mean where they stand.
    pub fn looked_up(&self, tokens: TokenStream) -> TokenStream {
        let Some(scope) = &self.env.scope else { return moved(tokens) };
        let bound: BTreeSet<String> =
            names(&tokens).into_iter().filter(|name| self.env.get(name).is_some()).collect();
        if bound.is_empty() {
            scope.said(&tokens)
        } else {
            scope.prefixed(&tokens, &bound)
        }
    }
}
