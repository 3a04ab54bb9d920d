//! Statements: a stored value, a part of a scatter, a target, a matrix product.
//!
//! Invariant: a statement writes at its loops' position and nowhere else.

use super::super::place;
use super::super::place::{Linear, Slice};
use super::{Body, FIXED};
use crate::ir::{AxisId, Node, NodeId, RedOp};
use crate::schedule::{Gemm, Work};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

impl<'a> Body<'a> {
    pub(super) fn run(&mut self, s: usize) {
        if self.plan.idle.contains(&s) || self.skip.contains(&s) {
            return;
        }
        let work = self.plan.statements[s].work.clone();
        if let Work::Gemm(gemm) = &work {
            self.gemm(gemm);
            return;
        }
        let frame = self.frames.len() - 1;
        match work {
            Work::Map(node) => {
                let operands: Vec<NodeId> = match self.plan.graph.node(node) {
                    Node::Load { index, .. } => index.iter().filter_map(|i| i.gather).collect(),
                    _ => self.plan.graph.operands(node),
                };
                self.prepare(&operands);
                self.map(node, frame);
            }
            Work::Store(k) => {
                let node = self.plan.targets[k].node;
                self.prepare(&[node]);
                let value = self.operand(node, frame);
                if self.plan.targets[k].scalar {
                    self.results.insert(k, value);
                } else {
                    let (slice, at) = place::of_target(self.plan, k);
                    let dtype = self.plan.graph.dtype(node);
                    let update = self.plan.targets[k].adds.then_some(RedOp::Sum);
                    self.write(slice, &at, value, update, dtype);
                }
            }
            Work::Part(node, k) if self.plan.neighbours(node, k).is_some() => {
                let Some((_, pair)) = self.pair(s) else { return };
                self.write_pair(s, node, pair, frame);
            }
            Work::Part(node, k) => {
                let Some(part) = self.plan.graph.part(node, k).cloned() else { return };
                let mut roots = vec![part.value];
                roots.extend(part.index.iter().filter_map(|i| i.gather));
                self.prepare(&roots);
                let value = self.operand(part.value, frame);
                let Some((slice, at)) = place::of_part(self.plan, node, k) else { return };
                let dtype = self.plan.graph.dtype(node);
                if self.frames.len() == 1 + self.plan.statements[s].scans.len() && k == 0 {
                    // no loop of its own
                    let own = self.plan.statements[s].loops.len() == self.plan.statements[s].scans.len();
                    if own {
                        self.fill(s, 0.0);
                    }
                }
                // the first part meets only zeros
                let first = k == 0 && self.lands_once(&part) && !self.plan.grown.contains(&node);
                self.write(slice, &at, value, (!first).then_some(RedOp::Sum), dtype);
            }
            Work::List(node) => {
                let Node::Scatter { parts, .. } = self.plan.graph.node(node).clone() else { return };
                let dtype = self.plan.graph.dtype(node);
                let values: Vec<NodeId> = parts.iter().map(|p| p.value).collect();
                self.prepare(&values);
                for (k, value) in values.into_iter().enumerate() {
                    let value = self.operand(value, frame);
                    let Some((slice, at)) = place::of_part(self.plan, node, k) else { return };
                    self.write(slice, &at, value, None, dtype);
                }
            }
            Work::Reduce(node) => self.reduce(s, node, frame),
            Work::Write(node, changes) => {
                let roots = self.plan.expression(&self.plan.statements[s].work);
                self.prepare(&roots);
                let at = match changes {
                    true => place::of_write(self.plan, node),
                    false => place::of_stored(self.plan, node),
                };
                let (Some((slice, at)), Some(root)) = (at, roots.first()) else { return };
                let value = self.value(*root, frame);
                let dtype = self.plan.graph.dtype(node);
                self.write(slice, &at, value, None, dtype);
            }
            Work::Start { carry, last } => {
                let Some(init) = self.plan.graph.operands(carry).first().copied() else { return };
                self.prepare(&[init]);
                let value = self.value(init, frame);
                let dtype = self.plan.graph.dtype(last);
                if let Some((slice, at)) = place::of_stored(self.plan, last) {
                    self.write(slice, &at, value, None, dtype);
                }
            }
            Work::Call(node) => self.call(node, frame),
            Work::Zero(node) => self.zero(node),
            Work::Added(_) => {}
            Work::Go(scan) => self.go(scan, frame),
            Work::Carry(carry) => self.carry(carry, frame),
            Work::Next { carry, last } => self.next(carry, last, frame),
            Work::Gemm(_) => {}
        }
    }

    /// No two of a part's values land at the same position.
    pub(super) fn lands_once(&self, part: &crate::ir::Part) -> bool {
        let mut seen: Vec<AxisId> = vec![];
        for index in &part.index {
            match (&index.terms[..], index.gather) {
                ([], None) => {}
                ([(axis, _)], None) if !seen.contains(axis) => seen.push(*axis),
                _ => return false,
            }
        }
        part.over.iter().all(|a| seen.contains(a))
    }

    /// A stored node at one position.
    pub(super) fn map(&mut self, node: NodeId, frame: usize) {
        let Some((tokens, _)) = self.operation(node, frame) else { return };
        let dtype = self.plan.graph.dtype(node);
        let name = self.node_name(node, "v");
        self.push(quote!(let #name = #tokens;));
        self.top().memo.insert(node, quote!(#name));
        if let Some((slice, at)) = place::of_stored(self.plan, node) {
            self.write(slice, &at, quote!(#name), None, dtype);
        }
    }

    pub(super) fn gemm(&mut self, gemm: &Gemm) {
        let graph = &self.plan.graph;
        let operand = |id: NodeId| match place::of_stored(self.plan, id) {
            Some(found) => Some(found),
            None => place::of_load(self.plan, id),
        };
        let (Some((a, a_at)), Some((b, b_at)), Some((c, c_at))) =
            (operand(gemm.a.node), operand(gemm.b.node), place::of_stored(self.plan, gemm.node))
        else {
            self.bugs.push("a matrix product of what is not stored".into());
            return;
        };
        let dims = [gemm.rows, gemm.summed, gemm.cols].map(|x| graph.axis_size(x).clone());
        // sizes in the type make register tiles without a remainder at run time
        let known = dims.clone().map(|d| d.as_const());
        let fixed = known.iter().all(|d| d.is_some_and(|n| n <= FIXED));
        let sized = known.iter().flatten().all(|n| *n <= FIXED) && known.iter().flatten().count() == 2;
        let in_type =
            |d: Option<i64>, t: &TokenStream| if d.is_some() { t.clone() } else { quote!({ rt::ANY }) };
        let elem = format_ident!("{}", graph.dtype(gemm.node).name());
        let adds = !gemm.again.is_empty();
        let [m, k, n] = dims.map(|d| self.size(&d));
        let mut matrix = |slice: Slice, at: &Linear, row: AxisId, col: AxisId, mutable: bool| {
            let name = self.name_of(slice, mutable);
            let (rs, cs) = (at.coefficient(row), at.coefficient(col));
            let rest = at.without(row).without(col);
            let offset = self.position(&rest);
            let (rs, cs) = (self.size(&rs), self.size(&cs));
            let data = match offset {
                Some(o) => quote!(#name[#o..]),
                None => quote!(#name[..]),
            };
            (data, rs, cs)
        };
        let (a, ars, acs) = matrix(a, &a_at, gemm.rows, gemm.summed, false);
        let (b, brs, bcs) = matrix(b, &b_at, gemm.summed, gemm.cols, false);
        if !c_at.coefficient(gemm.cols).is_one() {
            self.bugs.push("a matrix product whose result is not row-major".into());
            return;
        }
        let (c, ldc, _) = matrix(c, &c_at, gemm.rows, gemm.cols, true);
        let (a, b) = (quote!(rt::Mat::new(&#a, #ars, #acs)), quote!(rt::Mat::new(&#b, #brs, #bcs)));
        self.push(if fixed {
            quote!(rt::contract_fixed::<#elem, S, #m, #k, #n>(#a, #b, &mut #c, #ldc, #adds);)
        } else if sized {
            let (rows, cols) = (in_type(known[0], &m), in_type(known[2], &n));
            quote!(rt::contract_sized::<#elem, S, #rows, #cols>(#m, #k, #n, #a, #b, &mut #c, #ldc, #adds);)
        } else {
            quote!(rt::gemm(#m, #k, #n, #a, #b, &mut #c, #ldc, #adds);)
        });
    }
}
