//! Where an element lies: the row-major position in a flat slice, as a linear form over loop variables.
//!
//! Invariant: strides are products of sizes, so every position is exact for every size.

use crate::ir::{Array, AxisId, CalleeId, Graph, Index, InputId, Node, NodeId, Size};
use crate::schedule::{Place, Plan};

/// The slice that an access goes to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Slice {
    Input(InputId),
    /// No memory: a function that is called.
    Callee(CalleeId),
    Buffer(NodeId),
    Target(usize),
    /// The states of a scan's variable that are kept.
    Kept(NodeId),
    /// Where the rows of a counted axis start and how many there are, for each position of the loops around.
    Turns(AxisId),
    /// Where the loop of a flag ended, for each position of the loops around.
    Ends(NodeId),
}

/// `offset + Σ coefficient·axis + Σ stride·(gathered index) + Σ stride·(start of an axis's rows)`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linear {
    pub offset: Size,
    pub axes: Vec<(AxisId, Size)>,
    /// Indices with a gathered part: the index, its stride, and the size of its dimension.
    pub gathers: Vec<(Index, Size, Size)>,
    /// Axes whose turns the run counts inside of other loops: where the rows for these loops' positions start.
    pub starts: Vec<(AxisId, Size)>,
}

impl Linear {
    fn add(&mut self, index: &Index, stride: &Size, dim: &Size) {
        if index.gather.is_some() {
            self.gathers.push((index.clone(), stride.clone(), dim.clone()));
            return;
        }
        self.offset = self.offset.add(&index.offset.mul(stride));
        for (axis, c) in &index.terms {
            self.add_axis(*axis, c.mul(stride));
        }
    }

    fn add_axis(&mut self, axis: AxisId, c: Size) {
        match self.axes.iter_mut().find(|a| a.0 == axis) {
            Some(entry) => entry.1 = entry.1.add(&c),
            None => self.axes.push((axis, c)),
        }
    }

    pub fn coefficient(&self, axis: AxisId) -> Size {
        self.axes.iter().find(|a| a.0 == axis).map_or(Size::default(), |a| a.1.clone())
    }

    /// The form without one axis.
    pub fn without(&self, axis: AxisId) -> Linear {
        Linear { axes: self.axes.iter().filter(|a| a.0 != axis).cloned().collect(), ..self.clone() }
    }
}

/// Row-major position of an index under dimensions.
pub fn row_major(dims: &[Size], index: &[Index]) -> Linear {
    let mut out = Linear::default();
    let mut stride = Size::constant(1);
    for (dim, index) in dims.iter().zip(index).rev() {
        out.add(index, &stride, dim);
        stride = stride.mul(dim);
    }
    out
}

/// The last axis of a layout whose rows are found by a look-up, for each position of the axes before it.
pub fn ragged(graph: &Graph, layout: &[AxisId]) -> Option<usize> {
    (1..layout.len()).rev().find(|k| !graph.within(layout[*k]).is_empty())
}

/// The position of an index in an array of this layout.
pub fn within(graph: &Graph, layout: &[AxisId], index: &[Index]) -> Linear {
    let dims = sizes(graph, layout);
    let Some(k) = ragged(graph, layout) else { return row_major(&dims, index) };
    let mut out = row_major(&dims[k..], &index[k..]);
    out.starts.push((layout[k], Size::product(&dims[k + 1..])));
    out
}

fn sizes(graph: &Graph, axes: &[AxisId]) -> Vec<Size> {
    axes.iter().map(|a| graph.axis_size(*a).clone()).collect()
}

/// The slice and position of a stored node at the loops' own position.
pub fn of_stored(plan: &Plan, node: NodeId) -> Option<(Slice, Linear)> {
    let storage = plan.storage.get(&node)?;
    let slice = match storage.place {
        Place::Local => return None,
        Place::Buffer => Slice::Buffer(node),
        Place::Shared(owner) => Slice::Buffer(owner),
        Place::Target(k) => Slice::Target(k),
    };
    let index: Vec<Index> = storage.layout.iter().map(|a| Index::axis(*a)).collect();
    Some((slice, within(&plan.graph, &storage.layout, &index)))
}

/// The slice and position that a load reads.
pub fn of_load(plan: &Plan, load: NodeId) -> Option<(Slice, Linear)> {
    let Node::Load { array, view, index } = plan.graph.node(load) else { return None };
    match array {
        Array::Input(i) => {
            let dims = view.as_ref().unwrap_or(&plan.graph.input(*i).dims);
            Some((Slice::Input(*i), row_major(dims, index)))
        }
        Array::Node(n, bound) => {
            let storage = plan.storage.get(n)?;
            let slice = match storage.place {
                Place::Local => return None,
                Place::Buffer => Slice::Buffer(*n),
                Place::Shared(owner) => Slice::Buffer(owner),
                Place::Target(k) => Slice::Target(k),
            };
            let at = |a: &AxisId| match bound.iter().position(|b| b == a) {
                Some(k) if view.is_none() => index.get(k).cloned().unwrap_or_default(),
                _ => Index::axis(*a),
            };
            match view {
                None => {
                    let index: Vec<Index> = storage.layout.iter().map(at).collect();
                    Some((slice, within(&plan.graph, &storage.layout, &index)))
                }
                Some(view) => {
                    // the layout is (free axes, bound axes): the view covers the bound ones; leading ones may be
                    // gone, where the array lives inside their loops
                    let kept = |a: &&AxisId| storage.layout.contains(a);
                    let gone = bound.iter().take_while(|a| !kept(a)).count();
                    let free: Vec<AxisId> =
                        storage.layout.iter().copied().filter(|a| !bound.contains(a)).collect();
                    let mut dims = sizes(&plan.graph, &free);
                    dims.extend(view.iter().skip(gone).cloned());
                    let mut all: Vec<Index> = free.iter().map(|a| Index::axis(*a)).collect();
                    all.extend(index.iter().skip(gone).cloned());
                    Some((slice, row_major(&dims, &all)))
                }
            }
        }
    }
}

/// The slice and position that a part of a scatter writes.
pub fn of_part(plan: &Plan, node: NodeId, k: usize) -> Option<(Slice, Linear)> {
    let Node::Scatter { dims, view, parts } = plan.graph.node(node) else { return None };
    let part = parts.get(k)?;
    let (slice, _) = of_stored(plan, node)?;
    let layout = &plan.storage.get(&node)?.layout;
    match view {
        Some(view) => {
            // leading axes may be gone, where the array lives inside their loops
            let gone = dims.iter().take_while(|a| !layout.contains(a)).count();
            let (view, index) = (view.get(gone..)?, part.index.get(gone..)?);
            Some((slice, row_major(view, index)))
        }
        None => {
            let at = |a: &AxisId| match dims.iter().position(|d| d == a).and_then(|k| part.index.get(k)) {
                Some(index) => index.clone(),
                None => Index::axis(*a),
            };
            let index: Vec<Index> = layout.iter().map(at).collect();
            Some((slice, within(&plan.graph, layout, &index)))
        }
    }
}

/// The slice and position that a write changes.
pub fn of_write(plan: &Plan, node: NodeId) -> Option<(Slice, Linear)> {
    let Node::Write { dims, index, .. } = plan.graph.node(node) else { return None };
    let (slice, _) = of_stored(plan, node)?;
    let layout = &plan.storage.get(&node)?.layout;
    let at = |a: &AxisId| match dims.iter().position(|d| d == a).and_then(|k| index.get(k)) {
        Some(index) => index.clone(),
        None => Index::axis(*a),
    };
    let index: Vec<Index> = layout.iter().map(at).collect();
    Some((slice, within(&plan.graph, layout, &index)))
}

/// The position in a target at the loops' own position.
pub fn of_target(plan: &Plan, k: usize) -> (Slice, Linear) {
    let dims = plan.targets.get(k).map_or(&[][..], |t| &t.dims);
    let index: Vec<Index> = dims.iter().map(|a| Index::axis(*a)).collect();
    (Slice::Target(k), row_major(&sizes(&plan.graph, dims), &index))
}
