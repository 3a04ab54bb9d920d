//! Names of generated variables: the user's names where there are some, each one once.

use crate::ir::{Graph, InputId, Size, Sym};
use crate::signature::Name;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub struct Names {
    /// The user's names, and how many expressions mention each.
    users: BTreeMap<String, usize>,
    taken: BTreeSet<String>,
    /// The first number that may be free for a name that is taken.
    next: BTreeMap<String, usize>,
    inputs: BTreeMap<InputId, Ident>,
    syms: BTreeMap<Sym, TokenStream>,
    /// Where the names count: beside the user's, or apart from them.
    span: Span,
}

/// Variables around the call of a kernel: names of buffers and sizes keep clear of them.
const LOCALS: [&str; 6] = ["gradient", "workspace", "made", "spare", "order", "lifetime"];

/// The letters of a name that comes of an expression.
const LONGEST: usize = 40;

impl Names {
    pub fn new(users: &BTreeMap<String, Name>) -> Self {
        let users = users.iter().map(|(name, n)| (name.clone(), n.times)).collect();
        let taken = LOCALS.iter().map(|name| name.to_string()).collect();
        let span = Span::call_site();
        Names { users, taken, next: BTreeMap::new(), inputs: BTreeMap::new(), syms: BTreeMap::new(), span }
    }

    /// Names of variables that no code of the user's sees, nor hides, in the same function.
    pub fn apart(users: &BTreeMap<String, Name>) -> Self {
        Names { span: Span::mixed_site(), ..Names::new(users) }
    }

    /// An identifier like the hint that nothing else has.
    pub fn fresh(&mut self, hint: &str) -> Ident {
        self.fresh_beside(hint, |_| false)
    }

    /// A name beside the user's code: it hides none of the user's names but the one that it replaces everywhere.
    fn beside_users(&mut self, hint: &str) -> Ident {
        let users = std::mem::take(&mut self.users);
        let name = self.fresh_beside(hint, |name| {
            let replaced = name == hint && users.get(name).is_some_and(|times| *times <= 1);
            numbered(name) || (users.contains_key(name) && !replaced)
        });
        self.users = users;
        name
    }

    fn fresh_beside(&mut self, hint: &str, hides: impl Fn(&str) -> bool) -> Ident {
        let mut base = String::new();
        for c in hint.chars() {
            match c {
                c if c.is_ascii_alphanumeric() => base.push(c.to_ascii_lowercase()),
                _ if base.ends_with('_') || base.is_empty() => {}
                _ => base.push('_'),
            }
        }
        // the text of a whole expression is no name
        let base: String = base.trim_end_matches('_').chars().take(LONGEST).collect();
        let base = base.trim_end_matches('_');
        let base = match base.chars().next() {
            None => "v".to_string(),
            Some(c) if c.is_ascii_digit() => format!("n{base}"),
            _ => base.to_string(),
        };
        // `self`, `fn`, … are no names; a keyword gets a number like any name that is taken
        let mut name = base.clone();
        if keyword(&name) || hides(&name) || !self.taken.insert(name.clone()) {
            let next = self.next.entry(base.clone()).or_insert(2);
            while {
                name = format!("{base}_{next}");
                *next += 1;
                hides(&name) || !self.taken.insert(name.clone())
            } {}
        }
        Ident::new(&name, self.span)
    }

    pub fn input(&mut self, graph: &Graph, input: InputId) -> Ident {
        if let Some(name) = self.inputs.get(&input) {
            return name.clone();
        }
        let name = self.beside_users(&graph.input(input).name);
        self.inputs.insert(input, name.clone());
        name
    }

    /// The variable that holds a symbol's value; const generics are their own.
    pub fn sym(&mut self, graph: &Graph, sym: Sym, generics: &[String]) -> TokenStream {
        if let Some(tokens) = self.syms.get(&sym) {
            return tokens.clone();
        }
        let name = graph.sizes.name(sym);
        let tokens = if generics.contains(&name) {
            let ident = Ident::new(&name, Span::call_site());
            quote!(#ident)
        } else {
            let ident = self.beside_users(&name);
            quote!(#ident)
        };
        self.syms.insert(sym, tokens.clone());
        tokens
    }

    /// Symbols that were named, with their names.
    pub fn syms(&self) -> impl Iterator<Item = (Sym, &TokenStream)> {
        self.syms.iter().map(|(s, t)| (*s, t))
    }

    /// A size as an `isize` expression: the user's integers may be negative.
    pub fn signed_size(&mut self, graph: &Graph, size: &Size, generics: &[String]) -> TokenStream {
        let size = graph.sizes.resolve(size);
        let mut terms = vec![];
        for (syms, c) in size.terms() {
            let mut factors = vec![];
            if *c != 1 || syms.len() != 1 {
                let (sign, c) = ((*c < 0).then(|| quote!(-)), proc_macro2::Literal::i64_unsuffixed(c.abs()));
                factors.push(quote!(#sign #c));
            }
            for sym in syms {
                let name = self.sym(graph, *sym, generics);
                factors.push(quote!(#name as isize));
            }
            terms.push(product(&factors));
        }
        match &terms[..] {
            [] => quote!(0),
            [one] => quote!((#one)),
            _ => {
                let sum = join(&terms, quote!(+));
                quote!((#sum))
            }
        }
    }

    /// A size as a `usize` expression; positive terms come first.
    pub fn size(&mut self, graph: &Graph, size: &Size, generics: &[String]) -> TokenStream {
        let size = graph.sizes.resolve(size);
        let mut positive: Vec<TokenStream> = Vec::new();
        let mut negative: Vec<TokenStream> = Vec::new();
        for (syms, c) in size.terms() {
            let mut factors: Vec<TokenStream> = syms.iter().map(|s| self.sym(graph, *s, generics)).collect();
            let k = c.unsigned_abs() as usize;
            if k != 1 || factors.is_empty() {
                let k = proc_macro2::Literal::usize_unsuffixed(k);
                factors.insert(0, quote!(#k));
            }
            let term = product(&factors);
            if *c < 0 {
                negative.push(term);
            } else {
                positive.push(term);
            }
        }
        match (positive.as_slice(), negative.as_slice()) {
            ([], []) => quote!(0),
            ([one], []) => one.clone(),
            (p, []) => {
                let sum = join(p, quote!(+));
                quote!((#sum))
            }
            (p, n) => {
                // a range that ends before it starts is empty
                let (sum, n) = (join(p, quote!(+)), join(n, quote!(+)));
                let named = size.terms().iter().any(|(syms, c)| *c > 0 && !syms.is_empty());
                match (p, sum.clone().into_iter().count()) {
                    ([], _) => quote!(0),
                    _ if !named => quote!(usize::saturating_sub(#sum, #n)),
                    (_, 1) => quote!(#sum.saturating_sub(#n)),
                    _ => quote!((#sum).saturating_sub(#n)),
                }
            }
        }
    }
}

pub fn product(factors: &[TokenStream]) -> TokenStream {
    join(factors, quote!(*))
}

pub fn join(parts: &[TokenStream], by: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    for (k, part) in parts.iter().enumerate() {
        if k > 0 {
            out.extend(by.clone());
        }
        out.extend(part.clone());
    }
    out
}

/// `value_0`, `shape_1`, …: memory and shapes around the call of a kernel.
fn numbered(name: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(stem, digits)| {
        matches!(stem, "value" | "tangent" | "shape" | "taken") && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn keyword(name: &str) -> bool {
    const KEYWORDS: [&str; 40] = [
        "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
        "false", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
        "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "unsafe",
        "use", "where", "while", "yield",
    ];
    KEYWORDS.contains(&name)
}
