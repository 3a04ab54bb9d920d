//! The text form of a graph: one line a node, in topological order, for snapshots and for reading.

use super::graph::{Array, AxisId, Graph, Index, Node, NodeId};
use std::fmt::Write;

/// A name for each axis: its size, with a prime for each earlier axis of that size.
pub fn axis_name(graph: &Graph, axis: AxisId) -> String {
    let info = graph.axis(axis);
    format!("{}{}", graph.sizes.show(&info.size), "'".repeat(info.occ as usize))
}

fn index_text(graph: &Graph, index: &Index) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (axis, c) in &index.terms {
        let name = axis_name(graph, *axis);
        parts.push(if c.is_one() { name } else { format!("{}·{name}", graph.sizes.show(c)) });
    }
    if let Some(g) = index.gather {
        parts.push(format!("%{}", g.0));
    }
    if index.offset.as_const() != Some(0) || parts.is_empty() {
        parts.push(graph.sizes.show(&index.offset));
    }
    parts.join("+")
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

/// The line of one node, without its number and type.
pub fn node_text(graph: &Graph, id: NodeId) -> String {
    let ids = |v: &[NodeId]| list(v.iter().map(|n| format!("%{}", n.0)));
    let axes = |v: &[AxisId]| list(v.iter().map(|a| axis_name(graph, *a)));
    let indices = |v: &[Index]| list(v.iter().map(|i| index_text(graph, i)));
    let viewed = |view: &Option<Vec<_>>| match view {
        Some(dims) => format!(" as ({})", list(dims.iter().map(|d| graph.sizes.show(d)))),
        None => String::new(),
    };
    match graph.node(id) {
        Node::Const(bits) => format!("{:?}", f64::from_bits(*bits)),
        Node::Size(size) => format!("size {}", graph.sizes.show(size)),
        Node::Position(axis) => format!("position {}", axis_name(graph, *axis)),
        Node::Load { array, view, index } => {
            let base = match array {
                Array::Input(i) => graph.input(*i).name.clone(),
                Array::Node(n, bound) => format!("%{}({})", n.0, axes(bound)),
            };
            format!("{base}{}[{}]", viewed(view), indices(index))
        }
        Node::Apply(op, args) => format!("{} {}", op.info().name, ids(args)),
        Node::Cast(x) => format!("cast %{}", x.0),
        Node::Reduce(op, over, x) => format!("{}[{}] %{}", op.name(), axes(over), x.0),
        Node::Scatter { dims, view, parts } => {
            let parts = parts
                .iter()
                .map(|p| format!("[{}] += %{} over {}", indices(&p.index), p.value.0, axes(&p.over)));
            format!("scatter({}){} {{ {} }}", axes(dims), viewed(view), list(parts))
        }
        Node::Write { array, dims, index, over, value } => {
            let (at, over) = (indices(index), axes(over));
            format!("write %{}({}) {{ [{at}] = %{} over {over} }}", array.0, axes(dims), value.0)
        }
        Node::Carry { scan, k, init, .. } => {
            let info = graph.scan(*scan);
            let order = if info.reversed { ", from the last" } else { "" };
            let next = graph.next_of(id).map_or(String::new(), |n| format!(", then %{}", n.0));
            format!("carry {}.{k} over {}{order}: %{}{next}", scan.0, axis_name(graph, info.axis), init.0)
        }
        Node::Final { scan, k, next, .. } => format!("final {}.{k} %{}", scan.0, next.0),
        Node::Added { call, k, dims } => format!("added {k} by %{} along {}", call.0, axes(dims)),
        Node::Call { callee, args, dims, guard, partials } => {
            let given = args.iter().map(|(n, bound)| match bound.is_empty() {
                true => format!("%{}", n.0),
                false => format!("%{}({})", n.0, axes(bound)),
            });
            let along = if dims.is_empty() { String::new() } else { format!(" along {}", axes(dims)) };
            let guard = guard.map_or(String::new(), |g| format!(" if %{}", g.0));
            let partials: Vec<NodeId> = partials.iter().flatten().copied().collect();
            let rule = if partials.is_empty() { String::new() } else { format!(", by {}", ids(&partials)) };
            format!("call {}({}){along}{guard}{rule}", graph.callee(*callee).name, list(given))
        }
    }
}

/// All nodes that the named roots need.
pub fn show(graph: &Graph, roots: &[(String, NodeId)]) -> String {
    let ids: Vec<NodeId> = roots.iter().map(|r| r.1).collect();
    let needed = graph.reachable(&ids);
    let mut out = String::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let axes = list(graph.axes(id).iter().map(|a| axis_name(graph, *a)));
        let dtype = graph.dtype(id).name();
        let _ = writeln!(out, "%{}: {dtype}[{axes}] = {}", id.0, node_text(graph, id));
    }
    for (name, id) in roots {
        let _ = writeln!(out, "{name} = %{}", id.0);
    }
    out
}
