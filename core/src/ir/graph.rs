//! The graph: hash-consed scalar expressions over named axes.
//!
//! A node is a scalar whose value depends on the axes in its [`Graph::axes`]. Broadcasting is the absence of an axis,
//! transposing is renaming, a matrix product is a sum of products over an axis. Operands always come before their
//! users, so a walk over the node numbers is a walk in topological order.
//!
//! Invariant: equal expressions are one node; the constructors fold only what keeps every bit (and, under
//! [`Math::Real`], what holds for all finite numbers).

use super::call::{Callee, CalleeId, Given};
use super::hash::FastMap;
use super::ops::Op;
use super::scan::{Scan, ScanId};
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
    /// A function of positions rather than memory.
    pub computed: bool,
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
    /// `array` along `dims`, but `value` at the positions `index` for all values of the axes `over`.
    Write {
        array: NodeId,
        dims: Vec<AxisId>,
        index: Vec<Index>,
        over: Vec<AxisId>,
        value: NodeId,
    },
    /// What the `k`-th variable of a scan holds before an iteration: `init` before the first one.
    Carry {
        scan: ScanId,
        k: u32,
        axes: Vec<AxisId>,
        init: NodeId,
    },
    /// What it holds after the last iteration; `next` is what an iteration leaves in it.
    Final {
        scan: ScanId,
        k: u32,
        axes: Vec<AxisId>,
        next: NodeId,
    },
    /// What a function gives whose body is not here, along `dims`.
    Call {
        callee: CalleeId,
        args: Vec<Given>,
        dims: Vec<AxisId>,
        /// The condition under which it runs.
        guard: Option<NodeId>,
        /// For each argument the derivative with respect to it, over the call's axes and the argument's; until it is taken.
        partials: Vec<Option<NodeId>>,
    },
    /// What a call adds to the `k`-th array that it adds to, along `dims`.
    Added {
        call: NodeId,
        k: u32,
        dims: Vec<AxisId>,
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
    pub scans: Vec<Scan>,
    pub callees: Vec<Callee>,
    pub sizes: Sizes,
    pub math: Math,
    /// The user's expression that is being lowered: stamped on new nodes.
    pub span: u32,
    /// Operations that have done their work: those that build nodes take the first operand instead.
    pub transparent: Vec<Op>,
    names: BTreeMap<NodeId, String>,
}

impl Graph {
    pub fn new(math: Math, sizes: Sizes) -> Self {
        Graph {
            entries: vec![],
            known: FastMap::default(),
            axis_table: vec![],
            inputs: vec![],
            scans: vec![],
            callees: vec![],
            sizes,
            math,
            span: 0,
            transparent: vec![],
            names: BTreeMap::new(),
        }
    }

    /// The same inputs, sizes, axes, callees and open scans, without a node.
    pub fn emptied(&self) -> Graph {
        Graph {
            axis_table: self.axis_table.clone(),
            inputs: self.inputs.clone(),
            scans: self.scans.iter().map(Scan::opened).collect(),
            callees: self.callees.clone(),
            transparent: self.transparent.clone(),
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
    /// An axis of a size that nothing has yet.
    pub fn fresh_axis(&mut self, size: &Size) -> AxisId {
        let size = self.sizes.resolve(size);
        let next = self.axis_table.iter().filter(|a| a.size == size).map(|a| a.occ + 1).max();
        self.axis_of(&size, next.unwrap_or(0))
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
            Node::Write { array, index, value, .. } => {
                out.push(*array);
                gathers(index, &mut out);
                out.push(*value);
            }
            Node::Carry { init, .. } => out.push(*init),
            Node::Final { next, .. } => out.push(*next),
            Node::Added { call, .. } => out.push(*call),
            Node::Call { args, guard, partials, .. } => {
                out.extend(args.iter().map(|a| a.0).chain(*guard));
                out.extend(partials.iter().flatten());
            }
        }
        out
    }

    /// Which nodes the roots need, by node number.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut stack = roots.to_vec();
        let carries: BTreeMap<(ScanId, u32), NodeId> = match self.scans.is_empty() {
            true => BTreeMap::new(),
            false => {
                let variable = |id: NodeId| match self.node(id) {
                    Node::Carry { scan, k, .. } => Some(((*scan, *k), id)),
                    _ => None,
                };
                self.ids().filter_map(variable).collect()
            }
        };
        // what has to do with the turns of a loop needs to know how many there are
        let counted: Vec<(AxisId, NodeId)> =
            self.scans.iter().filter_map(|s| Some((s.axis, s.go?))).collect();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.0 as usize], true) {
                stack.extend(self.operands(id));
                stack.extend(self.next_of(id));
                let counts = |axis: &AxisId| match self.node(id) {
                    Node::Size(size) => self.axis_size(*axis).as_sym().is_some_and(|s| size.mentions(s)),
                    _ => self.axes(id).contains(axis),
                };
                stack.extend(counted.iter().filter(|(axis, _)| counts(axis)).map(|c| c.1));
                // where there is no turn, what remains is what there was before
                if let Node::Final { scan, k, .. } = self.node(id) {
                    stack.extend(carries.get(&(*scan, *k)));
                }
            }
        }
        seen
    }

    pub(super) fn intern(&mut self, node: Node, dtype: Dtype) -> NodeId {
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

    /// The axes around the loop whose turns an axis counts, the outermost first: its positions mean nothing without them.
    pub fn within(&self, axis: AxisId) -> &[AxisId] {
        self.axis_size(axis).as_sym().and_then(|s| self.sizes.around(s)).map_or(&[], Vec::as_slice)
    }

    /// A node's value depends on how often a loop inside of others has turned.
    pub fn is_ragged(&self, id: NodeId) -> bool {
        self.axes(id).iter().any(|a| !self.within(*a).is_empty())
    }

    fn free_axes(&self, node: &Node) -> Vec<AxisId> {
        let mut axes = Vec::new();
        let index_axes = |index: &[Index], axes: &mut Vec<AxisId>| {
            for i in index {
                axes.extend(self.sizes.within(&i.offset));
                axes.extend(i.terms.iter().map(|t| t.0));
                if let Some(g) = i.gather {
                    axes.extend(self.axes(g));
                }
            }
        };
        match node {
            Node::Const(_) => {}
            Node::Size(size) => axes.extend(self.sizes.within(size)),
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
            Node::Write { array, dims, index, over, value } => {
                axes.extend(dims);
                axes.extend(self.axes(*array));
                let mut inner = Vec::new();
                index_axes(index, &mut inner);
                inner.extend(self.axes(*value));
                axes.extend(inner.iter().filter(|a| !over.contains(a)));
            }
            Node::Carry { axes: own, .. } | Node::Final { axes: own, .. } => axes.extend(own),
            Node::Added { call, dims, .. } => {
                axes.extend(dims);
                axes.extend(self.call_axes(*call));
            }
            Node::Call { args, dims, guard, .. } => {
                axes.extend(dims);
                axes.extend(guard.map_or(&[][..], |g| self.axes(g)));
                for (node, bound) in args {
                    axes.extend(self.axes(*node).iter().filter(|a| !bound.contains(a)));
                }
            }
        }
        let around: Vec<AxisId> = axes.iter().flat_map(|a| self.within(*a)).copied().collect();
        axes.extend(around);
        axes.sort();
        axes.dedup();
        axes
    }

    /// The `k`-th part of a scatter.
    pub fn part(&self, id: NodeId, k: usize) -> Option<&Part> {
        match self.node(id) {
            Node::Scatter { parts, .. } => parts.get(k),
            _ => None,
        }
    }
}
