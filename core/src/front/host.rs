//! Inactive code: the user's tokens pass through, with the names that mean something else outside of them replaced.
//!
//! Invariant: a token stream that leaves here mentions no differentiated value.

use super::env::{Tensor, Value};
use super::Lower;
use crate::ir::{Dtype, Index, NodeId, Size};
use crate::signature::Form;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::UseTree;

/// A `let` of inactive code, kept in case that a host value needs it.
pub struct HostLet {
    pub names: Vec<String>,
    pub uses: Vec<String>,
    pub tokens: TokenStream,
    /// What a `let` gives its variable.
    pub init: Option<TokenStream>,
}

/// Whether the `k`-th token is the punctuation mark.
pub fn punct(list: &[TokenTree], k: usize, c: char) -> bool {
    matches!(list.get(k), Some(TokenTree::Punct(p)) if p.as_char() == c)
}

/// Whether the `k`-th token, a name, may be a variable: no field, no part of a path, no macro.
fn variable(list: &[TokenTree], k: usize) -> bool {
    let punct = |k: usize, c: char| punct(list, k, c);
    let field = k >= 1 && punct(k - 1, '.') && !(k >= 2 && punct(k - 2, '.'));
    let path = (punct(k + 1, ':') && punct(k + 2, ':')) || (k >= 2 && punct(k - 1, ':') && punct(k - 2, ':'));
    let called = punct(k + 1, '!') && !punct(k + 2, '=');
    !(field || path || called)
}

/// Every name in the tokens that may be a variable, with what precedes and follows it taken into account.
fn walk(tokens: TokenStream, visit: &mut dyn FnMut(&Ident) -> Option<TokenStream>) -> TokenStream {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let mut out = TokenStream::new();
    for (k, token) in list.iter().enumerate() {
        match token {
            TokenTree::Group(g) => {
                let mut group = Group::new(g.delimiter(), walk(g.stream(), visit));
                group.set_span(g.span());
                out.extend([TokenTree::Group(group)]);
            }
            TokenTree::Ident(name) => {
                let other = if variable(&list, k) { visit(name) } else { None };
                out.extend(other.unwrap_or_else(|| token.to_token_stream()));
            }
            _ => out.extend([token.clone()]),
        }
    }
    out
}

/// Variables that a format string captures: `"{x} {y:?}"`.
fn captured(tokens: &TokenStream, depth: usize, out: &mut Vec<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(g) if depth < super::MAX_DEPTH => captured(&g.stream(), depth + 1, out),
            TokenTree::Literal(l) => {
                let text = l.to_string();
                if !text.starts_with('"') {
                    continue;
                }
                for piece in text.split('{').skip(1) {
                    let name: String =
                        piece.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    out.push(name);
                }
            }
            _ => {}
        }
    }
}

/// Every name in the tokens that may be a variable.
pub fn visit(tokens: &TokenStream, visit: &mut dyn FnMut(&Ident)) {
    walk(tokens.clone(), &mut |name| {
        visit(name);
        None
    });
}

/// The variable names in the tokens.
pub fn names(tokens: &TokenStream) -> Vec<String> {
    let mut out = Vec::new();
    captured(tokens, 0, &mut out);
    walk(tokens.clone(), &mut |name| {
        out.push(name.to_string());
        None
    });
    out
}

impl Lower {
    /// The tokens as host code; `None` where a name in them has no host form.
    pub fn host_tokens(&self, tokens: &dyn ToTokens) -> Option<TokenStream> {
        let mut possible = true;
        let mut strings = Vec::new();
        captured(&tokens.to_token_stream(), 0, &mut strings);
        for name in strings {
            // a string cannot be renamed
            let host = self.env.get(&name).map(|b| b.host.as_ref().map(|h| h.to_string()));
            possible &= host.is_none_or(|h| h == Some(name));
        }
        let out = walk(self.looked_up(tokens.to_token_stream()), &mut |name| {
            let binding = self.env.get(&name.to_string())?;
            if binding.host.is_none() {
                possible = false;
            }
            binding.host.clone()
        });
        possible.then_some(out)
    }

    /// Mentions a differentiated value.
    pub fn mentions_active(&self, tokens: &dyn ToTokens) -> bool {
        let tokens = tokens.to_token_stream();
        let mut strings = Vec::new();
        captured(&tokens, 0, &mut strings);
        strings.iter().any(|name| self.env.get(name).is_some_and(|b| b.value.active()))
            || self.active_places(tokens)
    }

    /// Whether a variable in the tokens, or the field of it that they name, is differentiated.
    fn active_places(&self, tokens: TokenStream) -> bool {
        let list: Vec<TokenTree> = tokens.into_iter().collect();
        let mut hit = false;
        for (k, token) in list.iter().enumerate() {
            let TokenTree::Ident(name) = token else {
                if let TokenTree::Group(g) = token {
                    hit |= self.active_places(g.stream());
                }
                continue;
            };
            if !variable(&list, k) {
                continue;
            }
            let Some(binding) = self.env.get(&name.to_string()) else { continue };
            let mut value = &binding.value;
            let mut at = k + 1;
            while let (Value::Struct(fields), true, Some(field)) =
                (value, punct(&list, at, '.'), list.get(at + 1))
            {
                let method = matches!(list.get(at + 2), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
                let found = fields.iter().find(|f| !method && f.0 == field.to_string());
                let Some(found) = found else { break };
                value = &found.1;
                at += 2;
            }
            hit |= value.active();
        }
        hit
    }

    /// The expression as a host value, if it is inactive.
    pub fn host(&self, e: &dyn ToTokens) -> Option<Value> {
        if self.mentions_active(e) {
            return None;
        }
        self.host_tokens(e).map(Value::Host)
    }

    /// An inactive integer that host code computes.
    pub fn whole(&mut self, tokens: &TokenStream) -> Value {
        match self.computed(tokens, &Form::Scalar(Dtype::Int), Dtype::Int, &[]) {
            Some(t) => Value::Tensor(t),
            None => Value::Int(self.rigid(tokens)),
        }
    }

    /// A name under which host code may mention a position in a loop.
    pub fn host_position(&mut self, name: &str, value: &Value) -> Option<TokenStream> {
        let Value::Tensor(t) = value else { return None };
        if t.active || t.rank() > 0 || self.graph.dtype(t.node) != Dtype::Int {
            return None;
        }
        if let Some((known, _)) = self.host_positions.iter().find(|p| p.1 == t.node) {
            return Some(ident(known, proc_macro2::Span::call_site()).to_token_stream());
        }
        let mut fresh = name.to_string();
        let mut k = 1;
        while !self.host_names.insert(fresh.clone()) || self.env.get(&fresh).is_some() {
            k += 1;
            fresh = format!("{}_{k}", name.trim_start_matches("r#"));
        }
        self.host_positions.push((fresh.clone(), t.node));
        Some(ident(&fresh, proc_macro2::Span::call_site()).to_token_stream())
    }

    /// Host code that mentions positions in loops: a function of them, called where its value is needed.
    pub fn computed(
        &mut self,
        tokens: &TokenStream,
        form: &Form,
        dtype: Dtype,
        dims: &[Size],
    ) -> Option<Tensor> {
        if self.host_positions.is_empty() || matches!(form, Form::Nd { .. } | Form::Struct(_)) {
            return None;
        }
        let mentioned = names(tokens);
        let params: Vec<(String, NodeId)> =
            self.host_positions.iter().filter(|p| mentioned.contains(&p.0)).cloned().collect();
        if params.is_empty() {
            return None;
        }
        let dims: Vec<Size> = dims.iter().map(|d| self.graph.sizes.resolve(d)).collect();
        let axes = self.layout(&dims);
        let mut index = Vec::new();
        let mut bounds = Vec::new();
        let mut names_of = Vec::new();
        for (name, node) in params {
            let at = match self.graph.affine(node) {
                Some(at) => at,
                None => Index { gather: Some(node), ..Index::default() },
            };
            let high = self.graph.range_of(node).map(|r| r.1.add(&Size::constant(1)));
            index.push(at);
            bounds.push(high.unwrap_or(Size::constant(1 << 20)));
            names_of.push(ident(&name, proc_macro2::Span::call_site()));
        }
        let mut elements = TokenStream::new();
        for (k, (axis, dim)) in axes.iter().zip(&dims).enumerate() {
            let name = quote::format_ident!("element_{k}");
            index.push(super::index::along(axis));
            bounds.push(dim.clone());
            elements.extend(quote::quote!([#name]));
            names_of.push(name);
        }
        let value = match (dtype, elements.is_empty()) {
            (Dtype::Int, _) => quote::quote!((#tokens) #elements as isize),
            (_, true) => tokens.clone(),
            (_, false) => quote::quote!((#tokens) #elements),
        };
        let place = quote::quote!(|#(#names_of: usize),*| #value);
        let name = crate::diag::source(&tokens);
        let found = self.graph.inputs.iter().position(|i| i.name == name && i.dtype == dtype);
        let id = match found {
            Some(k) => crate::ir::InputId(k as u32),
            None => {
                self.leaves.push(crate::signature::Leaf { arg: None, place, form: Form::Computed(dtype) });
                self.graph.add_input(crate::ir::Input {
                    name,
                    dtype,
                    dims: bounds,
                    active: false,
                    computed: true,
                })
            }
        };
        let node = self.graph.load(crate::ir::Array::Input(id), None, index);
        Some(Tensor { node, dims, axes, active: false, nd: false })
    }

    /// Keeps an inactive `let` for host code. Gives the new host names of the pattern's variables.
    pub fn keep_let(
        &mut self,
        names_of: &[String],
        pat: &TokenStream,
        ty: Option<TokenStream>,
        init: TokenStream,
    ) -> Vec<(String, TokenStream)> {
        let mut renamed: Vec<(String, TokenStream)> = Vec::new();
        for name in names_of {
            let fresh = self.fresh_host_name(name);
            let ident = names_ident(pat, name, &fresh);
            renamed.push((name.clone(), ident.to_token_stream()));
        }
        let pat = walk(pat.clone(), &mut |name| renamed.iter().find(|r| *name == r.0).map(|r| r.1.clone()));
        let ty = ty.map(|ty| quote::quote!(: #ty));
        let uses = names(&init);
        let tokens = quote::quote!(let #pat #ty = #init;);
        let names = renamed.iter().map(|r| r.1.to_string()).collect();
        self.host_lets.push(HostLet { names, uses, tokens, init: Some(init) });
        renamed
    }

    /// Keeps what a `use` inside the body imports, for host code.
    pub fn keep_use(&mut self, tree: &UseTree, path: TokenStream) {
        let (name, own) = match tree {
            UseTree::Path(p) => {
                let ident = &p.ident;
                return self.keep_use(&p.tree, quote::quote!(#path #ident::));
            }
            UseTree::Group(g) => {
                g.items.iter().for_each(|tree| self.keep_use(tree, path.clone()));
                return;
            }
            UseTree::Name(n) => (&n.ident, &n.ident),
            UseTree::Rename(r) => (&r.ident, &r.rename),
            UseTree::Glob(_) => {
                let whole = self.looked_up(quote::quote!(#path));
                let tokens = quote::quote!(use #whole *;);
                self.host_lets.push(HostLet { names: vec![], uses: vec![], tokens, init: None });
                return;
            }
        };
        // functions and types are looked up by their path
        let constant =
            own.to_string().chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !constant {
            return;
        }
        let whole = self.looked_up(quote::quote!(#path #name));
        let own_name = own.to_string();
        let fresh = self.fresh_host_name(&own_name);
        let ident = ident(&fresh, own.span());
        let tokens = quote::quote!(use #whole as #ident;);
        self.host_lets.push(HostLet { names: vec![fresh], uses: vec![], tokens, init: None });
        let host = ident.to_token_stream();
        self.env.bind(own_name, Value::Host(host.clone()), Some(host));
    }

    /// A name for a variable of host code that no other has.
    fn fresh_host_name(&mut self, name: &str) -> String {
        let mut fresh = name.to_string();
        let mut k = 1;
        while !self.host_names.insert(fresh.clone()) {
            k += 1;
            fresh = format!("{name}_{k}");
        }
        fresh
    }

    /// Keeps an inactive statement that changes inactive variables. Each gets a new name from here on, so that what was
    /// read before keeps its value.
    pub fn keep_statement(&mut self, stmt: &TokenStream) -> bool {
        // a closure's body may run any number of times
        let in_closure = self.calls.iter().any(|c| c.0.is_empty());
        if in_closure || returns(stmt) || self.mentions_active(stmt) || self.host_tokens(stmt).is_none() {
            return false;
        }
        let new_names = self.renewed(&names(stmt));
        if let Some(tokens) = self.host_tokens(stmt) {
            let uses = names(&tokens);
            let tokens = quote::quote!(#tokens;);
            self.host_lets.push(HostLet { names: new_names, uses, tokens, init: None });
        }
        true
    }

    /// Gives each of these variables that is mutable a copy under a new host name. Gives the names.
    fn renewed(&mut self, mentioned: &[String]) -> Vec<String> {
        let changed: Vec<super::env::Binding> =
            mentioned.iter().filter_map(|n| self.env.get(n).filter(|b| b.mutable).cloned()).collect();
        let mut new_names = Vec::new();
        for (k, binding) in changed.iter().enumerate() {
            if changed[..k].iter().any(|b| b.name == binding.name) {
                continue;
            }
            let Some(old) = binding.host.clone() else { continue };
            let pat: TokenStream = ident(&binding.name, proc_macro2::Span::call_site()).to_token_stream();
            // what changes at compile time is copied
            let copy = (!self.at_compile_time).then(|| quote::quote!(.clone()));
            let kept = self.keep_let(
                std::slice::from_ref(&binding.name),
                &quote::quote!(mut #pat),
                None,
                quote::quote!(#old #copy),
            );
            for (name, ident) in kept {
                new_names.push(ident.to_string());
                let value = self.renamed_value(&binding.value, &ident);
                if let Some(b) = self.env.bindings.iter_mut().rev().find(|b| b.name == name) {
                    (b.value, b.host) = (value, Some(ident));
                }
            }
        }
        new_names
    }

    /// Gets ready for a `let` whose value changes variables. Gives whether host code can do it.
    pub fn keep_changing(&mut self, effects: &[(String, syn::Expr)], init: &syn::Expr) -> bool {
        let in_closure = self.calls.iter().any(|c| c.0.is_empty());
        let closure = |e: &(String, syn::Expr)| {
            self.env.get(&e.0).is_none_or(|b| b.host.is_none() || matches!(b.value, Value::Closure(_)))
        };
        let tokens = init.to_token_stream();
        if in_closure
            || returns(&tokens)
            || self.mentions_active(init)
            || self.host_tokens(init).is_none()
            || effects.iter().any(closure)
        {
            return false;
        }
        let changed: Vec<String> = effects.iter().map(|e| e.0.clone()).collect();
        self.renewed(&changed);
        true
    }

    /// The last `let` is needed wherever the variables are that it changes.
    pub fn also_names(&mut self, effects: &[(String, syn::Expr)]) {
        let hosts: Vec<String> =
            effects.iter().filter_map(|e| Some(self.env.get(&e.0)?.host.as_ref()?.to_string())).collect();
        if let Some(kept) = self.host_lets.last_mut() {
            kept.names.extend(hosts);
        }
    }

    /// The same kind of value under another host name.
    fn renamed_value(&mut self, value: &Value, ident: &TokenStream) -> Value {
        match value {
            Value::Tensor(t) => match self.graph.node(t.node).clone() {
                crate::ir::Node::Load { array: crate::ir::Array::Input(i), .. } => {
                    let form = self.leaves.get(i.0 as usize).map(|l| l.form.clone());
                    let form = form.unwrap_or(crate::signature::Form::Scalar(self.graph.dtype(t.node)));
                    let dtype = self.graph.dtype(t.node);
                    // it may have another length
                    let dims = self.dims_of(&form, &crate::diag::source(ident));
                    if dims.len() != t.rank() {
                        return Value::Host(ident.clone());
                    }
                    Value::Tensor(self.input(ident, form, dtype, dims, None, false))
                }
                _ if t.rank() > 0 => Value::Host(ident.clone()),
                _ => {
                    let dtype = self.graph.dtype(t.node);
                    let form = crate::signature::Form::Scalar(dtype);
                    Value::Tensor(self.input(ident, form, dtype, vec![], None, false))
                }
            },
            Value::Int(_) => Value::Int(self.rigid(ident)),
            Value::Empty(Some(ty)) => {
                let ty = ty.clone();
                let ty: syn::Type = syn::parse_quote!(Vec<#ty>);
                let at = syn::Expr::Verbatim(ident.clone());
                self.annotated(Value::Host(ident.clone()), &ty, &at)
            }
            _ => Value::Host(ident.clone()),
        }
    }

    /// The kept `let`s that these names need, in order.
    pub fn needed_lets(&self, mut needed: Vec<String>) -> Vec<TokenStream> {
        let mut out = Vec::new();
        for kept in self.host_lets.iter().rev() {
            if kept.names.is_empty() || kept.names.iter().any(|n| needed.contains(n)) {
                needed.extend(kept.uses.iter().cloned());
                out.push(kept.tokens.clone());
            }
        }
        out.reverse();
        out
    }
}

/// Whether a statement may leave the function, which the generated one must not.
fn returns(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(g) => returns(&g.stream()),
        TokenTree::Ident(i) => i == "return",
        TokenTree::Punct(p) => p.as_char() == '?',
        TokenTree::Literal(_) => false,
    })
}

/// The tokens with the spans that these names have elsewhere.
pub fn spanned(
    tokens: TokenStream,
    spans: &std::collections::BTreeMap<String, proc_macro2::Span>,
) -> TokenStream {
    walk(tokens, &mut |name| {
        let mut name = name.clone();
        name.set_span(*spans.get(&name.to_string())?);
        Some(name.to_token_stream())
    })
}

/// The identifier of the pattern under a new name, with its span.
fn names_ident(pat: &TokenStream, name: &str, fresh: &str) -> Ident {
    let mut span = proc_macro2::Span::call_site();
    walk(pat.clone(), &mut |ident| {
        if ident == name {
            span = ident.span();
        }
        None
    });
    ident(fresh, span)
}

/// An identifier from its text, which may be a raw one.
fn ident(name: &str, span: proc_macro2::Span) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, span),
        None => Ident::new(name, span),
    }
}
