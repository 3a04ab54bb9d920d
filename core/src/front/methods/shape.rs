//! Methods that move elements without computing, and sizes as inactive integers.
//!
//! Invariant: what is moved stays a load with affine positions, so that a chain of views costs nothing.

use crate::diag::Kind;
use crate::front::env::{Tensor, Value};
use crate::front::index::along;
use crate::front::Lower;
use crate::ir::{Array, Dtype, Index, Node, Size};
use quote::ToTokens;
use syn::{Expr, ExprMethodCall};

impl Lower {
    pub fn shape_method(&mut self, t: &Tensor, name: &str, m: &ExprMethodCall) -> Option<Value> {
        let args: Vec<&Expr> = m.args.iter().collect();
        let rank = t.rank();
        if rank == 0 {
            return None;
        }
        if let Some(value) = self.size_method(t, name, &args) {
            return Some(value);
        }
        let axis = |lower: &mut Self, e: &Expr| lower.axis_arg(t, e);
        let value = match (name, args.as_slice()) {
            ("t" | "reversed_axes", []) => {
                let order: Vec<usize> = (0..rank).rev().collect();
                Value::Tensor(self.permute(t, &order))
            }
            ("permuted_axes", [order]) => {
                let order = self.expr(order);
                let order = self
                    .shape_of(order)
                    .map(|o| o.iter().map(|k| self.graph.sizes.resolve(k).as_const()).collect());
                let order: Option<Vec<Option<i64>>> = order;
                let order: Option<Vec<usize>> =
                    order.and_then(|o| o.into_iter().map(|k| usize::try_from(k?).ok()).collect());
                match order {
                    Some(order) if order.len() == rank && (0..rank).all(|k| order.contains(&k)) => {
                        Value::Tensor(self.permute(t, &order))
                    }
                    _ => self.unsupported(
                        m,
                        "this order of axes",
                        "name each dimension once: `permuted_axes([1, 0, 2])`",
                    ),
                }
            }
            ("insert_axis", [Expr::Call(c)]) => {
                let k = match self.expr(&Expr::Call(c.clone())) {
                    Value::Axis(k) => k.as_const().filter(|k| (0..=rank as i64).contains(k)),
                    _ => None,
                };
                let Some(k) = k else {
                    return Some(self.unsupported(
                        m,
                        "this axis",
                        "write `Axis(k)` with a number up to the number of dimensions",
                    ));
                };
                let (mut dims, mut axes) = (t.dims.clone(), t.axes.clone());
                dims.insert(k as usize, self.int(1));
                axes.insert(k as usize, None);
                Value::Tensor(Tensor { dims, axes, ..t.clone() })
            }
            ("remove_axis", [e]) => {
                let k = axis(self, e)?;
                let at = Value::Int(self.int(0));
                self.index_axis(t, k, at, m)
            }
            ("index_axis" | "index_axis_move", [e, i]) => {
                let Some(k) = axis(self, e) else { return Some(Value::Poison) };
                let i = self.expr(i);
                self.index_axis(t, k, i, m)
            }
            ("row", [i]) if rank == 2 => {
                let i = self.expr(i);
                self.index_axis(t, 0, i, m)
            }
            ("column", [i]) if rank == 2 => {
                let i = self.expr(i);
                self.index_axis(t, 1, i, m)
            }
            ("diag" | "into_diag", []) => {
                let n = t.dims[0].clone();
                if !t.dims[1..].iter().all(|d| self.graph.sizes.unify(d, &n)) {
                    return Some(self.unsupported(
                        m,
                        "the diagonal of an array that is not square",
                        "slice it first",
                    ));
                }
                Value::Tensor(self.remap(t, vec![n], |_, axes| vec![along(&axes[0]); rank]))
            }
            ("slice" | "slice_move", [picks]) => match self.expr(picks) {
                Value::Selection(picks) => self.sliced(t, &picks, m),
                Value::Poison => Value::Poison,
                _ => self.unsupported(m, "this slice", "write `slice(s![…])`"),
            },
            ("split_at", [e, i]) => {
                let Some(k) = axis(self, e) else { return Some(Value::Poison) };
                let Value::Int(i) = self.expr(i) else {
                    return Some(self.unsupported(m, "this split", "write an integer"));
                };
                self.split(t, k, &i, m)
            }
            ("split_at", [i]) => {
                let Value::Int(i) = self.expr(i) else {
                    return Some(self.unsupported(m, "this split", "write an integer"));
                };
                self.split(t, 0, &i, m)
            }
            ("first", []) if rank == 1 => {
                let at = Value::Int(self.int(0));
                self.index_value(Value::Tensor(t.clone()), vec![at], m)
            }
            ("last", []) if rank == 1 => {
                let at = Value::Int(t.dims[0].sub(&self.int(1)));
                self.index_value(Value::Tensor(t.clone()), vec![at], m)
            }
            ("get", [i]) => {
                let i = match self.expr(i) {
                    Value::Tuple(list) => list,
                    other => vec![other],
                };
                self.index_value(Value::Tensor(t.clone()), i, m)
            }
            ("into_shape_with_order" | "to_shape" | "into_shape" | "into_shape_clone", [shape]) => {
                let shape = self.expr(shape);
                match self.shape_of(shape) {
                    Some(dims) => self.reshaped(t, dims, m),
                    None => {
                        self.unsupported(m, "this shape", "write a number or a tuple of numbers: `(n, m)`")
                    }
                }
            }
            ("flatten" | "into_flat", []) => {
                let n = Size::product(&t.dims);
                self.reshaped(t, vec![n], m)
            }
            ("broadcast", [shape]) => {
                let shape = self.expr(shape);
                match self.shape_of(shape) {
                    Some(dims) => self.stretched(t, dims, m),
                    None => {
                        self.unsupported(m, "this shape", "write a number or a tuple of numbers: `(n, m)`")
                    }
                }
            }
            ("select", [e, index]) => {
                let Some(k) = axis(self, e) else { return Some(Value::Poison) };
                let index = self.expr(index);
                self.select_axis(t, k, index, m)
            }
            ("swap_axes" | "invert_axis" | "swap" | "reverse" | "sort" | "push" | "append", _) => {
                self.errors.push(
                    Kind::Mutation,
                    m,
                    &[name, "write `t()`, `permuted_axes`, or `slice(s![..;-1])`"],
                );
                Value::Poison
            }
            _ => return None,
        };
        Some(value)
    }

    fn size_method(&mut self, t: &Tensor, name: &str, args: &[&Expr]) -> Option<Value> {
        let rank = t.rank();
        Some(match (name, args) {
            ("len", []) => Value::Int(if t.nd { Size::product(&t.dims) } else { t.dims[0].clone() }),
            ("nrows", []) if rank == 2 => Value::Int(t.dims[0].clone()),
            ("ncols", []) if rank == 2 => Value::Int(t.dims[1].clone()),
            ("ndim", []) => Value::Int(self.int(rank as i64)),
            ("dim" | "raw_dim" | "shape", []) => {
                let mut list: Vec<Value> = t.dims.iter().map(|d| Value::Int(d.clone())).collect();
                match (name, rank) {
                    ("dim", 1) => list.remove(0),
                    _ => Value::Tuple(list),
                }
            }
            ("len_of", [e]) => match self.axis_arg(t, e) {
                Some(k) => Value::Int(t.dims[k].clone()),
                None => Value::Poison,
            },
            _ => return None,
        })
    }

    fn index_axis(&mut self, t: &Tensor, k: usize, at: Value, m: &dyn ToTokens) -> Value {
        let mut order: Vec<usize> = (0..t.rank()).filter(|j| *j != k).collect();
        order.insert(0, k);
        // dimension `k` first, without touching the node
        let front = Tensor {
            dims: order.iter().map(|j| t.dims[*j].clone()).collect(),
            axes: order.iter().map(|j| t.axes[*j]).collect(),
            nd: false,
            ..t.clone()
        };
        match self.index_value(Value::Tensor(front), vec![at], m) {
            Value::Tensor(r) => Value::Tensor(Tensor { nd: t.nd, ..r }),
            other => other,
        }
    }

    fn split(&mut self, t: &Tensor, k: usize, at: &Size, m: &dyn ToTokens) -> Value {
        use crate::front::env::Pick;
        let whole = || Pick::Range { start: None, end: None, inclusive: false, step: 1 };
        let mut halves = Vec::new();
        for (start, end) in [(None, Some(at.clone())), (Some(at.clone()), None)] {
            let mut picks: Vec<Pick> = (0..t.rank()).map(|_| whole()).collect();
            picks[k] = Pick::Range { start, end, inclusive: false, step: 1 };
            halves.push(self.sliced(t, &picks, m));
        }
        Value::Tuple(halves)
    }

    /// The row-major elements under other dimensions.
    pub fn reshaped(&mut self, t: &Tensor, dims: Vec<Size>, at: &dyn ToTokens) -> Value {
        let (before, after) = (Size::product(&t.dims), Size::product(&dims));
        if !self.graph.sizes.unify(&before, &after) {
            let (a, b) = (self.shape_text(&t.dims), self.shape_text(&dims));
            self.errors.push(
                Kind::Shape,
                at,
                &["reshaping", &a, &b, "both must have the same number of elements"],
            );
            return Value::Poison;
        }
        let same = |lower: &Self, a: &[Size], b: &[Size]| {
            let solid = |list: &[Size]| -> Vec<Size> {
                list.iter().map(|d| lower.graph.sizes.resolve(d)).filter(|d| !d.is_one()).collect()
            };
            solid(a) == solid(b)
        };
        let axes = self.layout(&dims);
        if same(self, &t.dims, &dims) {
            // only dimensions of size 1 come or go
            let mut rest = t.own_axes().into_iter();
            let moved = Tensor {
                axes: axes.iter().map(|a| a.and_then(|_| rest.next())).collect(),
                dims,
                ..t.clone()
            };
            return Value::Tensor(self.canonical(&moved));
        }
        let view: Vec<Size> =
            dims.iter().map(|d| self.graph.sizes.resolve(d)).filter(|d| !d.is_one()).collect();
        let index: Vec<Index> = axes.iter().flatten().map(|a| Index::axis(*a)).collect();
        let own = t.own_axes();
        let array = match self.graph.node(t.node) {
            Node::Load { array: Array::Input(i), view, index } => {
                let plain: Vec<Option<crate::ir::AxisId>> =
                    index.iter().filter(|i| **i != Index::default()).map(Index::as_axis).collect();
                let whole = match view {
                    None => {
                        let wide: Vec<&Size> =
                            self.graph.input(*i).dims.iter().filter(|d| !d.is_one()).collect();
                        wide.len() == plain.len()
                    }
                    Some(dims) => dims.len() == plain.len(),
                };
                let sizes: Vec<Size> = match view {
                    None => self.graph.input(*i).dims.iter().filter(|d| !d.is_one()).cloned().collect(),
                    Some(dims) => dims.clone(),
                };
                let whole = whole
                    && plain.iter().zip(&sizes).all(|(a, d)| a.is_some_and(|a| self.graph.axis_size(a) == d))
                    && plain.iter().flatten().copied().eq(own.iter().copied());
                whole.then_some(Array::Input(*i))
            }
            _ => None,
        };
        let array = array.unwrap_or(Array::Node(t.node, own));
        let node = self.graph.load(array, Some(view), index);
        Value::Tensor(Tensor { node, dims, axes, ..t.clone() })
    }

    fn stretched(&mut self, t: &Tensor, dims: Vec<Size>, at: &dyn ToTokens) -> Value {
        let skip = dims.len().checked_sub(t.rank());
        let fits = skip.is_some_and(|skip| {
            t.dims
                .iter()
                .zip(&dims[skip..])
                .all(|(a, b)| self.graph.sizes.resolve(a).is_one() || self.graph.sizes.unify(a, b))
        });
        let (Some(skip), true) = (skip, fits) else {
            let (a, b) = (self.shape_text(&t.dims), self.shape_text(&dims));
            self.errors.push(
                Kind::Shape,
                at,
                &["`broadcast`", &a, &b, "dimensions are compared from the last one; a size 1 stretches"],
            );
            return Value::Poison;
        };
        let axes = self.layout(&dims);
        let node = self.align(t, &axes[skip..]);
        Value::Tensor(Tensor { node, dims, axes, ..t.clone() })
    }

    /// The subarrays at these positions along dimension `k`.
    fn select_axis(&mut self, t: &Tensor, k: usize, index: Value, m: &ExprMethodCall) -> Value {
        match index {
            Value::Tensor(i) if i.rank() == 1 && self.graph.dtype(i.node) == Dtype::Int => {
                let mut dims = t.dims.clone();
                dims[k] = i.dims[0].clone();
                let axes = self.layout(&dims);
                let at = self.align(&i, &axes[k..=k]);
                let picked = self.remap(t, dims, |_, axes| {
                    let mut index: Vec<Index> = axes.iter().map(along).collect();
                    index[k] = Index { gather: Some(at), ..Index::default() };
                    index
                });
                Value::Tensor(picked)
            }
            Value::Tuple(list) => {
                let mut parts = Vec::new();
                for i in list {
                    match self.index_axis(t, k, i, m) {
                        Value::Tensor(t) => parts.push(t),
                        _ => return Value::Poison,
                    }
                }
                let axis = self.int(k as i64);
                self.joined("stack", &axis, &parts, m)
            }
            Value::Poison => Value::Poison,
            Value::Host(_) => {
                self.missing_type(m.args.last().map_or(m as &dyn ToTokens, |a| a));
                Value::Poison
            }
            _ => self.unsupported(m, "this choice of positions", "write an integer array: `&[usize]`"),
        }
    }
}
