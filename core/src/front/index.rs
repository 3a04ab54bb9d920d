//! Indexing and slicing.
use super::env::Value;
use super::Lower;
use crate::diag::Kind;
use quote::ToTokens;
use syn::Expr;

impl Lower<'_> {
    pub fn index(&mut self, base: Value, index: &Expr, e: &Expr) -> Value {
        let index = self.expr(index);
        if base.is_poison() || index.is_poison() {
            return Value::Poison;
        }
        match (base, index) {
            (Value::Tuple(list), Value::Int(k)) => match k.as_const().and_then(|k| list.get(k as usize)) {
                Some(v) => v.clone(),
                None => self.unsupported(e, "this index", "write a number"),
            },
            (base, index) => self.index_value(base, vec![index], e),
        }
    }
    pub fn index_value(&mut self, _base: Value, _index: Vec<Value>, at: &dyn ToTokens) -> Value {
        self.unsupported(at, "indexing", "")
    }
    pub fn array_literal(&mut self, a: &syn::ExprArray) -> Value {
        self.unsupported(a, "an array literal", "")
    }
    pub fn macro_call(&mut self, m: &syn::ExprMacro) -> Value {
        if let Some(host) = self.host(m) {
            return host;
        }
        self.errors.push(Kind::Macro, &m.mac.path, &[&crate::diag::source(&m.mac.path)]);
        Value::Poison
    }
}
