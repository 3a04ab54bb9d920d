//! Branches: both sides are lowered, and what they leave behind is chosen by the condition.
//!
//! A value that enters a branch passes through `when`, so nothing comes back from a side that was not taken, not even
//! NaN. What follows a `return` under a condition is lowered under the opposite one.
//!
//! Invariant: the guards of an environment are the conditions under which its code runs.

use super::env::{Env, Tensor, Value};
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{AxisId, Dtype, Index, Node, NodeId, Op, Written};
use quote::ToTokens;
use std::rc::Rc;
use syn::{BinOp, Expr, ExprIf};

/// How control leaves a block early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Return,
    Break,
    Continue,
    /// Out of a loop and of those around it up to one: the number of its frame, and whether it goes on.
    Outer(usize, bool),
}

/// An early exit: the condition under which it happens, what it returns, and what the variables hold there.
#[derive(Clone)]
pub struct Exit {
    pub way: Way,
    pub cond: Option<NodeId>,
    pub value: Value,
    pub env: Env,
}

/// A function or a loop that is being lowered, and the exits found in it.
pub struct Frame {
    pub is_loop: bool,
    pub label: Option<String>,
    /// How many guards stand outside of it.
    pub base: usize,
    pub exits: Vec<Exit>,
}

impl Lower {
    // ---- conditions ----

    /// A condition as a truth value in the graph.
    pub fn condition(&mut self, value: Value, at: &dyn ToTokens) -> Option<NodeId> {
        match value {
            Value::Tensor(t) if t.rank() == 0 && self.graph.dtype(t.node) == Dtype::Bool => Some(t.node),
            Value::Host(tokens) => {
                let form = crate::signature::Form::Scalar(Dtype::Bool);
                Some(self.input(&tokens, form, Dtype::Bool, vec![], None, false).node)
            }
            Value::Poison => None,
            _ => {
                self.errors.push(Kind::Argument, at, &["a condition", "a comparison of numbers", ""]);
                None
            }
        }
    }

    /// `a < b` and its like, on numbers.
    pub fn comparison(&mut self, op: &BinOp, a: Value, b: Value, at: &dyn ToTokens) -> Option<Value> {
        let known = match op {
            BinOp::Lt(_) => Op::Lt,
            BinOp::Le(_) => Op::Le,
            BinOp::Gt(_) => Op::Gt,
            BinOp::Ge(_) => Op::Ge,
            BinOp::Eq(_) => Op::Eq,
            BinOp::Ne(_) => Op::Ne,
            _ => return None,
        };
        let dtype = [&a, &b].iter().find_map(|v| match v {
            Value::Tensor(t) => Some(self.graph.dtype(t.node)),
            _ => None,
        });
        let dtype = match (&a, &b, dtype) {
            (_, _, Some(dtype)) => dtype,
            (Value::Int(_), Value::Int(_), _) => Dtype::Int,
            (Value::Num(_), Value::Num(_), _) => self.only_float()?,
            _ => return None,
        };
        let active = a.active() || b.active();
        let (a, b) = (self.tensor(a, Some(dtype), at)?, self.tensor(b, Some(dtype), at)?);
        let text = format!("`{}`", source(op));
        let t = self.elementwise(known, &[a, b], &text, op)?;
        Some(Value::Tensor(Tensor { active, ..t }))
    }

    /// `a && b`, `a || b`: the right side is evaluated under the condition that the left one leaves it.
    pub fn logic(&mut self, and: bool, left: Value, right: &Expr, at: &dyn ToTokens) -> Value {
        let Some(a) = self.condition(left.clone(), at) else { return Value::Poison };
        let guard = if and { a } else { self.graph.apply(Op::Not, &[a]) };
        let level = self.env.guards.len();
        self.env.guards.push(guard);
        let right_value = self.expr(right);
        self.env.guards.truncate(level);
        let active = left.active() || right_value.active();
        let Some(b) = self.condition(right_value, right) else { return Value::Poison };
        let node = self.graph.apply(if and { Op::And } else { Op::Or }, &[a, b]);
        Value::Tensor(self.scalar(node, active))
    }

    /// The conjunction of the guards from a level on.
    pub fn guard_from(&mut self, level: usize) -> Option<NodeId> {
        let guards: Vec<NodeId> = self.env.guards.get(level..).unwrap_or(&[]).to_vec();
        let mut total = None;
        for g in guards {
            total = Some(match total {
                None => g,
                Some(t) => self.graph.apply(Op::And, &[t, g]),
            });
        }
        total
    }

    /// A value that was bound outside of some guards, seen inside of them.
    pub fn guarded(&mut self, value: Value, level: usize) -> Value {
        if level >= self.env.guards.len() {
            return value;
        }
        match value {
            Value::Tensor(t) if t.active && self.graph.dtype(t.node).is_float() => {
                // an array may lie along an axis that a guard means as a loop's position
                let t = self.canonical(&t);
                let mut node = t.node;
                for guard in &self.env.guards[level..] {
                    node = self.graph.apply(Op::When, &[*guard, node]);
                }
                Value::Tensor(Tensor { node, ..t })
            }
            Value::Tuple(list) => Value::Tuple(list.into_iter().map(|v| self.guarded(v, level)).collect()),
            Value::Struct(fields) => {
                let list = fields.iter().map(|f| (f.0.clone(), self.guarded(f.1.clone(), level))).collect();
                Value::Struct(Rc::new(list))
            }
            Value::Iter(i) => {
                let item = self.guarded(i.item.clone(), level);
                Value::Iter(Rc::new(super::env::Iter { item, ..(*i).clone() }))
            }
            value => value,
        }
    }

    // ---- branches ----

    pub fn if_else(&mut self, e: &ExprIf) -> Value {
        if let Expr::Let(l) = &*e.cond {
            return self.if_let(l, e);
        }
        let cond = self.expr(&e.cond);
        if cond.is_poison() {
            self.block(&e.then_branch);
            if let Some((_, other)) = &e.else_branch {
                self.expr(other);
            }
            return Value::Poison;
        }
        let Some(cond) = self.condition(cond, &e.cond) else { return Value::Poison };
        self.branch(
            cond,
            |run| run.block(&e.then_branch),
            |run| e.else_branch.as_ref().map_or(Value::Unit, |(_, other)| run.expr(other)),
            e,
        )
    }

    /// Lowers both sides under their guards and joins what they leave behind.
    pub fn branch(
        &mut self,
        cond: NodeId,
        then: impl FnOnce(&mut Self) -> Value,
        other: impl FnOnce(&mut Self) -> Value,
        at: &dyn ToTokens,
    ) -> Value {
        if let Some(known) = self.graph.as_const(cond) {
            return if known != 0.0 { then(self) } else { other(self) };
        }
        let level = self.env.guards.len();
        let before = self.env.clone();
        let not = self.graph.apply(Op::Not, &[cond]);
        self.env.guards.push(cond);
        let a = then(self);
        let a_dead = std::mem::take(&mut self.dead);
        let a_env = std::mem::replace(&mut self.env, before.clone());
        self.env.guards.push(not);
        let b = other(self);
        let b_dead = std::mem::take(&mut self.dead);
        match (a_dead, b_dead) {
            (true, true) => {
                self.dead = true;
                self.env = before;
                return Value::Unit;
            }
            // what follows runs under the condition of the side that goes on
            (true, false) => return b,
            (false, true) => {
                self.env = a_env;
                return a;
            }
            (false, false) => {}
        }
        let b_env = std::mem::replace(&mut self.env, before);
        // sides that may have left early go on under a condition
        let rest = |run: &mut Self, env: &Env, own: NodeId| {
            let mut total = own;
            for g in env.guards.get(level + 1..).unwrap_or(&[]) {
                total = run.graph.apply(Op::And, &[total, *g]);
            }
            total
        };
        let partly = |env: &Env| env.guards.len() > level + 1;
        if partly(&a_env) || partly(&b_env) {
            let (x, y) = (rest(self, &a_env, cond), rest(self, &b_env, not));
            let alive = self.graph.apply(Op::Or, &[x, y]);
            self.env.guards.push(alive);
        }
        for k in 0..self.env.bindings.len() {
            let (Some(x), Some(y)) = (a_env.bindings.get(k), b_env.bindings.get(k)) else { continue };
            if x.version == y.version {
                continue;
            }
            let (x, y) = (x.value.clone(), y.value.clone());
            let value = self.choose(cond, x, y, at);
            self.env.assign(k, value);
        }
        self.choose(cond, a, b, at)
    }

    /// One of two values of the same kind.
    pub fn choose(&mut self, cond: NodeId, a: Value, b: Value, at: &dyn ToTokens) -> Value {
        match (a, b) {
            (Value::Poison, _) | (_, Value::Poison) => Value::Poison,
            (Value::Unit, Value::Unit) => Value::Unit,
            (Value::Int(x), Value::Int(y)) if x == y => Value::Int(x),
            (Value::Tuple(x), Value::Tuple(y)) if x.len() == y.len() => {
                Value::Tuple(x.into_iter().zip(y).map(|(x, y)| self.choose(cond, x, y, at)).collect())
            }
            (a @ Value::Struct(_), b @ Value::Struct(_)) => {
                let b = self.ordered(&a, b);
                let (Value::Struct(x), Value::Struct(y)) = (a, b) else { return Value::Poison };
                if x.len() != y.len() || x.iter().zip(y.iter()).any(|(x, y)| x.0 != y.0) {
                    let help = "both sides of a branch are one struct with the same fields";
                    self.errors.push(
                        Kind::Unsupported,
                        at,
                        &["a choice of one among different structs", help],
                    );
                    return Value::Poison;
                }
                let one = |(x, y): (&(String, Value), &(String, Value))| {
                    (x.0.clone(), self.choose(cond, x.1.clone(), y.1.clone(), at))
                };
                Value::Struct(Rc::new(x.iter().zip(y.iter()).map(one).collect()))
            }
            (Value::Host(x), Value::Host(y)) if x.to_string() == y.to_string() => Value::Host(x),
            // whether these are numbers, and of which kind, only rustc knows
            (Value::Host(x), Value::Host(_)) => {
                let text = source(&x);
                self.errors.push(Kind::MissingType, at, &[&text, "value"]);
                Value::Poison
            }
            (x, y) => {
                let dtype = [&x, &y].iter().find_map(|v| match v {
                    Value::Tensor(t) => Some(self.graph.dtype(t.node)),
                    Value::Int(_) => Some(Dtype::Int),
                    _ => None,
                });
                let dtype = dtype.or(self.only_float());
                let (Some(x), Some(y)) = (self.tensor(x, dtype, at), self.tensor(y, dtype, at)) else {
                    return Value::Poison;
                };
                let (active, nd) = (x.active || y.active, x.nd || y.nd);
                let what = "the sides of a branch";
                let sides = [x, y];
                let Some(dims) = self.broadcast(&sides, what, at) else { return Value::Poison };
                let [x, y] = &sides;
                let (a, b) = (self.graph.dtype(x.node), self.graph.dtype(y.node));
                if a != b {
                    self.errors.push(Kind::Dtypes, at, &[what, a.name(), b.name()]);
                    return Value::Poison;
                }
                let axes = self.layout(&dims);
                let [x, y] = [x, y].map(|t| {
                    let skip = dims.len() - t.dims.len();
                    self.align(t, &axes[skip..])
                });
                let node = self.selected(cond, x, y);
                Value::Tensor(Tensor { node, dims, axes, active, nd })
            }
        }
    }

    /// One of two nodes. Of an array that was written to on the sides, the elements are chosen, not the array.
    pub fn selected(&mut self, cond: NodeId, a: NodeId, b: NodeId) -> NodeId {
        let ((a_base, a_writes), (b_base, b_writes)) = (self.writes(a), self.writes(b));
        let any = !a_writes.is_empty() || !b_writes.is_empty();
        if a_base != b_base || !any || self.graph.axes(a_base).is_empty() {
            return self.graph.apply(Op::Select, &[cond, a, b]);
        }
        let mut array = a_base;
        for (writes, yes) in [(a_writes, true), (b_writes, false)] {
            for (dims, index, over, value) in writes.into_iter().rev() {
                let map: Vec<(AxisId, Index)> = dims.iter().copied().zip(index.iter().cloned()).collect();
                let old = self.substitute(array, &map);
                let sides = if yes { [cond, value, old] } else { [cond, old, value] };
                let value = self.graph.apply(Op::Select, &sides);
                array = self.graph.write(array, dims, index, over, value);
            }
        }
        array
    }

    /// The array that writes start from, and the writes, the last one first.
    fn writes(&self, node: NodeId) -> (NodeId, Vec<Written>) {
        let mut at = node;
        let mut writes = Vec::new();
        loop {
            match self.graph.node(at) {
                Node::Write { array, dims, index, over, value } if over.is_empty() => {
                    writes.push((dims.clone(), index.clone(), over.clone(), *value));
                    at = *array;
                }
                Node::Apply(Op::When, args) => at = args[1],
                _ => return (at, writes),
            }
        }
    }

    // ---- early exits ----

    /// Lowers the body of a function or closure: its early returns become part of its value.
    pub fn framed(&mut self, run: impl FnOnce(&mut Self) -> Value, at: &dyn ToTokens) -> Value {
        self.framed_with(run, vec![], at).0
    }

    /// The same, and what some variables hold when the function is left.
    pub fn framed_with(
        &mut self,
        run: impl FnOnce(&mut Self) -> Value,
        places: Vec<usize>,
        at: &dyn ToTokens,
    ) -> (Value, Vec<Value>) {
        let after = |env: &Env| -> Vec<Value> {
            let value = |k: &usize| env.bindings.get(*k).map_or(Value::Poison, |b| b.value.clone());
            places.iter().map(value).collect()
        };
        let base = self.env.guards.len();
        self.frames.push(Frame { is_loop: false, label: None, base, exits: vec![] });
        let was_dead = std::mem::take(&mut self.dead);
        let mut value = run(self);
        let ended = std::mem::replace(&mut self.dead, was_dead);
        self.env.guards.truncate(base);
        let mut exits = self.frames.pop().map_or(vec![], |f| f.exits);
        let mut held = after(&self.env);
        if ended {
            (value, held) = exits.pop().map_or((Value::Unit, held), |e| (e.value, after(&e.env)));
        }
        for exit in exits.into_iter().rev() {
            let there = after(&exit.env);
            (value, held) = match exit.cond {
                Some(cond) => {
                    let both = there.into_iter().zip(held);
                    let held = both.map(|(a, b)| self.choose(cond, a, b, at)).collect();
                    (self.choose(cond, exit.value, value, at), held)
                }
                None => (exit.value, there),
            };
        }
        (value, held)
    }

    /// `break 'outer`, `continue 'outer`
    pub fn leave_label(&mut self, label: &syn::Lifetime, goes_on: bool, at: &dyn ToTokens) -> Value {
        let name = label.ident.to_string();
        let inside = self.frames.iter().rposition(|f| !f.is_loop).map_or(0, |k| k + 1);
        let found =
            self.frames.iter().rposition(|f| f.label.as_ref() == Some(&name)).filter(|k| *k >= inside);
        match found {
            Some(k) => self.leave(Way::Outer(k, goes_on), Value::Unit, at),
            None => self.unsupported(at, "this label", "leave a `for` loop by its label"),
        }
    }

    /// `return`, `break`, `continue`.
    pub fn leave(&mut self, way: Way, value: Value, at: &dyn ToTokens) -> Value {
        let found = self.frames.iter().rposition(|f| way == Way::Return || f.is_loop);
        let way = match way {
            // the loop that is meant is the innermost one by now
            Way::Outer(k, goes_on) if Some(k) == found => {
                if goes_on {
                    Way::Continue
                } else {
                    Way::Break
                }
            }
            way => way,
        };
        let Some(base) = found.and_then(|k| self.frames.get(k)).map(|f| f.base) else {
            return self.unsupported(at, "this exit", "there is no loop around it");
        };
        let cond = self.guard_from(base);
        let env = self.env.clone();
        if let Some(frame) = found.and_then(|k| self.frames.get_mut(k)) {
            frame.exits.push(Exit { way, cond, value, env });
        }
        self.dead = true;
        Value::Unit
    }
}
