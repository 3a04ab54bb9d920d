//! Functions that call themselves: such a call stays a call, of the function's value or of its generated adjoint.
//!
//! Invariant: a call of itself has a condition around it, or is an error.

use super::env::Value;
use super::foreign::{own_path, Argument, Paths};
use super::function::arg_ident;
use super::options::Asked;
use super::Lower;
use crate::diag::Kind;
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, FnArg, ItemFn, PatType};

/// The function that is expanded.
pub struct Own {
    pub item: ItemFn,
    pub asked: Asked,
    pub recursive: bool,
}

impl Own {
    pub fn new(item: &ItemFn, asked: &Asked) -> Self {
        Own { item: item.clone(), asked: asked.clone(), recursive: asked.custom.is_none() && recursive(item) }
    }
}

/// Whether a function calls itself by its name.
pub fn recursive(item: &ItemFn) -> bool {
    struct Look<'a>(&'a syn::Ident, bool);
    impl<'ast> Visit<'ast> for Look<'_> {
        fn visit_expr_call(&mut self, c: &'ast ExprCall) {
            self.1 |= matches!(&*c.func, Expr::Path(p) if p.path.get_ident() == Some(self.0));
            visit::visit_expr_call(self, c);
        }
    }
    let mut look = Look(&item.sig.ident, false);
    look.visit_block(&item.block);
    look.1
}

/// The parameters of a function.
pub fn parameters(item: &ItemFn) -> Vec<&PatType> {
    let typed = item.sig.inputs.iter().filter_map(|a| match a {
        FnArg::Typed(t) => Some(t),
        FnArg::Receiver(_) => None,
    });
    typed.collect()
}

impl Lower {
    /// A call of the function in its own body, outside of functions that are inlined.
    pub fn own_recursion(
        &mut self,
        key: &str,
        args: &[Value],
        c: Option<&ExprCall>,
        at: &dyn ToTokens,
    ) -> Option<Value> {
        let own = self.own.clone()?;
        let inlined = self.calls.iter().skip(1).any(|(name, _)| !name.is_empty());
        if own.item.sig.ident != key || !own.recursive || inlined {
            return None;
        }
        let params = parameters(&own.item);
        if params.len() != args.len() {
            let text = format!("{} arguments", params.len());
            self.errors.push(Kind::Argument, at, &[&format!("`{key}`"), &text, ""]);
            return Some(Value::Poison);
        }
        if self.env.guards.is_empty() {
            self.errors.push(Kind::Recursion, at, &[key]);
            return Some(Value::Poison);
        }
        let hosts = self.host_arguments(&params, args, c);
        let mut arguments = vec![];
        for ((param, value), host) in params.into_iter().zip(args).zip(hosts) {
            let name = arg_ident(&param.pat).map_or_else(String::new, |i| i.to_string());
            let dims = self.dims_attr(&param.attrs);
            let value = self.passed(value.clone(), param, dims.as_ref(), &name, host.as_ref(), at);
            if value.is_poison() {
                return Some(Value::Poison);
            }
            arguments.push(Argument { param, name, value, host });
        }
        let function = own_path(&own.item.sig.ident.to_token_stream());
        let paths = Paths { function, module: quote!(self) };
        Some(self.foreign(&own.item, &own.asked, arguments, &paths, at))
    }

    /// The arguments of a call as inactive code, where they are.
    pub fn host_arguments(
        &self,
        params: &[&PatType],
        args: &[Value],
        c: Option<&ExprCall>,
    ) -> Vec<Option<TokenStream>> {
        args.iter()
            .enumerate()
            .map(|(k, v)| {
                let e = c.and_then(|c| c.args.get(k))?;
                let tokens = if v.active() { None } else { self.host_tokens(e) }?;
                let ty = super::types::strip(&params[k].ty).0;
                let scalar = super::types::scalar_type(&crate::diag::source(ty)).is_some();
                // a literal has the parameter's type
                if scalar && super::instances::open_type(&tokens) {
                    return Some(quote!({ let argument: #ty = #tokens; argument }));
                }
                Some(if matches!(e, Expr::Path(_) | Expr::Lit(_)) { tokens } else { quote!((#tokens)) })
            })
            .collect()
    }
}
