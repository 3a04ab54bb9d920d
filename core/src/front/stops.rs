//! What stops a function: assertions and panics. They are kept as host code that runs on entry.
//!
//! Also here: conditions as host code, so that inactive code of a branch does not run, and panic, where the branch does not.
//!
//! Invariant: a check is kept or refused, never dropped.

use super::env::Value;
use super::host::{names, HostLet};
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{Array, Dtype, Node, NodeId, Op};
use crate::signature::Form;
use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use quote::{quote, ToTokens};
use syn::punctuated::Punctuated;

/// How deep a condition is followed.
const DEPTH: usize = 100;

impl Lower {
    /// A macro that stops the function; none for another one.
    pub fn stops(&mut self, mac: &syn::Macro) -> Option<Value> {
        let name = mac.path.segments.last()?.ident.to_string();
        let check = matches!(name.trim_start_matches("debug_"), "assert" | "assert_eq" | "assert_ne");
        let end = matches!(name.as_str(), "panic" | "unreachable" | "todo" | "unimplemented");
        if !check && !end {
            return None;
        }
        let in_loop = self.frames.iter().any(|f| f.is_loop);
        let in_closure = self.calls.iter().any(|c| c.0.is_empty());
        let guards: Option<Vec<TokenStream>> = self.env.guards.iter().map(|g| self.on_entry(*g, 0)).collect();
        let kept = match (guards, in_loop || in_closure) {
            (Some(guards), false) => self.host_tokens(mac).map(|tokens| match guards.is_empty() {
                true => quote!(#tokens;),
                false => quote!(if #(#guards)&&* { #tokens; }),
            }),
            _ => None,
        };
        let kept = kept.or_else(|| match check && !in_loop && !in_closure {
            true => self.checked_on_entry(mac, &name),
            false => None,
        });
        match kept {
            Some(tokens) => {
                let mut uses = names(&tokens);
                uses.push(name.clone());
                self.host_lets.push(HostLet { names: vec![], uses, tokens, init: None });
            }
            // the author says that control does not come here
            None if name == "unreachable" => {}
            None => {
                let what = format!("`{name}!` here");
                let help = "check inactive values and arguments, outside of loops and of branches over computed values";
                self.errors.push(Kind::Unsupported, mac, &[&what, help]);
            }
        }
        if end {
            self.dead = true;
        }
        Some(Value::Unit)
    }

    /// An assertion of values that have no name on entry, such as the lengths of a callee's arguments.
    fn checked_on_entry(&mut self, mac: &syn::Macro, name: &str) -> Option<TokenStream> {
        let parser = Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        let args = syn::parse::Parser::parse2(parser, mac.tokens.clone()).ok()?;
        let guards: Option<Vec<TokenStream>> = self.env.guards.iter().map(|g| self.on_entry(*g, 0)).collect();
        let guards = guards?;
        let before = self.errors.len();
        let value = match (name.trim_start_matches("debug_"), args.first(), args.get(1)) {
            ("assert", Some(cond), _) => self.expr(cond),
            ("assert_eq", Some(a), Some(b)) => self.expr(&syn::parse_quote!(#a == #b)),
            (_, Some(a), Some(b)) => self.expr(&syn::parse_quote!(#a != #b)),
            _ => return None,
        };
        let node = self.condition(value, mac);
        self.errors.list.truncate(before);
        let cond = self.on_entry(node?, 0)?;
        let text = format!("assertion failed: {}", source(&mac.tokens));
        let tokens = quote!(assert!(#cond, "{}", #text));
        Some(match guards.is_empty() {
            true => quote!(#tokens;),
            false => quote!(if #(#guards)&&* { #tokens; }),
        })
    }

    /// A condition, or an integer in it, as code that runs on entry.
    pub fn on_entry(&self, node: NodeId, depth: usize) -> Option<TokenStream> {
        if depth > DEPTH {
            return None;
        }
        let dtype = self.graph.dtype(node);
        match self.graph.node(node) {
            Node::Const(bits) => {
                let value = f64::from_bits(*bits);
                Some(match dtype {
                    Dtype::Bool if value != 0.0 => quote!(true),
                    Dtype::Bool => quote!(false),
                    Dtype::Int => Literal::i64_unsuffixed(value as i64).to_token_stream(),
                    _ if !value.is_finite() => return None,
                    Dtype::F32 => Literal::f32_suffixed(value as f32).to_token_stream(),
                    Dtype::F64 => Literal::f64_suffixed(value).to_token_stream(),
                })
            }
            Node::Size(size) => {
                let text = self.rust_tokens(size)?;
                Some(quote!(((#text) as isize)))
            }
            Node::Load { array: Array::Input(i), view: None, index } if index.is_empty() => {
                let leaf = self.leaves.get(i.0 as usize)?;
                let place = &leaf.place;
                match (&leaf.form, dtype) {
                    (Form::Scalar(_), Dtype::Int) => Some(quote!(((#place) as isize))),
                    (Form::Scalar(_), _) => Some(quote!((#place))),
                    _ => None,
                }
            }
            Node::Apply(op, args) => {
                let parts: Option<Vec<TokenStream>> =
                    args.iter().map(|a| self.on_entry(*a, depth + 1)).collect();
                let parts = parts?;
                match (op, parts.as_slice()) {
                    (Op::Not, [a]) => Some(quote!((!#a))),
                    (Op::And, [a, b]) => Some(quote!((#a && #b))),
                    (Op::Or, [a, b]) => Some(quote!((#a || #b))),
                    (Op::Lt, [a, b]) => Some(quote!((#a < #b))),
                    (Op::Le, [a, b]) => Some(quote!((#a <= #b))),
                    (Op::Gt, [a, b]) => Some(quote!((#a > #b))),
                    (Op::Ge, [a, b]) => Some(quote!((#a >= #b))),
                    (Op::Eq, [a, b]) => Some(quote!((#a == #b))),
                    (Op::Ne, [a, b]) => Some(quote!((#a != #b))),
                    (Op::When, [_, x]) => Some(x.clone()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// All conditions under which the code runs are known on entry.
    pub fn runs_by_what_is_known(&self) -> bool {
        self.env.guards.iter().all(|g| self.on_entry(*g, 0).is_some())
    }

    /// Inactive code of a branch, which runs only where the branch does, as far as that is known on entry.
    pub fn in_branch(&self, tokens: &TokenStream, dtype: Dtype) -> TokenStream {
        if self.env.guards.is_empty() || !may_panic(tokens) {
            return tokens.clone();
        }
        let text = source(tokens);
        let conds: Vec<TokenStream> = self
            .env
            .guards
            .iter()
            .filter_map(|g| self.on_entry(*g, 0))
            .filter(|c| source(c) != text)
            .collect();
        match conds.is_empty() {
            true => tokens.clone(),
            false => {
                let other = match dtype {
                    _ if !self.at_compile_time => quote!(::core::default::Default::default()),
                    Dtype::Bool => quote!(false),
                    Dtype::Int => quote!(0),
                    Dtype::F32 | Dtype::F64 => quote!(0.0),
                };
                quote!((if #(#conds)&&* { #tokens } else { #other }))
            }
        }
    }
}

/// Looks up, computes with integers, or calls something other than the length of an array.
fn may_panic(tokens: &TokenStream) -> bool {
    let list: Vec<TokenTree> = tokens.clone().into_iter().collect();
    list.iter().enumerate().any(|(k, token)| match token {
        TokenTree::Group(g) => {
            let before = k.checked_sub(1).and_then(|k| list.get(k));
            let called = match before {
                Some(TokenTree::Ident(i)) => {
                    !matches!(i.to_string().as_str(), "len" | "is_empty" | "nrows" | "ncols" | "as")
                }
                _ => false,
            };
            g.delimiter() == Delimiter::Bracket
                || (called && g.delimiter() == Delimiter::Parenthesis)
                || may_panic(&g.stream())
        }
        TokenTree::Punct(p) => matches!(p.as_char(), '-' | '+' | '*' | '/' | '%' | '<'),
        _ => false,
    })
}
