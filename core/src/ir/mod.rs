//! The graph and what belongs to it: sizes, the op table, the reference interpreter, the verifier, the text form.
//!
//! Invariant: nothing here knows Rust syntax; names and host expressions are strings.

mod affine;
mod build;
pub mod call;
pub mod graph;
pub mod hash;
pub mod interp;
mod list;
pub mod ops;
pub mod rebuild;
pub mod scan;
pub mod size;
pub mod text;

pub use affine::Written;
pub use call::{Callee, CalleeId, Calling, Given};
/// Cotangents, or tangents, of nodes: what the front asks of the differentiation for calls of derivatives. The last
/// argument are axes that tell apart calls of one function.
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    pub reverse: fn(&mut Graph, &[(NodeId, NodeId)], &[NodeId], &[AxisId]) -> Vec<NodeId>,
    pub forward: fn(&mut Graph, &[NodeId], &[(NodeId, NodeId)], &[AxisId]) -> Vec<Option<NodeId>>,
    /// One where the positions along the first axes are those along the second ones.
    pub one_hot: fn(&mut Graph, &[AxisId], &[AxisId], Dtype) -> NodeId,
    /// A call among what nodes are made of that moves with the sources, and has no rule for reverse, or forward, mode.
    pub ruleless: fn(&Graph, &[NodeId], Option<&[NodeId]>, bool) -> Option<NodeId>,
}

pub use graph::{Array, Axis, AxisId, Dtype, Graph, Index, Input, InputId, Math, Node, NodeId, Part, RedOp};
pub use hash::{FastMap, FastSet};
pub use ops::Op;
pub use scan::{Checkpoint, Scan, ScanId};
pub use size::{Size, Sizes, Sym};
