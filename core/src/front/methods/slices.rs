//! Iterators over slices, arrays and ranges.
//!
//! Invariant: an iterator is one item that depends on axes; nothing is unrolled.

use crate::diag::{source, Kind};
use crate::front::env::{Iter, Tensor, Value};
use crate::front::index::along;
use crate::front::types::scalar_type;
use crate::front::Lower;
use crate::ir::{AxisId, Dtype, Index, Node, Op, RedOp, Size};
use quote::ToTokens;
use std::rc::Rc;
use syn::{Expr, ExprMethodCall};

impl Lower {
    pub fn slice_method(&mut self, t: &Tensor, name: &str, m: &ExprMethodCall) -> Option<Value> {
        let args: Vec<&Expr> = m.args.iter().collect();
        if t.rank() == 0 {
            return None;
        }
        let t = &self.canonical(t);
        Some(match (name, args.as_slice()) {
            ("into_iter", []) if self.aliased(&m.receiver).is_some() => self.places(t, &m.receiver),
            ("iter" | "into_iter", []) => {
                let over = if t.nd { t.rank() } else { 1 };
                self.walked(t, over)
            }
            ("iter_mut", []) if !t.nd || t.rank() == 1 => self.places(t, &m.receiver),
            ("outer_iter", []) => self.walked(t, 1),
            ("rows", []) => self.walked(t, t.rank() - 1),
            ("columns", []) if t.rank() == 2 => {
                let t = self.permute(t, &[1, 0]);
                self.walked(&t, 1)
            }
            ("axis_iter", [e]) => {
                let Some(k) = self.axis_arg(t, e) else { return Some(Value::Poison) };
                let mut order: Vec<usize> = (0..t.rank()).filter(|j| *j != k).collect();
                order.insert(0, k);
                let t = self.permute(t, &order);
                self.walked(&t, 1)
            }
            ("windows" | "chunks_exact", [k]) if !t.nd => {
                let Value::Int(k) = self.expr(k) else { return Some(Value::Poison) };
                self.windows(t, name, &k, m)
            }
            _ => return None,
        })
    }

    /// The elements, or subarrays, of the first `over` dimensions.
    pub fn walked(&mut self, t: &Tensor, over: usize) -> Value {
        let item = Tensor { dims: t.dims[over..].to_vec(), axes: t.axes[over..].to_vec(), ..t.clone() };
        let (dims, axes) = (t.dims[..over].to_vec(), t.axes[..over].to_vec());
        Value::Iter(Rc::new(Iter { item: Value::Tensor(item), dims, axes, mask: None }))
    }

    /// The elements as places that can be assigned to.
    pub fn places(&mut self, t: &Tensor, base: &Expr) -> Value {
        let n = t.dims[0].clone();
        let Value::Iter(i) = self.counted(&self.int(0), &n) else { return Value::Poison };
        let Some(base) = self.frozen(base) else {
            return self.unsupported(
                base,
                "a loop that changes these elements",
                "loop over a range and write by position",
            );
        };
        let item = Value::Place(Rc::new(base), Rc::new(i.item.clone()));
        Value::Iter(Rc::new(Iter { item, ..(*i).clone() }))
    }

    fn windows(&mut self, t: &Tensor, name: &str, k: &Size, m: &ExprMethodCall) -> Value {
        let n = self.graph.sizes.resolve(&t.dims[0]);
        let count = match name {
            "windows" => n.sub(k).add(&self.int(1)),
            _ => match (n.as_const(), k.as_const()) {
                (Some(n), Some(k)) if k > 0 => self.int(n / k),
                _ => match n.div_exact(k) {
                    Some(count) => count,
                    None => {
                        let name =
                            format!("({}) / ({})", self.graph.sizes.show(&n), self.graph.sizes.show(k));
                        Size::sym(self.symbol(&name, true))
                    }
                },
            },
        };
        if count.as_const().is_some_and(|c| c < 1) {
            let (k, n) = (self.graph.sizes.show(k), self.graph.sizes.show(&n));
            self.errors.push(Kind::Bounds, m, &[&k, &n]);
            return Value::Poison;
        }
        let stride = if name == "windows" { self.int(1) } else { k.clone() };
        let mut dims = vec![count, k.clone()];
        dims.extend(t.dims[1..].iter().cloned());
        let spread = self.remap(t, dims, |_, axes| {
            let mut first = Index::default();
            first.terms.extend(axes[0].map(|a| (a, stride)));
            first.terms.extend(axes[1].map(|a| (a, Size::constant(1))));
            first.terms.sort();
            [first].into_iter().chain(axes[2..].iter().map(along)).collect()
        });
        self.walked(&spread, 1)
    }

    /// `start..end` as an iterator of positions.
    pub fn counted(&mut self, start: &Size, end: &Size) -> Value {
        let dims = vec![self.graph.sizes.resolve(&end.sub(start))];
        let axes = self.layout(&dims);
        let from = self.graph.size(start, Dtype::Int);
        let node = match axes[0] {
            Some(axis) => {
                let position = self.graph.position(axis, Dtype::Int);
                match self.graph.as_const(from) == Some(0.0) {
                    true => position,
                    false => self.graph.apply(Op::Add, &[position, from]),
                }
            }
            None => from,
        };
        let item = Value::Tensor(self.scalar(node, false));
        Value::Iter(Rc::new(Iter { item, dims, axes, mask: None }))
    }

    /// A range whose bounds depend on the positions of loops around: the positions from the least start to the
    /// greatest end, of which some are left out.
    pub fn moving_range(&mut self, start: Value, end: Value, closed: bool, at: &dyn ToTokens) -> Value {
        let (Some(from), Some(to)) =
            (self.tensor(start, Some(Dtype::Int), at), self.tensor(end, Some(Dtype::Int), at))
        else {
            return Value::Poison;
        };
        let to = match closed {
            true => self.with_const(Op::Add, &to, 1.0),
            false => to,
        };
        let (Some((low, _)), Some((_, high))) =
            (self.graph.range_of(from.node), self.graph.range_of(to.node))
        else {
            let help = "write bounds that are sizes, positions of loops around, or sums of those";
            return self.unsupported(at, "a range whose bounds are looked up", help);
        };
        let Value::Iter(i) = self.counted(&low, &high) else { return Value::Poison };
        let Value::Tensor(item) = i.item.clone() else { return Value::Poison };
        let mut mask = None;
        for (op, bound, same) in [(Op::Ge, from.node, &low), (Op::Lt, to.node, &high)] {
            let trivial = self.graph.range_of(bound).is_some_and(|(a, b)| a == b && a == *same);
            if trivial {
                continue;
            }
            let fits = self.graph.apply(op, &[item.node, bound]);
            mask = Some(match mask {
                None => fits,
                Some(m) => self.graph.apply(Op::And, &[m, fits]),
            });
        }
        Value::Iter(Rc::new(Iter { mask, ..(*i).clone() }))
    }

    /// `Array::from_shape_fn`: the function sees the position of each element.
    pub fn from_positions(&mut self, dims: Vec<Size>, f: &Value, at: &dyn ToTokens) -> Value {
        let axes = self.layout(&dims);
        let mut places: Vec<Value> = Vec::new();
        for axis in &axes {
            let node = match axis {
                Some(axis) => self.graph.position(*axis, Dtype::Int),
                None => self.graph.constant(0.0, Dtype::Int),
            };
            places.push(Value::Tensor(self.scalar(node, false)));
        }
        let place = if places.len() == 1 { places.remove(0) } else { Value::Tuple(places) };
        let i = Iter { item: Value::Unit, dims, axes, mask: None };
        let item = self.under(&i, |lower, _| lower.apply(f, vec![place], at));
        if item.is_poison() {
            return Value::Poison;
        }
        self.collected(&Value::Iter(Rc::new(Iter { item, ..i })), true).unwrap_or(Value::Poison)
    }

    pub fn iter_method(&mut self, i: &Iter, name: &str, m: &ExprMethodCall) -> Value {
        let args: Vec<&Expr> = m.args.iter().collect();
        let again = |item: Value| Value::Iter(Rc::new(Iter { item, ..i.clone() }));
        if i.mask.is_some()
            && !matches!(name, "map" | "filter" | "sum" | "iter" | "into_iter" | "copied" | "cloned" | "rev")
        {
            let help = "write the loop out with `for`";
            let what = format!("`{name}` on a range whose bounds move, or after `filter`");
            return self.unsupported(m, &what, help);
        }
        match (name, args.as_slice()) {
            ("iter" | "into_iter", []) => again(i.item.clone()),
            ("map", [f]) => {
                let Some(f) = self.callable(f) else { return Value::Poison };
                let item = self.under(i, |lower, item| lower.apply(&f, vec![item], m));
                if item.is_poison() {
                    Value::Poison
                } else {
                    again(item)
                }
            }
            ("filter", [f]) => {
                let Some(f) = self.callable(f) else { return Value::Poison };
                let holds = self.under(i, |lower, item| lower.apply(&f, vec![item], m));
                let Some(holds) = self.condition(holds, m) else { return Value::Poison };
                let mask = match i.mask {
                    Some(mask) => self.graph.apply(Op::And, &[mask, holds]),
                    None => holds,
                };
                Value::Iter(Rc::new(Iter { mask: Some(mask), ..i.clone() }))
            }
            ("enumerate", []) => match i.axes.as_slice() {
                [axis] => {
                    let node = match axis {
                        Some(axis) => self.graph.position(*axis, Dtype::Int),
                        None => self.graph.constant(0.0, Dtype::Int),
                    };
                    let k = Value::Tensor(self.scalar(node, false));
                    again(Value::Tuple(vec![k, i.item.clone()]))
                }
                _ => self.unsupported(
                    m,
                    "counting the elements of several dimensions",
                    "use a range for each dimension",
                ),
            },
            ("zip", [other]) => {
                let other = match self.elements_behind(other) {
                    Some(places) => places,
                    None => self.expr(other),
                };
                self.zipped(i, other, m)
            }
            ("sum" | "product", []) => {
                let Some(t) = self.item_number(i, m) else { return Value::Poison };
                let op = if name == "sum" { RedOp::Sum } else { RedOp::Prod };
                Value::Tensor(self.collapse(op, i, &t))
            }
            ("count" | "len", []) => Value::Int(Size::product(&i.dims)),
            ("fold", [init, f]) => {
                let start = self.expr(init);
                let Some(f) = self.callable(f) else { return Value::Poison };
                self.folded(i, Some(start), &f, m)
            }
            ("reduce", [f]) => {
                let Some(f) = self.callable(f) else { return Value::Poison };
                self.folded(i, None, &f, m)
            }
            ("rev" | "skip" | "take" | "step_by" | "nth", _) => self.moved(i, name, &args, m),
            ("collect", []) => self.collected(&again(i.item.clone()), false).unwrap_or(Value::Poison),
            _ => self.unknown_method(name, "iterators", m),
        }
    }

    /// Runs with the iterator's axes in use.
    fn under<R>(&mut self, i: &Iter, run: impl FnOnce(&mut Self, Value) -> R) -> R {
        let (mark, level) = (self.outer.len(), self.env.guards.len());
        self.outer.extend(i.axes.iter().flatten());
        self.env.guards.extend(i.mask);
        let item = self.guarded(i.item.clone(), level);
        let result = run(self, item);
        self.outer.truncate(mark);
        self.env.guards.truncate(level);
        result
    }

    /// The items as numbers; their type is that of the turbofish where nothing else tells.
    fn item_number(&mut self, i: &Iter, m: &ExprMethodCall) -> Option<Tensor> {
        let said = m.turbofish.as_ref().and_then(|t| t.args.first()).map(|t| source(t));
        let dtype = said.as_deref().and_then(scalar_type).or(self.only_float());
        let t = self.tensor(i.item.clone(), dtype, m)?;
        if t.rank() > 0 {
            self.unsupported(
                m,
                "an iterator of arrays here",
                "reduce each array to a number first: `.map(|row| row.sum())`",
            );
            return None;
        }
        Some(t)
    }

    fn collapse(&mut self, op: RedOp, i: &Iter, t: &Tensor) -> Tensor {
        let axes: Vec<AxisId> = i.axes.iter().flatten().copied().collect();
        let own = self.graph.axes(t.node).to_vec();
        let node = match op {
            // the product of equal factors
            RedOp::Prod if !axes.iter().all(|a| own.contains(a)) => {
                let rest: Vec<AxisId> = axes.iter().copied().filter(|a| own.contains(a)).collect();
                let inner = self.graph.reduce(op, &rest, t.node);
                let lost = axes.iter().filter(|a| !own.contains(a));
                let count = Size::product(lost.map(|a| self.graph.axis_size(*a)));
                let n = self.graph.size(&count, self.graph.dtype(inner));
                self.graph.apply(Op::Powi, &[inner, n])
            }
            RedOp::Sum => {
                let node = match i.mask {
                    Some(mask) => {
                        let zero = self.graph.constant(0.0, self.graph.dtype(t.node));
                        self.graph.apply(Op::Select, &[mask, t.node, zero])
                    }
                    None => t.node,
                };
                self.graph.reduce(op, &axes, node)
            }
            _ => {
                let rest: Vec<AxisId> = axes.into_iter().filter(|a| own.contains(a)).collect();
                self.graph.reduce(op, &rest, t.node)
            }
        };
        self.scalar(node, t.active)
    }

    /// A fold whose step adds, multiplies, or takes an extremum: a reduction of what each step brings.
    pub fn folded(&mut self, i: &Iter, start: Option<Value>, f: &Value, m: &ExprMethodCall) -> Value {
        if start.as_ref().is_some_and(Value::is_poison) {
            return Value::Poison;
        }
        let Some(item) = self.item_number(i, m) else { return Value::Poison };
        let dtype = match (&start, self.graph.dtype(item.node)) {
            (Some(Value::Tensor(start)), Dtype::Int) => self.graph.dtype(start.node),
            (Some(Value::Num(_)), Dtype::Int) => self.only_float().unwrap_or(Dtype::F64),
            (_, dtype) => dtype,
        };
        // a stand-in for what was folded so far: a position along an axis that nothing else uses
        let stand_in = self.graph.axis_of(&Size::constant(2), 1_000_000);
        let so_far = self.graph.position(stand_in, dtype);
        let args = vec![Value::Tensor(self.scalar(so_far, false)), Value::Tensor(item)];
        let before = self.errors.len();
        let step = self.under(i, |lower, _| lower.apply(f, args, m));
        if self.errors.len() > before {
            return Value::Poison;
        }
        let found = match step {
            Value::Tensor(t) => self.step(&t, so_far, stand_in),
            _ => None,
        };
        let Some((op, brought)) = found else {
            let help =
                "the step may add, multiply, or take `max` or `min`; other loops come with a later version";
            return self.unsupported(m, "this `fold`", help);
        };
        let (red, neutral) = match op {
            Op::Add => (RedOp::Sum, 0.0),
            Op::Mul => (RedOp::Prod, 1.0),
            Op::Max => (RedOp::Max, f64::NEG_INFINITY),
            _ => (RedOp::Min, f64::INFINITY),
        };
        let result = self.collapse(red, i, &brought);
        let Some(start) = start else { return Value::Tensor(result) };
        let Some(start) = self.tensor(start, Some(dtype), m) else { return Value::Poison };
        // 0 and -0 are not the same bits
        let kept = op == Op::Add && self.graph.math == crate::ir::Math::Strict;
        if !kept && self.graph.as_const(start.node) == Some(neutral) {
            return Value::Tensor(result);
        }
        self.elementwise(op, &[start, result], "`fold`", m).map_or(Value::Poison, Value::Tensor)
    }

    /// The operation of a step and what it brings in.
    fn step(&mut self, t: &Tensor, so_far: crate::ir::NodeId, stand_in: AxisId) -> Option<(Op, Tensor)> {
        let Node::Apply(op, args) = self.graph.node(t.node).clone() else { return None };
        let [a, b] = args[..] else { return None };
        let (other, op, negate) = match op {
            Op::Add | Op::Mul | Op::Max | Op::Min if a == so_far => (b, op, false),
            Op::Add | Op::Mul | Op::Max | Op::Min if b == so_far => (a, op, false),
            Op::Sub if a == so_far => (b, Op::Add, true),
            _ => return None,
        };
        if self.graph.axes(other).contains(&stand_in) {
            return None;
        }
        let other = if negate { self.graph.apply(Op::Neg, &[other]) } else { other };
        Some((op, self.scalar(other, t.active)))
    }

    /// Items in other positions: `rev`, `skip(k)`, `take(k)`, `step_by(k)`, `nth(k)`.
    fn moved(&mut self, i: &Iter, name: &str, args: &[&Expr], m: &ExprMethodCall) -> Value {
        let ([n], [axis]) = (i.dims.as_slice(), i.axes.as_slice()) else {
            return self.unsupported(m, "this order of several dimensions", "iterate over one dimension");
        };
        let k = match args {
            [] => self.int(0),
            [k] => match self.expr(k) {
                Value::Int(k) => self.graph.sizes.resolve(&k),
                Value::Host(tokens) => self.rigid(&tokens),
                _ => return Value::Poison,
            },
            _ => return self.unsupported(m, "this call", ""),
        };
        let n = self.graph.sizes.resolve(n);
        let one = self.int(1);
        let (len, first, stride) = match name {
            "rev" => (n.clone(), n.sub(&one), -1),
            "skip" => (n.sub(&k), k, 1),
            "take" => (k, self.int(0), 1),
            "nth" => {
                let map: Vec<(AxisId, Index)> = axis.iter().map(|a| (*a, Index::at(k.clone()))).collect();
                return self.shifted(&i.item, &map);
            }
            _ => match (n.as_const(), k.as_const()) {
                (Some(n), Some(k)) if k > 0 => (self.int((n + k - 1) / k), self.int(0), k),
                (None, Some(k)) if n.div_exact(&self.int(k)).is_some() => {
                    (n.div_exact(&self.int(k)).unwrap_or_default(), self.int(0), k)
                }
                (None, Some(k)) if k > 0 && self.rust_text(&n).is_some() => {
                    let name = format!("({} + {}) / {k}", self.rust_text(&n).unwrap_or_default(), k - 1);
                    (Size::sym(self.symbol(&name, true)), self.int(0), k)
                }
                _ => return self.unsupported(m, "this step", "write a number"),
            },
        };
        Value::Iter(Rc::new(self.placed(i, len, first, stride)))
    }

    /// The items at `first + stride·k`, for a single dimension.
    fn placed(&mut self, i: &Iter, len: Size, first: Size, stride: i64) -> Iter {
        let mut used = self.outer.clone();
        own_axes(&i.item, &mut used);
        let fresh = (!len.is_one()).then(|| self.free_axis(&len, &used));
        let mut index = Index::at(first);
        index.terms.extend(fresh.map(|a| (a, Size::constant(stride))));
        let map: Vec<(AxisId, Index)> = i.axes.iter().flatten().map(|a| (*a, index.clone())).collect();
        let item = self.shifted(&i.item, &map);
        let mask = i.mask.map(|mask| self.substitute(mask, &map));
        Iter { item, dims: vec![len], axes: vec![fresh], mask }
    }

    fn shifted(&mut self, value: &Value, map: &[(AxisId, Index)]) -> Value {
        match value {
            Value::Tensor(t) => {
                let node = self.substitute(t.node, map);
                Value::Tensor(Tensor { node, ..t.clone() })
            }
            Value::Tuple(list) => Value::Tuple(list.iter().map(|v| self.shifted(v, map)).collect()),
            Value::Struct(fields) => {
                let fields = fields.iter().map(|f| (f.0.clone(), self.shifted(&f.1, map)));
                Value::Struct(Rc::new(fields.collect()))
            }
            Value::Place(base, at) => Value::Place(base.clone(), Rc::new(self.shifted(at, map))),
            other => other.clone(),
        }
    }

    fn zipped(&mut self, i: &Iter, other: Value, m: &ExprMethodCall) -> Value {
        let other = match other {
            Value::Tensor(t) if t.rank() > 0 => {
                let t = self.canonical(&t);
                let over = if t.nd { t.rank() } else { 1 };
                self.walked(&t, over)
            }
            Value::List(list) => self.list_items(&list),
            other => other,
        };
        let Value::Iter(j) = other else {
            if other.is_poison() {
                return Value::Poison;
            }
            self.missing_type(m.args.first().map_or(m as &dyn ToTokens, |a| a));
            return Value::Poison;
        };
        let (mut i, mut j) = (i.clone(), (*j).clone());
        if let ([n], [k]) = (i.dims.as_slice(), j.dims.as_slice()) {
            // the longer side is cut, as in std
            let (n, k) = (self.graph.sizes.resolve(n), self.graph.sizes.resolve(k));
            match n.sub(&k).as_const() {
                Some(d) if d > 0 => i = self.placed(&i, k, Size::constant(0), 1),
                Some(d) if d < 0 => j = self.placed(&j, n, Size::constant(0), 1),
                _ => {}
            }
        }
        let fits = i.dims.len() == j.dims.len()
            && i.dims.iter().zip(&j.dims).all(|(a, b)| self.graph.sizes.unify(a, b));
        if !fits {
            let (a, b) = (self.shape_text(&i.dims), self.shape_text(&j.dims));
            self.errors.push(Kind::Shape, m, &["`zip`", &a, &b, "both sides must have the same length"]);
            return Value::Poison;
        }
        let map: Vec<(AxisId, Index)> =
            j.axes.iter().zip(&i.axes).filter_map(|(b, a)| Some(((*b)?, Index::axis((*a)?)))).collect();
        let item = self.shifted(&j.item, &map);
        Value::Iter(Rc::new(Iter { item: Value::Tuple(vec![i.item.clone(), item]), ..i.clone() }))
    }

    /// `[T; N]::map` over arrays of arrays: the closure sees rows.
    pub fn map_rows(&mut self, t: &Tensor, f: &Expr, at: &dyn ToTokens) -> Value {
        let t = self.canonical(t);
        let Some(f) = self.callable(f) else { return Value::Poison };
        let Value::Iter(i) = self.walked(&t, 1) else { return Value::Poison };
        let item = self.under(&i, |lower, item| lower.apply(&f, vec![item], at));
        if item.is_poison() {
            return Value::Poison;
        }
        self.collected(&Value::Iter(Rc::new(Iter { item, ..(*i).clone() })), false).unwrap_or(Value::Poison)
    }

    /// The items of an iterator as an array.
    pub fn collected(&mut self, value: &Value, nd: bool) -> Option<Value> {
        let Value::Iter(i) = value else { return None };
        let t = self.tensor(i.item.clone(), self.only_float(), &proc_macro2::TokenStream::new())?;
        let t = Tensor {
            dims: i.dims.iter().chain(&t.dims).cloned().collect(),
            axes: i.axes.iter().chain(&t.axes).copied().collect(),
            nd,
            ..t
        };
        Some(Value::Tensor(self.canonical(&t)))
    }
}

/// The axes of a value's own dimensions.
fn own_axes(value: &Value, out: &mut Vec<AxisId>) {
    match value {
        Value::Tensor(t) => out.extend(t.own_axes()),
        Value::Tuple(list) => list.iter().for_each(|v| own_axes(v, out)),
        Value::Struct(fields) => fields.iter().for_each(|f| own_axes(&f.1, out)),
        _ => {}
    }
}
