//! Patterns: which values they take, and what their names mean where they do.
//!
//! Of a value that only rustc knows, rustc decides: the condition is a `match` on it, and each name is another one.
//!
//! Invariant: a pattern that is not understood is an error; no name is left without a meaning in silence.

use super::env::Value;
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{NodeId, Op};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, ToTokens};
use syn::visit_mut::VisitMut;
use syn::{BinOp, Expr, Pat, RangeLimits};

/// What stands for the value while tokens about it are written.
const SUBJECT: &str = "chainrule_subject";

/// Whether a pattern takes a value.
pub enum Taken {
    Always,
    If(NodeId),
    /// Came of a mistake that is already reported.
    Mistake,
}

impl Lower {
    /// Binds the names of a pattern to the parts of a value. `kept` are names that host code has for them.
    pub fn bind(&mut self, pat: &Pat, value: Value, kept: &[(String, TokenStream)]) {
        let host_of = |name: &str| kept.iter().find(|k| k.0 == name).map(|k| k.1.clone());
        match pat {
            Pat::Ident(p) if constant_name(&p.ident.to_string()) && p.subpat.is_none() => {
                // a constant of the surroundings takes a value and names nothing
                if !kept.is_empty() || !matches!(value, Value::Host(_)) {
                    self.bind_name(&p.ident.to_string(), value, host_of(&p.ident.to_string()));
                }
            }
            Pat::Ident(p) => {
                let name = p.ident.to_string();
                if let Some((_, inner)) = &p.subpat {
                    self.bind(inner, value.clone(), kept);
                }
                self.bind_name(&name, value, host_of(&name));
            }
            Pat::Wild(_) | Pat::Rest(_) | Pat::Lit(_) | Pat::Range(_) | Pat::Path(_) | Pat::Const(_) => {}
            Pat::Paren(p) => self.bind(&p.pat, value, kept),
            Pat::Type(p) => {
                let at = Expr::Verbatim(pat.to_token_stream());
                let value = self.annotated(value, &p.ty, &at);
                self.bind(&p.pat, value, kept);
            }
            _ if matches!(value, Value::Host(_)) => self.bind_host(pat, &value, kept),
            Pat::Reference(p) => self.bind(&p.pat, value, kept),
            Pat::Tuple(p) => {
                let parts = match value {
                    Value::Tuple(list) => matched(&p.elems, list),
                    Value::Poison => Some(vec![Value::Poison; p.elems.len()]),
                    _ => None,
                };
                let parts = parts.unwrap_or_else(|| {
                    let help = "a tuple is taken apart with as many names as it has parts";
                    self.errors.push(Kind::Unsupported, pat, &["this pattern", help]);
                    vec![Value::Poison; p.elems.len()]
                });
                for (elem, part) in p.elems.iter().zip(parts) {
                    self.bind(elem, part, kept);
                }
            }
            Pat::Struct(p) if matches!(value, Value::Struct(_)) => {
                if !self.same_struct(&p.path, &value, pat) {
                    return self.bind_poison(pat);
                }
                for field in &p.fields {
                    let name = field.member.to_token_stream().to_string();
                    let part = self.part(&value, &name, field);
                    self.bind(&field.pat, part, kept);
                }
            }
            Pat::TupleStruct(p) if matches!(value, Value::Struct(_)) => {
                let list = match &value {
                    Value::Struct(fields) => {
                        fields.iter().map(|f| f.0.clone()).filter(|n| !n.starts_with('#')).collect()
                    }
                    _ => vec![],
                };
                if !self.same_struct(&p.path, &value, pat) {
                    return self.bind_poison(pat);
                }
                let names = matched(&p.elems, list).unwrap_or_default();
                for (elem, name) in p.elems.iter().zip(names) {
                    if !matches!(elem, Pat::Rest(_)) {
                        let part = self.part(&value, &name, elem);
                        self.bind(elem, part, kept);
                    }
                }
            }
            Pat::Slice(p) if matches!(value, Value::Tensor(_) | Value::Tuple(_)) => {
                for (elem, k) in p.elems.iter().zip(self.places_of(&p.elems, &value)) {
                    let part = self.part_at(&value, k, elem);
                    self.bind(elem, part, kept);
                }
            }
            // all alternatives are without names, or `taken` said no
            Pat::Or(_) => {}
            _ => {
                if !value.is_poison() {
                    let help = "names, tuples, arrays and structs of names are";
                    self.errors.push(Kind::Unsupported, pat, &["this pattern", help]);
                }
                self.bind_poison(pat);
            }
        }
    }

    fn bind_name(&mut self, name: &str, value: Value, host: Option<TokenStream>) {
        let own = match &value {
            Value::Host(tokens) => Some(tokens.clone()),
            _ => None,
        };
        let host = host.or(own).or_else(|| self.host_position(name, &value));
        if let Value::Tensor(tensor) = &value {
            self.graph.set_name(tensor.node, name);
        }
        self.env.bind(name, value, host);
    }

    /// The names of a pattern over a value that only rustc knows: each is a `match` on that value.
    fn bind_host(&mut self, pat: &Pat, value: &Value, kept: &[(String, TokenStream)]) {
        for name in named(pat) {
            let host = match kept.iter().find(|k| k.0 == name) {
                Some((_, tokens)) => Some(tokens.clone()),
                None => self.about(value, pat, Some(&name), false),
            };
            match host {
                Some(tokens) => self.env.bind(name, Value::Host(tokens.clone()), Some(tokens)),
                None => self.env.bind(name, Value::Poison, None),
            }
        }
    }

    /// Host code about a value: whether the pattern takes it, or what a name of the pattern is where it does. `sure`
    /// says that it takes every value.
    pub fn about(&mut self, value: &Value, pat: &Pat, name: Option<&str>, sure: bool) -> Option<TokenStream> {
        let Value::Host(tokens) = value else { return None };
        let subject = format_ident!("{SUBJECT}");
        let mut inner = pat.clone();
        let mut only = Only { name: name.unwrap_or(""), references: false };
        only.visit_pat_mut(&mut inner);
        let written = match name {
            None => quote!((match #subject { #inner => true, _ => false })),
            Some(name) => {
                let fresh = format_ident!("{}", fresh_name(name));
                let other = match sure || irrefutable(pat) {
                    true => quote!(),
                    false => quote!(_ => ::core::default::Default::default(),),
                };
                match only.references {
                    true => quote!((match #subject { #inner => #fresh, #other })),
                    false => {
                        quote!((match &(#subject) { #inner => ::core::clone::Clone::clone(#fresh), #other }))
                    }
                }
            }
        };
        let mark = self.env.bindings.len();
        self.env.bind(SUBJECT, Value::Host(tokens.clone()), Some(tokens.clone()));
        let host = self.host_tokens(&written);
        self.env.bindings.truncate(mark);
        if host.is_none() {
            let help = "the value and the pattern of inactive code mention inactive names only";
            self.errors.push(Kind::Unsupported, pat, &["this pattern", help]);
        }
        host
    }

    // ---- which values ----

    /// The condition under which the pattern takes the value.
    pub fn taken(&mut self, pat: &Pat, value: &Value) -> Taken {
        match (pat, value) {
            (_, Value::Poison) => Taken::Mistake,
            (Pat::Wild(_) | Pat::Rest(_), _) => Taken::Always,
            (Pat::Paren(p), _) => self.taken(&p.pat, value),
            (Pat::Ident(p), _) if p.subpat.is_some() => match &p.subpat {
                Some((_, inner)) => self.taken(inner, value),
                None => Taken::Always,
            },
            (Pat::Ident(p), _) if !constant_name(&p.ident.to_string()) => Taken::Always,
            (_, Value::Host(_)) if irrefutable(pat) => Taken::Always,
            (_, Value::Host(_)) => {
                let Some(tokens) = self.about(value, pat, None, false) else { return Taken::Mistake };
                match self.condition(Value::Host(tokens), pat) {
                    Some(node) => Taken::If(node),
                    None => Taken::Mistake,
                }
            }
            (Pat::Reference(p), _) => self.taken(&p.pat, value),
            (Pat::Or(p), _) => {
                if !named(pat).is_empty() {
                    let help = "write an arm for each alternative";
                    self.errors.push(
                        Kind::Unsupported,
                        pat,
                        &["a name in one of several alternatives", help],
                    );
                    return Taken::Mistake;
                }
                self.joint(Op::Or, p.cases.iter().map(|c| (c.clone(), value.clone())).collect())
            }
            (Pat::Tuple(p), Value::Tuple(list)) => match matched(&p.elems, list.clone()) {
                Some(parts) => self.joint(Op::And, p.elems.iter().cloned().zip(parts).collect()),
                None => self.untaken(pat),
            },
            (
                Pat::Struct(syn::PatStruct { path, .. }) | Pat::TupleStruct(syn::PatTupleStruct { path, .. }),
                _,
            ) if !self.same_struct(path, value, pat) => Taken::Mistake,
            (Pat::Struct(p), Value::Struct(_)) => {
                let parts = p.fields.iter().map(|f| {
                    let name = f.member.to_token_stream().to_string();
                    ((*f.pat).clone(), self.part(value, &name, f))
                });
                let parts = parts.collect();
                self.joint(Op::And, parts)
            }
            (Pat::TupleStruct(p), Value::Struct(fields)) => {
                let own = fields.iter().filter(|f| !f.0.starts_with('#'));
                match matched(&p.elems, own.map(|f| f.1.clone()).collect()) {
                    Some(parts) => self.joint(Op::And, p.elems.iter().cloned().zip(parts).collect()),
                    None => self.untaken(pat),
                }
            }
            (Pat::Slice(p), Value::Tensor(_) | Value::Tuple(_)) => {
                let at = self.places_of(&p.elems, value);
                let mut parts = Vec::new();
                for (elem, k) in p.elems.iter().zip(at) {
                    parts.push((elem.clone(), self.part_at(value, k, elem)));
                }
                self.joint(Op::And, parts)
            }
            (Pat::Lit(l), _) => {
                let expr = Expr::Lit(l.clone());
                self.same(&BinOp::Eq(Default::default()), value, &expr)
            }
            (Pat::Path(p), _) => {
                let expr = Expr::Path(p.clone());
                self.same(&BinOp::Eq(Default::default()), value, &expr)
            }
            (Pat::Ident(p), _) => match syn::parse2::<Expr>(p.ident.to_token_stream()) {
                Ok(expr) => self.same(&BinOp::Eq(Default::default()), value, &expr),
                Err(_) => self.untaken(pat),
            },
            (Pat::Range(r), _) => {
                let low = r.start.as_ref().map(|e| self.same(&BinOp::Ge(Default::default()), value, e));
                let high = r.end.as_ref().map(|e| match r.limits {
                    RangeLimits::Closed(_) => self.same(&BinOp::Le(Default::default()), value, e),
                    RangeLimits::HalfOpen(_) => self.same(&BinOp::Lt(Default::default()), value, e),
                });
                let both: Vec<Taken> = low.into_iter().chain(high).collect();
                self.combined(Op::And, both)
            }
            _ => self.untaken(pat),
        }
    }

    fn untaken(&mut self, pat: &Pat) -> Taken {
        let help = "numbers, ranges, names, tuples and structs are, and any pattern over an inactive value";
        self.errors.push(Kind::Unsupported, pat, &["this pattern", help]);
        Taken::Mistake
    }

    /// A number of the pattern compared with the value.
    fn same(&mut self, op: &BinOp, value: &Value, e: &Expr) -> Taken {
        if let Expr::Lit(syn::ExprLit { lit: syn::Lit::Bool(b), .. }) = e {
            let Some(node) = self.condition(value.clone(), e) else { return Taken::Mistake };
            return Taken::If(if b.value { node } else { self.graph.apply(Op::Not, &[node]) });
        }
        let is_float = match value {
            Value::Tensor(t) => self.graph.dtype(t.node).is_float(),
            _ => false,
        };
        let limit = match self.expr(e) {
            Value::Host(tokens) if is_float => Value::Host(tokens),
            Value::Host(tokens) => self.whole(&tokens),
            limit => limit,
        };
        let before = self.errors.len();
        match self.comparison(op, value.clone(), limit, e) {
            Some(Value::Tensor(t)) => Taken::If(t.node),
            _ => {
                if self.errors.len() == before {
                    let text = source(e);
                    let help = "numbers can be compared with numbers";
                    self.errors.push(Kind::Unsupported, e, &[&format!("the pattern `{text}` here"), help]);
                }
                Taken::Mistake
            }
        }
    }

    fn joint(&mut self, op: Op, parts: Vec<(Pat, Value)>) -> Taken {
        let mut all = Vec::new();
        for (pat, value) in &parts {
            all.push(self.taken(pat, value));
        }
        self.combined(op, all)
    }

    fn combined(&mut self, op: Op, parts: Vec<Taken>) -> Taken {
        let mut total = None;
        for part in parts {
            match part {
                Taken::Mistake => return Taken::Mistake,
                Taken::Always if op == Op::Or => return Taken::Always,
                Taken::Always => {}
                Taken::If(node) => {
                    total = Some(match total {
                        None => node,
                        Some(t) => self.graph.apply(op, &[t, node]),
                    })
                }
            }
        }
        total.map_or(Taken::Always, Taken::If)
    }

    // ---- parts ----

    /// A field that a pattern names.
    fn part(&mut self, value: &Value, name: &str, at: &dyn ToTokens) -> Value {
        let Value::Struct(fields) = value else { return Value::Poison };
        match fields.iter().find(|f| f.0 == name) {
            Some((_, Value::Opaque(why))) => {
                self.errors.push(Kind::Unsupported, at, &[&format!("the field `{name}`: {why}"), ""]);
                Value::Poison
            }
            Some((_, part)) => part.clone(),
            None => {
                self.errors.push(Kind::Unsupported, at, &[&format!("the field `{name}`"), ""]);
                Value::Poison
            }
        }
    }

    /// The positions of a slice pattern's parts: those behind `..` count from the end.
    fn places_of(
        &mut self,
        elems: &syn::punctuated::Punctuated<Pat, syn::Token![,]>,
        value: &Value,
    ) -> Vec<Option<crate::ir::Size>> {
        let len = match value {
            Value::Tensor(t) => t.dims.first().cloned(),
            Value::Tuple(list) => Some(self.int(list.len() as i64)),
            _ => None,
        };
        let rest = elems.iter().position(|e| matches!(e, Pat::Rest(_)));
        if rest.is_none() {
            if let Some(len) = &len {
                let count = self.int(elems.len() as i64);
                if !self.graph.sizes.unify(len, &count) {
                    let (a, b) = (self.graph.sizes.show(len), self.graph.sizes.show(&count));
                    self.errors.push(
                        Kind::Shape,
                        elems,
                        &["this pattern", &a, &b, "name each element, or write `..`"],
                    );
                }
            }
        }
        let place = |k: usize| match rest {
            Some(r) if k == r => None,
            Some(r) if k > r => {
                len.clone().map(|n| n.sub(&crate::ir::Size::constant((elems.len() - k) as i64)))
            }
            _ => Some(crate::ir::Size::constant(k as i64)),
        };
        (0..elems.len()).map(place).collect()
    }

    fn part_at(&mut self, value: &Value, k: Option<crate::ir::Size>, at: &Pat) -> Value {
        let Some(k) = k else { return Value::Unit };
        match value {
            Value::Tensor(_) => self.index_value(value.clone(), vec![Value::Int(k)], at),
            Value::Tuple(list) => {
                let k = self.graph.sizes.resolve(&k).as_const().and_then(|k| usize::try_from(k).ok());
                k.and_then(|k| list.get(k).cloned()).unwrap_or(Value::Poison)
            }
            _ => Value::Poison,
        }
    }

    pub fn bind_poison(&mut self, pat: &Pat) {
        let mut names = Vec::new();
        variables(pat, &mut names);
        for name in names {
            self.env.bind(name, Value::Poison, None);
        }
    }
}

/// The parts that stand behind each other in a pattern; those behind `..` count from the end.
fn matched<T: Clone>(
    elems: &syn::punctuated::Punctuated<Pat, syn::Token![,]>,
    list: Vec<T>,
) -> Option<Vec<T>> {
    let Some(rest) = elems.iter().position(|e| matches!(e, Pat::Rest(_))) else {
        return (elems.len() == list.len()).then_some(list);
    };
    let behind = elems.len() - rest - 1;
    if elems.len() - 1 > list.len() {
        return None;
    }
    let mut out = list.get(..rest)?.to_vec();
    // what `..` stands for is not looked at
    out.extend(list.first().cloned());
    out.extend(list.get(list.len() - behind..)?.iter().cloned());
    (out.len() == elems.len()).then_some(out)
}

/// A name that stands for a constant, a variant or a unit struct: a pattern that is no variable.
fn constant_name(name: &str) -> bool {
    name.trim_start_matches("r#").chars().next().is_some_and(char::is_uppercase)
}

/// Takes every value of its type, as far as the pattern alone tells.
fn irrefutable(pat: &Pat) -> bool {
    match pat {
        Pat::Wild(_) | Pat::Rest(_) => true,
        Pat::Ident(p) => !constant_name(&p.ident.to_string()) && p.subpat.is_none(),
        Pat::Tuple(p) => p.elems.iter().all(irrefutable),
        Pat::Paren(p) => irrefutable(&p.pat),
        Pat::Reference(p) => irrefutable(&p.pat),
        Pat::Type(p) => irrefutable(&p.pat),
        _ => false,
    }
}

fn fresh_name(name: &str) -> String {
    format!("{}_here", name.trim_start_matches("r#"))
}

/// The names that a pattern binds, without constants.
pub fn named(pat: &Pat) -> Vec<String> {
    let mut list = Vec::new();
    variables(pat, &mut list);
    list.retain(|name| !constant_name(name));
    list
}

/// The pattern with one of its names alone, under a name that no variable has.
struct Only<'a> {
    name: &'a str,
    references: bool,
}

impl VisitMut for Only<'_> {
    fn visit_pat_mut(&mut self, pat: &mut Pat) {
        if let Pat::Ident(p) = pat {
            let name = p.ident.to_string();
            if constant_name(&name) {
                return;
            }
            if let Some((_, inner)) = &mut p.subpat {
                self.visit_pat_mut(inner);
            }
            if name == self.name {
                p.ident = format_ident!("{}", fresh_name(&name));
                (p.by_ref, p.mutability) = (None, None);
            } else {
                *pat = match p.subpat.take() {
                    Some((_, inner)) => *inner,
                    None => Pat::Wild(syn::PatWild { attrs: vec![], underscore_token: Default::default() }),
                };
            }
            return;
        }
        if let Pat::Reference(_) = pat {
            self.references = true;
        }
        syn::visit_mut::visit_pat_mut(self, pat);
    }
    fn visit_field_pat_mut(&mut self, f: &mut syn::FieldPat) {
        // `Point { x }` is short for `Point { x: x }`
        f.colon_token.get_or_insert_with(Default::default);
        self.visit_pat_mut(&mut f.pat);
    }
    fn visit_expr_mut(&mut self, _: &mut Expr) {}
}

/// The names that a pattern binds; whether one is mutable. Patterns are as deep as their tokens, which are bounded.
pub fn variables(pat: &Pat, out: &mut Vec<String>) -> bool {
    let mut all = |pats: &mut dyn Iterator<Item = &Pat>| {
        let mut mutable = false;
        for p in pats {
            mutable |= variables(p, out);
        }
        mutable
    };
    match pat {
        Pat::Ident(p) => {
            if let Some((_, inner)) = &p.subpat {
                variables(inner, out);
            }
            out.push(p.ident.to_string());
            p.mutability.is_some()
        }
        Pat::Tuple(p) => all(&mut p.elems.iter()),
        Pat::Slice(p) => all(&mut p.elems.iter()),
        Pat::TupleStruct(p) => all(&mut p.elems.iter()),
        Pat::Struct(p) => all(&mut p.fields.iter().map(|f| &*f.pat)),
        Pat::Or(p) => all(&mut p.cases.iter().take(1)),
        Pat::Paren(p) => variables(&p.pat, out),
        Pat::Reference(p) => variables(&p.pat, out),
        Pat::Type(p) => variables(&p.pat, out),
        _ => false,
    }
}
