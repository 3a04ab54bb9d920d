//! Patterns: both sides of a rule, written as arithmetic, kept as a flat list, matched against classes of nodes.
//!
//! Operands of commutative operations are tried in both orders, so a rule is written once.
//! Invariant: operands stand before their users in the list, and the root is the last entry.

use super::lang::{Head, Term};
use crate::ir::{Dtype, Op, RedOp};
use egg::Id;
use std::cell::RefCell;

/// The most variables that a rule has.
pub const VARS: usize = 6;
/// The most matches of one rule at one class that are looked at.
const MATCHES: usize = 8;

#[derive(Clone, PartialEq, Debug)]
pub enum Pat {
    Var(usize),
    Const(f64),
    Apply(Op, Vec<usize>),
    /// All reductions of a rule are over the same axes.
    Reduce(RedOp, usize),
}

/// A pattern under construction.
#[derive(Clone, Copy)]
pub struct Ex<'a> {
    list: &'a RefCell<Vec<Pat>>,
    id: usize,
}

impl<'a> Ex<'a> {
    fn new(list: &'a RefCell<Vec<Pat>>, pat: Pat) -> Self {
        let mut all = list.borrow_mut();
        let id = all.iter().position(|p| *p == pat).unwrap_or_else(|| {
            all.push(pat);
            all.len() - 1
        });
        Ex { list, id }
    }
    pub fn var(list: &'a RefCell<Vec<Pat>>, index: usize) -> Self {
        Ex::new(list, Pat::Var(index))
    }
    fn apply(list: &'a RefCell<Vec<Pat>>, op: Op, args: Vec<usize>) -> Self {
        Ex::new(list, Pat::Apply(op, args))
    }
}

/// A pattern or a number.
pub trait Lift<'a>: Copy {
    fn lift(self, list: &'a RefCell<Vec<Pat>>) -> usize;
}
impl<'a> Lift<'a> for Ex<'a> {
    fn lift(self, _: &'a RefCell<Vec<Pat>>) -> usize {
        self.id
    }
}
impl<'a> Lift<'a> for f64 {
    fn lift(self, list: &'a RefCell<Vec<Pat>>) -> usize {
        Ex::new(list, Pat::Const(self)).id
    }
}

/// One side of a rule, built by `build` from `vars` variables.
pub fn side(build: for<'a> fn(&'a RefCell<Vec<Pat>>) -> usize) -> Vec<Pat> {
    let list = RefCell::new(Vec::new());
    let root = build(&list);
    let mut list = list.into_inner();
    // a root that is a variable or was met before moves to the end
    if root + 1 != list.len() {
        let last = list[root].clone();
        list.push(last);
    }
    list
}

macro_rules! binary {
    ($($Trait:ident $method:ident),+) => {$(
        impl<'a, T: Lift<'a>> std::ops::$Trait<T> for Ex<'a> {
            type Output = Ex<'a>;
            fn $method(self, b: T) -> Ex<'a> { let b = b.lift(self.list); Ex::apply(self.list, Op::$Trait, vec![self.id, b]) }
        }
        impl<'a> std::ops::$Trait<Ex<'a>> for f64 {
            type Output = Ex<'a>;
            fn $method(self, b: Ex<'a>) -> Ex<'a> { let a = self.lift(b.list); Ex::apply(b.list, Op::$Trait, vec![a, b.id]) }
        }
    )+};
}
binary!(Add add, Sub sub, Mul mul, Div div);
impl<'a> std::ops::Neg for Ex<'a> {
    type Output = Ex<'a>;
    fn neg(self) -> Ex<'a> {
        Ex::apply(self.list, Op::Neg, vec![self.id])
    }
}

/// The functions that rules are written with.
pub mod words {
    use super::*;
    macro_rules! unary {
        ($($name:ident $Op:ident),+) => {$(
            pub fn $name(x: Ex<'_>) -> Ex<'_> { Ex::apply(x.list, Op::$Op, vec![x.id]) }
        )+};
    }
    unary!(exp Exp, ln Ln, ln_1p Ln1p, exp_m1 ExpM1, sqrt Sqrt, abs Abs, sigmoid Sigmoid, softplus Softplus, tanh Tanh,
        sin Sin, cos Cos, tan Tan, sinh Sinh, cosh Cosh, recip Recip, erf Erf, atan Atan, asin Asin, asinh Asinh,
        cbrt Cbrt, not Not);
    macro_rules! binary {
        ($($name:ident $Op:ident),+) => {$(
            pub fn $name<'a>(a: Ex<'a>, b: impl Lift<'a>) -> Ex<'a> { let b = b.lift(a.list); Ex::apply(a.list, Op::$Op, vec![a.id, b]) }
        )+};
    }
    binary!(max Max, min Min, powf Powf, powi Powi, hypot Hypot, xlogy XLogY, diff Diff, lt Lt, le Le, gt Gt, ge Ge,
        eq Eq, ne Ne, and And, or Or);
    pub fn select<'a>(c: Ex<'a>, a: impl Lift<'a>, b: impl Lift<'a>) -> Ex<'a> {
        let (a, b) = (a.lift(c.list), b.lift(c.list));
        Ex::apply(c.list, Op::Select, vec![c.id, a, b])
    }
    pub fn mul_add<'a>(a: Ex<'a>, b: Ex<'a>, c: Ex<'a>) -> Ex<'a> {
        Ex::apply(a.list, Op::MulAdd, vec![a.id, b.id, c.id])
    }
    macro_rules! reduce {
        ($($name:ident $Op:ident),+) => {$(
            pub fn $name(x: Ex<'_>) -> Ex<'_> { Ex::new(x.list, Pat::Reduce(RedOp::$Op, x.id)) }
        )+};
    }
    reduce!(sum Sum, maximum Max, minimum Min, logsumexp LogSumExp);
}

/// Classes of equal nodes: an e-graph, or a plain graph with one node in each class.
pub trait View {
    fn nodes(&self, id: Id) -> &[Term];
    fn constant(&self, id: Id) -> Option<u64>;
    fn dtype(&self, id: Id) -> Dtype;
    fn same(&self, a: Id, b: Id) -> bool;
}

/// What the variables of a rule stand for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bound {
    pub vars: [Option<Id>; VARS],
    /// The axes of the rule's reductions, by their number.
    pub axes: Option<u32>,
}

/// All ways in which the pattern matches at `id`, at most [`MATCHES`] of them.
pub fn find(view: &impl View, pats: &[Pat], id: Id, out: &mut Vec<Bound>) {
    if let Some(root) = pats.len().checked_sub(1) {
        solve(view, pats, &[(root, id)], Bound::default(), out);
    }
}

/// A quick look at the root alone.
fn plausible(view: &impl View, pat: &Pat, id: Id) -> bool {
    match pat {
        Pat::Var(_) => true,
        Pat::Const(c) => view.constant(id) == Some(c.to_bits()),
        Pat::Apply(op, _) => view.nodes(id).iter().any(|n| n.head == Head::Apply(*op)),
        Pat::Reduce(op, _) => view.nodes(id).iter().any(|n| matches!(n.head, Head::Reduce(o, _) if o == *op)),
    }
}

/// Depth is bounded by the size of the pattern.
fn solve(view: &impl View, pats: &[Pat], goals: &[(usize, Id)], mut bound: Bound, out: &mut Vec<Bound>) {
    let Some(((pat, id), rest)) = goals.split_first().map(|(g, r)| (*g, r)) else {
        if out.len() < MATCHES && !out.contains(&bound) {
            out.push(bound);
        }
        return;
    };
    match &pats[pat] {
        Pat::Var(v) => match bound.vars[*v] {
            Some(known) if !view.same(known, id) => {}
            _ => {
                bound.vars[*v] = Some(id);
                solve(view, pats, rest, bound, out);
            }
        },
        Pat::Const(c) => {
            if view.constant(id) == Some(c.to_bits()) && view.dtype(id).is_float() {
                solve(view, pats, rest, bound, out);
            }
        }
        Pat::Apply(op, args) => {
            for node in view.nodes(id) {
                if node.head != Head::Apply(*op) || node.args.len() != args.len() {
                    continue;
                }
                let straight = args.iter().zip(&node.args).all(|(p, a)| plausible(view, &pats[*p], *a));
                let crossed = op.commutes()
                    && args.len() == 2
                    && args[0] != args[1]
                    && plausible(view, &pats[args[0]], node.args[1])
                    && plausible(view, &pats[args[1]], node.args[0]);
                if !straight && !crossed {
                    continue;
                }
                let mut goals: Vec<(usize, Id)> = Vec::with_capacity(args.len() + rest.len());
                goals.extend(args.iter().copied().zip(node.args.iter().copied()));
                goals.extend_from_slice(rest);
                if straight {
                    solve(view, pats, &goals, bound, out);
                }
                if crossed {
                    goals[0].1 = node.args[1];
                    goals[1].1 = node.args[0];
                    solve(view, pats, &goals, bound, out);
                }
            }
        }
        Pat::Reduce(op, arg) => {
            for node in view.nodes(id) {
                let Head::Reduce(own, axes) = node.head else { continue };
                if own != *op || bound.axes.is_some_and(|a| a != axes) {
                    continue;
                }
                let mut goals = vec![(*arg, node.args[0])];
                goals.extend_from_slice(rest);
                solve(view, pats, &goals, Bound { axes: Some(axes), ..bound }, out);
            }
        }
    }
}

/// Where terms are added.
pub trait Sink {
    fn dtype_of(&self, id: Id) -> Dtype;
    fn put(&mut self, term: Term) -> Id;
}

/// Builds the pattern with what the variables stand for; numbers get the type `dtype`.
pub fn build(pats: &[Pat], bound: &Bound, dtype: Dtype, sink: &mut impl Sink) -> Option<Id> {
    let mut ids: Vec<(Id, Dtype)> = Vec::with_capacity(pats.len());
    for pat in pats {
        let entry = match pat {
            Pat::Var(v) => {
                let id = bound.vars[*v]?;
                (id, sink.dtype_of(id))
            }
            Pat::Const(c) => {
                let c = if dtype == Dtype::F32 { f64::from(*c as f32) } else { *c };
                (sink.put(Term { head: Head::Const(c.to_bits()), dtype, args: vec![] }), dtype)
            }
            Pat::Apply(op, args) => {
                let own = match op {
                    _ if op.is_bool() => Dtype::Bool,
                    Op::Select => ids[args[1]].1,
                    _ => ids[args[0]].1,
                };
                let args = args.iter().map(|a| ids[*a].0).collect();
                (sink.put(Term { head: Head::Apply(*op), dtype: own, args }), own)
            }
            Pat::Reduce(op, arg) => {
                let (x, own) = ids[*arg];
                (sink.put(Term { head: Head::Reduce(*op, bound.axes?), dtype: own, args: vec![x] }), own)
            }
        };
        ids.push(entry);
    }
    ids.last().map(|l| l.0)
}
