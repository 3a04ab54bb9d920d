//! Which nodes are stored, and the statement, loop order and memory layout of each.
//!
//! Stored are targets, reductions, scatters, operands of matrix products, whatever is read at other positions than its
//! own, and what is dear and used by several statements. Invariant: statements come in topological order.

use super::lanes::{delay, repeated, transposed, Lanes};
use super::{calls, checkpoints, contract, neighbours, scans};
use super::{Gemm, Place, Plan, Statement, Storage, Target, Work};
use crate::ir::{Array, AxisId, Graph, Node, NodeId, Op, ScanId};
use std::collections::{BTreeMap, BTreeSet};

/// An expression at least this dear is stored rather than computed by each of its users.
const DEAR: u32 = 6;

pub fn choose(mut graph: Graph, targets: Vec<Target>, gemms: Vec<Gemm>, lanes: Option<Lanes>) -> Plan {
    let mut roots: Vec<NodeId> = targets.iter().map(|t| t.node).collect();
    let live = scans::live(&mut graph, &roots);
    roots.extend(live.last.values());
    let mut needed = graph.reachable(&roots);
    let mut order = axis_order(&graph, &targets, &needed);
    // the loop of a scan goes around the loops over what it carries
    let scanned = live.axes(&graph);
    order.iter_mut().for_each(|rank| *rank += scanned.len());
    for (rank, axis) in scanned.iter().enumerate().rev() {
        order[axis.0 as usize] = rank;
    }
    let points = lanes.map(|l| l.axis);
    if let Some(axis) = points {
        // points in lanes: their loop is the outermost one
        order.iter_mut().for_each(|rank| *rank += 1);
        order[axis.0 as usize] = 0;
    }
    let gemms: BTreeMap<NodeId, Gemm> =
        gemms.into_iter().map(|g| (g.node, oriented(g, &order, &graph, &targets))).collect();

    let mut stored: BTreeSet<NodeId> = BTreeSet::new();
    let mut calls = vec![];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        match graph.node(id) {
            Node::Reduce(..)
            | Node::Scatter { .. }
            | Node::Write { .. }
            | Node::Carry { .. }
            | Node::Final { .. }
            | Node::Added { .. } => {
                stored.insert(id);
            }
            Node::Call { callee, .. } => {
                stored.insert(id);
                calls.push((id, graph.callee(*callee).adds.len()));
            }
            Node::Load { array: Array::Node(n, _), index, .. } => {
                stored.insert(*n);
                // an element of a variable that is looked up is read before the variable changes
                let looked_up = index.iter().any(|i| i.gather.is_some());
                if looked_up && matches!(graph.node(*n), Node::Carry { .. }) && graph.dtype(id).is_float() {
                    stored.insert(id);
                }
            }
            _ => {}
        }
        if let Some(gemm) = gemms.get(&id) {
            for operand in [gemm.a.node, gemm.b.node] {
                if !contract::is_direct(&graph, operand) {
                    stored.insert(operand);
                }
            }
        }
    }
    let direct = calls::direct(&graph, &roots, &|n| !live.of(&graph, n).is_empty());
    // a call adds to memory whether somebody reads it or not
    for (call, arrays) in calls {
        stored.extend((0..arrays).filter_map(|k| graph.added(call, k)));
    }
    needed.resize(graph.len(), true);
    stored.retain(|n| !direct.contains_key(n));
    for target in &targets {
        if matches!(graph.node(target.node), Node::Apply(..))
            && covers(&graph, target)
            && !target.dims.is_empty()
        {
            stored.insert(target.node);
        }
    }
    stored.retain(|n| !matches!(graph.node(*n), Node::Const(_) | Node::Size(_)));
    stored.extend(asked(&graph, &needed));
    if let Some(lanes) = lanes {
        stored.extend(transposed(&graph, &needed, lanes));
        stored.extend(repeated(&graph, &needed, &stored, lanes.axis));
    }
    store_shared(&graph, &needed, &targets, &gemms, &live, &mut stored);
    store_repeated(&graph, &needed, &order, &mut stored);
    store_slopes(&graph, &needed, &mut stored);

    let joined = checkpoints::joined(&graph, &live);
    let mut plan = Plan {
        graph,
        targets,
        statements: vec![],
        storage: BTreeMap::new(),
        last: live.last.clone(),
        idle: BTreeSet::new(),
        grown: BTreeSet::new(),
        direct,
        steps: vec![],
        sweeps: vec![],
        lanes: points,
        ends: Default::default(),
        fitting: vec![],
    };
    let summed: BTreeSet<NodeId> = plan.direct.values().map(|d| d.0).collect();
    let adds = plan.targets.iter().filter(|t| t.adds && !t.dims.is_empty()).map(|t| t.node);
    plan.grown = summed.iter().copied().chain(adds).collect();
    // sums start before all else, but for those that are added to what is there
    for sum in summed.iter().filter(|sum| !plan.targets.iter().any(|t| t.adds && t.node == **sum)) {
        plan.statements.push(Statement { work: Work::Zero(*sum), loops: vec![], scans: vec![] });
    }
    let nests = live.nests(&plan.graph);
    for id in &stored {
        let graph = &plan.graph;
        let mut scans = belongs(graph, &live, *id);
        if scans.is_empty() {
            scans.extend(joined.get(id));
        }
        let sorted = |axes: &[AxisId]| nested(graph, axes, &order, &scans, &nests);
        let called = calls::layout(graph, &needed, *id, &sorted, summed.contains(id));
        // a scalar target is returned, not written
        let place = plan.targets.iter().position(|t| {
            let fits = called.as_ref().is_none_or(|layout| *layout == t.dims);
            t.node == *id && !t.dims.is_empty() && covers(graph, t) && fits
        });
        let own = graph.axes(*id).to_vec();
        let layout = match (place, gemms.get(id), called.or_else(|| viewed(graph, &needed, *id))) {
            (Some(k), ..) => plan.targets[k].dims.clone(),
            (None, _, Some(layout)) => layout,
            (None, Some(g), None) => g.batch.iter().copied().chain([g.rows, g.cols]).collect(),
            (None, None, None) => sorted(&own),
        };
        // a matrix product writes rows that lie in one piece
        let gemm = gemms.get(id).and_then(|g| match layout.last() {
            Some(last) if *last == g.cols => Some(g.clone()),
            Some(last) if *last == g.rows => {
                let g = g.clone();
                Some(Gemm { a: g.b, b: g.a, rows: g.cols, cols: g.rows, ..g })
            }
            _ => None,
        });
        let node = graph.node(*id).clone();
        let works: Vec<(Work, Vec<AxisId>)> = match (gemm, node) {
            (Some(g), _) => {
                let around: Vec<AxisId> = g.batch.iter().chain(&g.again).copied().collect();
                let loops = sorted(&around);
                vec![(Work::Gemm(Box::new(g)), loops)]
            }
            (None, Node::Reduce(_, over, _)) => {
                let mut axes = own.clone();
                axes.extend(&over);
                let mut axes = sorted(&axes);
                if let Some(points) = points {
                    // in lanes, elements come in the order of memory, and what is summed over last: its accumulator
                    // stays in registers
                    let place = |a: &AxisId| layout.iter().position(|l| l == a);
                    axes.sort_by_key(|a| (*a != points, *a != points && over.contains(a), place(a)));
                }
                vec![(Work::Reduce(*id), axes)]
            }
            (None, Node::Scatter { parts, .. }) if graph.is_list(*id) && !plan.grown.contains(id) => {
                vec![(Work::List(*id), sorted(&parts[0].over))]
            }
            (None, Node::Scatter { parts, .. }) => {
                let grown = plan.grown.contains(id);
                let pair = live.scans.is_empty() && !grown && neighbours::of(graph, *id).is_some();
                let alone = if pair { 1 } else { parts.len() };
                let parts = parts.iter().take(alone).enumerate();
                let parts = parts.filter(|(_, p)| !plan.direct.contains_key(&p.value));
                let end = summed.contains(id).then(|| (Work::Added(*id), vec![]));
                parts.map(|(k, p)| (Work::Part(*id, k), sorted(&p.over))).chain(end).collect()
            }
            (None, Node::Write { dims, index, over, value, .. }) => {
                let mut changed: Vec<AxisId> = own
                    .iter()
                    .copied()
                    .filter(|a| match dims.iter().position(|d| d == a) {
                        Some(k) => index[k].as_axis() == Some(*a) && !over.contains(a),
                        None => true,
                    })
                    .collect();
                changed.extend(over);
                changed.extend(graph.axes(value).iter().filter(|a| !dims.contains(a)));
                for i in &index {
                    changed.extend(i.terms.iter().map(|t| t.0).filter(|a| !dims.contains(a)));
                    changed.extend(i.gather.map_or(vec![], |g| graph.axes(g).to_vec()));
                }
                changed.sort();
                changed.dedup();
                vec![(Work::Write(*id, false), sorted(&own)), (Work::Write(*id, true), sorted(&changed))]
            }
            (None, Node::Call { dims, .. }) => {
                let outer: Vec<AxisId> = own.iter().copied().filter(|a| !dims.contains(a)).collect();
                vec![(Work::Call(*id), sorted(&outer))]
            }
            (None, Node::Added { call, .. }) => vec![(Work::Added(*id), sorted(&graph.call_axes(call)))],
            (None, Node::Carry { .. }) => vec![(Work::Carry(*id), sorted(&own))],
            (None, Node::Final { scan, .. }) => {
                let axis = graph.scan(scan).axis;
                let carry = live.last.iter().find(|(_, last)| *last == id).map_or(*id, |(carry, _)| *carry);
                let mut axes = own.clone();
                axes.push(axis);
                vec![
                    (Work::Start { carry, last: *id }, sorted(&own)),
                    (Work::Next { carry, last: *id }, sorted(&axes)),
                ]
            }
            _ => vec![(Work::Map(*id), sorted(&own))],
        };
        plan.statements.extend(works.into_iter().map(|(work, loops)| {
            let scans = if matches!(work, Work::Start { .. }) { vec![] } else { scans.clone() };
            Statement { work, loops, scans }
        }));
        let place = place.map_or(Place::Buffer, Place::Target);
        plan.storage.insert(*id, Storage { place, layout, block: false, lasting: false });
    }
    delay(&mut plan);
    for k in 0..plan.targets.len() {
        let target = &plan.targets[k];
        let written = plan.storage.get(&target.node).is_some_and(|s| s.place == Place::Target(k));
        if !written {
            let mut loops = target.dims.clone();
            loops.sort_by_key(|a| order[a.0 as usize]);
            plan.statements.push(Statement { work: Work::Store(k), loops, scans: vec![] });
        }
    }
    for (scan, _) in &live.scans {
        let info = plan.graph.scan(*scan);
        let carry = live
            .last
            .keys()
            .find(|c| matches!(plan.graph.node(**c), Node::Carry { scan: s, .. } if s == scan));
        if let (Some(_), Some(carry)) = (info.go, carry) {
            let scans = live.of(&plan.graph, *carry);
            let loops = scans::nest(&plan.graph, info.axis);
            plan.statements.push(Statement { work: Work::Go(*scan), loops, scans });
        }
    }
    scans::order(&mut plan, &live);
    plan
}

/// Elements that the user's code computes, and that are read at more positions than their own: it is asked once for each.
fn asked(graph: &Graph, needed: &[bool]) -> BTreeSet<NodeId> {
    let computed = |id: NodeId| match graph.node(id) {
        Node::Load { array: Array::Input(i), index, .. } => {
            let own: Option<BTreeSet<AxisId>> = index.iter().map(|i| i.as_axis()).collect();
            let each = own.is_some_and(|own| own.len() == index.len() && !own.is_empty());
            each && graph.input(*i).computed && graph.dtype(id).is_float() && !graph.is_ragged(id)
        }
        _ => false,
    };
    let users = graph.ids().filter(|id| needed[id.0 as usize]);
    users
        .flat_map(|user| graph.operands(user).into_iter().map(move |id| (user, id)))
        .filter(|(user, id)| computed(*id) && graph.axes(*user).len() > graph.axes(*id).len())
        .map(|(_, id)| id)
        .collect()
}

/// The scans in whose loops a node's value is computed, outermost first.
fn belongs(graph: &Graph, live: &scans::Live, id: NodeId) -> Vec<ScanId> {
    let mut scans = live.of(graph, id);
    if let Node::Load { array: Array::Node(n, _), .. } = graph.node(id) {
        // an element of a scan's array is read in its loop, but one of what remains of it afterwards
        let inside = |node: NodeId, s: &ScanId| graph.axes(node).contains(&graph.scan(*s).axis);
        let mut there = live.of(graph, *n);
        there.retain(|s| inside(*n, s));
        if there.len() > scans.len() && there.iter().all(|s| inside(id, s)) {
            scans = there;
        }
    }
    match scans.is_empty() {
        true => live.counted(graph, id),
        false => scans,
    }
}

/// Axes in the order of loops: those around a loop whose turns the run counts stand as the function has them.
fn nested(
    graph: &Graph,
    axes: &[AxisId],
    order: &[usize],
    scans: &[ScanId],
    nests: &BTreeMap<ScanId, Vec<AxisId>>,
) -> Vec<AxisId> {
    let mut axes = axes.to_vec();
    axes.sort_by_key(|a| order[a.0 as usize]);
    let own = axes.iter().filter(|a| !graph.within(**a).is_empty()).map(|a| scans::nest(graph, *a));
    let mut around: Vec<Vec<AxisId>> =
        own.chain(scans.iter().filter_map(|s| nests.get(s).cloned())).collect();
    around.sort_by_key(Vec::len);
    let mut out: Vec<AxisId> = vec![];
    for axis in around.into_iter().flatten().chain(axes.iter().copied()) {
        if axes.contains(&axis) && !out.contains(&axis) {
            out.push(axis);
        }
    }
    out
}

/// The target's dimensions are exactly the node's axes, and there are some: numbers are returned, or written last.
fn covers(graph: &Graph, target: &Target) -> bool {
    if target.dims.is_empty() {
        return false;
    }
    let mut dims = target.dims.clone();
    dims.sort();
    dims == graph.axes(target.node)
}

/// The order that memory must have because the elements are read under another shape.
fn viewed(graph: &Graph, needed: &[bool], id: NodeId) -> Option<Vec<AxisId>> {
    graph.ids().filter(|n| needed[n.0 as usize]).find_map(|n| match graph.node(n) {
        Node::Load { array: Array::Node(m, bound), view: Some(_), .. } if *m == id => {
            let mut layout: Vec<AxisId> =
                graph.axes(id).iter().copied().filter(|a| !bound.contains(a)).collect();
            layout.extend(bound);
            Some(layout)
        }
        Node::Scatter { dims, view: Some(_), .. } if n == id => Some(dims.clone()),
        _ => None,
    })
}

/// A rank for each axis: axes that lie further left in the arrays of the function come first.
fn axis_order(graph: &Graph, targets: &[Target], needed: &[bool]) -> Vec<usize> {
    // (sum of distances from the last dimension, number of occurrences)
    let mut score = vec![(0u64, 0u64); graph.axis_count()];
    let mut note = |dims: &[Option<AxisId>]| {
        for (distance, axis) in dims.iter().rev().enumerate() {
            if let Some(axis) = axis {
                score[axis.0 as usize].0 += distance as u64;
                score[axis.0 as usize].1 += 1;
            }
        }
    };
    for target in targets {
        note(&target.dims.iter().map(|a| Some(*a)).collect::<Vec<_>>());
    }
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        if let Node::Load { array: Array::Input(_), index, .. } = graph.node(id) {
            // in one dimension of several loops, those of longer strides are further left
            let dims = index.iter().flat_map(|i| match &i.terms[..] {
                [] => vec![None],
                terms => {
                    let mut terms: Vec<(bool, AxisId)> = terms.iter().map(|t| (t.1.is_one(), t.0)).collect();
                    terms.sort();
                    terms.into_iter().map(|t| Some(t.1)).collect()
                }
            });
            note(&dims.collect::<Vec<_>>());
        }
    }
    let mut axes: Vec<usize> = (0..score.len()).collect();
    axes.sort_by(|a, b| {
        let (x, y) = (score[*a], score[*b]);
        // larger mean distance first, compared as fractions
        (y.0 * x.1.max(1)).cmp(&(x.0 * y.1.max(1))).then(a.cmp(b))
    });
    let mut rank = vec![0; axes.len()];
    axes.iter().enumerate().for_each(|(r, a)| rank[*a] = r);
    rank
}

/// Rows and columns as the result's memory wants them.
fn oriented(gemm: Gemm, order: &[usize], graph: &Graph, targets: &[Target]) -> Gemm {
    let target = targets.iter().find(|t| t.node == gemm.node && covers(graph, t));
    let swap = match target {
        Some(t) => {
            let at = |a: AxisId| t.dims.iter().position(|d| *d == a);
            at(gemm.rows) > at(gemm.cols)
        }
        None => order[gemm.rows.0 as usize] > order[gemm.cols.0 as usize],
    };
    if swap {
        Gemm { a: gemm.b, b: gemm.a, rows: gemm.cols, cols: gemm.rows, ..gemm }
    } else {
        gemm
    }
}

/// Adds the dear nodes that a sum or a list would compute again for each position of a loop of unknown length around
/// theirs.
fn store_repeated(graph: &Graph, needed: &[bool], order: &[usize], stored: &mut BTreeSet<NodeId>) {
    let cost = costs(graph, needed, stored);
    let mut found = vec![];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let (all, mut stack) = match graph.node(id) {
            Node::Reduce(_, _, body) => (graph.axes(*body).to_vec(), vec![*body]),
            Node::Scatter { parts, .. } if graph.is_list(id) => {
                (parts[0].over.clone(), parts.iter().map(|p| p.value).collect())
            }
            _ => continue,
        };
        let mut seen = BTreeSet::new();
        while let Some(id) = stack.pop() {
            if stored.contains(&id) || !seen.insert(id) || !matches!(graph.node(id), Node::Apply(..)) {
                continue;
            }
            let axes = graph.axes(id);
            let rank = |a: &AxisId| order[a.0 as usize];
            let last = axes.iter().map(rank).max();
            let again = |a: &&AxisId| {
                !axes.contains(a) && last > Some(rank(a)) && graph.axis_size(**a).as_const().is_none()
            };
            let worth = cost[id.0 as usize] >= DEAR && graph.dtype(id).is_float();
            match worth && all.iter().any(|a| again(&a)) {
                true => found.push(id),
                false => stack.extend(graph.operands(id)),
            }
        }
    }
    stored.extend(found);
}

/// What it costs to compute each node from what is stored.
fn costs(graph: &Graph, needed: &[bool], stored: &BTreeSet<NodeId>) -> Vec<u32> {
    let mut cost: Vec<u32> = vec![0; graph.len()];
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        let own = match graph.node(id) {
            Node::Apply(op, _) => op.info().cost,
            _ => 0,
        };
        let operands = graph.operands(id);
        let inside = operands.iter().filter(|o| !stored.contains(o)).map(|o| cost[o.0 as usize]);
        cost[id.0 as usize] = inside.fold(own, u32::saturating_add);
    }
    cost
}

/// Adds the slopes of functions that are stored: both come from one exponential, in one loop.
fn store_slopes(graph: &Graph, needed: &[bool], stored: &mut BTreeSet<NodeId>) {
    let calls = |n: &NodeId| match graph.node(*n) {
        Node::Apply(op, args) => Some((*op, args[0])),
        _ => None,
    };
    let known: BTreeSet<(Op, NodeId)> = stored.iter().filter_map(calls).collect();
    let slopes = graph.ids().filter(|id| needed[id.0 as usize] && !graph.axes(*id).is_empty());
    let partner = |id: &NodeId| calls(id).and_then(|(op, x)| Some((op.slope_of()?, x)));
    stored.extend(slopes.filter(|id| partner(id).is_some_and(|p| known.contains(&p))));
}

/// Adds the dear nodes that several statements use.
fn store_shared(
    graph: &Graph,
    needed: &[bool],
    targets: &[Target],
    gemms: &BTreeMap<NodeId, Gemm>,
    live: &scans::Live,
    stored: &mut BTreeSet<NodeId>,
) {
    // users[n]: the statements (by their stored node; targets behind all nodes) whose expression contains n
    let mut users: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); graph.len()];
    let cost = costs(graph, needed, stored);
    for (k, target) in targets.iter().enumerate() {
        if !stored.contains(&target.node) {
            users[target.node.0 as usize].insert(graph.len() as u32 + k as u32);
        }
    }
    for id in (0..graph.len() as u32).rev().map(NodeId).filter(|id| needed[id.0 as usize]) {
        let is_stored = stored.contains(&id);
        // what is read of a scan's array is kept, rather than the array
        if let (Node::Load { array: Array::Node(n, _), .. }, false) = (graph.node(id), is_stored) {
            if let Some(scan) = live.of(graph, *n).last() {
                let outside =
                    |u: &u32| *u as usize >= graph.len() || !live.of(graph, NodeId(*u)).contains(scan);
                if graph.axes(id).len() < graph.axes(*n).len() && users[id.0 as usize].iter().any(outside) {
                    stored.insert(id);
                }
            }
        }
        if !is_stored && users[id.0 as usize].len() > 1 {
            let worth =
                cost[id.0 as usize] >= DEAR && !graph.axes(id).is_empty() && graph.dtype(id).is_float();
            if worth && matches!(graph.node(id), Node::Apply(..)) {
                stored.insert(id);
            }
        }
        let mine: BTreeSet<u32> =
            if stored.contains(&id) { BTreeSet::from([id.0]) } else { users[id.0 as usize].clone() };
        if gemms.contains_key(&id) {
            continue;
        }
        for operand in graph.operands(id) {
            if !stored.contains(&operand) {
                users[operand.0 as usize].extend(&mine);
            }
        }
    }
}
