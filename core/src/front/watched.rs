//! A function once more as it was written, with a watch behind each value that it computes.
//!
//! Invariant: the copy computes what the function computes; whoever calls says what a watch is.

use super::function::arg_ident;
use super::item::without_attributes;
use super::scope::moved;
use crate::signature::{Watch, Watched};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Block, Expr, FnArg, Ident, ItemFn, Pat, ReturnType, Stmt};

/// Methods of arrays that write to what they are called on.
const WRITERS: &[&str] =
    &["assign", "fill", "map_inplace", "mapv_inplace", "scaled_add", "zip_mut_with", "par_mapv_inplace"];

/// The function, two modules below its own. `write` gives the tokens of a watch.
pub fn watched(item: &TokenStream, write: &dyn Fn(&Watch) -> TokenStream) -> Option<Watched> {
    let mut item: ItemFn = syn::parse2(without_attributes(item)).ok()?;
    let result = match &item.sig.output {
        ReturnType::Type(_, ty) => ty.to_token_stream(),
        ReturnType::Default => quote::quote!(()),
    };
    let mut watcher = Watcher { write, result: Some(result.clone()) };
    watcher.visit_block_mut(&mut item.block);
    watcher.ends(&mut item.block);
    let names = item.sig.inputs.iter().flat_map(|arg| match arg {
        FnArg::Typed(typed) => names(&typed.pat),
        FnArg::Receiver(_) => vec![],
    });
    let before = names.map(|name| watcher.of(&name, &name, &name)).collect();
    let below = |tokens: &dyn ToTokens| moved(moved(tokens.to_token_stream()));
    let generics = &item.sig.generics;
    Some(Watched {
        generics: below(generics),
        inputs: below(&item.sig.inputs),
        result: below(&result),
        bounds: below(&generics.where_clause),
        before,
        block: below(&item.block),
    })
}

struct Watcher<'a> {
    write: &'a dyn Fn(&Watch) -> TokenStream,
    /// What `return` gives; nothing in closures, whose results have other types.
    result: Option<TokenStream>,
}

impl Watcher<'_> {
    /// A watch of a value, with what is said of it.
    fn of(&self, value: &dyn ToTokens, said: &dyn ToTokens, at: &dyn ToTokens) -> TokenStream {
        self.through(value, None, said, at)
    }

    fn through(
        &self,
        value: &dyn ToTokens,
        whole: Option<&Expr>,
        said: &dyn ToTokens,
        at: &dyn ToTokens,
    ) -> TokenStream {
        (self.write)(&Watch {
            value: value.to_token_stream(),
            whole: whole.map(Expr::to_token_stream),
            result: None,
            said: said.to_token_stream(),
            span: start(at),
        })
    }

    /// The watches behind a statement.
    fn behind(&self, stmt: &Stmt) -> Vec<TokenStream> {
        match stmt {
            Stmt::Local(local) => match &local.init {
                Some(init) => self.bound(&local.pat, &init.expr),
                None => vec![],
            },
            Stmt::Expr(e, Some(_)) => match e {
                Expr::Assign(a) => self.written(&a.left, e),
                Expr::Binary(b) if assigns(&b.op) => self.written(&b.left, e),
                Expr::MethodCall(m) if WRITERS.contains(&m.method.to_string().as_str()) => {
                    self.written(&m.receiver, e)
                }
                _ => vec![],
            },
            _ => vec![],
        }
    }

    /// What a pattern binds, with the part of the expression that it is bound to.
    fn bound(&self, pat: &Pat, init: &Expr) -> Vec<TokenStream> {
        match (pat, init) {
            _ if is_empty(init) => vec![],
            // an infinity that is written down is meant
            _ if mentions_infinity(init.to_token_stream()) => vec![],
            (Pat::Type(t), _) => self.bound(&t.pat, init),
            (Pat::Paren(p), _) => self.bound(&p.pat, init),
            (Pat::Ident(p), _) if p.subpat.is_none() => vec![self.of(&p.ident, init, init)],
            (Pat::Tuple(pats), Expr::Tuple(parts)) if pats.elems.len() == parts.elems.len() => {
                pats.elems.iter().zip(&parts.elems).flat_map(|(p, e)| self.bound(p, e)).collect()
            }
            _ => names(pat).iter().map(|name| self.of(name, name, name)).collect(),
        }
    }

    /// A place that was written to. Of an array's element, the whole array is looked at where the element is no number.
    fn written(&self, place: &Expr, stmt: &Expr) -> Vec<TokenStream> {
        if let Expr::Tuple(t) = place {
            return t.elems.iter().flat_map(|place| self.written(place, stmt)).collect();
        }
        let (mut whole, mut rest, mut pure) = (None, place, true);
        loop {
            rest = match rest {
                Expr::Index(i) => {
                    pure &= repeatable(&i.index);
                    whole = Some(&*i.expr);
                    &i.expr
                }
                Expr::Field(f) => &f.base,
                Expr::Paren(p) => &p.expr,
                Expr::Group(g) => &g.expr,
                Expr::Unary(u) => &u.expr,
                Expr::Path(_) => break,
                // what a call gives is not asked for twice
                _ => return vec![],
            }
        }
        vec![match whole {
            Some(whole) if pure => self.through(place, Some(whole), stmt, stmt),
            Some(whole) => self.of(whole, stmt, stmt),
            None => self.of(place, stmt, stmt),
        }]
    }

    /// The values that the function's block ends with.
    fn ends(&self, block: &mut Block) {
        if let Some(Stmt::Expr(e, None)) = block.stmts.last_mut() {
            self.end(e);
        }
    }

    fn end(&self, e: &mut Expr) {
        match e {
            Expr::Block(b) if b.label.is_none() => self.ends(&mut b.block),
            Expr::Unsafe(b) => self.ends(&mut b.block),
            Expr::If(i) => {
                self.ends(&mut i.then_branch);
                if let Some((_, other)) = &mut i.else_branch {
                    self.end(other);
                }
            }
            Expr::Match(m) => m.arms.iter_mut().for_each(|arm| self.end(&mut arm.body)),
            Expr::Return(_) | Expr::While(_) | Expr::ForLoop(_) | Expr::Loop(_) => {}
            Expr::Assign(_) => {}
            other => {
                let tokens = (self.write)(&Watch {
                    value: other.to_token_stream(),
                    whole: None,
                    result: self.result.clone(),
                    said: other.to_token_stream(),
                    span: start(other),
                });
                *other = Expr::Verbatim(tokens);
            }
        }
    }
}

impl VisitMut for Watcher<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        let mut stmts = Vec::with_capacity(2 * block.stmts.len());
        for mut stmt in std::mem::take(&mut block.stmts) {
            let behind = self.behind(&stmt);
            self.visit_stmt_mut(&mut stmt);
            stmts.push(stmt);
            stmts.extend(behind.into_iter().map(|w| Stmt::Expr(Expr::Verbatim(w), Some(Default::default()))));
        }
        block.stmts = stmts;
    }

    fn visit_expr_return_mut(&mut self, e: &mut syn::ExprReturn) {
        visit_mut::visit_expr_return_mut(self, e);
        if let (Some(value), Some(_)) = (&mut e.expr, &self.result) {
            self.end(value);
        }
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut syn::ExprClosure) {
        let result = self.result.take();
        self.visit_expr_mut(&mut closure.body);
        self.result = result;
    }

    fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}

    // what is computed at compile time, and what is no part of the function's run

    fn visit_expr_const_mut(&mut self, _: &mut syn::ExprConst) {}

    fn visit_expr_repeat_mut(&mut self, e: &mut syn::ExprRepeat) {
        self.visit_expr_mut(&mut e.expr);
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}

    fn visit_pat_mut(&mut self, _: &mut Pat) {}

    fn visit_path_mut(&mut self, _: &mut syn::Path) {}

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_generic_argument_mut(&mut self, _: &mut syn::GenericArgument) {}
}

fn assigns(op: &BinOp) -> bool {
    matches!(op, BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::MulAssign(_))
        || matches!(op, BinOp::DivAssign(_) | BinOp::RemAssign(_))
}

/// What a list begins as: there is nothing to look at, and rustc may not know yet of what it is a list.
fn is_empty(e: &Expr) -> bool {
    match e {
        Expr::Call(c) => match &*c.func {
            Expr::Path(p) => p.path.segments.last().is_some_and(|s| {
                s.ident == "with_capacity" || c.args.is_empty() && (s.ident == "new" || s.ident == "default")
            }),
            _ => false,
        },
        Expr::Macro(m) => m.mac.tokens.is_empty(),
        _ => false,
    }
}

fn mentions_infinity(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|t| match t {
        TokenTree::Group(g) => mentions_infinity(g.stream()),
        TokenTree::Ident(i) => i == "INFINITY" || i == "NEG_INFINITY",
        _ => false,
    })
}

/// An index that gives the same when it is asked for once more.
fn repeatable(e: &Expr) -> bool {
    match e {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Paren(p) => repeatable(&p.expr),
        Expr::Group(g) => repeatable(&g.expr),
        Expr::Unary(u) => repeatable(&u.expr),
        Expr::Cast(c) => repeatable(&c.expr),
        Expr::Field(f) => repeatable(&f.base),
        Expr::Binary(b) => !assigns(&b.op) && repeatable(&b.left) && repeatable(&b.right),
        Expr::Index(i) => repeatable(&i.expr) && repeatable(&i.index),
        Expr::Array(a) => a.elems.iter().all(repeatable),
        Expr::Tuple(t) => t.elems.iter().all(repeatable),
        _ => false,
    }
}

/// The variables that a pattern binds.
fn names(pat: &Pat) -> Vec<Ident> {
    let all = |pats: &mut dyn Iterator<Item = &Pat>| pats.flat_map(names).collect();
    match pat {
        // constants and variants without fields look like variables
        Pat::Ident(_) => {
            let variable = |i: &Ident| !i.to_string().starts_with(char::is_uppercase);
            arg_ident(pat).into_iter().filter(variable).collect()
        }
        Pat::Type(t) => names(&t.pat),
        Pat::Paren(p) => names(&p.pat),
        Pat::Reference(r) => names(&r.pat),
        Pat::Tuple(t) => all(&mut t.elems.iter()),
        Pat::TupleStruct(t) => all(&mut t.elems.iter()),
        Pat::Slice(s) => all(&mut s.elems.iter()),
        Pat::Struct(s) => all(&mut s.fields.iter().map(|f| &*f.pat)),
        _ => vec![],
    }
}

/// Where something begins.
fn start(at: &dyn ToTokens) -> Span {
    at.to_token_stream().span()
}
