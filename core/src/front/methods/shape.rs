//! Methods that move elements without computing, and sizes as inactive integers.
//!
//! Invariant: what is moved stays a load with affine positions, so that a chain of views costs nothing.

use crate::front::env::{Tensor, Value};
use crate::front::Lower;
use syn::{Expr, ExprMethodCall};

impl Lower<'_> {
    pub fn shape_method(&mut self, t: &Tensor, name: &str, m: &ExprMethodCall) -> Option<Value> {
        let args: Vec<&Expr> = m.args.iter().collect();
        let rank = t.rank();
        let value = match (name, args.as_slice()) {
            ("len", []) if rank > 0 => {
                let n = if t.nd { crate::ir::Size::product(&t.dims) } else { t.dims[0].clone() };
                Value::Int(n)
            }
            ("nrows", []) if rank == 2 => Value::Int(t.dims[0].clone()),
            ("ncols", []) if rank == 2 => Value::Int(t.dims[1].clone()),
            ("ndim", []) => Value::Int(self.int(rank as i64)),
            ("dim" | "raw_dim" | "shape", []) if rank > 0 => {
                let mut list: Vec<Value> = t.dims.iter().map(|d| Value::Int(d.clone())).collect();
                match (name, rank) {
                    ("dim", 1) => list.remove(0),
                    _ => Value::Tuple(list),
                }
            }
            ("len_of", [axis]) => {
                let Some(k) = self.axis_arg(t, axis) else { return Some(Value::Poison) };
                Value::Int(t.dims[k].clone())
            }
            ("t" | "reversed_axes", []) if rank > 0 => {
                let order: Vec<usize> = (0..rank).rev().collect();
                Value::Tensor(self.permute(t, &order))
            }
            _ => return None,
        };
        Some(value)
    }
}
