//! Matrix products among the sums of products: `Σ_k a[i,k]·b[k,j]`.
//!
//! Factors that do not depend on the summed axes are pulled out of the sum first. Invariant: each axis of a product is
//! exactly one of batch (in the result, and in either operand or both), row (only in the left operand), column (only in the
//! right operand) or summed (in both operands, not in the result).

use super::Target;
use crate::ir::{AxisId, Graph, Math, Node, NodeId, Op, Part, RedOp, ScanId};
use std::collections::{BTreeMap, BTreeSet};

/// Shorter rows and columns are no reason to leave other loops around a matrix product.
const LONG: i64 = 8;

/// `node[batch, rows, cols] = Σ_summed a[batch, rows, summed] · b[batch, summed, cols]`
#[derive(Clone, Debug)]
pub struct Gemm {
    pub node: NodeId,
    pub a: Operand,
    pub b: Operand,
    pub batch: Vec<AxisId>,
    pub rows: AxisId,
    pub cols: AxisId,
    pub summed: AxisId,
    /// Loops around it that the product is summed over as well: each turn adds to what is there.
    pub again: Vec<AxisId>,
}

#[derive(Clone, Copy, Debug)]
pub struct Operand {
    pub node: NodeId,
}

/// The graph with its sums of products in a form that shows the matrix products, and those.
pub fn find(graph: Graph, targets: Vec<Target>) -> (Graph, Vec<Target>, Vec<Gemm>) {
    let roots: Vec<NodeId> = targets.iter().map(|t| t.node).collect();
    let (mut graph, targets): (Graph, Vec<Target>) = match graph.rebuilt(&roots, |g, r| Some(pull_out(g, r)))
    {
        Some((g, new)) => (g, targets.into_iter().zip(new).map(|(t, node)| Target { node, ..t }).collect()),
        None => (graph, targets),
    };
    let roots: Vec<NodeId> = targets.iter().map(|t| t.node).collect();
    let needed = graph.reachable(&roots);
    let mut gemms = Vec::new();
    let turns: Vec<Turns> = turns(&graph, &needed);
    let scanned: Vec<AxisId> = turns.iter().map(|t| t.axis).collect();
    let partly: Vec<AxisId> = turns.iter().filter(|t| t.partly).map(|t| t.axis).collect();
    let ids: Vec<NodeId> = graph.ids().filter(|id| needed[id.0 as usize]).collect();
    for id in ids {
        let Some(gemm) = product(&mut graph, id, &scanned) else { continue };
        if gemm.again.iter().any(|a| partly.contains(a)) {
            continue;
        }
        if turns.iter().all(|t| t.lets(&gemm)) {
            gemms.push(gemm);
        }
    }
    (graph, targets, gemms)
}

/// The loop of a scan: what is computed turn by turn is no product over all of them.
struct Turns {
    axis: AxisId,
    /// By node, whether it is computed in the loop.
    inside: Vec<bool>,
    /// Not all of its turns are run, or kept.
    partly: bool,
}

fn turns(graph: &Graph, needed: &[bool]) -> Vec<Turns> {
    let of = |c: &NodeId| match graph.node(*c) {
        Node::Carry { scan, .. } => Some(*scan),
        _ => None,
    };
    let scans: BTreeSet<ScanId> = graph.carries(needed).iter().filter_map(of).collect();
    let turns = scans.into_iter().map(|s| {
        let scan = graph.scan(s);
        let mut inside = graph.members(s);
        let ends: Vec<NodeId> = scan.next.iter().flatten().chain(&scan.go).copied().collect();
        let kept = scan.origin.map_or(scan, |o| graph.scan(o)).checkpoint.is_some();
        if scan.go.is_some() || kept {
            // what an iteration needs of its own position is computed with it
            let before = graph.ancestors(&ends, &|_| false);
            inside.iter_mut().zip(before).for_each(|(inside, before)| *inside |= before);
        }
        if kept {
            // and so is what becomes of its values, which are not kept
            for id in graph.ids() {
                let read = graph
                    .operands(id)
                    .iter()
                    .any(|o| inside[o.0 as usize] && graph.axes(*o).contains(&scan.axis));
                inside[id.0 as usize] |= read;
            }
        }
        Turns { axis: scan.axis, inside, partly: scan.go.is_some() || kept }
    });
    turns.collect()
}

impl Turns {
    fn lets(&self, gemm: &Gemm) -> bool {
        let over = [gemm.rows, gemm.cols, gemm.summed].contains(&self.axis);
        !over || !self.inside.get(gemm.node.0 as usize).is_some_and(|inside| *inside)
    }
}

/// The factors of a product, left to right.
fn factors(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let mut out = Vec::new();
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        match graph.node(id) {
            Node::Apply(Op::Mul, args) => stack.extend(args.iter().rev()),
            _ => out.push(id),
        }
    }
    out
}

fn multiply(graph: &mut Graph, factors: &[NodeId]) -> Option<NodeId> {
    let mut total = None;
    for f in factors {
        total = Some(match total {
            None => *f,
            Some(t) => graph.apply(Op::Mul, &[t, *f]),
        });
    }
    total
}

/// A matrix product that the sum computes, where it has the form of one.
fn product(graph: &mut Graph, id: NodeId, scanned: &[AxisId]) -> Option<Gemm> {
    let Node::Reduce(RedOp::Sum, over, body) = graph.node(id).clone() else { return None };
    // rows of different lengths are no matrix
    if !graph.dtype(id).is_float() || graph.is_ragged(body) {
        return None;
    }
    // one axis is summed over by the product, others by loops around it
    let summed = longest(graph, &over, scanned)?;
    let again: Vec<AxisId> = over.iter().copied().filter(|a| *a != summed).collect();
    // as it is written first: products that others use too stay whole
    let written = match graph.node(body) {
        Node::Apply(Op::Mul, args) => args.clone(),
        _ => return None,
    };
    let gemm = split(graph, id, summed, &written, scanned).or_else(|| {
        let all = factors(graph, body);
        split(graph, id, summed, &all, scanned)
    })?;
    let short = |a: &AxisId| graph.axis_size(*a).as_const().is_some_and(|n| n < LONG);
    let all = [gemm.rows, gemm.cols, gemm.summed];
    (again.is_empty() || !all.iter().any(short)).then_some(Gemm { again, ..gemm })
}

/// Factors divided into the operands of a matrix product, where they can be.
fn split(
    graph: &mut Graph,
    id: NodeId,
    summed: AxisId,
    factors: &[NodeId],
    scanned: &[AxisId],
) -> Option<Gemm> {
    if factors.len() < 2 || factors.len() > 6 {
        return None;
    }
    let out = graph.axes(id).to_vec();
    // each factor goes left or right; the first one left
    for choice in 0..(1u32 << (factors.len() - 1)) {
        let right_bits = choice << 1;
        let side = |k: usize| right_bits >> k & 1 == 1;
        let part = |right: bool| -> Vec<NodeId> {
            factors.iter().enumerate().filter(|(k, _)| side(*k) == right).map(|(_, f)| *f).collect()
        };
        let (left, right) = (part(false), part(true));
        let axes_of = |part: &[NodeId]| -> Vec<AxisId> {
            let mut axes: Vec<AxisId> = part.iter().flat_map(|f| graph.axes(*f).to_vec()).collect();
            axes.sort();
            axes.dedup();
            axes
        };
        let (la, ra) = (axes_of(&left), axes_of(&right));
        if !(la.contains(&summed) && ra.contains(&summed)) {
            continue;
        }
        let only = |a: &[AxisId], b: &[AxisId]| -> Vec<AxisId> {
            out.iter().copied().filter(|x| a.contains(x) && !b.contains(x)).collect()
        };
        // what scales the product joins an operand that is computed anyway
        let computed = |part: &[NodeId]| part.len() > 1 || !matches!(graph.node(part[0]), Node::Load { .. });
        let scalars = |part: &[NodeId]| part.len() > 1 && part.iter().any(|f| graph.axes(*f).is_empty());
        let loads_only = |part: &[NodeId]| {
            part.iter()
                .filter(|f| !graph.axes(**f).is_empty())
                .all(|f| matches!(graph.node(*f), Node::Load { .. }))
        };
        if (scalars(&left) && loads_only(&left) && computed(&right))
            || (scalars(&right) && loads_only(&right) && computed(&left))
        {
            continue;
        }
        let chosen = |all: Vec<AxisId>| longest(graph, &all, scanned);
        let (Some(i), Some(j)) = (chosen(only(&la, &ra)), chosen(only(&ra, &la))) else { continue };
        let batch: Vec<AxisId> = out.iter().copied().filter(|x| *x != i && *x != j).collect();
        let (Some(a), Some(b)) = (multiply(graph, &left), multiply(graph, &right)) else { continue };
        let (a, b) = (Operand { node: a }, Operand { node: b });
        return Some(Gemm { node: id, a, b, batch, rows: i, cols: j, summed, again: vec![] });
    }
    None
}

/// The axis of an operand that is not the other's, and that becomes its rows or columns. Of several, the loops of scans stay
/// loops, and short ones do as well.
fn longest(graph: &Graph, own: &[AxisId], scanned: &[AxisId]) -> Option<AxisId> {
    if let [single] = own {
        return Some(*single);
    }
    let long = |a: &AxisId| !scanned.contains(a) && graph.axis_size(*a).as_const().is_none_or(|n| n >= LONG);
    let size = |a: &AxisId| graph.axis_size(*a).as_const().unwrap_or(i64::MAX);
    own.iter().copied().filter(long).max_by_key(size)
}

/// Rebuilds the graph with factors that do not depend on a summed axis outside of the sum, where that is cheaper: for a
/// sum to a number, and where the other factors are plain loads. Otherwise such a factor scales a computed operand.
///
/// Under `math = "strict"` everything stays where it is.
fn pull_out(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    if graph.math == Math::Strict {
        return (graph.clone(), roots.to_vec());
    }
    let mut out = graph.emptied();
    let needed = graph.reachable(roots);
    let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        out.span = graph.span_of(id);
        let new = match graph.node(id) {
            Node::Reduce(RedOp::Sum, over, body) => {
                let (over, body) = sum_apart(&mut out, over, map[body]);
                let over = &over;
                let (inside, outside): (Vec<NodeId>, Vec<NodeId>) = factors(&out, body)
                    .into_iter()
                    .partition(|f| out.axes(*f).iter().any(|a| over.contains(a)));
                let plain = |f: &NodeId| matches!(out.node(*f), Node::Load { .. });
                let scales_an_operand = !inside.iter().all(plain)
                    && inside.iter().any(|f| out.axes(*f).iter().any(|a| !over.contains(a)));
                if outside.is_empty() || inside.is_empty() || scales_an_operand {
                    out.reduce(RedOp::Sum, over, body)
                } else {
                    let inner = multiply(&mut out, &inside).unwrap_or(body);
                    let sum = out.reduce(RedOp::Sum, over, inner);
                    let mut all = vec![sum];
                    all.extend(outside);
                    multiply(&mut out, &all).unwrap_or(sum)
                }
            }
            Node::Scatter { dims, view, parts } => {
                let copy = out.copy_node(graph, id, &map);
                let new = match out.node(copy).clone() {
                    Node::Scatter { parts, .. } => parts,
                    _ => vec![],
                };
                let new: Vec<Part> = new.into_iter().map(|p| summed_first(&mut out, p)).collect();
                match new.iter().zip(parts).all(|(a, b)| a.over == b.over) {
                    true => copy,
                    false => out.scatter(dims.clone(), view.clone(), new, graph.dtype(id)),
                }
            }
            _ => out.copy_node(graph, id, &map),
        };
        out.inherit_name(new, graph, id);
        map.insert(id, new);
    }
    (out, roots.iter().map(|r| map[r]).collect())
}

/// What is added to one element at a sum of positions is summed up before. What calls add goes to its place at once.
fn summed_first(graph: &mut Graph, part: Part) -> Part {
    let moved = part.index.iter().any(|i| i.terms.len() > 1);
    if !moved || matches!(graph.node(part.value), Node::Added { .. }) {
        return part;
    }
    let chosen = |a: &AxisId| {
        let by = |g: NodeId| graph.axes(g).contains(a);
        part.index.iter().any(|i| i.terms.iter().any(|t| t.0 == *a) || i.gather.is_some_and(by))
    };
    let inside = |a: &AxisId| graph.axes(part.value).contains(a) && graph.within(*a).is_empty();
    let (first, rest): (Vec<AxisId>, Vec<AxisId>) =
        part.over.iter().copied().partition(|a| !chosen(a) && inside(a));
    if first.is_empty() {
        return part;
    }
    let value = graph.reduce(RedOp::Sum, &first, part.value);
    Part { over: rest, value, ..part }
}

/// `Σ_ij a[i,j]·b[j,k]` as `Σ_j (Σ_i a[i,j])·b[j,k]`: what is left to sum over, and of what.
fn sum_apart(graph: &mut Graph, over: &[AxisId], body: NodeId) -> (Vec<AxisId>, NodeId) {
    let whole = (over.to_vec(), body);
    let Node::Apply(Op::Mul, args) = graph.node(body).clone() else { return whole };
    for (own, other) in [(args[0], args[1]), (args[1], args[0])] {
        let (mine, others) = (graph.axes(own).to_vec(), graph.axes(other).to_vec());
        let alone = |a: &AxisId| mine.contains(a) && !others.contains(a) && graph.within(*a).is_empty();
        let (first, rest): (Vec<AxisId>, Vec<AxisId>) = over.iter().copied().partition(alone);
        if first.is_empty() || rest.is_empty() || others.iter().all(|a| mine.contains(a)) {
            continue;
        }
        let sum = graph.reduce(RedOp::Sum, &first, own);
        return (rest, graph.apply(Op::Mul, &[sum, other]));
    }
    whole
}

/// The operand is an array in memory that a matrix product can read with strides.
pub fn is_direct(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id), Node::Load { index, .. } if index.iter().all(|i| i.gather.is_none()))
}
