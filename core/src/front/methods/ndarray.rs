//! Methods of `ndarray` that compute: products, reductions, maps.
//!
//! Invariant: dimensions and defaults are those of ndarray 0.17.

use crate::diag::{source, Kind};
use crate::front::env::{Iter, Tensor, Value};
use crate::front::Lower;
use crate::ir::RedOp;
use syn::{Expr, ExprMethodCall};

/// For suggestions.
pub const NAMES: &[&str] = &[
    "dot",
    "t",
    "sum",
    "mean",
    "sum_axis",
    "mean_axis",
    "mapv",
    "map",
    "product",
    "slice",
    "row",
    "column",
    "select",
    "fold",
    "insert_axis",
    "index_axis",
    "swap_axes",
    "permuted_axes",
    "broadcast",
];

impl Lower {
    pub fn nd_method(&mut self, t: &Tensor, name: &str, m: &ExprMethodCall) -> Option<Value> {
        let all: Vec<usize> = (0..t.rank()).collect();
        let args: Vec<&Expr> = m.args.iter().collect();
        if t.rank() == 0 {
            return None;
        }
        let value = match (name, args.as_slice()) {
            ("sum", []) => Value::Tensor(self.reduce(RedOp::Sum, t, &all)),
            ("product", []) => Value::Tensor(self.reduce(RedOp::Prod, t, &all)),
            ("mean", []) => Value::Tensor(self.mean(t, &all)),
            ("sum_axis" | "mean_axis" | "product_axis", [axis]) => {
                let Some(k) = self.axis_arg(t, axis) else { return Some(Value::Poison) };
                Value::Tensor(match name {
                    "sum_axis" => self.reduce(RedOp::Sum, t, &[k]),
                    "mean_axis" => self.mean(t, &[k]),
                    _ => self.reduce(RedOp::Prod, t, &[k]),
                })
            }
            ("dot", [other]) => {
                let b = match self.expr(other) {
                    Value::Poison => return Some(Value::Poison),
                    Value::Tensor(b) => b,
                    Value::Host(_) => {
                        self.missing_type(other);
                        return Some(Value::Poison);
                    }
                    _ => return Some(self.unsupported(m, "this product", "`dot` takes an array")),
                };
                if b.rank() == 0 || t.rank() > 2 || b.rank() > 2 {
                    return Some(self.unsupported(
                        m,
                        "`dot` of these ranks",
                        "`dot` takes arrays of one or two dimensions",
                    ));
                }
                self.dot(t, &b, &m.method).map_or(Value::Poison, Value::Tensor)
            }
            ("mapv" | "map" | "mapv_into" | "mapv_inplace" | "map_mut", [f]) => {
                if matches!(name, "mapv_inplace" | "map_mut") {
                    self.errors.push(Kind::Mutation, m, &[name, "use `mapv`"]);
                    return Some(Value::Poison);
                }
                if !t.nd && t.rank() > 1 {
                    return Some(self.map_rows(t, f, m));
                }
                let Some(f) = self.callable(f) else { return Some(Value::Poison) };
                self.mapped(t, &f, m)
            }
            ("scaled_add" | "fill" | "assign" | "zip_mut_with", _) => {
                self.errors.push(Kind::Mutation, m, &[name, "write the new value as an expression"]);
                Value::Poison
            }
            ("fold", [init, f]) => return Some(self.fold(t, &all, init, f, m)),
            ("fold_axis", [axis, init, f]) => {
                let Some(k) = self.axis_arg(t, axis) else { return Some(Value::Poison) };
                return Some(self.fold(t, &[k], init, f, m));
            }
            ("map_axis", [axis, f]) => {
                let Some(k) = self.axis_arg(t, axis) else { return Some(Value::Poison) };
                return Some(self.map_axis(t, k, f, m));
            }
            _ => return None,
        };
        Some(value)
    }

    /// The dimension that `Axis(k)` names.
    pub fn axis_arg(&mut self, t: &Tensor, e: &Expr) -> Option<usize> {
        let k = match self.expr(e) {
            Value::Axis(k) => self.graph.sizes.resolve(&k).as_const(),
            Value::Poison => return None,
            _ => None,
        };
        match k {
            Some(k) if (0..t.rank() as i64).contains(&k) => Some(k as usize),
            Some(k) => {
                let shape = self.shape_text(&t.dims);
                let help = format!("dimensions are counted from 0; there are {}", t.rank());
                self.errors.push(
                    Kind::Argument,
                    e,
                    &[&format!("`{}`", source(e)), &format!("a dimension of {shape}, not {k}"), &help],
                );
                None
            }
            None => {
                self.errors.push(Kind::Argument, e, &["this method", "`Axis(k)` with a number", ""]);
                None
            }
        }
    }

    /// The subarrays along a dimension, each reduced by `f`.
    fn map_axis(&mut self, t: &Tensor, k: usize, f: &Expr, m: &ExprMethodCall) -> Value {
        let Some(f) = self.callable(f) else { return Value::Poison };
        let mut order: Vec<usize> = (0..t.rank()).filter(|j| *j != k).collect();
        order.push(k);
        let t = self.permute(t, &order);
        let n = t.rank() - 1;
        let lane = Tensor { dims: t.dims[n..].to_vec(), axes: t.axes[n..].to_vec(), ..t.clone() };
        let mark = self.outer.len();
        self.outer.extend(t.axes[..n].iter().flatten());
        let value = self.apply(&f, vec![Value::Tensor(lane)], m);
        let dtype = self.graph.dtype(t.node);
        let result = if value.is_poison() { None } else { self.tensor(value, Some(dtype), m) };
        self.outer.truncate(mark);
        match result {
            Some(r) if r.rank() == 0 => {
                let (dims, axes) = (t.dims[..n].to_vec(), t.axes[..n].to_vec());
                Value::Tensor(Tensor { node: r.node, dims, axes, active: r.active, nd: true })
            }
            Some(_) => {
                self.unsupported(m, "a closure that returns an array for each lane", "return a number")
            }
            None => Value::Poison,
        }
    }

    fn fold(&mut self, t: &Tensor, over: &[usize], init: &Expr, f: &Expr, m: &ExprMethodCall) -> Value {
        let start = self.expr(init);
        let Some(f) = self.callable(f) else { return Value::Poison };
        // the folded dimensions last: what remains is a map over the others
        let mut order: Vec<usize> = (0..t.rank()).filter(|k| !over.contains(k)).collect();
        let kept = order.len();
        order.extend(over);
        let t = self.permute(t, &order);
        let (dims, axes) = (t.dims[kept..].to_vec(), t.axes[kept..].to_vec());
        let item = Value::Tensor(self.scalar(t.node, t.active));
        let mark = self.outer.len();
        self.outer.extend(t.axes[..kept].iter().flatten());
        let value = self.folded(&Iter { item, dims, axes, mask: None }, Some(start), &f, m);
        self.outer.truncate(mark);
        match value {
            Value::Tensor(r) => {
                let (dims, axes) = (t.dims[..kept].to_vec(), t.axes[..kept].to_vec());
                Value::Tensor(Tensor { node: r.node, dims, axes, active: r.active, nd: true })
            }
            other => other,
        }
    }
}
