//! Arrays shrink to what lives at one time: axes of loops that contain the producer and all readers are dropped.
//!
//! Invariant: a node whose layout becomes empty is a local variable.

use super::{Place, Plan, Step, Work};
use crate::ir::{AxisId, NodeId};
use std::collections::BTreeMap;

pub fn shrink(plan: &mut Plan) {
    // the loops around each statement, each loop with a number of its own
    let mut paths: Vec<Vec<(usize, AxisId)>> = vec![vec![]; plan.statements.len()];
    let mut count = 0;
    walk(&plan.steps, &mut vec![], &mut count, &mut paths);
    let mut common: BTreeMap<NodeId, Vec<(usize, AxisId)>> = BTreeMap::new();
    let mut meet = |node: NodeId, path: &[(usize, AxisId)]| {
        let entry = common.entry(node).or_insert_with(|| path.to_vec());
        let shared = entry.iter().zip(path).take_while(|(a, b)| a == b).count();
        entry.truncate(shared);
    };
    for (s, path) in paths.iter().enumerate() {
        if let Some(node) = plan.statements[s].work.node() {
            match plan.statements[s].work {
                Work::Part(..) => meet(node, &[]),
                _ => meet(node, path),
            }
        }
        for read in plan.accesses(s) {
            meet(read.node, path);
        }
    }
    for (node, storage) in plan.storage.iter_mut() {
        if storage.place != Place::Buffer {
            continue;
        }
        if let Some(path) = common.get(node) {
            storage.layout.retain(|a| !path.iter().any(|(_, b)| a == b));
        }
        if storage.layout.is_empty() {
            storage.place = Place::Local;
        }
    }
}

fn walk(
    steps: &[Step],
    path: &mut Vec<(usize, AxisId)>,
    count: &mut usize,
    paths: &mut [Vec<(usize, AxisId)>],
) {
    for step in steps {
        match step {
            Step::Run(s) => paths[*s] = path.clone(),
            Step::Loop { axis, body } => {
                *count += 1;
                path.push((*count, *axis));
                walk(body, path, count, paths);
                path.pop();
            }
        }
    }
}
