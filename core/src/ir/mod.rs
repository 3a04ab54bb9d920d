//! The graph and what belongs to it: sizes, the op table, the reference interpreter, the verifier, the text form.
//!
//! Invariant: nothing here knows Rust syntax; names and host expressions are strings.

mod affine;
mod build;
pub mod graph;
pub mod hash;
pub mod interp;
pub mod ops;
pub mod rebuild;
pub mod scan;
pub mod size;
pub mod text;

pub use affine::Written;
pub use graph::{Array, Axis, AxisId, Dtype, Graph, Index, Input, InputId, Math, Node, NodeId, Part, RedOp};
pub use hash::{FastMap, FastSet};
pub use ops::Op;
pub use scan::{Scan, ScanId};
pub use size::{Size, Sizes, Sym};
