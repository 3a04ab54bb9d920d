//! `return` out of a loop: a variable of the loop says whether it happened, others hold what is returned.
//!
//! Invariant: after the loop, what follows is lowered under the condition that the loop did not return.

use super::close::Variable;
use super::control::Way;
use super::env::{Tensor, Value};
use super::Lower;
use crate::ir::{Dtype, NodeId, Op};
use quote::ToTokens;
use std::rc::Rc;

impl Lower {
    /// Variables for what a loop returns: whether it did, and what.
    pub fn returning(
        &mut self,
        scan: crate::ir::ScanId,
        returned: &[(NodeId, Value)],
        variables: &mut Vec<Variable>,
        at: &dyn ToTokens,
    ) -> Vec<(Value, Tensor)> {
        let Some((_, first)) = returned.first() else { return vec![] };
        let outer = self.outer.clone();
        let no = self.graph.constant(0.0, Dtype::Bool);
        let flag = self.graph.carry(scan, &outer, no);
        let mut next = flag;
        for (cond, _) in returned {
            next = self.graph.apply(Op::Or, &[next, *cond]);
        }
        variables.push(Variable { carry: flag, init: no, next });
        let Some(shapes) = self.numbers_of(first, &[], at) else { return vec![] };
        let mut out = vec![];
        for (k, shape) in shapes.iter().enumerate() {
            let zero = self.graph.constant(0.0, self.graph.dtype(shape.node));
            let shape = self.canonical(shape);
            let mut axes = outer.clone();
            axes.extend(shape.own_axes());
            let carry = self.graph.carry(scan, &axes, zero);
            let mut next = carry;
            for (cond, value) in returned.iter().rev() {
                let Some(list) = self.numbers_of(value, &[], at) else { return vec![] };
                let Some(t) = list.get(k) else { return vec![] };
                let t = self.align(t, &shape.axes);
                next = self.graph.apply(Op::Select, &[*cond, t, next]);
            }
            variables.push(Variable { carry, init: zero, next });
            out.push((first.clone(), Tensor { node: carry, ..shape }));
        }
        out
    }

    /// After the loop: the function returns where the loop did.
    pub fn leave_after(
        &mut self,
        way: Way,
        shape: Value,
        results: Vec<(Value, Tensor)>,
        values: Vec<NodeId>,
        at: &dyn ToTokens,
    ) {
        let Some(flag) = values.first().copied() else { return };
        let mut tensors = Vec::new();
        for ((_, t), node) in results.iter().zip(&values[1..]) {
            let active = self.depends_on_active(*node);
            let t = Tensor { node: *node, active, ..t.clone() };
            tensors.push(self.canonical(&t));
        }
        let value = rebuilt(&shape, &mut tensors.into_iter());
        self.env.guards.push(flag);
        self.leave(way, value, at);
        self.dead = false;
        self.env.guards.pop();
        let not = self.graph.apply(Op::Not, &[flag]);
        self.env.guards.push(not);
    }
}

/// A value of the kind that the loop leaves with.
pub fn returned_shape(returned: &[(Way, Vec<(NodeId, Value)>)], way: Way) -> Value {
    let found = returned.iter().find(|r| r.0 == way).and_then(|r| r.1.first());
    found.map_or(Value::Unit, |r| r.1.clone())
}

/// The value with other numbers in it.
pub fn rebuilt(value: &Value, next: &mut dyn Iterator<Item = Tensor>) -> Value {
    match value {
        Value::Tuple(list) => Value::Tuple(list.iter().map(|v| rebuilt(v, next)).collect()),
        Value::Struct(fields) => {
            Value::Struct(Rc::new(fields.iter().map(|f| (f.0.clone(), rebuilt(&f.1, next))).collect()))
        }
        Value::Unit => Value::Unit,
        Value::Growing(_, len) => next.next().map_or(Value::Poison, |t| Value::Growing(t, len.clone())),
        _ => next.next().map_or(Value::Poison, Value::Tensor),
    }
}
