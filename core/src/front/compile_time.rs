//! What `#[differentiable(const)]` refuses: what no `const fn` can do, and what has no length that the types tell.
//!
//! Invariant: what is not refused here, rustc evaluates at compile time where it evaluates the function itself.

use super::options::Asked;
use super::Lower;
use crate::diag::{source, Errors, Kind};
use crate::signature::{Form, Signature};
use quote::ToTokens;
use syn::{ItemFn, Meta};

/// The options that go with `const`.
const BESIDE: [&str; 3] = ["r#const", "wrt", "math"];

/// Options that do not go with `const`.
pub fn check_options(list: &[&Meta], errors: &mut Errors) {
    if !list.iter().any(|meta| source(meta.path()) == BESIDE[0]) {
        return;
    }
    for meta in list {
        let name = source(meta.path());
        if !BESIDE.contains(&name.as_str()) {
            let help = "`const` gives `gradient`, `value_and_gradient` and `value_and_gradient_into`";
            errors.push(Kind::Constant, meta, &[&format!("`{name}`"), help]);
        }
    }
}

/// The function itself must be a `const fn`.
pub fn check(item: &ItemFn, asked: &Asked, errors: &mut Errors) {
    if asked.more.constant.is_some() && item.sig.constness.is_none() {
        let help = "write `const fn`";
        errors.push(Kind::Constant, &item.sig.fn_token, &["a function that is not `const`", help]);
    }
}

impl Lower {
    /// A construct that derivatives at compile time do without; whether it stands in one.
    pub fn refused_at_compile_time(&mut self, at: &dyn ToTokens, what: &str, help: &str) -> bool {
        if self.at_compile_time {
            self.errors.push(Kind::Constant, at, &[what, help]);
        }
        self.at_compile_time
    }

    /// A call of a function with rules, or of the function itself.
    pub fn refuses(&mut self, at: &dyn ToTokens) -> bool {
        let help = "call functions whose bodies are read, and that do not call themselves";
        self.refused_at_compile_time(at, "a call that stays a call", help)
    }

    /// Arguments, and values of inactive code, whose length the run knows alone, and arguments that change.
    pub fn check_lengths(&mut self, item: &ItemFn, signature: &Signature) {
        if !self.at_compile_time {
            return;
        }
        let fixed = "take an array whose length is in its type: `&[f64; N]`";
        let open = |form: &Form| {
            let mut form = form;
            while let Form::Array(inner, _) = form {
                form = inner;
            }
            matches!(form, Form::Slice(_) | Form::Nd { .. })
        };
        let types: Vec<_> = item.sig.inputs.iter().map(|a| a.to_token_stream()).collect();
        for (k, arg) in signature.args.iter().enumerate() {
            let what = format!("the length of `{}`, which only the run knows,", arg.ident);
            let leaves = self.leaves.iter().any(|l| l.arg == Some(k) && open(&l.form));
            let lists = self.lists.iter().any(|l| l.arg == Some(k));
            if open(&arg.form) || leaves || lists {
                self.errors.push(Kind::Constant, &arg.ident, &[&what, fixed]);
            }
            if arg.changed {
                let help = "return the new value";
                let at = types.get(k).cloned().unwrap_or_else(|| arg.ident.to_token_stream());
                self.errors.push(Kind::Constant, &at, &["an argument that the function changes", help]);
            }
        }
        let hosts = self.leaves.iter().filter(|l| l.arg.is_none() && open(&l.form));
        let hosts: Vec<_> = hosts.map(|l| l.place.clone()).collect();
        for place in hosts {
            let what = format!("the length of `{}`, which only the run knows,", source(&place));
            self.errors.push(Kind::Constant, &place, &[&what, "make it an array"]);
        }
    }
}
