//! Method calls: which table a method is looked up in.
//!
//! Invariant: a method of an active value that no table knows is an error.

mod ndarray;
mod scalar;
mod shape;
mod slices;
mod whole;

use super::env::{Closure, Tensor, Value};
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{Dtype, Size};
use quote::ToTokens;
use std::rc::Rc;
use syn::{Expr, ExprMethodCall};

impl Lower {
    pub fn method_call(&mut self, m: &ExprMethodCall) -> Value {
        if let Some(value) = self.changed(m) {
            return value;
        }
        let recv = self.expr(&m.receiver);
        let name = m.method.to_string();
        match recv {
            Value::Poison => {
                // errors of the arguments are reported too
                for arg in m.args.iter().filter(|a| !matches!(a, Expr::Closure(_))) {
                    self.expr(arg);
                }
                Value::Poison
            }
            Value::Opaque(why) => {
                self.errors.push(Kind::Unsupported, m, &[&why, ""]);
                Value::Poison
            }
            // what keeps the value
            recv if m.args.is_empty() && keeps(&name) => recv,
            recv if (name == "unwrap" && m.args.is_empty()) || (name == "expect" && m.args.len() == 1) => {
                match recv {
                    Value::Host(_) => self.host(m).unwrap_or(Value::Poison),
                    recv => recv,
                }
            }
            Value::Host(_) => self.host_method(m, &name),
            Value::Iter(iter) => self.iter_method(&iter, &name, m),
            Value::Tensor(t) => self.tensor_method(t, &name, m),
            Value::Num(_) | Value::Int(_) => {
                let args: Vec<Value> = m.args.iter().map(|a| self.expr(a)).collect();
                if args.iter().any(Value::is_poison) {
                    return Value::Poison;
                }
                let dtype = args.iter().find_map(|a| match a {
                    Value::Tensor(t) => match self.graph.dtype(t.node) {
                        // `2.0.powi(k)`: the literal has the type of what it is computed with
                        Dtype::Int => Some(self.only_float().unwrap_or(Dtype::F64)),
                        dtype => Some(dtype),
                    },
                    _ => None,
                });
                match (recv, dtype) {
                    (Value::Num(n), Some(dtype)) => {
                        let Some(t) = self.tensor(Value::Num(n), Some(dtype), m) else {
                            return Value::Poison;
                        };
                        self.scalar_method(&Value::Tensor(t), &name, args, m)
                    }
                    (recv, _) => self.scalar_method(&recv, &name, args, m),
                }
                .unwrap_or_else(|| self.unknown_method(&name, "numbers", m))
            }
            Value::Struct(_) if name == "clone" => recv,
            Value::Growing(t, len) => self.growing_method(&t, &len, &name, m),
            Value::Struct(_) => {
                let text = source(&m.receiver);
                let what = format!("the method `{name}` of a struct");
                let help = format!("put `#[differentiable]` on the `impl` block and on the method, and call it as `Type::{name}(&{text}, …)`, or on an argument by its name");
                self.unsupported(m, &what, &help)
            }
            Value::List(list) => self.list_method(&list, &name, m),
            _ => self.unknown_method(&name, "this value", m),
        }
    }

    /// An inactive receiver of unknown type: host code, unless a differentiated argument meets it.
    fn host_method(&mut self, m: &ExprMethodCall, name: &str) -> Value {
        if let Some(host) = self.host(m) {
            return host;
        }
        let recv = self.expr(&m.receiver);
        let args: Vec<Value> = m.args.iter().map(|a| self.expr(a)).collect();
        if args.iter().any(Value::is_poison) {
            return Value::Poison;
        }
        let dtype = args.iter().find_map(|a| match a {
            Value::Tensor(t) if t.rank() == 0 => Some(self.graph.dtype(t.node)),
            _ => None,
        });
        let scalar = dtype.and_then(|dtype| self.tensor(recv, Some(dtype), &m.receiver));
        match scalar.and_then(|t| self.scalar_method(&Value::Tensor(t), name, args, m)) {
            Some(value) => value,
            None => {
                self.missing_type(&m.receiver);
                Value::Poison
            }
        }
    }

    fn tensor_method(&mut self, t: Tensor, name: &str, m: &ExprMethodCall) -> Value {
        if let Some(value) = self.shape_method(&t, name, m) {
            return value;
        }
        if let Some(value) = self.slice_method(&t, name, m) {
            return value;
        }
        if let Some(value) = self.nd_method(&t, name, m) {
            return value;
        }
        let args: Vec<Value> = m.args.iter().map(|a| self.expr(a)).collect();
        if args.iter().any(Value::is_poison) {
            return Value::Poison;
        }
        let what = if t.rank() == 0 { "numbers" } else { "arrays" };
        match self.scalar_method(&Value::Tensor(t), name, args, m) {
            Some(value) => value,
            None => self.unknown_method(name, what, m),
        }
    }

    pub fn unknown_method(&mut self, name: &str, what: &str, at: &dyn ToTokens) -> Value {
        if let Some(host) = self.host(at) {
            return host;
        }
        let help = match name {
            "to_int_unchecked" => "use `trunc()`, which stays a float".to_string(),
            _ => match nearest(name) {
                Some(other) => format!("did you mean `{other}`?"),
                None => "write it with operations that are known".to_string(),
            },
        };
        self.errors.push(Kind::UnknownMethod, at, &[name, what, &help]);
        Value::Poison
    }

    /// A function argument: a closure, a path, or something else (reported).
    pub fn callable(&mut self, e: &Expr) -> Option<Value> {
        match self.expr(e) {
            f @ (Value::Closure(_) | Value::Function(_)) => Some(f),
            Value::Poison => None,
            _ => {
                let text = source(e);
                self.errors.push(
                    Kind::Argument,
                    e,
                    &["this method", "a closure or the path of a function", &text],
                );
                None
            }
        }
    }

    pub fn apply(&mut self, f: &Value, args: Vec<Value>, at: &dyn ToTokens) -> Value {
        match f {
            Value::Closure(c) => {
                let c: Rc<Closure> = c.clone();
                self.apply_closure(&c, args, at)
            }
            Value::Function(path) => self.call_path(path, args, None, at),
            _ => Value::Poison,
        }
    }

    /// `f` on each element: the closure sees a scalar that depends on the tensor's axes.
    pub fn mapped(&mut self, t: &Tensor, f: &Value, at: &dyn ToTokens) -> Value {
        let t = self.canonical(t);
        let item = self.scalar(t.node, t.active);
        let dtype = self.graph.dtype(t.node);
        let mark = self.outer.len();
        self.outer.extend(t.own_axes());
        let value = self.apply(f, vec![Value::Tensor(item)], at);
        let result = if value.is_poison() { None } else { self.tensor(value, Some(dtype), at) };
        self.outer.truncate(mark);
        match result {
            Some(r) if r.rank() == 0 => Value::Tensor(Tensor { node: r.node, active: r.active, ..t }),
            Some(_) => {
                self.unsupported(at, "a closure that returns an array for each element", "return a number")
            }
            None => Value::Poison,
        }
    }

    /// A list of sizes: `n`, `(n, m)`, `[n, m]`. In a tuple, what only rustc knows is an integer.
    pub fn shape_of(&mut self, value: Value) -> Option<Vec<Size>> {
        match value {
            Value::Int(n) => Some(vec![n]),
            Value::Tuple(list) => list
                .into_iter()
                .map(|v| match v {
                    Value::Int(n) => Some(n),
                    Value::Host(tokens) => match self.whole(&tokens) {
                        Value::Int(n) => Some(n),
                        _ => None,
                    },
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }
}

/// Methods that give the same numbers in another wrapper.
pub fn keeps(name: &str) -> bool {
    matches!(
        name,
        "clone"
            | "to_owned"
            | "view"
            | "into_owned"
            | "to_vec"
            | "as_slice"
            | "borrow"
            | "as_ref"
            | "into"
            | "as_standard_layout"
            | "copied"
            | "cloned"
            | "by_ref"
    )
}

fn known() -> impl Iterator<Item = &'static str> {
    scalar::UNARY.iter().chain(scalar::OTHERS).chain(ndarray::NAMES).copied()
}

/// A method of numbers or arrays that is computed here.
pub fn is_known(name: &str) -> bool {
    known().any(|k| k == name)
}

/// The known method that differs from `name` in one or two letters.
fn nearest(name: &str) -> Option<&'static str> {
    known()
        .map(|k| (distance(name, k), k))
        .filter(|(d, k)| (1..=2).contains(d) && *d < k.len() / 2 + 1)
        .min()
        .map(|n| n.1)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
