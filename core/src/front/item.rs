//! The item itself: its name, and the function as rustc shall see it.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::VisitMut;
use syn::Expr;

/// The function without the attributes that only the macro reads.
pub fn without_attributes(item: &TokenStream) -> TokenStream {
    if super::too_deep(item).is_some() {
        return item.clone();
    }
    let Ok(mut function) = syn::parse2::<syn::ItemFn>(item.clone()) else { return item.clone() };
    plain(&mut function.sig);
    Parenthesise.visit_item_fn_mut(&mut function);
    function.to_token_stream()
}

/// A signature without the attributes that only the macro reads.
pub fn plain(sig: &mut syn::Signature) {
    for arg in &mut sig.inputs {
        if let syn::FnArg::Typed(typed) = arg {
            typed.attrs.retain(|a| !a.path().is_ident("dims"));
        }
    }
}

/// The block with its operands as they were given.
pub fn parenthesised(block: &mut syn::ItemImpl) {
    Parenthesise.visit_item_impl_mut(block);
}

/// What a `macro_rules!` was given for `$x:expr` is one operand, but the compiler forgets that of a macro's output.
struct Parenthesise;

impl VisitMut for Parenthesise {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        syn::visit_mut::visit_expr_mut(self, e);
        match e {
            Expr::Binary(b) => {
                parenthesise(&mut b.left);
                parenthesise(&mut b.right);
            }
            Expr::Unary(u) => parenthesise(&mut u.expr),
            Expr::Cast(c) => parenthesise(&mut c.expr),
            Expr::MethodCall(m) => parenthesise(&mut m.receiver),
            Expr::Field(f) => parenthesise(&mut f.base),
            Expr::Index(i) => parenthesise(&mut i.expr),
            Expr::Reference(r) => parenthesise(&mut r.expr),
            _ => {}
        }
    }
}

fn parenthesise(e: &mut Expr) {
    let Expr::Group(group) = e else { return };
    let loose = matches!(
        &*group.expr,
        Expr::Binary(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::Range(_)
            | Expr::Closure(_)
            | Expr::Reference(_)
    );
    if loose {
        let (attrs, expr) = (vec![], group.expr.clone());
        *e = Expr::Paren(syn::ExprParen { attrs, paren_token: Default::default(), expr });
    }
}

/// Whether the function has derivatives only where it is called.
pub fn is_template(item: &TokenStream, attr: &TokenStream) -> bool {
    if !attr.is_empty() || super::too_deep(item).is_some() {
        return false;
    }
    syn::parse2::<syn::ItemFn>(item.clone()).is_ok_and(|item| super::function::template(&item))
}

/// The visibility among the tokens before `fn`.
pub fn visibility(tokens: TokenStream) -> TokenStream {
    let list: Vec<TokenTree> = tokens.into_iter().collect();
    let at = list.iter().position(|t| matches!(t, TokenTree::Ident(i) if i == "pub"));
    let Some(at) = at else { return TokenStream::new() };
    let scope = match list.get(at + 1) {
        Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis => Some(list[at + 1].clone()),
        _ => None,
    };
    std::iter::once(list[at].clone()).chain(scope).collect()
}

/// The name under which other expansions ask for a function or struct; a method has none.
pub fn item_name(item: &TokenStream) -> Option<Ident> {
    let mut tokens = item.clone().into_iter();
    let keyword = tokens.find_map(|t| match t {
        TokenTree::Ident(i) if i == "fn" || i == "struct" => Some(i),
        _ => None,
    })?;
    let TokenTree::Ident(name) = tokens.next()? else { return None };
    let arguments = tokens.find_map(|t| match t {
        TokenTree::Group(g) if g.delimiter() == Delimiter::Parenthesis => Some(g.stream()),
        _ => None,
    });
    let first = arguments.into_iter().flatten();
    let is_self = |t: TokenTree| matches!(t, TokenTree::Ident(i) if i == "self");
    let method = keyword == "fn"
        && first
            .take_while(|t| !matches!(t, TokenTree::Punct(p) if matches!(p.as_char(), ':' | ',')))
            .any(is_self);
    (!method).then_some(name)
}
