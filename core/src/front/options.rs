//! The attribute's tokens in, its options out.
//!
//! Invariant: an option that is not known is an error, never ignored.

use crate::diag::{Errors, Kind};
use crate::ir::{Checkpoint, Math};
use crate::signature::Options;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Ident, Meta, Path, Token};

/// What `#[differentiable(…)]` asked for.
#[derive(Clone)]
pub struct Asked {
    pub wrt: Option<Vec<Ident>>,
    pub math: Math,
    /// The derivatives beside the gradient.
    pub more: Options,
    /// The arguments that the Jacobian is for, where those are not all.
    pub columns: Option<Vec<Ident>>,
    /// The rules of a function whose body is not read.
    pub custom: Option<Custom>,
}

/// Paths to the functions that say a function's derivatives.
#[derive(Clone, Default)]
pub struct Custom {
    pub gradient: Option<Path>,
    pub vjp: Option<Path>,
    pub jvp: Option<Path>,
}

impl Asked {
    /// What emission needs to know.
    pub fn options(&self) -> Options {
        let columns = self.columns.as_ref().map(|list| list.iter().map(Ident::to_string).collect());
        Options { columns, ..self.more.clone() }
    }
}

pub fn parse(attr: TokenStream, errors: &mut Errors) -> Asked {
    let mut asked =
        Asked { wrt: None, math: Math::Real, more: Options::default(), columns: None, custom: None };
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    let list = match syn::parse::Parser::parse2(parser, without_keywords(attr.clone())) {
        Ok(list) => list,
        Err(e) => {
            errors.push(Kind::Syntax, &attr, &[&format!("{e} in the options of `#[differentiable]`")]);
            return asked;
        }
    };
    super::compile_time::check_options(&list.iter().collect::<Vec<_>>(), errors);
    for meta in &list {
        let name = crate::diag::source(meta.path());
        match (name.as_str(), meta) {
            ("r#const", Meta::Path(_)) => asked.more.constant = Some(meta.to_token_stream()),
            ("value", Meta::Path(_)) => asked.more.value = true,
            ("jvp", Meta::Path(_)) => asked.more.jvp = true,
            ("vjp", Meta::Path(_)) => asked.more.vjp = true,
            ("hvp", Meta::Path(_)) => asked.more.hvp = true,
            ("jacobian", Meta::Path(_)) => asked.more.jacobian = true,
            ("hessian", Meta::Path(_)) => asked.more.hessian = true,
            ("step", Meta::Path(_)) => asked.more.step = true,
            ("debug_nans", Meta::Path(_)) => asked.more.debug_nans = true,
            ("wrt", Meta::List(names)) => {
                match names.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated) {
                    Ok(names) if names.is_empty() => {
                        errors.push(Kind::Syntax, meta, &["`wrt` names no argument: write `wrt(a, b)`"])
                    }
                    Ok(names) => asked.wrt.get_or_insert_with(Vec::new).extend(names),
                    Err(e) => errors.push(Kind::Syntax, meta, &[&format!("{e} in `wrt(…)`")]),
                }
            }
            ("jacobian", Meta::List(names)) => {
                asked.more.jacobian = true;
                match names.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated) {
                    Ok(names) => asked.columns.get_or_insert_with(Vec::new).extend(names),
                    Err(e) => errors.push(Kind::Syntax, meta, &[&format!("{e} in `jacobian(…)`")]),
                }
            }
            ("math", Meta::NameValue(value)) => match string(&value.value).as_deref() {
                Some("strict") => asked.math = Math::Strict,
                Some("real") => asked.math = Math::Real,
                _ => errors.push(Kind::UnknownOption, meta, &[&crate::diag::source(meta)]),
            },
            ("custom", Meta::NameValue(value)) => match &value.value {
                syn::Expr::Path(p) => {
                    asked.custom.get_or_insert_with(Custom::default).gradient = Some(p.path.clone())
                }
                _ => errors.push(Kind::Syntax, meta, &["write `custom = path`, the path to a function"]),
            },
            ("custom", Meta::List(rules)) => {
                let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
                let custom = asked.custom.get_or_insert_with(Custom::default);
                let known = rules.parse_args_with(parser).is_ok_and(|rules| {
                    !rules.is_empty() && rules.iter().all(|rule| custom.take(rule).is_some())
                });
                // a mode with a rule has a function
                asked.more.vjp |= custom.vjp.is_some();
                asked.more.jvp |= custom.jvp.is_some();
                if !known {
                    let text = "write `custom(vjp = path)`, `custom(jvp = path)` or both";
                    errors.push(Kind::Syntax, meta, &[text]);
                }
            }
            ("checkpoint", Meta::NameValue(value)) => match checkpoint(&value.value) {
                Some(kept) => asked.more.checkpoint = Some((kept, meta.to_token_stream())),
                None => {
                    let what = format!("{} is no plan of checkpoints", crate::diag::source(&value.value));
                    let help = "write `checkpoint = 100` for one kept state in 100 iterations, or `checkpoint = \"log\"`";
                    errors.push(Kind::Syntax, &value.value, &[&format!("{what}\nhelp: {help}")]);
                }
            },
            _ => errors.push(Kind::UnknownOption, meta, &[&crate::diag::source(meta)]),
        }
    }
    asked
}

/// `const` as a name, which no path of Rust may be.
fn without_keywords(attr: TokenStream) -> TokenStream {
    let name = |token| match token {
        TokenTree::Ident(i) if i == "const" => {
            TokenTree::Ident(proc_macro2::Ident::new_raw("const", i.span()))
        }
        token => token,
    };
    attr.into_iter().map(name).collect()
}

impl Custom {
    /// A rule for one mode.
    fn take(&mut self, rule: &Meta) -> Option<()> {
        let Meta::NameValue(rule) = rule else { return None };
        let syn::Expr::Path(p) = &rule.value else { return None };
        match crate::diag::source(&rule.path).as_str() {
            "vjp" => self.vjp = Some(p.path.clone()),
            "jvp" => self.jvp = Some(p.path.clone()),
            _ => return None,
        }
        Some(())
    }
}

/// A positive number of iterations, or the word for as few states as can be.
fn checkpoint(e: &syn::Expr) -> Option<Checkpoint> {
    match e {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(n), .. }) if n.suffix().is_empty() => {
            n.base10_parse().ok().filter(|n| *n > 0).map(Checkpoint::Every)
        }
        e => string(e).filter(|word| word == "log").map(|_| Checkpoint::Halving),
    }
}

fn string(e: &syn::Expr) -> Option<String> {
    match e {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(s), .. }) => Some(s.value()),
        _ => None,
    }
}
