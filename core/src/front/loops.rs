//! Loops: the body is lowered once, for any position along the loop's axis.
//!
//! A variable that the body assigns to is a carry while the body is lowered; `close` decides afterwards what the loop
//! is: a sum, an extremum, an array with one element an iteration, or a recurrence.
//!
//! Invariant: nothing is unrolled but loops over tuples, whose items may differ in type.

use super::close::Variable;
use super::control::{Exit, Frame, Way};
use super::env::{Iter, Tensor, Value};
use super::place::{assigned, Roots};
use super::returns::{rebuilt, returned_shape};
use super::Lower;
use crate::diag::Kind;
use crate::ir::{AxisId, Dtype, NodeId, Op, Size};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Block, Expr, ExprForLoop, Pat};

/// What a loop goes through: items, or turns as long as a condition holds.
enum Turns<'a> {
    Items(&'a Pat, &'a Iter),
    While(Option<&'a Expr>),
}

/// A variable of the surrounding scope that the loop's body assigns to.
struct Carried {
    binding: usize,
    name: String,
    /// Its numbers before the loop, and what stands for them inside.
    leaves: Vec<(Tensor, Tensor)>,
}

impl Lower {
    pub fn for_loop(&mut self, e: &ExprForLoop) -> Value {
        let mark = self.env.bindings.len();
        let value = self.loop_over(e);
        self.env.bindings.truncate(mark);
        value
    }

    fn loop_over(&mut self, e: &ExprForLoop) -> Value {
        let items = match &*e.expr {
            // as `iter_mut`
            Expr::Reference(r) if r.mutability.is_some() => match self.expr(&r.expr) {
                Value::Tensor(t) if t.rank() > 0 && !t.nd => {
                    let t = self.canonical(&t);
                    self.places(&t, &r.expr)
                }
                Value::Poison => Value::Poison,
                _ => self.no_loop(e, "a loop over this value", "loop over a range and write by position"),
            },
            items => match self.elements_behind(items) {
                Some(places) => places,
                None => self.expr(items),
            },
        };
        let items = match (&items, super::index::strip(&e.expr)) {
            (Value::Host(_), Expr::Range(r)) => self.range_of_host(r).unwrap_or(items),
            (Value::Host(_), _) => match self.by_position(e) {
                Some(e) => return self.loop_over(&e),
                None => items,
            },
            _ => items,
        };
        let items = match items {
            Value::List(list) => self.list_items(&list),
            items => items,
        };
        let iter = match items {
            Value::Iter(i) => i,
            Value::Tensor(t) if t.rank() > 0 => {
                let t = self.canonical(&t);
                match self.walked(&t, 1) {
                    Value::Iter(i) => i,
                    _ => return Value::Poison,
                }
            }
            Value::Tuple(list) => {
                self.one_by_one(e, list.into_iter());
                return Value::Unit;
            }
            Value::Poison => {
                self.poison_assigned(&e.body);
                return Value::Poison;
            }
            _ => {
                let help = "loop over a range, a slice, an array or their iterators";
                return self.no_loop(e, "a loop over this value", help);
            }
        };
        match (iter.dims.as_slice(), iter.axes.as_slice()) {
            ([_], [Some(axis)]) => {
                self.iterate(*axis, &Turns::Items(&e.pat, &iter), &e.body, label_of(e.label.as_ref()), e);
            }
            ([_], [None]) => self.once(&e.pat, iter.item.clone(), e),
            _ => {
                let help = "write a loop for each dimension";
                return self.no_loop(e, "a loop over several dimensions at once", help);
            }
        }
        Value::Unit
    }

    /// Inactive code may go through anything, but this body is not inactive.
    fn no_loop(&mut self, e: &ExprForLoop, what: &str, help: &str) -> Value {
        self.errors.push(Kind::Unsupported, &e.expr, &[what, help]);
        self.poison_assigned(&e.body);
        Value::Poison
    }

    /// After a mistake: what the body would have changed is not known.
    fn poison_assigned(&mut self, body: &Block) {
        for name in assigned(&|roots: &mut Roots| roots.visit_block(body)) {
            if let Some(k) = self.env.position(&name) {
                self.env.assign(k, Value::Poison);
            }
        }
    }

    /// One iteration for each item.
    pub fn one_by_one(&mut self, e: &ExprForLoop, items: impl Iterator<Item = Value>) {
        for item in items {
            self.once(&e.pat, item, e);
        }
    }

    /// A single iteration.
    fn once(&mut self, pat: &Pat, item: Value, at: &ExprForLoop) {
        let (body, label) = (&at.body, label_of(at.label.as_ref()));
        let mark = self.env.bindings.len();
        let base = self.env.guards.len();
        self.frames.push(Frame { is_loop: true, label, base, exits: vec![] });
        self.bind(pat, item, &[]);
        self.block(body);
        let exits = self.frames.pop().map_or(vec![], |f| f.exits);
        self.env.bindings.truncate(mark);
        self.env.guards.truncate(base);
        let returns = exits.iter().any(|e| matches!(e.way, Way::Return | Way::Outer(..)));
        if returns {
            self.errors.push(
                Kind::Unsupported,
                at,
                &["a way out of this loop that leaves more than it", "leave the loop with `break`"],
            );
        }
        let ended = std::mem::take(&mut self.dead);
        self.join(exits, ended, mark, at);
    }

    /// Variables hold what they held where control left early.
    fn join(&mut self, mut exits: Vec<Exit>, ended: bool, mark: usize, at: &dyn ToTokens) {
        if ended {
            if let Some(last) = exits.pop() {
                for k in 0..mark {
                    if let Some(b) = last.env.bindings.get(k) {
                        self.env.bindings[k] = b.clone();
                    }
                }
            }
        }
        for exit in exits.into_iter().rev() {
            for k in 0..mark {
                let Some(there) = exit.env.bindings.get(k) else { continue };
                if there.version == self.env.bindings[k].version {
                    continue;
                }
                let (a, b) = (there.value.clone(), self.env.bindings[k].value.clone());
                let value = match exit.cond {
                    Some(cond) => self.choose(cond, a, b, at),
                    None => a,
                };
                self.env.assign(k, value);
            }
        }
    }

    /// `while` and `loop`: an axis whose size is known once the loop has run.
    pub fn while_loop(
        &mut self,
        cond: Option<&Expr>,
        body: &Block,
        label: Option<&syn::Label>,
        at: &Expr,
    ) -> Value {
        if let Some(Expr::Let(l)) = cond {
            self.errors.push(Kind::Unsupported, l, &["`while let`", "write a condition"]);
            self.poison_assigned(body);
            return Value::Poison;
        }
        let help = "count: `while i < N { …; i += 1; }`, where `i` starts at a number, nothing else changes it, and no `continue` leaves it as it is";
        let first: &dyn ToTokens = cond.map_or(at, |cond| cond);
        if self.refused_at_compile_time(first, "a loop whose number of turns only the run knows", help) {
            self.poison_assigned(body);
            return Value::Poison;
        }
        let mut roots = Roots::default();
        roots.visit_block(body);
        if cond.is_none() && !roots.leaves {
            return self.unsupported(at, "a loop that never ends", "leave it with `break` or `return`");
        }
        let size = Size::sym(self.symbol("turns of the loop", false));
        let around = self.outer.clone();
        if let Some(info) = size.as_sym().and_then(|s| self.graph.sizes.syms.get_mut(s.0 as usize)) {
            info.counted = Some(around);
        }
        let axis = self.graph.axis_of(&size, 0);
        let broken = self.iterate(axis, &Turns::While(cond), body, label_of(label), at);
        // nothing follows a loop that is left by `return` alone
        self.dead |= cond.is_none() && !broken;
        Value::Unit
    }

    /// The body along an axis.
    ///
    /// Gives whether control may leave the loop by `break`.
    fn iterate(
        &mut self,
        axis: AxisId,
        turns: &Turns,
        body: &Block,
        label: Option<String>,
        at: &dyn ToTokens,
    ) -> bool {
        let mut roots = Roots::default();
        roots.visit_block(body);
        // a variable of `iter_mut` is an element of an array around the loop
        if let Turns::Items(_, iter) = turns {
            behind(&iter.item, &mut roots);
        }
        let mark = self.env.bindings.len();
        let base = self.env.guards.len();
        self.outer.push(axis);
        let scan = self.graph.add_scan(axis, false);
        let touched = self.mentions_active(body) || matches!(turns, Turns::Items(_, i) if i.item.active());
        let mut carried: Vec<Carried> = Vec::new();
        for name in &roots.names {
            if let Turns::Items(pat, iter) = turns {
                self.reserved(name, axis, (pat, iter, body), roots.leaves, at);
            }
        }
        for name in &roots.names {
            // two names may mean one variable
            let Some(k) = self.root_position(name) else { continue };
            if carried.iter().any(|c| c.binding == k) {
                continue;
            }
            let Some(carry) = self.carried(name, k, scan, touched, at) else { continue };
            carried.push(carry);
        }
        // a loop that may end early goes on idle
        let running = roots.leaves.then(|| {
            let yes = self.graph.constant(1.0, Dtype::Bool);
            let outer = self.outer.clone();
            (yes, self.graph.carry(scan, &outer, yes))
        });
        self.frames.push(Frame { is_loop: true, label, base, exits: vec![] });
        let entered = match turns {
            Turns::Items(pat, iter) => {
                self.env.guards.extend(running.map(|r| r.1));
                self.env.guards.extend(iter.mask);
                let entered = self.guard_from(base);
                // the iterations that are left out send nothing back
                let item = self.guarded(iter.item.clone(), base);
                self.bind(pat, item, &[]);
                entered
            }
            Turns::While(cond) => {
                // only where the loop stands on a side that is taken
                let mut go = self.guard_from(0);
                if let Some((_, running)) = running {
                    go = Some(go.map_or(running, |go| self.graph.apply(Op::And, &[go, running])));
                }
                if let Some(cond) = cond {
                    let value = self.expr(cond);
                    let cond = self.condition(value, cond);
                    go = match (go, cond) {
                        (Some(a), Some(b)) => Some(self.graph.apply(Op::And, &[a, b])),
                        (a, b) => b.or(a),
                    };
                }
                self.graph.scans[scan.0 as usize].go = go;
                None
            }
        };
        self.block(body);
        let exits = self.frames.pop().map_or(vec![], |f| f.exits);
        let ended = std::mem::take(&mut self.dead);
        self.env.bindings.truncate(mark);
        self.env.guards.truncate(base);
        let broken = exits.iter().any(|e| e.way == Way::Break);
        let mut stop: Option<NodeId> = None;
        // exits that leave more than the loop, by where they go
        let mut returned: Vec<(Way, Vec<(NodeId, Value)>)> = Vec::new();
        for exit in exits.iter().filter(|e| e.way != Way::Continue) {
            let cond = exit.cond.unwrap_or_else(|| self.graph.constant(1.0, Dtype::Bool));
            stop = Some(match stop {
                None => cond,
                Some(s) => self.graph.apply(Op::Or, &[s, cond]),
            });
            if exit.way != Way::Break {
                match returned.iter_mut().find(|r| r.0 == exit.way) {
                    Some((_, list)) => list.push((cond, exit.value.clone())),
                    None => returned.push((exit.way, vec![(cond, exit.value.clone())])),
                }
            }
        }
        self.join(exits, ended, mark, at);

        let mut variables = Vec::new();
        let mut kept = Vec::new();
        for c in carried {
            let value = self.env.bindings[c.binding].value.clone();
            let Some(next) = self.numbers_of(&value, &c.leaves, at) else {
                self.env.assign(c.binding, Value::Poison);
                continue;
            };
            for ((init, inside), next) in c.leaves.iter().zip(&next) {
                let mut next = self.align(next, &inside.axes);
                if let Some(entered) = entered {
                    next = self.selected(entered, next, inside.node);
                }
                variables.push(Variable { carry: inside.node, init: init.node, next });
            }
            kept.push(c);
        }
        let mut results = Vec::new();
        if let (Some((yes, running)), Some(stop)) = (running, stop) {
            let go_on = self.graph.apply(Op::Not, &[stop]);
            let next = self.graph.apply(Op::And, &[running, go_on]);
            variables.push(Variable { carry: running, init: yes, next });
            for (way, list) in &returned {
                results.push((*way, self.returning(scan, list, &mut variables, at)));
            }
        } else if let Some((yes, running)) = running {
            variables.push(Variable { carry: running, init: yes, next: running });
        }
        let values = match turns {
            Turns::Items(..) => self.closed(axis, &variables),
            // a loop that never turns leaves all as it was
            Turns::While(_) if self.never_turns(scan) => variables.iter().map(|v| v.init).collect(),
            Turns::While(_) => self.closed_turns(scan, axis, &variables),
        };
        self.outer.pop();
        let mut values = values.into_iter();
        for c in kept {
            let mut tensors = Vec::new();
            for ((_, inside), node) in c.leaves.iter().zip(values.by_ref()) {
                let active = self.depends_on_active(node);
                let t = Tensor { node, active, ..inside.clone() };
                tensors.push(self.canonical(&t));
            }
            let old = self.env.bindings[c.binding].value.clone();
            let mut tensors = tensors.into_iter();
            let value = match rebuilt(&old, &mut tensors) {
                Value::Growing(t, _) => Value::Tensor(t),
                value => value,
            };
            if let Value::Tensor(t) = &value {
                self.graph.set_name(t.node, &c.name);
            }
            self.env.assign(c.binding, value);
        }
        if running.is_some() {
            values.next();
        }
        for (way, results) in results {
            let of_way: Vec<NodeId> = values.by_ref().take(1 + results.len()).collect();
            self.leave_after(way, returned_shape(&returned, way), results, of_way, at);
        }
        broken
    }

    fn never_turns(&self, scan: crate::ir::ScanId) -> bool {
        self.graph.scan(scan).go.is_some_and(|go| self.graph.as_const(go) == Some(0.0))
    }

    /// The variable that a name means, or that holds what it is an element of.
    fn root_position(&self, name: &str) -> Option<usize> {
        let mut k = self.env.position(name)?;
        // each is an element of an earlier one
        while let Value::Place(base, _) = &self.env.bindings[k].value {
            let root = assigned(&|roots: &mut Roots| roots.root(base));
            k = self.env.position(root.first()?).filter(|j| *j < k)?;
        }
        Some(k)
    }

    /// Makes a variable of the scope a variable of the scan.
    fn carried(
        &mut self,
        name: &str,
        k: usize,
        scan: crate::ir::ScanId,
        touched: bool,
        at: &dyn ToTokens,
    ) -> Option<Carried> {
        let binding = self.env.bindings[k].clone();
        if binding.value.is_poison() {
            return None;
        }
        let before = self.numbers_of(&binding.value, &[], at)?;
        let mut leaves = Vec::new();
        for t in before {
            let t = self.canonical(&t);
            let mut axes = self.outer.clone();
            axes.extend(t.own_axes());
            let node = self.graph.carry(scan, &axes, t.node);
            let active = t.active || (touched && self.graph.dtype(node).is_float());
            leaves.push((t.clone(), Tensor { node, active, ..t }));
        }
        let mut inside = leaves.iter().map(|l| l.1.clone());
        let value = rebuilt(&binding.value, &mut inside);
        if let (Value::Tensor(t), name) = (&value, name) {
            self.graph.set_name(t.node, name);
        }
        self.env.assign(k, value);
        Some(Carried { binding: k, name: name.to_string(), leaves })
    }

    /// The numbers that a value is made of; in the types of `like`, where their own is open.
    pub fn numbers_of(
        &mut self,
        value: &Value,
        like: &[(Tensor, Tensor)],
        at: &dyn ToTokens,
    ) -> Option<Vec<Tensor>> {
        let mut out = Vec::new();
        let mut stack = vec![value.clone()];
        while let Some(value) = stack.pop() {
            match value {
                Value::Tuple(list) => stack.extend(list.into_iter().rev()),
                Value::Struct(fields) => stack.extend(fields.iter().rev().map(|f| f.1.clone())),
                Value::Unit => {}
                Value::Tensor(t) | Value::Growing(t, _) => out.push(t),
                Value::Int(_) => out.push(self.tensor(value, Some(Dtype::Int), at)?),
                Value::Num(_) => {
                    let known = like.get(out.len()).map(|l| self.graph.dtype(l.0.node));
                    let Some(dtype) = known.or(self.only_float()) else {
                        self.missing_type(at);
                        return None;
                    };
                    out.push(self.tensor(value, Some(dtype), at)?);
                }
                Value::Poison => return None,
                Value::Host(tokens) => {
                    let text = crate::diag::source(&tokens);
                    self.errors.push(Kind::MissingType, at, &[&text, &text]);
                    return None;
                }
                _ => {
                    let help = "numbers, arrays and tuples of them can change in a loop";
                    self.errors.push(Kind::Unsupported, at, &["a loop that changes this value", help]);
                    return None;
                }
            }
        }
        if !like.is_empty() {
            let fits = out.len() == like.len()
                && out.iter().zip(like).all(|(a, b)| {
                    a.rank() == b.0.rank()
                        && self.graph.dtype(a.node) == self.graph.dtype(b.0.node)
                        && a.dims.iter().zip(&b.0.dims).all(|(x, y)| self.graph.sizes.unify(x, y))
                });
            if !fits {
                let help = "a variable keeps its type and its shape through a loop";
                self.errors.push(Kind::Unsupported, at, &["a variable that changes its shape", help]);
                return None;
            }
        }
        Some(out)
    }

    /// Whether a node is made of a differentiated input.
    pub fn depends_on_active(&self, node: NodeId) -> bool {
        let needed = self.graph.reachable(&[node]);
        self.graph.dtype(node).is_float()
            && self.graph.ids().any(|id| {
                needed[id.0 as usize]
                    && matches!(self.graph.node(id), crate::ir::Node::Load { array: crate::ir::Array::Input(i), .. }
                        if self.graph.input(*i).active)
            })
    }
}

/// The arrays whose elements are places in the value.
fn behind(value: &Value, roots: &mut Roots) {
    match value {
        Value::Place(base, _) => roots.root(base),
        Value::Tuple(list) => list.iter().for_each(|v| behind(v, roots)),
        _ => {}
    }
}

fn label_of(label: Option<&syn::Label>) -> Option<String> {
    label.map(|l| l.name.ident.to_string())
}
