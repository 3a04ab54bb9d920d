//! The constructors of nodes.
//!
//! Invariant: they fold only what keeps every bit, and under [`Math::Real`] what holds for all finite numbers.

use super::graph::{Array, AxisId, Dtype, Graph, Index, Math, Node, NodeId, Part, RedOp};
use super::ops::Op;
use super::size::Size;

impl Graph {
    pub fn constant(&mut self, value: f64, dtype: Dtype) -> NodeId {
        let value = if dtype == Dtype::F32 { f64::from(value as f32) } else { value };
        self.intern(Node::Const(value.to_bits()), dtype)
    }

    /// The number, where the node is a constant.
    pub fn as_const(&self, id: NodeId) -> Option<f64> {
        match self.node(id) {
            Node::Const(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    pub fn size(&mut self, size: &Size, dtype: Dtype) -> NodeId {
        let size = self.sizes.resolve(size);
        match size.as_const() {
            Some(value) => self.constant(value as f64, dtype),
            None => self.intern(Node::Size(size), dtype),
        }
    }

    pub fn position(&mut self, axis: AxisId, dtype: Dtype) -> NodeId {
        self.intern(Node::Position(axis), dtype)
    }

    pub fn cast(&mut self, id: NodeId, dtype: Dtype) -> NodeId {
        if self.dtype(id) == dtype {
            return id;
        }
        match self.node(id).clone() {
            Node::Const(bits) => self.constant(f64::from_bits(bits), dtype),
            Node::Size(size) => self.size(&size, dtype),
            _ => self.intern(Node::Cast(id), dtype),
        }
    }

    /// An element of an array; a load of a node at its own axes is that node.
    pub fn load(&mut self, array: Array, view: Option<Vec<Size>>, mut index: Vec<Index>) -> NodeId {
        // a position that turns out to be affine needs no look-up
        for i in index.iter_mut() {
            if let Some(known) = i.gather.and_then(|g| self.affine(g)) {
                *i = Index { gather: None, ..i.clone() }.plus(&known);
            }
        }
        let dtype = match &array {
            Array::Input(i) => self.input(*i).dtype,
            Array::Node(n, _) => self.dtype(*n),
        };
        if let (Array::Node(n, axes), None) = (&array, &view) {
            let n = *n;
            if axes.iter().zip(&index).all(|(a, i)| i.as_axis() == Some(*a)) {
                return n;
            }
            // axes that the node does not depend on need no index
            let own = self.axes(n);
            if axes.iter().any(|a| !own.contains(a)) {
                let (axes, index): (Vec<_>, Vec<_>) =
                    axes.iter().copied().zip(index).filter(|(a, _)| own.contains(a)).unzip();
                return self.load(Array::Node(n, axes), None, index);
            }
        }
        self.intern(Node::Load { array, view, index }, dtype)
    }

    /// Values of a node seen under other axis names.
    pub fn rename(&mut self, id: NodeId, from: &[AxisId], to: &[AxisId]) -> NodeId {
        let index = to.iter().map(|a| Index::axis(*a)).collect();
        self.load(Array::Node(id, from.to_vec()), None, index)
    }

    pub fn reduce(&mut self, op: RedOp, axes: &[AxisId], x: NodeId) -> NodeId {
        let mut axes: Vec<AxisId> = axes.to_vec();
        axes.sort();
        axes.dedup();
        if axes.is_empty() {
            return x;
        }
        let own: Vec<AxisId> = axes.iter().copied().filter(|a| self.axes(x).contains(a)).collect();
        if own.len() < axes.len() && op == RedOp::Sum {
            // a sum over an axis that the value does not depend on is a product with its size
            let sizes: Vec<Size> =
                axes.iter().filter(|a| !own.contains(a)).map(|a| self.axis_size(*a).clone()).collect();
            let dtype = self.dtype(x);
            // how often a loop turns may differ along the axes that remain
            if let Some(k) = sizes.iter().position(|s| self.sizes.within(s).iter().any(|a| axes.contains(a)))
            {
                let times = self.size(&sizes[k], dtype);
                let x = self.apply(Op::Mul, &[x, times]);
                let turns: Vec<AxisId> = axes.iter().copied().filter(|a| !own.contains(a)).collect();
                let rest: Vec<AxisId> = axes.into_iter().filter(|a| *a != turns[k]).collect();
                return self.reduce(op, &rest, x);
            }
            let inner = self.reduce(op, &own, x);
            // a range that ends before it starts is empty
            let (open, sizes): (Vec<Size>, Vec<Size>) =
                sizes.into_iter().partition(|s| self.may_be_negative(s));
            let times = self.size(&Size::product(&sizes), dtype);
            let total = self.apply(Op::Mul, &[inner, times]);
            return open.iter().fold(total, |x, size| {
                let (times, zero) = (self.size(size, dtype), self.constant(0.0, dtype));
                let times = self.apply(Op::Max, &[times, zero]);
                self.apply(Op::Mul, &[x, times])
            });
        }
        if op == RedOp::Sum {
            if let Some(merged) = self.reduced_scatter(&axes, x) {
                return merged;
            }
            // a sum of sums is one sum, but for the order of its terms
            if let (Node::Reduce(RedOp::Sum, inner, body), Math::Real) = (self.node(x).clone(), self.math) {
                axes.extend(inner);
                axes.sort();
                return self.intern(Node::Reduce(op, axes, body), self.dtype(x));
            }
        }
        self.intern(Node::Reduce(op, axes, x), self.dtype(x))
    }

    fn may_be_negative(&self, size: &Size) -> bool {
        let size = self.sizes.resolve(size);
        size.as_const().is_none() && size.terms().iter().any(|t| t.1 < 0)
    }

    pub fn scatter(
        &mut self,
        dims: Vec<AxisId>,
        view: Option<Vec<Size>>,
        parts: Vec<Part>,
        dtype: Dtype,
    ) -> NodeId {
        self.intern(Node::Scatter { dims, view, parts }, dtype)
    }

    /// The array with other values at some positions.
    pub fn write(
        &mut self,
        array: NodeId,
        dims: Vec<AxisId>,
        index: Vec<Index>,
        over: Vec<AxisId>,
        value: NodeId,
    ) -> NodeId {
        let dtype = self.dtype(array);
        // what is written over was never there
        let array = match self.node(array) {
            Node::Write { array: a, dims: d, index: i, over: o, .. }
                if *d == dims && *i == index && *o == over =>
            {
                *a
            }
            _ => array,
        };
        self.intern(Node::Write { array, dims, index, over, value }, dtype)
    }

    pub fn apply(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        let mut args = args.to_vec();
        if self.transparent.contains(&op) {
            return args[0];
        }
        if op.commutes() && args.len() == 2 {
            // constants last, otherwise by age: operands of a commutative operation have one order
            let key = |id: &NodeId| (self.as_const(*id).is_some(), *id);
            args.sort_by_key(key);
        }
        if let Some(folded) = self.fold(op, &args) {
            return folded;
        }
        let dtype = match op {
            _ if op.is_bool() => Dtype::Bool,
            Op::Select | Op::When => self.dtype(args[1]),
            _ => self.dtype(args[0]),
        };
        self.intern(Node::Apply(op, args), dtype)
    }

    /// The identities that keep every bit, and under `Real` a few that hold for finite numbers.
    fn fold(&mut self, op: Op, args: &[NodeId]) -> Option<NodeId> {
        let consts: Vec<Option<f64>> = args.iter().map(|a| self.as_const(*a)).collect();
        let dtype = self.dtype(*args.last()?);
        if consts.iter().all(Option::is_some) && (dtype.is_float() || op.is_bool()) {
            let value = match self.dtype(args[0]) {
                Dtype::F32 => {
                    let v: Vec<f32> = consts.iter().flatten().map(|v| *v as f32).collect();
                    f64::from((op.info().eval32)(&v))
                }
                _ => (op.info().eval64)(&consts.iter().flatten().copied().collect::<Vec<_>>()),
            };
            let dtype = if op.is_bool() { Dtype::Bool } else { dtype };
            return Some(self.constant(value, dtype));
        }
        let real = self.math == Math::Real;
        let is =
            |i: usize, v: f64| consts.get(i).copied().flatten().is_some_and(|c| c.to_bits() == v.to_bits());
        match op {
            Op::Mul if is(1, 1.0) => Some(args[0]),
            Op::Mul if is(1, -1.0) => Some(self.apply(Op::Neg, &args[..1])),
            Op::Div if is(1, 1.0) => Some(args[0]),
            Op::Sub if is(1, 0.0) => Some(args[0]),
            Op::Add if is(1, -0.0) || (real && is(1, 0.0)) => Some(args[0]),
            Op::Sub if real && is(0, 0.0) => Some(self.apply(Op::Neg, &args[1..])),
            Op::Sub if real && args[0] == args[1] && self.finite(args[0]) => Some(self.constant(0.0, dtype)),
            Op::Neg => match self.node(args[0]) {
                Node::Apply(Op::Neg, inner) => Some(inner[0]),
                Node::Apply(Op::Sub, inner) if real => {
                    let (a, b) = (inner[0], inner[1]);
                    Some(self.apply(Op::Sub, &[b, a]))
                }
                _ => None,
            },
            Op::Add | Op::Sub => match (self.node(args[0]), self.node(args[1])) {
                // a + (-b) and a - (-b): the same operation in IEEE arithmetic
                (_, Node::Apply(Op::Neg, inner)) => {
                    let b = inner[0];
                    let other = if op == Op::Add { Op::Sub } else { Op::Add };
                    Some(self.apply(other, &[args[0], b]))
                }
                (Node::Apply(Op::Neg, inner), _) if op == Op::Add => {
                    let b = inner[0];
                    Some(self.apply(Op::Sub, &[args[1], b]))
                }
                _ => None,
            },
            Op::Select if args[1] == args[2] => Some(args[1]),
            Op::Select => consts[0].map(|c| if c != 0.0 { args[1] } else { args[2] }),
            Op::Powi if real && is(1, 0.0) => Some(self.constant(1.0, self.dtype(args[0]))),
            Op::Powi if is(1, 1.0) => Some(args[0]),
            Op::Powi if real && is(1, 2.0) => Some(self.apply(Op::Mul, &[args[0], args[0]])),
            Op::Eq if args[0] == args[1] && self.finite(args[0]) => Some(self.constant(1.0, Dtype::Bool)),
            Op::Ne if args[0] == args[1] && self.finite(args[0]) => Some(self.constant(0.0, Dtype::Bool)),
            Op::And if is(1, 1.0) => Some(args[0]),
            Op::And if is(1, 0.0) => Some(args[1]),
            Op::Or if is(1, 0.0) => Some(args[0]),
            Op::Or if is(1, 1.0) => Some(args[1]),
            _ => None,
        }
    }

    /// Known to be neither infinite nor NaN, whatever the inputs.
    pub fn finite(&self, id: NodeId) -> bool {
        match self.node(id) {
            Node::Const(bits) => f64::from_bits(*bits).is_finite(),
            Node::Size(_) | Node::Position(_) => true,
            _ => self.dtype(id) == Dtype::Int,
        }
    }
}
