//! The adjoints of scans: what an iteration hands on comes back in a scan that runs the other way.
//!
//! Invariant: each active variable of a scan has one variable in the adjoint scan, over the same axes and those that the
//! seeds run along.

use super::reverse::{onto, Received};
use crate::ir::{AxisId, Graph, Node, NodeId, ScanId};
use std::collections::BTreeMap;

/// The adjoints of scans: each is a scan in the other direction, whose variables are the cotangents of what an
/// iteration leaves in the variables of the first one.
pub struct Scans<'a> {
    /// Active variables: the carry, what an iteration leaves, and the adjoint variable once there is one.
    variables: Vec<(NodeId, NodeId, Option<NodeId>)>,
    adjoints: BTreeMap<ScanId, ScanId>,
    /// Cotangents of what remains after the last iteration.
    pub last: Vec<((ScanId, u32), NodeId)>,
    along: &'a [AxisId],
}

impl<'a> Scans<'a> {
    pub fn new(graph: &Graph, active: &[bool], along: &'a [AxisId]) -> Self {
        let carries = graph.carries(active);
        let variables = carries.into_iter().filter_map(|c| Some((c, graph.next_of(c)?, None))).collect();
        Scans { variables, adjoints: BTreeMap::new(), last: vec![], along }
    }

    /// Whether a node is a carry whose adjoint variable waits for what an iteration leaves in it.
    pub fn closes(&self, id: NodeId) -> bool {
        self.variables.iter().any(|v| v.0 == id)
    }

    /// Before a node is looked at: what an iteration leaves behind receives the adjoint variable.
    pub fn enter(&mut self, graph: &mut Graph, id: NodeId, received: &mut [Received]) {
        for k in 0..self.variables.len() {
            let (carry, next, adjoint) = self.variables[k];
            if adjoint.is_some() || (next != id && carry != id) {
                continue;
            }
            let Node::Carry { scan, k: number, mut axes, .. } = graph.node(carry).clone() else { continue };
            let back = match self.adjoints.get(&scan) {
                Some(back) => *back,
                None => {
                    let info = graph.scan(scan).clone();
                    let back = graph.add_scan(info.axis, !info.reversed);
                    graph.scans[back.0 as usize].origin = Some(scan);
                    self.adjoints.insert(scan, back);
                    back
                }
            };
            let last = self.last.iter().find(|l| l.0 == (scan, number)).map(|l| l.1);
            let init = last.unwrap_or_else(|| graph.constant(0.0, graph.dtype(carry)));
            axes.extend(self.along);
            let adjoint = graph.carry(back, &axes, init);
            if let Some(name) = graph.name(carry).map(|n| format!("{n}_bar")) {
                graph.set_name(adjoint, &name);
            }
            self.variables[k].2 = Some(adjoint);
            let part = onto(graph, adjoint, next, self.along);
            received[next.0 as usize].plain.push(part);
        }
    }

    /// The carry received `g`: the cotangent of the value before the first iteration.
    pub fn leave(&mut self, graph: &mut Graph, carry: NodeId, g: NodeId) -> Option<NodeId> {
        let adjoint = self.variables.iter().find(|v| v.0 == carry)?.2?;
        Some(graph.close(adjoint, g))
    }
}
