//! Struct values that the body makes: literals, functional update, tuple structs.
//!
//! The name of the struct, or of the variant, is a field without a value, so that values of different variants never meet.
//!
//! Invariant: fields are in the order of their names, or in that of the definition where it is known.

use super::definitions::{path_key, Definition};
use super::env::Value;
use super::types::StructType;
use super::Lower;
use crate::diag::Kind;
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::rc::Rc;
use syn::{Expr, ExprCall, ExprStruct};

impl Lower {
    pub fn struct_literal(&mut self, s: &ExprStruct) -> Value {
        let mut fields: Vec<(String, Value)> = Vec::new();
        for field in &s.fields {
            let value = self.expr(&field.expr);
            fields.push((field.member.to_token_stream().to_string(), value));
        }
        if let Some(rest) = &s.rest {
            match self.expr(rest) {
                Value::Struct(list) => {
                    for (name, value) in list.iter() {
                        if !fields.iter().any(|f| f.0 == *name) {
                            fields.push((name.clone(), value.clone()));
                        }
                    }
                }
                Value::Poison => return Value::Poison,
                _ => {
                    let help = "name all fields";
                    return self.unsupported(rest, "the rest of a struct whose fields are not known", help);
                }
            }
        }
        self.structure(&s.path, fields)
    }

    /// `Pair(x, y)`; none where the path is no struct or variant.
    pub fn tuple_struct(&mut self, path: &syn::Path, args: &[Value]) -> Option<Value> {
        let name = path.segments.last()?.ident.to_string();
        let owner = path.segments.iter().rev().nth(1).map(|s| s.ident.to_string());
        let known = matches!(
            name.as_str(),
            "Some" | "Ok" | "Err" | "Box" | "Rc" | "Arc" | "Wrapping" | "Reverse" | "Axis"
        ) || owner
            .is_some_and(|o| matches!(o.as_str(), "Option" | "Result" | "std" | "core" | "ndarray"));
        let function = name.chars().next().is_none_or(|c| !c.is_uppercase());
        let constant = name.len() > 1 && name.chars().all(|c| c.is_uppercase() || c == '_');
        if known || function || constant || !args.iter().any(Value::active) {
            return None;
        }
        let fields = args.iter().enumerate().map(|(k, v)| (k.to_string(), v.clone())).collect();
        Some(self.structure(path, fields))
    }

    fn structure(&mut self, path: &syn::Path, mut fields: Vec<(String, Value)>) -> Value {
        if fields.iter().any(|f| f.1.is_poison()) {
            return Value::Poison;
        }
        let key = path_key(&path.to_token_stream());
        let defs = self.env.defs.clone();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.retain(|f| !f.0.starts_with('#'));
        let mut known = false;
        if let Some(Definition::Struct { item, .. }) = defs.get(&key) {
            if let Ok(item) = syn::parse2::<syn::ItemStruct>(item.clone()) {
                known = true;
                let place = |name: &String| {
                    let named = |(k, f): (usize, &syn::Field)| match &f.ident {
                        Some(ident) => ident == name,
                        None => k.to_string() == *name,
                    };
                    item.fields.iter().enumerate().position(named)
                };
                fields.sort_by_key(|f| place(&f.0));
            }
        }
        if !known {
            let name = path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
            fields.push((format!("#{name}"), Value::Unit));
        }
        Value::Struct(Rc::new(fields))
    }

    /// A pattern names the struct or variant that the value is: if the value is known to be another one, nothing that is
    /// lowered here says which arm is taken.
    pub fn same_struct(&mut self, path: &syn::Path, value: &Value, at: &dyn ToTokens) -> bool {
        let Value::Struct(fields) = value else { return true };
        let Some((own, _)) = fields.iter().find(|f| f.0.starts_with('#')) else { return true };
        let name = path.segments.last().map(|s| format!("#{}", s.ident)).unwrap_or_default();
        if *own == name || name == "#Self" {
            return true;
        }
        let help = "choose with a condition, or keep the values in a struct";
        self.errors.push(
            Kind::Unsupported,
            at,
            &["a choice among variants that hold differentiated values", help],
        );
        false
    }

    /// A field of a struct of which nothing was read.
    pub fn read(&mut self, place: &TokenStream, known: &StructType, name: &str) -> Option<Value> {
        let number = |(k, f): (usize, &syn::Field)| {
            f.ident.as_ref().map_or(k.to_string() == name, |own| own == name).then_some(k)
        };
        let k = known.item.fields.iter().enumerate().find_map(number)?;
        // the place would be another one in each iteration
        let loops = self.host_positions.iter().any(|p| super::host::names(place).contains(&p.0));
        (!loops).then(|| self.field_at(known, k, place, None, false, 0)).flatten().map(|field| field.1)
    }

    /// The struct's fields in the order of another value of its type.
    pub fn ordered(&self, like: &Value, value: Value) -> Value {
        match (like, value) {
            (Value::Struct(old), Value::Struct(new)) if old.len() == new.len() => {
                let find = |name: &String| new.iter().find(|f| f.0 == *name).cloned();
                let list: Option<Vec<(String, Value)>> = old
                    .iter()
                    .map(|f| find(&f.0).map(|(name, value)| (name, self.ordered(&f.1, value))))
                    .collect();
                list.map_or(Value::Struct(new), |list| Value::Struct(Rc::new(list)))
            }
            (_, value) => value,
        }
    }

    /// The call makes a struct.
    pub fn made(&mut self, c: &ExprCall, args: &[Value]) -> Option<Value> {
        match &*c.func {
            Expr::Path(p) if p.qself.is_none() => self.tuple_struct(&p.path, args),
            _ => None,
        }
    }
}

/// An inactive argument, whose caller need not know its type, of a struct that the callee knows. What is no place stays
/// host code: it would run once for each field.
pub fn unread(value: Value, known: Rc<StructType>) -> Value {
    let Value::Host(tokens) = value else { return value };
    let parsed = syn::parse2::<syn::Expr>(tokens.clone());
    let mut e = match &parsed {
        Ok(syn::Expr::Reference(r)) => &*r.expr,
        Ok(e) => e,
        Err(_) => return Value::Host(tokens),
    };
    let place = e.to_token_stream();
    loop {
        e = match e {
            syn::Expr::Path(_) => return Value::Unread(place, known),
            syn::Expr::Field(f) => &f.base,
            syn::Expr::Index(i) if matches!(&*i.index, syn::Expr::Path(_) | syn::Expr::Lit(_)) => &i.expr,
            _ => return Value::Host(tokens),
        };
    }
}
