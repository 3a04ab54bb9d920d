//! `match`, `if let`, `let … else`, `matches!`: a chain of branches, each under the condition that its pattern takes the
//! value and no earlier one did.
//!
//! Invariant: the last arm without a guard is taken where no other was, as rustc has proven.

use super::env::Value;
use super::patterns::Taken;
use super::Lower;
use crate::diag::Kind;
use crate::ir::{NodeId, Op};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Arm, Expr, ExprIf, ExprLet, ExprMatch, Pat};

/// The arms of a `match`: each is a branch inside of the one before.
const MAX_ARMS: usize = 64;

impl Lower {
    pub fn choice(&mut self, m: &ExprMatch) -> Value {
        let value = self.subject(&m.expr);
        if m.arms.len() > MAX_ARMS {
            let help = format!("up to {MAX_ARMS} are; use a table");
            return self.unsupported(&m.match_token, "a `match` with so many arms", &help);
        }
        self.arms(&value, &m.arms, m)
    }

    /// What is taken apart; of what only rustc knows, as it is written, with its references.
    fn subject(&mut self, e: &Expr) -> Value {
        match self.expr(e) {
            host @ (Value::Host(_) | Value::Unread(..)) => self.host(e).unwrap_or(host),
            value => value,
        }
    }

    fn arms(&mut self, value: &Value, arms: &[Arm], at: &ExprMatch) -> Value {
        let Some((arm, rest)) = arms.split_first() else { return Value::Unit };
        let last = rest.is_empty() && arm.guard.is_none();
        let taken = match last {
            // names in alternatives are refused all the same
            true if !matches!(arm.pat, Pat::Or(_)) => Taken::Always,
            _ => self.taken(&arm.pat, value),
        };
        let guard = arm.guard.as_ref().map(|g| &*g.1);
        let cond = match (taken, guard) {
            (Taken::Mistake, _) => {
                self.under_mistake(|run| run.arm(arm, value));
                self.arms(value, rest, at);
                return Value::Poison;
            }
            (Taken::Always, None) => return self.arm(arm, value),
            (_, None) if last => return self.arm(arm, value),
            (Taken::If(cond), None) => Some(cond),
            (Taken::Always, Some(guard)) => self.arm_guard(None, guard, &arm.pat, value),
            (Taken::If(cond), Some(guard)) => self.arm_guard(Some(cond), guard, &arm.pat, value),
        };
        let Some(cond) = cond else {
            self.arms(value, rest, at);
            return Value::Poison;
        };
        self.branch(cond, |run| run.arm(arm, value), |run| run.arms(value, rest, at), at)
    }

    /// The arm with the names of its pattern.
    fn arm(&mut self, arm: &Arm, value: &Value) -> Value {
        let mark = self.env.bindings.len();
        self.bind(&arm.pat, value.clone(), &[]);
        let result = self.expr(&arm.body);
        self.env.bindings.truncate(mark);
        result
    }

    /// For the sake of further messages.
    fn under_mistake(&mut self, run: impl FnOnce(&mut Self) -> Value) {
        let (env, dead) = (self.env.clone(), self.dead);
        run(self);
        (self.env, self.dead) = (env, dead);
    }

    /// The pattern takes the value, and the guard holds.
    fn arm_guard(&mut self, cond: Option<NodeId>, guard: &Expr, pat: &Pat, value: &Value) -> Option<NodeId> {
        let (mark, level) = (self.env.bindings.len(), self.env.guards.len());
        self.env.guards.extend(cond);
        self.bind(pat, value.clone(), &[]);
        let holds = self.expr(guard);
        let holds = self.condition(holds, guard);
        self.env.bindings.truncate(mark);
        self.env.guards.truncate(level);
        let holds = holds?;
        Some(match cond {
            Some(cond) => self.graph.apply(Op::And, &[cond, holds]),
            None => holds,
        })
    }

    pub fn if_let(&mut self, l: &ExprLet, e: &ExprIf) -> Value {
        let value = self.subject(&l.expr);
        let taken = self.taken(&l.pat, &value);
        let then = |run: &mut Self| {
            let mark = run.env.bindings.len();
            run.bind(&l.pat, value.clone(), &[]);
            let result = run.block(&e.then_branch);
            run.env.bindings.truncate(mark);
            result
        };
        let other = |run: &mut Self| e.else_branch.as_ref().map_or(Value::Unit, |(_, other)| run.expr(other));
        match taken {
            Taken::Mistake => {
                self.under_mistake(then);
                self.under_mistake(other);
                Value::Poison
            }
            Taken::Always => then(self),
            Taken::If(cond) => self.branch(cond, then, other, e),
        }
    }

    /// The names live on after the statement, under the condition that the other side was not taken.
    pub fn let_else(&mut self, pat: &Pat, init: &Expr, other: &Expr) {
        let value = self.subject(init);
        match self.taken(pat, &value) {
            Taken::Mistake => {
                self.under_mistake(|run| run.expr(other));
                self.bind_poison(pat);
            }
            Taken::Always => self.bind(pat, value, &[]),
            Taken::If(cond) => {
                let names = |run: &mut Self| {
                    run.bind(pat, value.clone(), &[]);
                    Value::Unit
                };
                self.branch(cond, names, |run| run.expr(other), init);
            }
        }
    }

    /// `matches!(value, pattern)`, with a guard or without.
    pub fn matches(&mut self, tokens: TokenStream, at: &dyn ToTokens) -> Value {
        if !self.nested() {
            if let Some(host) = self.host(at) {
                return host;
            }
        }
        let parser = |input: ParseStream| -> syn::Result<(Expr, Pat, Option<Expr>)> {
            let value = input.parse()?;
            input.parse::<syn::Token![,]>()?;
            let pat = Pat::parse_multi_with_leading_vert(input)?;
            let guard = match input.peek(syn::Token![if]) {
                true => {
                    input.parse::<syn::Token![if]>()?;
                    Some(input.parse()?)
                }
                false => None,
            };
            input.parse::<Option<syn::Token![,]>>()?;
            Ok((value, pat, guard))
        };
        let (e, pat, guard) = match parser.parse2(tokens) {
            Ok(parts) => parts,
            Err(e) => {
                self.errors.push(Kind::Syntax, at, &[&format!("{e} in `matches!`")]);
                return Value::Poison;
            }
        };
        let value = self.subject(&e);
        let taken = self.taken(&pat, &value);
        let cond = match (taken, guard) {
            (Taken::Mistake, _) => return Value::Poison,
            (Taken::If(cond), None) => Some(cond),
            (Taken::Always, None) => Some(self.graph.constant(1.0, crate::ir::Dtype::Bool)),
            (Taken::If(cond), Some(guard)) => self.arm_guard(Some(cond), &guard, &pat, &value),
            (Taken::Always, Some(guard)) => self.arm_guard(None, &guard, &pat, &value),
        };
        match cond {
            Some(node) => Value::Tensor(self.scalar(node, value.active())),
            None => Value::Poison,
        }
    }
}
