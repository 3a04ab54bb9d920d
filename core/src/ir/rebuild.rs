//! Building nodes anew with other operands: in another graph, or in the same one with some nodes replaced.
//!
//! Invariant: operands go in the order of [`Graph::operands`], and every node goes through its constructor.

use super::call::Calling;
use super::graph::{Array, AxisId, Dtype, Graph, Node, NodeId, Part, RedOp};
use std::collections::BTreeMap;

/// A node with other operands, in the order of [`Graph::operands`].
pub fn with_operands(node: &Node, next: &mut dyn FnMut(NodeId) -> NodeId) -> Node {
    let mut node = node.clone();
    match &mut node {
        Node::Const(_) | Node::Size(_) | Node::Position(_) => {}
        Node::Load { array, index, .. } => {
            if let Array::Node(n, _) = array {
                *n = next(*n);
            }
            index.iter_mut().filter_map(|i| i.gather.as_mut()).for_each(|g| *g = next(*g));
        }
        Node::Apply(_, args) => args.iter_mut().for_each(|a| *a = next(*a)),
        Node::Cast(x) | Node::Reduce(_, _, x) => *x = next(*x),
        Node::Scatter { parts, .. } => {
            for part in parts {
                part.value = next(part.value);
                part.index.iter_mut().filter_map(|i| i.gather.as_mut()).for_each(|g| *g = next(*g));
            }
        }
        Node::Write { array, index, value, .. } => {
            *array = next(*array);
            index.iter_mut().filter_map(|i| i.gather.as_mut()).for_each(|g| *g = next(*g));
            *value = next(*value);
        }
        Node::Carry { init, .. } => *init = next(*init),
        Node::Final { next: n, .. } => *n = next(*n),
        Node::Added { call, .. } => *call = next(*call),
        Node::Call { args, guard, partials, .. } => {
            args.iter_mut().for_each(|a| a.0 = next(a.0));
            guard.iter_mut().chain(partials.iter_mut().flatten()).for_each(|n| *n = next(*n));
        }
    }
    node
}

/// Builds a node in `graph` with other operands.
pub fn rebuild(graph: &mut Graph, node: &Node, dtype: Dtype, args: &[NodeId]) -> NodeId {
    let mut args = args.iter().copied();
    match with_operands(node, &mut |old| args.next().unwrap_or(old)) {
        Node::Const(bits) => graph.constant(f64::from_bits(bits), dtype),
        Node::Size(size) => graph.size(&size, dtype),
        Node::Position(axis) => graph.position(axis, dtype),
        Node::Load { array, view, index } => graph.load(array, view, index),
        Node::Apply(op, args) => graph.apply(op, &args),
        Node::Cast(x) => graph.cast(x, dtype),
        Node::Reduce(op, over, x) => graph.reduce(op, &over, x),
        Node::Scatter { dims, view, parts } => graph.scatter(dims, view, parts, dtype),
        Node::Write { array, dims, index, over, value } => graph.write(array, dims, index, over, value),
        Node::Call { callee, args, dims, guard, partials } => {
            graph.call(Calling { callee, args, guard }, dims, partials, dtype)
        }
        node @ (Node::Carry { .. } | Node::Final { .. } | Node::Added { .. }) => graph.intern(node, dtype),
    }
}

impl Graph {
    /// A node of another graph over the same inputs and axes, with its operands replaced.
    pub fn copy_node(&mut self, from: &Graph, id: NodeId, map: &BTreeMap<NodeId, NodeId>) -> NodeId {
        let to = |n: NodeId| map.get(&n).copied().unwrap_or(n);
        let args: Vec<NodeId> = from.operands(id).into_iter().map(to).collect();
        let new = rebuild(self, from.node(id), from.dtype(id), &args);
        self.inherit_name(new, from, id);
        new
    }

    /// The roots with nodes exchanged in all that they are made of. `map` grows by what was rebuilt.
    pub fn replaced(&mut self, roots: &[NodeId], map: &mut BTreeMap<NodeId, NodeId>) -> Vec<NodeId> {
        let needed = self.reachable(roots);
        for id in (0..needed.len() as u32).map(NodeId).filter(|id| needed[id.0 as usize]) {
            if map.contains_key(&id) {
                continue;
            }
            let old = self.operands(id);
            let args: Vec<NodeId> = old.iter().map(|n| map.get(n).copied().unwrap_or(*n)).collect();
            if args != old {
                let (node, dtype) = (self.node(id).clone(), self.dtype(id));
                let name = self.name(id).map(str::to_string);
                let new = rebuild(self, &node, dtype, &args);
                if let Some(name) = name {
                    self.set_name(new, &name);
                }
                map.insert(id, new);
            }
        }
        // the variables of scans inside go on with what was rebuilt
        for scan in &mut self.scans {
            for next in scan.next.iter_mut().flatten() {
                if let Some(new) = map.get(next) {
                    *next = *new;
                }
            }
        }
        roots.iter().map(|r| map.get(r).copied().unwrap_or(*r)).collect()
    }
}

impl Graph {
    /// A sum over axes along which a scatter only tells its positions apart: they meet in one array.
    pub(super) fn reduced_scatter(&mut self, axes: &[AxisId], x: NodeId) -> Option<NodeId> {
        let Node::Scatter { mut dims, view: None, mut parts } = self.node(x).clone() else { return None };
        for axis in axes {
            let k = dims.iter().position(|d| d == axis)?;
            if !parts.iter().all(|p| p.index[k].as_axis() == Some(*axis) && p.over.contains(axis)) {
                return None;
            }
            dims.remove(k);
            parts.iter_mut().for_each(|p| {
                p.index.remove(k);
            });
        }
        let dtype = self.dtype(x);
        if let [part] = &parts[..] {
            if let Some(value) = self.spread(&dims, part) {
                return Some(value);
            }
        }
        Some(self.scatter(dims, None, parts, dtype))
    }

    /// A part that writes each element once is its value under other names.
    pub fn spread(&mut self, dims: &[AxisId], part: &Part) -> Option<NodeId> {
        let from: Vec<AxisId> = part.index.iter().map(|i| i.as_axis()).collect::<Option<_>>()?;
        let distinct = from.iter().enumerate().all(|(k, a)| !from[..k].contains(a));
        let sizes = from.iter().zip(dims).all(|(a, d)| self.axis_size(*a) == self.axis_size(*d));
        if !distinct || !sizes || dims.is_empty() {
            return None;
        }
        let rest: Vec<AxisId> = part.over.iter().copied().filter(|a| !from.contains(a)).collect();
        // an axis that keeps its meaning must not take the name of a dimension
        let kept =
            self.axes(part.value).iter().any(|a| !from.contains(a) && !rest.contains(a) && dims.contains(a));
        if kept {
            return None;
        }
        let value = self.reduce(RedOp::Sum, &rest, part.value);
        Some(self.rename(value, &from, dims))
    }
}
