//! Loads that only rename the axes of a node become that node under the new names, so that fusion sees one expression.
//!
//! Every use of a node asks for it under some renaming; where all uses ask for the same, the node is built that way,
//! and where they differ, it keeps its names and stays behind a load. Invariant: nothing is computed twice, and no
//! axis is captured by a reduction.

use crate::ir::rebuild::rebuild;
use crate::ir::{Array, AxisId, Graph, Index, Node, NodeId};

/// New names of axes, sorted; axes that are not listed keep their name.
type Names = Vec<(AxisId, AxisId)>;

fn to(names: &Names, axis: AxisId) -> AxisId {
    names.iter().find(|n| n.0 == axis).map_or(axis, |n| n.1)
}

/// The part that concerns the axes of a node.
fn restrict(names: &Names, axes: &[AxisId]) -> Names {
    names.iter().copied().filter(|n| n.0 != n.1 && axes.contains(&n.0)).collect()
}

/// The axes that a node has under the names; `None` where two become one.
fn renamed(names: &Names, axes: &[AxisId]) -> Option<Vec<AxisId>> {
    let all: Vec<AxisId> = axes.iter().map(|a| to(names, *a)).collect();
    let distinct = all.iter().enumerate().all(|(i, a)| !all[..i].contains(a));
    distinct.then_some(all)
}

/// The names under which a load asks for its node.
fn asked(graph: &Graph, node: &Node, own: &Names) -> Option<(NodeId, Names)> {
    let Node::Load { array: Array::Node(n, bound), view: None, index } = node else { return None };
    let mut names = Names::new();
    for axis in graph.axes(*n) {
        let target = match bound.iter().position(|b| b == axis) {
            Some(k) => to(own, index[k].as_axis()?),
            None => to(own, *axis),
        };
        names.push((*axis, target));
    }
    renamed(&names, graph.axes(*n))?;
    // the turns of a loop are those at the positions of the loops around it, under their own names
    let turns = |a: &AxisId| graph.within(*a).iter().any(|w| to(&names, *w) != *w);
    if graph.axes(*n).iter().any(turns) {
        return None;
    }
    Some((*n, restrict(&names, graph.axes(*n))))
}

/// What a node asks of its operands under its own names; `None` where it cannot take names at all.
fn requests(graph: &mut Graph, id: NodeId, own: &Names) -> Option<Vec<(NodeId, Names)>> {
    let node = graph.node(id).clone();
    if let Some(request) = asked(graph, &node, own) {
        return Some(vec![request]);
    }
    match &node {
        Node::Const(_) | Node::Size(_) | Node::Position(_) => Some(vec![]),
        Node::Apply(_, args) => Some(args.iter().map(|a| (*a, restrict(own, graph.axes(*a)))).collect()),
        Node::Cast(x) => Some(vec![(*x, restrict(own, graph.axes(*x)))]),
        Node::Reduce(_, over, x) => {
            let mut names: Names = own.iter().copied().filter(|n| !over.contains(&n.0)).collect();
            let targets: Vec<AxisId> =
                graph.axes(*x).iter().filter(|a| !over.contains(a)).map(|a| to(&names, *a)).collect();
            let mut taken: Vec<AxisId> = targets.clone();
            taken.extend(over);
            taken.extend(graph.axes(*x));
            let taken_around =
                |a: &AxisId| graph.within(*a).iter().any(|w| over.contains(w) && targets.contains(w));
            if graph.axes(*x).iter().any(taken_around) {
                return None;
            }
            for axis in over.iter().filter(|a| targets.contains(a)) {
                let fresh = fresh(graph, *axis, &taken);
                taken.push(fresh);
                names.push((*axis, fresh));
            }
            names.sort();
            Some(vec![(*x, restrict(&names, graph.axes(*x)))])
        }
        Node::Load { array, index, .. } => {
            let mut out = Vec::new();
            if let Array::Node(n, bound) = array {
                if graph.axes(*n).iter().any(|a| !bound.contains(a)) && !own.is_empty() {
                    return None;
                }
                out.push((*n, Names::new()));
            }
            out.extend(index.iter().filter_map(|i| i.gather).map(|g| (g, restrict(own, graph.axes(g)))));
            Some(out)
        }
        Node::Scatter { .. }
        | Node::Write { .. }
        | Node::Carry { .. }
        | Node::Final { .. }
        | Node::Call { .. }
        | Node::Added { .. } => {
            own.is_empty().then(|| graph.operands(id).into_iter().map(|o| (o, Names::new())).collect())
        }
    }
}

/// An axis of the same size that is not taken.
fn fresh(graph: &mut Graph, axis: AxisId, taken: &[AxisId]) -> AxisId {
    let size = graph.axis_size(axis).clone();
    let mut occ = 0;
    loop {
        let candidate = graph.axis_of(&size, occ);
        if !taken.contains(&candidate) {
            return candidate;
        }
        occ += 1;
    }
}

/// An equal graph without loads that only rename.
pub fn inline(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    let needed = graph.reachable(roots);
    let mut source = graph.clone();
    // what all users ask for; `Some(None)` where they differ
    let mut wish: Vec<Option<Option<Names>>> = vec![None; graph.len()];
    let mut names: Vec<Names> = vec![Names::new(); graph.len()];
    roots.iter().for_each(|r| wish[r.0 as usize] = Some(Some(Names::new())));
    let ids: Vec<NodeId> = graph.ids().filter(|id| needed[id.0 as usize]).collect();
    for id in ids.iter().rev().copied() {
        let at = id.0 as usize;
        let mut own = wish[at].take().flatten().unwrap_or_default();
        let requests = match requests(&mut source, id, &own) {
            Some(list) => list,
            None => {
                own = Names::new();
                requests(&mut source, id, &own).unwrap_or_default()
            }
        };
        names[at] = own;
        for (operand, asked) in requests {
            let slot = &mut wish[operand.0 as usize];
            match slot {
                None => *slot = Some(Some(asked)),
                Some(Some(known)) if *known == asked => {}
                _ => *slot = Some(None),
            }
        }
    }

    let mut out = source.emptied();
    let mut map: Vec<NodeId> = vec![NodeId(0); graph.len()];
    for id in ids {
        let at = id.0 as usize;
        out.span = graph.span_of(id);
        let own = names[at].clone();
        // an operand under the names that are asked for
        let get = |out: &mut Graph, operand: NodeId, asked: &Names| -> NodeId {
            let built = &names[operand.0 as usize];
            let id = map[operand.0 as usize];
            if built == asked {
                return id;
            }
            match graph.node(operand) {
                // what costs nothing is read anew
                Node::Load { array: Array::Input(i), view, index }
                    if index.iter().all(|i| i.gather.is_none()) =>
                {
                    let index = index.iter().map(|i| rename_index(i, asked)).collect();
                    return out.load(Array::Input(*i), view.clone(), index);
                }
                Node::Position(axis) => return out.position(to(asked, *axis), graph.dtype(operand)),
                _ => {}
            }
            let axes = graph.axes(operand);
            let from: Vec<AxisId> = axes.iter().map(|a| to(built, *a)).collect();
            let onto: Vec<AxisId> = axes.iter().map(|a| to(asked, *a)).collect();
            out.rename(id, &from, &onto)
        };
        let node = graph.node(id);
        let requests = requests(&mut source, id, &own).unwrap_or_default();
        map[at] = if let Some((n, asked)) = asked(graph, node, &own) {
            get(&mut out, n, &asked)
        } else {
            let args: Vec<NodeId> = requests.iter().map(|(n, asked)| get(&mut out, *n, asked)).collect();
            match node {
                Node::Position(axis) => out.position(to(&own, *axis), graph.dtype(id)),
                Node::Reduce(op, over, _) => {
                    let inner = requests.first().map(|r| r.1.clone()).unwrap_or_default();
                    let over: Vec<AxisId> = over.iter().map(|a| to(&inner, *a)).collect();
                    out.reduce(*op, &over, args[0])
                }
                Node::Load { array, view, index } => {
                    let index = index.iter().map(|i| rename_index(i, &own)).collect();
                    let node = Node::Load { array: array.clone(), view: view.clone(), index };
                    rebuild(&mut out, &node, graph.dtype(id), &args)
                }
                other => rebuild(&mut out, other, graph.dtype(id), &args),
            }
        };
        out.inherit_name(map[at], graph, id);
    }
    (out, roots.iter().map(|r| map[r.0 as usize]).collect())
}

fn rename_index(index: &Index, names: &Names) -> Index {
    let mut terms: Vec<_> = index.terms.iter().map(|(a, c)| (to(names, *a), c.clone())).collect();
    if !names.is_empty() {
        terms.sort();
    }
    Index { terms, ..index.clone() }
}
