//! `while` loops that count: `let mut i = 0; while i < n { …; i += 1; }` is `for i in 0..n { … }`.
//!
//! A counter is compared with what the loop does not change, and changed once: by a constant at the end of the body, or down at
//! its start. As a `for`, the loop has a length that is known, and nothing of its turns is kept. Invariant: after the loop the
//! counter holds what the `while` would have left in it; where that is not sure, the loop stays a `while`.

use super::env::Value;
use super::place::{assigned, Roots};
use super::Lower;
use crate::ir::{Dtype, Size};
use proc_macro2::Ident;
use quote::{quote, quote_spanned, ToTokens};
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, ExprForLoop, ExprWhile, Lit, Stmt};

/// As many elements of an array of structs are read one by one.
const MOST: usize = 256;

/// A `while` loop with a counter.
struct Counting<'a> {
    counter: Ident,
    /// What the counter is compared with, and whether it may be equal.
    bound: &'a Expr,
    closed: bool,
    step: i64,
    rest: Vec<Stmt>,
    /// A `break` leaves the loop.
    breaks: bool,
}

impl Lower {
    /// The loop as a `for`, where it counts.
    pub fn counting_loop(&mut self, w: &ExprWhile) -> Option<Value> {
        // at compile time there is no other loop to take
        let c = counting(w).filter(|c| !c.breaks || self.at_compile_time)?;
        let name = c.counter.to_string();
        let position = self.env.position(&name)?;
        let start = self.env.bindings.get(position)?.value.clone();
        let known = match &start {
            Value::Int(size) => Some(size.clone()),
            Value::Tensor(t)
                if self.graph.dtype(t.node) == Dtype::Int && self.graph.affine(t.node).is_some() =>
            {
                None
            }
            _ => return None,
        };
        let before = self.errors.len();
        let bound = match self.expr(c.bound) {
            Value::Int(size) if c.closed => Some(size.add(&Size::constant(if c.step > 0 { 1 } else { -1 }))),
            Value::Int(size) => Some(size),
            Value::Tensor(t) if self.graph.dtype(t.node) == Dtype::Int => None,
            Value::Host(_) => None,
            _ => {
                self.errors.list.truncate(before);
                return None;
            }
        };
        let sizes = known.zip(bound);
        let after = match (&sizes, c.step) {
            (Some((from, to)), step) if from.as_const().is_some() && to.as_const().is_some() => {
                let (from, to) = (from.as_const()?, to.as_const()?);
                let turns = ((to - from) * step.signum()).max(0).unsigned_abs().div_ceil(step.unsigned_abs());
                Some(Size::constant(from + step * i64::try_from(turns).ok()?))
            }
            (Some((from, to)), 1) if self.never_below(to, from) => Some(to.clone()),
            (Some((from, to)), -1) if self.never_below(from, to) => Some(to.clone()),
            (_, 1 | -1) => None,
            // longer steps: from one number to another
            _ => return None,
        };
        let (counter, bound, rest, label) = (&c.counter, c.bound, &c.rest, &w.label);
        // what is said of the loop is said of the user's own
        let at = w.while_token.span;
        let range = match (c.step, c.closed) {
            (1, false) => quote_spanned!(at=> #counter..#bound),
            (1, true) => quote_spanned!(at=> #counter..=#bound),
            (-1, false) => quote_spanned!(at=> (#bound..#counter).rev()),
            (-1, true) => quote_spanned!(at=> (#bound - 1..#counter).rev()),
            (step, closed) => {
                let step = proc_macro2::Literal::i64_unsuffixed(step);
                match closed {
                    false => quote_spanned!(at=> (#counter..#bound).step_by(#step)),
                    true => quote_spanned!(at=> (#counter..=#bound).step_by(#step)),
                }
            }
        };
        let counted: ExprForLoop =
            syn::parse2(quote_spanned!(at=> #label for #counter in #range { #(#rest)* })).ok()?;
        let then = match (c.step, c.closed) {
            (1, false) => quote_spanned!(at=> if #counter < #bound { #counter = #bound; }),
            (1, true) => quote_spanned!(at=> if #counter <= #bound { #counter = #bound + 1; }),
            (_, false) => quote_spanned!(at=> if #counter > #bound { #counter = #bound; }),
            (_, true) => quote_spanned!(at=> if #counter >= #bound { #counter = #bound - 1; }),
        };
        let then: Expr = syn::parse2(then).ok()?;
        let numbers = match sizes.as_ref().map(|(from, to)| (from.as_const(), to.as_const())) {
            Some((Some(from), Some(to))) => numbers(from, to, c.step),
            _ => vec![],
        };
        match (1..=MOST).contains(&numbers.len()) && self.indexes_items(&counted) {
            true => self.one_by_one(&counted, numbers.into_iter().map(|k| Value::Int(Size::constant(k)))),
            false => {
                self.for_loop(&counted);
            }
        }
        if !self.dead {
            match after {
                _ if c.breaks => {
                    let why = "a counter after a loop that `break` leaves";
                    self.env.assign(position, Value::Opaque(why.into()));
                }
                Some(size) => self.env.assign(position, Value::Int(size)),
                None => {
                    self.expr(&then);
                }
            }
        }
        Some(Value::Unit)
    }

    /// The counter chooses among structs or arrays that are places of their own: which one is meant must be known.
    fn indexes_items(&mut self, e: &ExprForLoop) -> bool {
        let mut found = Indexed { counter: &e.pat, bases: vec![] };
        found.visit_block(&e.body);
        let before = self.errors.len();
        let known = |run: &Self, base: &Expr| {
            assigned(&|roots: &mut Roots| roots.root(base))
                .first()
                .is_some_and(|name| run.env.get(name).is_some())
        };
        let items = found
            .bases
            .into_iter()
            .any(|base| known(self, base) && matches!(self.expr(base), Value::Tuple(_)));
        self.errors.list.truncate(before);
        items
    }

    /// The one size is at least the other, whatever the run's sizes are.
    fn never_below(&self, size: &Size, least: &Size) -> bool {
        self.graph.sizes.resolve(&size.sub(least)).terms().iter().all(|(_, c)| *c >= 0)
    }
}

/// The parts of a loop that counts.
fn counting(w: &ExprWhile) -> Option<Counting<'_>> {
    let Expr::Binary(b) = super::index::strip(&w.cond) else { return None };
    let (left, right) = (name_of(&b.left), name_of(&b.right));
    // the counter on the left
    let both = [(left, &*b.right, false), (right, &*b.left, true)];
    both.into_iter().find_map(|(counter, bound, turned)| {
        let (up, closed) = match (b.op, turned) {
            (BinOp::Lt(_), false) | (BinOp::Gt(_), true) => (true, false),
            (BinOp::Le(_), false) | (BinOp::Ge(_), true) => (true, true),
            (BinOp::Gt(_), false) | (BinOp::Lt(_), true) => (false, false),
            (BinOp::Ge(_), false) | (BinOp::Le(_), true) => (false, true),
            _ => return None,
        };
        let counter = counter?;
        let stmts = &w.body.stmts;
        let (moves, rest) = match up {
            true => stmts.split_last()?,
            false => stmts.split_first()?,
        };
        let step = step_of(moves, &counter)?;
        let plain = (up && step > 0) || (!up && step == -1);
        let rest = rest.to_vec();
        let body = Block { stmts: rest.clone(), ..w.body.clone() };
        let changed = assigned(&|roots: &mut Roots| roots.visit_block(&body));
        let label = w.label.as_ref().map(|l| l.name.ident.clone());
        let mut look = Look { counter: &counter, label, loops: vec![], breaks: false, stays: false };
        look.visit_block(&body);
        let named = super::host::names(&quote!(#bound));
        let fixed = !changed.iter().any(|name| counter == name || named.contains(name));
        let apart = !named.iter().any(|name| counter == name);
        let breaks = look.breaks;
        (plain && fixed && apart && !look.stays).then_some(Counting {
            counter,
            bound,
            closed,
            step,
            rest,
            breaks,
        })
    })
}

/// The values of a counter.
fn numbers(from: i64, to: i64, step: i64) -> Vec<i64> {
    let mut out = vec![];
    let mut k = from;
    while (to - k) * step.signum() > 0 && out.len() <= MOST {
        // a counter that goes down does so first
        out.push(if step < 0 { k + step } else { k });
        k += step;
    }
    out
}

/// What is indexed by a counter.
struct Indexed<'a> {
    counter: &'a syn::Pat,
    bases: Vec<&'a Expr>,
}

impl<'a> Visit<'a> for Indexed<'a> {
    fn visit_expr_index(&mut self, i: &'a syn::ExprIndex) {
        let counter = self.counter.to_token_stream().to_string();
        if name_of(&i.index).is_some_and(|name| name == counter) && is_place(&i.expr) {
            self.bases.push(&i.expr);
        }
        visit::visit_expr_index(self, i);
    }
}

/// A variable, or a field of one.
fn is_place(e: &Expr) -> bool {
    match super::index::strip(e) {
        Expr::Path(p) => p.path.get_ident().is_some(),
        Expr::Field(f) => is_place(&f.base),
        _ => false,
    }
}

fn name_of(e: &Expr) -> Option<Ident> {
    match super::index::strip(e) {
        Expr::Path(p) => p.path.get_ident().cloned(),
        _ => None,
    }
}

/// `i += 2`, `i -= 1`, `i = i + 1`: by how much.
fn step_of(stmt: &Stmt, counter: &Ident) -> Option<i64> {
    let number = |e: &Expr| match super::index::strip(e) {
        Expr::Lit(l) => match &l.lit {
            Lit::Int(n) => n.base10_parse::<i64>().ok(),
            _ => None,
        },
        _ => None,
    };
    let is_counter = |e: &Expr| name_of(e).is_some_and(|name| name == *counter);
    let Stmt::Expr(e, _) = stmt else { return None };
    match super::index::strip(e) {
        Expr::Binary(b) if is_counter(&b.left) => match b.op {
            BinOp::AddAssign(_) => number(&b.right),
            BinOp::SubAssign(_) => number(&b.right).map(|n| -n),
            _ => None,
        },
        Expr::Assign(a) if is_counter(&a.left) => match super::index::strip(&a.right) {
            Expr::Binary(b) => match b.op {
                BinOp::Add(_) if is_counter(&b.left) => number(&b.right),
                BinOp::Add(_) if is_counter(&b.right) => number(&b.left),
                BinOp::Sub(_) if is_counter(&b.left) => number(&b.right).map(|n| -n),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// What keeps a loop a `while`: ways out of it but `return` and `break`, another variable under the counter's name, references to it.
struct Look<'a> {
    counter: &'a Ident,
    label: Option<Ident>,
    /// The labels of the loops inside.
    loops: Vec<Option<Ident>>,
    /// A `break` leaves the loop itself.
    breaks: bool,
    stays: bool,
}

impl Look<'_> {
    fn leaves(&mut self, label: Option<&syn::Lifetime>, breaks: bool) {
        let own = match label {
            None => self.loops.is_empty(),
            Some(l) => self.label.as_ref() == Some(&l.ident),
        };
        let outer = label.is_some_and(|l| !own && !self.loops.contains(&Some(l.ident.clone())));
        self.breaks |= own && breaks;
        self.stays |= outer || (own && !breaks);
    }

    fn inside(&mut self, label: Option<&syn::Label>, visit: impl FnOnce(&mut Self)) {
        self.loops.push(label.map(|l| l.name.ident.clone()));
        visit(self);
        self.loops.pop();
    }
}

impl<'ast> Visit<'ast> for Look<'_> {
    fn visit_expr_break(&mut self, e: &'ast syn::ExprBreak) {
        self.leaves(e.label.as_ref(), true);
        visit::visit_expr_break(self, e);
    }
    fn visit_expr_continue(&mut self, e: &'ast syn::ExprContinue) {
        self.leaves(e.label.as_ref(), false);
    }
    fn visit_expr_while(&mut self, e: &'ast ExprWhile) {
        self.inside(e.label.as_ref(), |run| visit::visit_expr_while(run, e));
    }
    fn visit_expr_loop(&mut self, e: &'ast syn::ExprLoop) {
        self.inside(e.label.as_ref(), |run| visit::visit_expr_loop(run, e));
    }
    fn visit_expr_for_loop(&mut self, e: &'ast ExprForLoop) {
        self.inside(e.label.as_ref(), |run| visit::visit_expr_for_loop(run, e));
    }
    fn visit_pat_ident(&mut self, p: &'ast syn::PatIdent) {
        self.stays |= p.ident == *self.counter;
        visit::visit_pat_ident(self, p);
    }
    fn visit_expr_reference(&mut self, r: &'ast syn::ExprReference) {
        self.stays |= r.mutability.is_some() && name_of(&r.expr).is_some_and(|name| name == *self.counter);
        visit::visit_expr_reference(self, r);
    }
}
