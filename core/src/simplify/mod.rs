//! stub until merge
use crate::ir::{Graph, NodeId};
pub fn simplify(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>, ()) {
    (graph.clone(), roots.to_vec(), ())
}
pub fn recognise(graph: &Graph, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
    (graph.clone(), roots.to_vec())
}
