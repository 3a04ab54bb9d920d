//! What other items' macros told about the paths that a body uses: token bundles in, a look-up by path out.
//!
//! Invariant: writing what was parsed gives the same tokens, so a definition may travel through any number of expansions.

use crate::diag::{Errors, Kind};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

/// What a path stands for.
#[derive(Clone, Debug)]
pub enum Definition {
    /// A function of `chainrule::nn`.
    Builtin(String),
    /// A function with `#[differentiable]`, the attribute's tokens, and the definitions that its own body uses. Its
    /// module has a function for each expression of its surroundings.
    Function { attr: TokenStream, item: TokenStream, defs: Definitions, surroundings: Vec<TokenStream> },
    /// A struct with `#[derive(Differentiable)]`.
    Struct { item: TokenStream, defs: Definitions },
}

/// Definitions by path, in order of appearance.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    pub entries: Vec<(TokenStream, Definition)>,
}

/// The path without spaces and without a leading `crate::`-independent difference: `nn::relu`.
pub fn path_key(path: &TokenStream) -> String {
    let mut out = String::new();
    let mut angle = 0usize;
    for token in path.clone() {
        match &token {
            TokenTree::Punct(p) if p.as_char() == '<' => angle += 1,
            TokenTree::Punct(p) if p.as_char() == '>' => angle = angle.saturating_sub(1),
            _ if angle > 0 => {}
            _ => out.push_str(&token.to_string()),
        }
    }
    // a turbofish leaves its colons behind
    out.trim_end_matches(':').to_string()
}

impl Definitions {
    pub fn get(&self, key: &str) -> Option<&Definition> {
        self.entry(key).map(|e| &e.1)
    }
    /// The definition with the path that asked for it.
    pub fn entry(&self, key: &str) -> Option<&(TokenStream, Definition)> {
        self.entries.iter().find(|(path, _)| path_key(path) == key)
    }
    /// How a function with a definition takes its first argument.
    pub fn receiver(&self, path: &syn::Path) -> Option<super::receivers::Receiver> {
        match self.get(&path_key(&super::receivers::bare(path)))? {
            Definition::Function { item, .. } => {
                syn::parse2(item.clone()).ok().map(|item| super::receivers::receiver_of(&item))
            }
            _ => None,
        }
    }
    pub fn insert(&mut self, path: TokenStream, definition: Definition) {
        self.entries.push((path, definition));
    }

    /// `path => { definition } path => { definition } …`
    pub fn parse(tokens: TokenStream) -> Result<Definitions, Errors> {
        Definitions::parse_at(tokens, 0)
    }

    fn parse_at(tokens: TokenStream, depth: usize) -> Result<Definitions, Errors> {
        let mut out = Definitions::default();
        let mut path = TokenStream::new();
        if depth > super::MAX_DEPTH {
            return Err(wrong(&tokens, "definitions nested too deeply"));
        }
        for token in tokens {
            match token {
                TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => {
                    let path = arrow_stripped(std::mem::take(&mut path));
                    out.entries.push((path, Definition::parse_at(g.stream(), depth + 1)?));
                }
                other => path.extend([other]),
            }
        }
        match path.is_empty() {
            true => Ok(out),
            false => Err(wrong(&path, "a path without a definition")),
        }
    }

    pub fn to_tokens(&self) -> TokenStream {
        self.entries
            .iter()
            .map(|(path, definition)| {
                let definition = definition.to_tokens();
                quote!(#path => { #definition })
            })
            .collect()
    }
}

impl Definition {
    pub fn parse(tokens: TokenStream) -> Result<Definition, Errors> {
        Definition::parse_at(tokens, 0)
    }

    fn parse_at(tokens: TokenStream, depth: usize) -> Result<Definition, Errors> {
        let list: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let inner = |g: &Group| g.stream();
        match list.as_slice() {
            [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "builtin" => {
                Ok(Definition::Builtin(name.to_string()))
            }
            [TokenTree::Ident(word), TokenTree::Group(attr), TokenTree::Group(item), TokenTree::Group(defs), TokenTree::Group(surroundings)]
                if word == "fn" =>
            {
                let defs = Definitions::parse_at(inner(defs), depth + 1)?;
                let surroundings = surroundings.stream().into_iter().filter_map(|t| match t {
                    TokenTree::Group(g) => Some(g.stream()),
                    _ => None,
                });
                let (attr, item) = (inner(attr), inner(item));
                Ok(Definition::Function { attr, item, defs, surroundings: surroundings.collect() })
            }
            [TokenTree::Ident(word), TokenTree::Group(item), TokenTree::Group(defs)] if word == "struct" => {
                Ok(Definition::Struct {
                    item: inner(item),
                    defs: Definitions::parse_at(inner(defs), depth + 1)?,
                })
            }
            _ => Err(wrong(&tokens, "not a definition of chainrule")),
        }
    }

    pub fn to_tokens(&self) -> TokenStream {
        match self {
            Definition::Builtin(name) => {
                let name = proc_macro2::Ident::new(name, proc_macro2::Span::call_site());
                quote!(builtin #name)
            }
            Definition::Function { attr, item, defs, surroundings } => {
                let defs = defs.to_tokens();
                quote!(fn { #attr } { #item } { #defs } { #({ #surroundings })* })
            }
            Definition::Struct { item, defs } => {
                let defs = defs.to_tokens();
                quote!(struct { #item } { #defs })
            }
        }
    }
}

fn arrow_stripped(path: TokenStream) -> TokenStream {
    let mut list: Vec<TokenTree> = path.into_iter().collect();
    for c in ['>', '='] {
        if matches!(list.last(), Some(TokenTree::Punct(p)) if p.as_char() == c) {
            list.pop();
        }
    }
    list.into_iter().collect()
}

fn wrong(at: &TokenStream, what: &str) -> Errors {
    let mut errors = Errors::default();
    errors.push(Kind::Syntax, at, &[what]);
    errors
}
