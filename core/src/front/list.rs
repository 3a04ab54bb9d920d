//! Lists of structs, arrays or lists whose length only the running program knows.
//!
//! Invariant: every element that is read is noted in its list, so that the generated code checks the length before it
//! reads, and clears the partial derivatives of all other elements.

use super::env::{List, Value};
use super::Lower;
use crate::diag::source;
use crate::ir::Size;
use proc_macro2::{Literal, TokenStream};
use quote::{quote, ToTokens};
use std::collections::BTreeSet;
use std::rc::Rc;
use syn::Type;

/// The elements of a list that can be read by number.
const MAX_READ: usize = 256;

impl Lower {
    /// The list at a place.
    pub fn list(
        &mut self,
        item: Type,
        place: &TokenStream,
        arg: Option<usize>,
        active: bool,
        depth: usize,
    ) -> Value {
        let form = self.form(&item);
        let active = active && self.differentiable(&item);
        let number = self.lists.len();
        let read = BTreeSet::new();
        self.lists.push(crate::signature::List { arg, place: place.clone(), item: form, active, read });
        let (place, defs) = (place.clone(), self.env.defs.clone());
        Value::List(Rc::new(List { number, place, item, defs, arg, active, depth }))
    }

    /// `list[k]`
    pub fn list_index(&mut self, list: &List, k: &Size, at: &dyn ToTokens) -> Value {
        match self.graph.sizes.resolve(k).as_const().map(usize::try_from) {
            Some(Ok(k)) if k < MAX_READ => self.element(list, k),
            Some(_) => {
                let what = format!("the element {} of a list", self.graph.sizes.show(k));
                let help = format!("the elements 0 to {} can be read by number", MAX_READ - 1);
                self.unsupported(at, &what, &help)
            }
            None => self.unsupported(
                at,
                &format!("an element of `{}` at a position that is not a number", source(&list.place)),
                "write a number; loops over lists come with a later version",
            ),
        }
    }

    /// The element at a number: inputs as any place has, made when it is first read.
    fn element(&mut self, list: &List, k: usize) -> Value {
        if let Some(known) = self.elements.get(&(list.number, k)) {
            return known.clone();
        }
        if let Some(list) = self.lists.get_mut(list.number) {
            list.read.insert(k);
        }
        let (at, place) = (Literal::usize_unsuffixed(k), &list.place);
        let outside = std::mem::replace(&mut self.env.defs, list.defs.clone());
        let enclosing = std::mem::take(&mut self.outer);
        let value =
            self.place_at(&list.item, &quote!(#place[#at]), list.arg, list.active, None, list.depth + 1);
        self.outer = enclosing;
        self.env.defs = outside;
        self.elements.insert((list.number, k), value.clone());
        value
    }

    pub fn list_method(&mut self, list: &List, name: &str, m: &syn::ExprMethodCall) -> Value {
        match (name, m.args.is_empty()) {
            ("len", true) => {
                let place = &list.place;
                Value::Int(self.rigid(&quote!(#place.len())))
            }
            _ => self.unsupported(
                m,
                &format!("`{name}` of a list of structs, arrays or lists"),
                "read its elements by number: `list[0]`; loops over lists come with a later version",
            ),
        }
    }
}
