//! Arithmetic on tensors: shapes are checked and broadcast, axes get their canonical names, nodes are built.
//!
//! Invariant: the axes of every result are canonical for its dimensions (`Lower::layout`), so equal shapes meet on
//! equal axes and fuse.

use super::env::Tensor;
use super::Lower;
use crate::diag::Kind;
use crate::ir::{Array, AxisId, Dtype, Index, Node, NodeId, Op, RedOp, Size};
use quote::ToTokens;

impl Lower {
    /// One axis for each dimension but those of size 1; axes of enclosing closures are left alone.
    pub fn layout(&mut self, dims: &[Size]) -> Vec<Option<AxisId>> {
        let mut used = self.outer.clone();
        dims.iter()
            .map(|dim| {
                let dim = self.graph.sizes.resolve(dim);
                if dim.is_one() {
                    return None;
                }
                let axis = self.free_axis(&dim, &used);
                used.push(axis);
                Some(axis)
            })
            .collect()
    }

    /// The first axis of a size that is not in use.
    pub fn free_axis(&mut self, size: &Size, used: &[AxisId]) -> AxisId {
        let mut occ = 0;
        loop {
            let axis = self.graph.axis_of(size, occ);
            if !used.contains(&axis) {
                return axis;
            }
            occ += 1;
        }
    }

    pub fn shape_text(&self, dims: &[Size]) -> String {
        let list: Vec<String> = dims.iter().map(|d| self.graph.sizes.show(d)).collect();
        format!("[{}]", list.join(", "))
    }

    pub fn scalar(&self, node: NodeId, active: bool) -> Tensor {
        Tensor { node, dims: vec![], axes: vec![], active, nd: false }
    }

    /// The node with positions put in place of axes. Loads take them in, other nodes are loaded from.
    pub fn substitute(&mut self, node: NodeId, map: &[(AxisId, Index)]) -> NodeId {
        self.depth += 1;
        let new = self.substituted(node, map);
        self.depth -= 1;
        new
    }

    fn substituted(&mut self, node: NodeId, map: &[(AxisId, Index)]) -> NodeId {
        let own = self.graph.axes(node).to_vec();
        let map: Vec<(AxisId, Index)> =
            map.iter().filter(|(a, i)| own.contains(a) && i.as_axis() != Some(*a)).cloned().collect();
        if map.is_empty() {
            return node;
        }
        match self.graph.node(node).clone() {
            Node::Load { array, view, index } => {
                let captured = match &array {
                    Array::Input(_) => vec![],
                    Array::Node(n, bound) => {
                        self.graph.axes(*n).iter().copied().filter(|a| !bound.contains(a)).collect()
                    }
                };
                // axes of the array behind the load that get positions too
                let more: Vec<(AxisId, Index)> =
                    map.iter().filter(|m| captured.contains(&m.0)).cloned().collect();
                if more.is_empty() || (view.is_none() && map.iter().all(|m| m.1.gather.is_none())) {
                    let composed: Option<Vec<Index>> = index.iter().map(|i| self.compose(i, &map)).collect();
                    if let Some(mut index) = composed {
                        let array = match array {
                            Array::Node(n, mut bound) => {
                                bound.extend(more.iter().map(|m| m.0));
                                index.extend(more.into_iter().map(|m| m.1));
                                Array::Node(n, bound)
                            }
                            input => input,
                        };
                        return self.graph.load(array, view, index);
                    }
                }
            }
            Node::Cast(x) => {
                let dtype = self.graph.dtype(node);
                let x = self.substitute(x, &map);
                return self.graph.cast(x, dtype);
            }
            // an element of what was written is what was written, or lies in the array before
            Node::Write { array, dims, index, over, value }
                if over.is_empty() && self.depth < 2 * super::MAX_DEPTH =>
            {
                let at = |d: &AxisId| {
                    map.iter().find(|m| m.0 == *d).map_or_else(|| Index::axis(*d), |m| m.1.clone())
                };
                let bound = |a: &AxisId| dims.contains(a);
                let apart = |a: &Index, b: &Index| {
                    let difference = a.offset.sub(&b.offset);
                    a.terms == b.terms && a.gather == b.gather && self.graph.apart(&difference, &self.outer)
                };
                let whole = |d: &AxisId, i: &Index| i.as_axis() == Some(*d);
                let others = map.iter().any(|m| !bound(&m.0));
                if !others && dims.iter().zip(&index).any(|(d, i)| !whole(d, i) && apart(&at(d), i)) {
                    return self.substitute(array, &map);
                }
                if !others && dims.iter().zip(&index).all(|(d, i)| whole(d, i) || at(d) == *i) {
                    let rest: Vec<(AxisId, Index)> = map
                        .iter()
                        .filter(|m| dims.iter().zip(&index).any(|(d, i)| *d == m.0 && whole(d, i)))
                        .cloned()
                        .collect();
                    return self.substitute(value, &rest);
                }
            }
            // through branches, as deep as they may be nested
            Node::Apply(op @ (Op::When | Op::Select), args) if self.depth < 2 * super::MAX_DEPTH => {
                let args: Vec<NodeId> = args.into_iter().map(|a| self.substitute(a, &map)).collect();
                return self.graph.apply(op, &args);
            }
            Node::Position(_) => {
                if let [(_, index)] = map.as_slice() {
                    let dtype = self.graph.dtype(node);
                    if let Some(axis) = index.as_axis() {
                        return self.graph.position(axis, dtype);
                    }
                    let whole = self.graph.position_node(index);
                    return self.graph.cast(whole, dtype);
                }
            }
            // integers, and what compares them, are computed where they are used
            Node::Apply(op, args)
                if !self.graph.dtype(node).is_float()
                    && args.iter().all(|a| !self.graph.dtype(*a).is_float()) =>
            {
                let args: Vec<NodeId> = args.into_iter().map(|a| self.substitute(a, &map)).collect();
                return self.graph.apply(op, &args);
            }
            _ => {}
        }
        let mut map = map;
        if map.iter().any(|m| m.1.gather.is_some()) {
            // a look-up names all dimensions, so that its adjoint is a choice instead of a scatter
            let rest = own.iter().filter(|a| !map.iter().any(|m| m.0 == **a)).map(|a| (*a, Index::axis(*a)));
            let rest: Vec<(AxisId, Index)> = rest.collect();
            map.extend(rest);
            map.sort_by_key(|m| m.0);
        }
        let (axes, index) = map.into_iter().unzip();
        self.graph.load(Array::Node(node, axes), None, index)
    }

    /// An index whose axes are themselves positions; none where two look-ups would have to be added.
    pub fn compose(&mut self, index: &Index, map: &[(AxisId, Index)]) -> Option<Index> {
        let mut out = Index { terms: vec![], offset: index.offset.clone(), gather: None };
        if let Some(g) = index.gather {
            out.gather = Some(self.substitute(g, map));
        }
        let add = |terms: &mut Vec<(AxisId, Size)>, axis: AxisId, c: Size| match terms
            .iter_mut()
            .find(|t| t.0 == axis)
        {
            Some(t) => t.1 = t.1.add(&c),
            None => terms.push((axis, c)),
        };
        for (axis, c) in &index.terms {
            match map.iter().find(|m| m.0 == *axis) {
                None => add(&mut out.terms, *axis, c.clone()),
                Some((_, to)) => {
                    out.offset = out.offset.add(&to.offset.mul(c));
                    for (a, k) in &to.terms {
                        add(&mut out.terms, *a, k.mul(c));
                    }
                    if let Some(g) = to.gather {
                        if !c.is_one() || out.gather.is_some() {
                            return None;
                        }
                        out.gather = Some(g);
                    }
                }
            }
        }
        out.terms.retain(|t| t.1.as_const() != Some(0));
        out.terms.sort();
        Some(out)
    }

    /// The tensor's value under other axes; dimensions that are dropped or broadcast have none on one side.
    pub fn align(&mut self, t: &Tensor, axes: &[Option<AxisId>]) -> NodeId {
        let map: Vec<(AxisId, Index)> =
            t.axes.iter().zip(axes).filter_map(|(a, b)| Some(((*a)?, Index::axis((*b)?)))).collect();
        self.substitute(t.node, &map)
    }

    /// The tensor under the canonical axes of its dimensions.
    pub fn canonical(&mut self, t: &Tensor) -> Tensor {
        let axes = self.layout(&t.dims);
        let node = self.align(t, &axes);
        Tensor { node, axes, ..t.clone() }
    }

    /// Two dimensions become one; `None` where they cannot.
    fn meet(&mut self, a: &Size, b: &Size) -> Option<Size> {
        let (a, b) = (self.graph.sizes.resolve(a), self.graph.sizes.resolve(b));
        if a.is_one() {
            return Some(b);
        }
        if b.is_one() || self.graph.sizes.unify(&a, &b) {
            return Some(self.graph.sizes.resolve(&a));
        }
        None
    }

    /// The shape that operands broadcast to.
    pub fn broadcast(&mut self, args: &[Tensor], what: &str, at: &dyn ToTokens) -> Option<Vec<Size>> {
        let mut dims: Vec<Size> = Vec::new();
        for t in args {
            let (mut long, short) = match t.dims.len() > dims.len() {
                true => (t.dims.clone(), dims.clone()),
                false => (dims.clone(), t.dims.clone()),
            };
            let skip = long.len() - short.len();
            for (k, b) in short.iter().enumerate() {
                match self.meet(&long[skip + k], b) {
                    Some(size) => long[skip + k] = size,
                    None => {
                        let (a, b) = (self.shape_text(&dims), self.shape_text(&t.dims));
                        let help = "dimensions are compared from the last one; a size 1 stretches";
                        self.errors.push(Kind::Shape, at, &[what, &a, &b, help]);
                        return None;
                    }
                }
            }
            dims = long;
        }
        Some(dims)
    }

    /// A scalar operation on each element, with broadcasting.
    pub fn elementwise(&mut self, op: Op, args: &[Tensor], what: &str, at: &dyn ToTokens) -> Option<Tensor> {
        let dims = self.broadcast(args, what, at)?;
        let axes = self.layout(&dims);
        let nodes: Vec<NodeId> = args
            .iter()
            .map(|t| {
                let skip = dims.len() - t.dims.len();
                self.align(t, &axes[skip..])
            })
            .collect();
        let floats: Vec<Dtype> =
            nodes.iter().map(|n| self.graph.dtype(*n)).filter(|d| *d != Dtype::Bool).collect();
        if let Some(other) = floats.iter().find(|d| **d != floats[0]) {
            self.errors.push(Kind::Dtypes, at, &[what, floats[0].name(), other.name()]);
            return None;
        }
        let mut nodes = nodes;
        if matches!(op, Op::Div | Op::Rem) && self.graph.dtype(nodes[0]) == Dtype::Int {
            nodes[1] = self.divisor(nodes[1]);
        }
        let node = self.graph.apply(op, &nodes);
        let (active, nd) = (args.iter().any(|t| t.active), args.iter().any(|t| t.nd));
        Some(Tensor { node, dims, axes, active, nd })
    }

    /// An integer that something is divided by, which may be zero where the division is not reached: there it is one.
    pub fn divisor(&mut self, by: NodeId) -> NodeId {
        if self.graph.as_const(by).is_some_and(|v| v != 0.0) {
            return by;
        }
        let mut reached = self.guard_from(0);
        // nor is it divided before a loop that may have no turn
        for axis in self.outer.clone() {
            if !self.graph.axes(by).contains(&axis) {
                let position = self.graph.position(axis, Dtype::Int);
                let zero = self.graph.constant(0.0, Dtype::Int);
                let inside = self.graph.apply(Op::Ge, &[position, zero]);
                reached = Some(reached.map_or(inside, |r| self.graph.apply(Op::And, &[r, inside])));
            }
        }
        let one = self.graph.constant(1.0, Dtype::Int);
        reached.map_or(by, |reached| self.graph.apply(Op::Select, &[reached, by, one]))
    }

    pub fn unary(&mut self, op: Op, t: &Tensor) -> Tensor {
        let t = self.canonical(t);
        let node = self.graph.apply(op, &[t.node]);
        Tensor { node, ..t }
    }

    /// `op(t, c)` with a number of the tensor's own type.
    pub fn with_const(&mut self, op: Op, t: &Tensor, c: f64) -> Tensor {
        let t = self.canonical(t);
        let c = self.graph.constant(c, self.graph.dtype(t.node));
        let node = self.graph.apply(op, &[t.node, c]);
        Tensor { node, ..t }
    }

    /// A reduction over some of the dimensions.
    pub fn reduce(&mut self, op: RedOp, t: &Tensor, over: &[usize]) -> Tensor {
        let rest: Vec<usize> = (0..t.rank()).filter(|k| !over.contains(k)).collect();
        let dims: Vec<Size> = rest.iter().map(|k| t.dims[*k].clone()).collect();
        let axes = self.layout(&dims);
        let mut t = t.clone();
        if matches!(self.graph.node(t.node), Node::Load { .. }) {
            // a load takes its final axes at once
            let mut used = self.outer.clone();
            used.extend(axes.iter().flatten());
            let mut all: Vec<Option<AxisId>> = vec![None; t.rank()];
            for (k, axis) in rest.iter().zip(&axes) {
                all[*k] = *axis;
            }
            for k in over {
                if t.axes[*k].is_some() {
                    let axis = self.free_axis(&t.dims[*k].clone(), &used);
                    used.push(axis);
                    all[*k] = Some(axis);
                }
            }
            let node = self.align(&t, &all);
            t = Tensor { node, axes: all, ..t };
        }
        let gone: Vec<AxisId> = over.iter().filter_map(|k| t.axes[*k]).collect();
        let node = self.graph.reduce(op, &gone, t.node);
        let kept = Tensor { node, dims, axes: rest.iter().map(|k| t.axes[*k]).collect(), ..t };
        let node = self.align(&kept, &axes);
        Tensor { node, axes, ..kept }
    }

    pub fn count(&self, t: &Tensor, over: &[usize]) -> Size {
        Size::product(over.iter().map(|k| &t.dims[*k]))
    }

    pub fn mean(&mut self, t: &Tensor, over: &[usize]) -> Tensor {
        let sum = self.reduce(RedOp::Sum, t, over);
        let count = self.count(t, over);
        let n = self.graph.size(&count, self.graph.dtype(sum.node));
        let node = self.graph.apply(Op::Div, &[sum.node, n]);
        Tensor { node, ..sum }
    }

    /// `a.dot(b)` for ranks 1 and 2.
    pub fn dot(&mut self, a: &Tensor, b: &Tensor, at: &dyn ToTokens) -> Option<Tensor> {
        let (dims_a, dims_b) = (a.dims.clone(), b.dims.clone());
        let (Some(ka), Some(kb)) = (dims_a.last(), dims_b.first()) else { return None };
        if !self.graph.sizes.unify(ka, kb) {
            let (sa, sb) = (self.shape_text(&dims_a), self.shape_text(&dims_b));
            let help = "the last dimension on the left must be the first one on the right";
            self.errors.push(Kind::Shape, at, &["`dot`", &sa, &sb, help]);
            return None;
        }
        if self.graph.dtype(a.node) != self.graph.dtype(b.node) {
            let (da, db) = (self.graph.dtype(a.node).name(), self.graph.dtype(b.node).name());
            self.errors.push(Kind::Dtypes, at, &["`dot`", da, db]);
            return None;
        }
        let dims: Vec<Size> = dims_a[..dims_a.len() - 1].iter().chain(&dims_b[1..]).cloned().collect();
        let axes = self.layout(&dims);
        let mut used = self.outer.clone();
        used.extend(axes.iter().flatten());
        let k = self.graph.sizes.resolve(ka);
        let inner = (!k.is_one()).then(|| self.free_axis(&k, &used));
        let left: Vec<Option<AxisId>> = axes[..dims_a.len() - 1].iter().copied().chain([inner]).collect();
        let right: Vec<Option<AxisId>> =
            [inner].into_iter().chain(axes[dims_a.len() - 1..].iter().copied()).collect();
        let (x, y) = (self.align(a, &left), self.align(b, &right));
        let product = self.graph.apply(Op::Mul, &[x, y]);
        let over: Vec<AxisId> = inner.into_iter().collect();
        let node = self.graph.reduce(RedOp::Sum, &over, product);
        Some(Tensor { node, dims, axes, active: a.active || b.active, nd: true })
    }

    /// The tensor seen under other dimensions: `index` gives the position along each old dimension in terms of new axes.
    pub fn remap(
        &mut self,
        t: &Tensor,
        dims: Vec<Size>,
        index: impl FnOnce(&mut Self, &[Option<AxisId>]) -> Vec<Index>,
    ) -> Tensor {
        let axes = self.layout(&dims);
        let index = index(self, &axes);
        let map: Vec<(AxisId, Index)> =
            t.axes.iter().zip(index).filter_map(|(a, i)| Some(((*a)?, i))).collect();
        let node = self.substitute(t.node, &map);
        Tensor { node, dims, axes, ..t.clone() }
    }

    /// Dimensions in another order.
    pub fn permute(&mut self, t: &Tensor, order: &[usize]) -> Tensor {
        let pick = Tensor {
            dims: order.iter().map(|k| t.dims[*k].clone()).collect(),
            axes: order.iter().map(|k| t.axes[*k]).collect(),
            ..t.clone()
        };
        self.canonical(&pick)
    }

    /// The float type of the function's inputs, and of the lists that are not read yet, where there is just one.
    pub fn only_float(&self) -> Option<Dtype> {
        let inputs = self.graph.inputs.iter().map(|i| i.dtype).chain(self.list_floats.iter().copied());
        let mut floats = inputs.filter(|d| d.is_float());
        let first = floats.next()?;
        floats.all(|d| d == first).then_some(first)
    }
}
