//! Iterators over slices and arrays.
//!
//! Invariant: an iterator is one item that depends on axes; nothing is unrolled.

use crate::front::env::{Iter, Tensor, Value};
use crate::front::Lower;
use syn::{Expr, ExprMethodCall};

impl Lower<'_> {
    pub fn slice_method(&mut self, _t: &Tensor, _name: &str, _m: &ExprMethodCall) -> Option<Value> {
        None
    }
    pub fn iter_method(&mut self, _i: &Iter, name: &str, m: &ExprMethodCall) -> Value {
        self.unknown_method(name, "iterators", m)
    }
    pub fn map_rows(&mut self, _t: &Tensor, _f: &Expr) -> Option<Value> {
        None
    }
    pub fn collected(&mut self, _v: &Value, _nd: bool) -> Option<Value> {
        None
    }
}
