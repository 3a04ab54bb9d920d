//! The graph: hash-consed scalar expressions over named axes.
//!
//! A node is a scalar whose value depends on the axes in its [`Graph::axes`]. Broadcasting is the absence of an axis,
//! transposing is renaming, a matrix product is a sum of products over an axis. Operands always come before their
//! users, so a walk over the node numbers is a walk in topological order.
//!
//! Invariant: equal expressions are one node; the constructors fold only what keeps every bit (and, under
//! [`Math::Real`], what holds for all finite numbers).

use super::hash::FastMap;
use super::ops::Op;
use super::size::{Size, Sizes};
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AxisId(pub u32);
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct InputId(pub u32);

/// The type of a node's value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Dtype {
    F32,
    F64,
    Int,
    Bool,
}

impl Dtype {
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F32 | Dtype::F64)
    }
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::Int => "int",
            Dtype::Bool => "bool",
        }
    }
}

/// Which rewrites are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Math {
    /// Every result keeps the bits that the primal's own operations give.
    Strict,
    /// Equal over the reals, on a domain that is proven.
    Real,
}

/// A named axis: the `occ`-th one of its size in an expression.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Axis {
    pub size: Size,
    pub occ: u32,
}

/// What a function reads: an argument, a field of one, or a value that the user's inactive code computed.
#[derive(Clone, PartialEq, Debug)]
pub struct Input {
    /// The place in Rust: `x`, `net.w1`, `net.layers[0].w`; or the host expression.
    pub name: String,
    pub dtype: Dtype,
    pub dims: Vec<Size>,
    /// Differentiated.
    pub active: bool,
}

/// What a [`Node::Load`] reads.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Array {
    Input(InputId),
    /// The values of a node along these of its axes, in this order; its other axes stay free.
    Node(NodeId, Vec<AxisId>),
}

/// A position along one dimension: `offset + Σ coefficient·axis + gather`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Index {
    pub terms: Vec<(AxisId, Size)>,
    pub offset: Size,
    pub gather: Option<NodeId>,
}

impl Index {
    pub fn axis(axis: AxisId) -> Self {
        Index { terms: vec![(axis, Size::constant(1))], ..Index::default() }
    }
    pub fn at(offset: Size) -> Self {
        Index { offset, ..Index::default() }
    }
    /// The axis, where the index is nothing else.
    pub fn as_axis(&self) -> Option<AxisId> {
        match self.terms.as_slice() {
            [(axis, c)] if c.is_one() && self.offset == Size::default() && self.gather.is_none() => {
                Some(*axis)
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum RedOp {
    Sum,
    Max,
    Min,
    Prod,
    /// ln Σ exp, with the maximum subtracted.
    LogSumExp,
}

impl RedOp {
    pub fn name(self) -> &'static str {
        match self {
            RedOp::Sum => "sum",
            RedOp::Max => "max",
            RedOp::Min => "min",
            RedOp::Prod => "prod",
            RedOp::LogSumExp => "logsumexp",
        }
    }
}

/// One contribution to a [`Node::Scatter`]: for all values of `value`'s axes, `out[index] += value`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Part {
    pub index: Vec<Index>,
    /// Axes summed over; a value that does not depend on one is still added once for each of its positions.
    pub over: Vec<AxisId>,
    pub value: NodeId,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    /// An exact number: the bits of an `f64`.
    Const(u64),
    /// A size as a number.
    Size(Size),
    /// The position along an axis, as a number.
    Position(AxisId),
    /// One element of an array. `view` reads the array's row-major elements under other dimensions.
    Load {
        array: Array,
        view: Option<Vec<Size>>,
        index: Vec<Index>,
    },
    Apply(Op, Vec<NodeId>),
    /// Conversion to the node's type.
    Cast(NodeId),
    Reduce(RedOp, Vec<AxisId>, NodeId),
    /// The adjoint of loads: an array over `dims` in which contributions meet (seen under `view`).
    Scatter {
        dims: Vec<AxisId>,
        view: Option<Vec<Size>>,
        parts: Vec<Part>,
    },
}

#[derive(Clone, Debug)]
struct Entry {
    node: Node,
    dtype: Dtype,
    axes: Vec<AxisId>,
    span: u32,
}

/// A function's expressions; see the module.
#[derive(Clone, Debug)]
pub struct Graph {
    entries: Vec<Entry>,
    known: FastMap<(Node, Dtype), NodeId>,
    axis_table: Vec<Axis>,
    pub inputs: Vec<Input>,
    pub sizes: Sizes,
    pub math: Math,
    /// The user's expression that is being lowered: stamped on new nodes.
    pub span: u32,
    names: BTreeMap<NodeId, String>,
}

impl Graph {
    pub fn new(math: Math, sizes: Sizes) -> Self {
        Graph {
            entries: vec![],
            known: FastMap::default(),
            axis_table: vec![],
            inputs: vec![],
            sizes,
            math,
            span: 0,
            names: BTreeMap::new(),
        }
    }

    /// The same inputs, sizes and axes, without a node.
    pub fn emptied(&self) -> Graph {
        Graph {
            axis_table: self.axis_table.clone(),
            inputs: self.inputs.clone(),
            ..Graph::new(self.math, self.sizes.clone())
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.entries.len() as u32).map(NodeId)
    }
    pub fn node(&self, id: NodeId) -> &Node {
        &self.entries[id.0 as usize].node
    }
    pub fn dtype(&self, id: NodeId) -> Dtype {
        self.entries[id.0 as usize].dtype
    }
    /// The axes that a node's value depends on, sorted.
    pub fn axes(&self, id: NodeId) -> &[AxisId] {
        &self.entries[id.0 as usize].axes
    }
    pub fn span_of(&self, id: NodeId) -> u32 {
        self.entries[id.0 as usize].span
    }
    pub fn axis(&self, id: AxisId) -> &Axis {
        &self.axis_table[id.0 as usize]
    }
    pub fn axis_count(&self) -> usize {
        self.axis_table.len()
    }
    pub fn axis_size(&self, id: AxisId) -> &Size {
        &self.axis_table[id.0 as usize].size
    }
    /// The `occ`-th axis of a size.
    pub fn axis_of(&mut self, size: &Size, occ: u32) -> AxisId {
        let axis = Axis { size: self.sizes.resolve(size), occ };
        match self.axis_table.iter().position(|a| *a == axis) {
            Some(i) => AxisId(i as u32),
            None => {
                self.axis_table.push(axis);
                AxisId(self.axis_table.len() as u32 - 1)
            }
        }
    }
    pub fn add_input(&mut self, input: Input) -> InputId {
        self.inputs.push(input);
        InputId(self.inputs.len() as u32 - 1)
    }
    pub fn input(&self, id: InputId) -> &Input {
        &self.inputs[id.0 as usize]
    }

    /// The user's name for a node's value, or one derived from it.
    pub fn name(&self, id: NodeId) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }
    /// Names a node that has no name yet; constants and inputs keep their own text.
    pub fn set_name(&mut self, id: NodeId, name: &str) {
        let own = matches!(self.node(id), Node::Const(_) | Node::Size(_) | Node::Load { .. });
        if !own && !name.starts_with('_') {
            self.names.entry(id).or_insert_with(|| name.to_string());
        }
    }

    /// Gives a node the name that its equal has in another graph.
    pub fn inherit_name(&mut self, id: NodeId, from: &Graph, old: NodeId) {
        if let Some(name) = from.name(old) {
            self.set_name(id, name);
        }
    }

    /// The nodes that a node reads directly.
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let mut out = Vec::new();
        let gathers =
            |index: &[Index], out: &mut Vec<NodeId>| out.extend(index.iter().filter_map(|i| i.gather));
        match self.node(id) {
            Node::Const(_) | Node::Size(_) | Node::Position(_) => {}
            Node::Load { array, index, .. } => {
                if let Array::Node(n, _) = array {
                    out.push(*n);
                }
                gathers(index, &mut out);
            }
            Node::Apply(_, args) => out.extend(args),
            Node::Cast(x) | Node::Reduce(_, _, x) => out.push(*x),
            Node::Scatter { parts, .. } => {
                for part in parts {
                    out.push(part.value);
                    gathers(&part.index, &mut out);
                }
            }
        }
        out
    }

    /// Which nodes the roots need, by node number.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.0 as usize], true) {
                stack.extend(self.operands(id));
            }
        }
        seen
    }

    fn intern(&mut self, node: Node, dtype: Dtype) -> NodeId {
        let key = (node, dtype);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let axes = self.free_axes(&key.0);
        let id = NodeId(self.entries.len() as u32);
        self.entries.push(Entry { node: key.0.clone(), dtype, axes, span: self.span });
        self.known.insert(key, id);
        id
    }

    fn free_axes(&self, node: &Node) -> Vec<AxisId> {
        let mut axes = Vec::new();
        let index_axes = |index: &[Index], axes: &mut Vec<AxisId>| {
            for i in index {
                axes.extend(i.terms.iter().map(|t| t.0));
                if let Some(g) = i.gather {
                    axes.extend(self.axes(g));
                }
            }
        };
        match node {
            Node::Const(_) | Node::Size(_) => {}
            Node::Position(axis) => axes.push(*axis),
            Node::Load { array, index, .. } => {
                index_axes(index, &mut axes);
                if let Array::Node(n, bound) = array {
                    axes.extend(self.axes(*n).iter().filter(|a| !bound.contains(a)));
                }
            }
            Node::Apply(_, args) => args.iter().for_each(|a| axes.extend(self.axes(*a))),
            Node::Cast(x) => axes.extend(self.axes(*x)),
            Node::Reduce(_, over, x) => axes.extend(self.axes(*x).iter().filter(|a| !over.contains(a))),
            Node::Scatter { dims, .. } => axes.extend(dims),
        }
        axes.sort();
        axes.dedup();
        axes
    }

    // ---- constructors ----

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
    pub fn load(&mut self, array: Array, view: Option<Vec<Size>>, index: Vec<Index>) -> NodeId {
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
            let inner = self.reduce(op, &own, x);
            let times = self.size(&Size::product(&sizes), dtype);
            return self.apply(Op::Mul, &[inner, times]);
        }
        // a sum of sums is one sum, but for the order of its terms
        if op == RedOp::Sum && self.math == Math::Real {
            if let Node::Reduce(RedOp::Sum, inner, body) = self.node(x).clone() {
                axes.extend(inner);
                axes.sort();
                return self.intern(Node::Reduce(op, axes, body), self.dtype(x));
            }
        }
        self.intern(Node::Reduce(op, axes, x), self.dtype(x))
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

    pub fn apply(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        let mut args = args.to_vec();
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
            Op::Select => self.dtype(args[1]),
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

impl Graph {
    /// The `k`-th part of a scatter.
    pub fn part(&self, id: NodeId, k: usize) -> Option<&Part> {
        match self.node(id) {
            Node::Scatter { parts, .. } => parts.get(k),
            _ => None,
        }
    }
}

impl Graph {
    /// A node of another graph over the same inputs and axes, with its operands replaced.
    pub fn copy_node(&mut self, from: &Graph, id: NodeId, map: &BTreeMap<NodeId, NodeId>) -> NodeId {
        let new = self.copy_operation(from, id, map);
        self.inherit_name(new, from, id);
        new
    }

    fn copy_operation(&mut self, from: &Graph, id: NodeId, map: &BTreeMap<NodeId, NodeId>) -> NodeId {
        let to = |n: &NodeId| map.get(n).copied().unwrap_or(*n);
        let moved = |index: &[Index]| -> Vec<Index> {
            index.iter().map(|i| Index { gather: i.gather.as_ref().map(to), ..i.clone() }).collect()
        };
        match from.node(id) {
            Node::Const(bits) => self.constant(f64::from_bits(*bits), from.dtype(id)),
            Node::Size(size) => self.size(size, from.dtype(id)),
            Node::Position(axis) => self.position(*axis, from.dtype(id)),
            Node::Load { array, view, index } => {
                let array = match array {
                    Array::Input(i) => Array::Input(*i),
                    Array::Node(n, bound) => Array::Node(to(n), bound.clone()),
                };
                self.load(array, view.clone(), moved(index))
            }
            Node::Apply(op, args) => {
                let args: Vec<NodeId> = args.iter().map(to).collect();
                self.apply(*op, &args)
            }
            Node::Cast(x) => self.cast(to(x), from.dtype(id)),
            Node::Reduce(op, over, x) => self.reduce(*op, over, to(x)),
            Node::Scatter { dims, view, parts } => {
                let parts = parts
                    .iter()
                    .map(|p| Part { index: moved(&p.index), over: p.over.clone(), value: to(&p.value) })
                    .collect();
                self.scatter(dims.clone(), view.clone(), parts, from.dtype(id))
            }
        }
    }
}
