//! The words of a body: numbers in vectors of the support module, or plain numbers where it runs at compile time.
//!
//! A body in a `const fn` has one lane, no traits, no closures, no iterators and no heap. Invariant: both ways compute the same
//! operations in the same order, as far as a plan has them in one lane.

use super::super::expr;
use super::Body;
use crate::ir::{Dtype, RedOp};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// What a body is written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Style {
    /// A kernel over vectors of any width.
    #[default]
    Vectors,
    /// The body of a `const fn`.
    Constant,
}

impl<'a> Body<'a> {
    pub(super) fn constant(&self) -> bool {
        self.style == Style::Constant
    }

    /// A number in all lanes of a vector.
    pub(super) fn splat(&self, v: &TokenStream, number: &TokenStream) -> TokenStream {
        match self.style {
            Style::Vectors => quote!(#v::splat(#number)),
            Style::Constant => number.clone(),
        }
    }

    /// The same of a number of another type.
    pub(super) fn converted(&self, v: &TokenStream, number: &TokenStream, ty: &Ident) -> TokenStream {
        match self.style {
            Style::Vectors => quote!(#v::splat(#number as #ty)),
            Style::Constant => quote!((#number as #ty)),
        }
    }

    /// The number in a vector of one lane.
    pub(super) fn number(&self, value: &TokenStream) -> TokenStream {
        match self.style {
            Style::Vectors => quote!(#value.lane(0)),
            Style::Constant => value.clone(),
        }
    }

    /// One step of a reduction.
    pub(super) fn combine(&self, op: RedOp, dtype: Dtype, acc: &TokenStream, x: &TokenStream) -> TokenStream {
        match self.style {
            Style::Vectors => expr::combine(op, acc, x),
            Style::Constant => expr::combine_constant(op, dtype, acc, x),
        }
    }

    /// A loop over the positions from `start` on, below `end`.
    pub(super) fn walk(
        &self,
        var: &Ident,
        start: &TokenStream,
        end: &TokenStream,
        reversed: bool,
        body: &TokenStream,
    ) -> TokenStream {
        match (self.style, reversed) {
            (Style::Vectors, false) => quote!(for #var in #start..#end { #body }),
            (Style::Vectors, true) => quote!(for #var in (#start..#end).rev() { #body }),
            (Style::Constant, false) => {
                quote!(let mut #var = #start; while #var < #end { #body #var += 1; })
            }
            (Style::Constant, true) => {
                quote!(let mut #var = #end; while #var > #start { #var -= 1; #body })
            }
        }
    }

    /// Sets the elements `start..end` of a slice; all of them where there are no bounds.
    pub(super) fn set_all(
        &mut self,
        name: &Ident,
        start: Option<TokenStream>,
        end: Option<TokenStream>,
        number: &TokenStream,
    ) {
        if self.style == Style::Vectors {
            let range = (start.is_some() || end.is_some()).then(|| quote!([#start..#end]));
            self.push(quote!(#name #range.fill(#number);));
            return;
        }
        let at = self.names.fresh("at");
        let (start, end) = (start.unwrap_or(quote!(0)), end.unwrap_or(quote!(#name.len())));
        let walk = self.walk(&at, &start, &end, false, &quote!(#name[#at] = #number;));
        self.push(walk);
    }
}
