//! Arguments behind `&mut`: what Rust borrows again without a word is written out, and what would give them another name is found.
//!
//! Invariant: after `written_out`, a change of such an argument goes through its own name or through `iter_mut`.

use super::env::Value;
use super::function::arg_ident;
use super::options::Asked;
use super::Lower;
use crate::diag::Kind;
use crate::signature::{Arg, Form};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, ToTokens};
use std::collections::BTreeSet;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprMethodCall, FnArg, Ident, ItemFn, Type};

/// What to write instead of a move.
pub const HELP: &str = "use the argument by its own name: `y[i]`, `*y`, `for v in y.iter_mut()`, `f(y)`";

/// The function changes what the argument stands for: `&mut T`, or a view that can be written to.
pub fn changes(ty: &Type) -> bool {
    match ty {
        Type::Reference(r) => r.mutability.is_some(),
        Type::Paren(p) => changes(&p.elem),
        Type::Group(g) => changes(&g.elem),
        Type::Path(p) => {
            p.path.segments.last().is_some_and(|s| s.ident.to_string().starts_with("ArrayViewMut"))
        }
        _ => false,
    }
}

/// `a.view_mut()`
pub fn view_mut(m: &ExprMethodCall) -> bool {
    m.method == "view_mut" && m.args.is_empty()
}

/// The type in which derivative functions take an argument: they write to none.
pub fn shared(ty: &Type) -> TokenStream {
    match ty {
        Type::Reference(r) => {
            let (and, lifetime, elem) = (&r.and_token, &r.lifetime, shared(&r.elem));
            quote!(#and #lifetime #elem)
        }
        Type::Paren(p) => shared(&p.elem),
        Type::Group(g) => shared(&g.elem),
        Type::Path(p) if changes(ty) => {
            let last = p.path.segments.last();
            let view = last.map(|s| (s.ident.to_string().replace("ViewMut", "View"), &s.arguments));
            let (name, arguments) = view.unzip();
            let name = name.map(|name| format_ident!("{name}"));
            quote!(::chainrule::rt::nd::#name #arguments)
        }
        ty => ty.to_token_stream(),
    }
}

/// The names of the arguments that a function changes.
fn changed(item: &ItemFn) -> BTreeSet<String> {
    let typed = item.sig.inputs.iter().filter_map(|a| match a {
        FnArg::Typed(t) if changes(&t.ty) => arg_ident(&t.pat),
        _ => None,
    });
    typed.map(|ident| ident.to_string()).collect()
}

/// `for v in y` is `for v in y.iter_mut()` where `y` is such an argument. Gives the mentions that the lowering would take for
/// a copy.
pub fn written_out(item: &mut ItemFn) -> Vec<Ident> {
    let names = changed(item);
    if names.is_empty() {
        return vec![];
    }
    Explicit(&names).visit_block_mut(&mut item.block);
    let mut moves = Moves { names: &names, found: vec![] };
    moves.visit_block(&item.block);
    moves.found
}

fn bare<'a>(e: &'a Expr, names: &BTreeSet<String>) -> Option<&'a Ident> {
    match e {
        Expr::Paren(p) => bare(&p.expr, names),
        Expr::Group(p) => bare(&p.expr, names),
        Expr::Path(p) => p.path.get_ident().filter(|i| names.contains(&i.to_string())),
        _ => None,
    }
}

struct Explicit<'a>(&'a BTreeSet<String>);

impl Explicit<'_> {
    fn elements(&self, e: &mut Expr) {
        if bare(e, self.0).is_some() {
            let tokens = e.to_token_stream();
            *e = syn::parse_quote!(#tokens.iter_mut());
        }
    }
}

impl VisitMut for Explicit<'_> {
    fn visit_expr_for_loop_mut(&mut self, l: &mut syn::ExprForLoop) {
        self.elements(&mut l.expr);
        visit_mut::visit_expr_for_loop_mut(self, l);
    }
    fn visit_expr_method_call_mut(&mut self, m: &mut ExprMethodCall) {
        if m.method == "into_iter" && bare(&m.receiver, self.0).is_some() {
            m.method = Ident::new("iter_mut", m.method.span());
        }
        if m.method == "zip" {
            m.args.iter_mut().for_each(|e| self.elements(e));
        }
        visit_mut::visit_expr_method_call_mut(self, m);
    }
}

/// `Pair(x, y)`
fn constructs(c: &syn::ExprCall) -> bool {
    let last = match &*c.func {
        Expr::Path(p) => p.path.segments.last().map(|s| s.ident.to_string()),
        _ => None,
    };
    last.is_some_and(|name| name.starts_with(char::is_uppercase))
}

/// Finds mentions of the names that move them elsewhere.
struct Moves<'a> {
    names: &'a BTreeSet<String>,
    found: Vec<Ident>,
}

impl Moves<'_> {
    /// A place where a mention reads the argument, or changes it by its own name.
    fn harmless(&mut self, e: &Expr) {
        if bare(e, self.names).is_none() {
            self.visit_expr(e);
        }
    }
}

impl<'ast> Visit<'ast> for Moves<'_> {
    fn visit_expr(&mut self, e: &'ast Expr) {
        match e {
            Expr::Path(_) => self.found.extend(bare(e, self.names).cloned()),
            Expr::Index(i) => {
                self.harmless(&i.expr);
                self.visit_expr(&i.index);
            }
            Expr::Field(f) => self.harmless(&f.base),
            Expr::Unary(u) => self.harmless(&u.expr),
            Expr::Reference(r) => self.harmless(&r.expr),
            Expr::Binary(b) => {
                self.harmless(&b.left);
                self.harmless(&b.right);
            }
            // what a constructor is given is kept
            Expr::Call(c) if !constructs(c) => {
                self.visit_expr(&c.func);
                c.args.iter().for_each(|e| self.harmless(e));
            }
            Expr::MethodCall(m) => {
                self.harmless(&m.receiver);
                m.args.iter().for_each(|e| self.harmless(e));
            }
            e => visit::visit_expr(self, e),
        }
    }
}

impl Lower {
    /// Notes that the arguments may be written to. Host code would write to the caller's.
    pub fn borrowed(&mut self, changed: &[(String, Expr)]) {
        for binding in self.env.bindings.iter_mut().filter(|b| changed.iter().any(|c| c.0 == b.name)) {
            binding.mutable = true;
            if !matches!(binding.value, Value::Host(_)) {
                binding.host = None;
            }
        }
    }

    /// A step of training moves the one differentiated argument, which its caller lends.
    pub fn can_step(&mut self, sig: &syn::Signature, args: &[Arg], asked: &Asked) {
        if !asked.more.step {
            return;
        }
        let moved: Vec<&Arg> = args.iter().filter(|a| a.differentiated).collect();
        let owned = |form: &Form| match form {
            Form::Nd { view, .. } => !view,
            Form::Struct(_) | Form::Array(..) | Form::Scalar(_) => true,
            _ => false,
        };
        match moved[..] {
            [one] if one.by_ref && owned(&one.form) && !one.changed => {}
            _ => {
                let what = "`step` of a function without exactly one differentiated argument behind `&`";
                let help = "put the parameters into a struct, `net: &Net`, and name it in `wrt(net)`";
                self.errors.push(Kind::Unsupported, &sig.ident, &[what, help]);
            }
        }
    }
}
