//! Lists of structs, arrays or lists whose length only the running program knows.
//!
//! A list whose elements are read by number alone may hold elements of different shapes: each that is read is a place of its
//! own. A list that a loop walks, or that is read at a position of a loop, is one array for each part of its elements, with
//! the list's length in front (ADR 0011).
//!
//! Invariant: every element that is read is noted in its list, so that the generated code checks the length before it
//! reads, and clears the partial derivatives of all other elements.

use super::env::{Iter, List, Tensor, Value};
use super::types::{replaced, Known};
use super::Lower;
use crate::diag::source;
use crate::ir::{Dtype, Size};
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
        let float = self.float_in(&item, depth);
        self.list_floats.extend(float);
        let read = BTreeSet::new();
        self.lists.push(crate::signature::List { arg, place: place.clone(), item: form, active, read });
        let (place, defs) = (place.clone(), self.env.defs.clone());
        Value::List(Rc::new(List { number, place, item, defs, arg, active, depth }))
    }

    /// The float type that a type holds numbers of.
    fn float_in(&mut self, ty: &Type, depth: usize) -> Option<Dtype> {
        if depth > super::MAX_DEPTH {
            return None;
        }
        match self.known(ty) {
            Known::Numbers(_, dtype) => Some(dtype).filter(|d| d.is_float()),
            Known::Items(item, _) | Known::List(item) => self.float_in(&item, depth + 1),
            Known::Struct(s) => {
                let outside = std::mem::replace(&mut self.env.defs, s.defs.clone());
                let field = |f: &syn::Field| {
                    let ty = syn::parse2(replaced(f.ty.to_token_stream(), &s.given)).ok()?;
                    self.float_in(&ty, depth + 1)
                };
                let found = s.item.fields.iter().find_map(field);
                self.env.defs = outside;
                found
            }
            _ => None,
        }
    }

    /// `list[k]`
    pub fn list_index(&mut self, list: &List, k: Value, at: &dyn ToTokens) -> Value {
        let number = match &k {
            Value::Int(k) => self.graph.sizes.resolve(k).as_const(),
            _ => None,
        };
        match number.map(usize::try_from) {
            Some(_) | None if self.walked_lists.contains(&source(&list.place)) => {}
            Some(Ok(k)) if k < MAX_READ => return self.element(list, k),
            Some(_) => {
                let what = format!("the element {} of a list", number.unwrap_or_default());
                let help = format!("the elements 0 to {} can be read by number", MAX_READ - 1);
                return self.unsupported(at, &what, &help);
            }
            None => {}
        }
        let all = self.all_elements(list);
        self.each_part(all, &mut |run, t| {
            // a position chooses an element, of whatever dimensions that is
            let nd = t.nd;
            match run.index_value(Value::Tensor(Tensor { nd: false, ..t }), vec![k.clone()], at) {
                Value::Tensor(t) => Value::Tensor(Tensor { nd, ..t }),
                other => other,
            }
        })
    }

    /// The elements one after the other.
    pub fn list_items(&mut self, list: &List) -> Value {
        let all = self.all_elements(list);
        let dims = vec![self.list_length(list)];
        let axes = self.layout(&dims);
        let item = self.each_part(all, &mut |run, t| {
            let t = run.canonical(&t);
            Value::Tensor(Tensor { dims: t.dims[1..].to_vec(), axes: t.axes[1..].to_vec(), ..t })
        });
        Value::Iter(Rc::new(Iter { item, dims, axes, mask: None }))
    }

    fn list_length(&mut self, list: &List) -> Size {
        let place = &list.place;
        self.rigid(&quote!(#place.len()))
    }

    /// Each part of the elements as one array over all of them.
    fn all_elements(&mut self, list: &List) -> Value {
        self.walked_lists.insert(source(&list.place));
        if let Some(known) = self.stacks.get(&list.number) {
            return known.clone();
        }
        let length = self.list_length(list);
        let place = &list.place;
        let within = self.each.replace(length);
        let value = match within {
            None => self.element_at(list, &quote!(#place[..])),
            Some(_) => Value::Opaque("a list within the elements of a list that a loop goes through".into()),
        };
        self.each = within;
        self.stacks.insert(list.number, value.clone());
        value
    }

    /// The value with each of its arrays and numbers replaced.
    fn each_part(&mut self, value: Value, change: &mut dyn FnMut(&mut Self, Tensor) -> Value) -> Value {
        match value {
            Value::Tensor(t) => change(self, t),
            Value::Tuple(list) => Value::Tuple(list.into_iter().map(|v| self.each_part(v, change)).collect()),
            Value::Struct(fields) => {
                let part = |f: &(String, Value)| (f.0.clone(), self.each_part(f.1.clone(), change));
                Value::Struct(Rc::new(fields.iter().map(part).collect()))
            }
            other => other,
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
        let value = self.element_at(list, &quote!(#place[#at]));
        self.elements.insert((list.number, k), value.clone());
        value
    }

    /// The inputs of an element.
    fn element_at(&mut self, list: &List, place: &TokenStream) -> Value {
        let outside = std::mem::replace(&mut self.env.defs, list.defs.clone());
        let enclosing = std::mem::take(&mut self.outer);
        let value = self.place_at(&list.item, place, list.arg, list.active, None, list.depth + 1);
        self.outer = enclosing;
        self.env.defs = outside;
        value
    }

    pub fn list_method(&mut self, list: &List, name: &str, m: &syn::ExprMethodCall) -> Value {
        match (name, m.args.is_empty()) {
            ("len", true) => Value::Int(self.list_length(list)),
            ("iter", true) => self.list_items(list),
            _ => self.unsupported(
                m,
                &format!("`{name}` of a list of structs, arrays or lists"),
                "loop over it, or over `list.iter()`, or read its elements by number: `list[0]`",
            ),
        }
    }
}
