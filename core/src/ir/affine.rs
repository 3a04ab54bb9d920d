//! Integer expressions as positions: affine forms over axes, and what is known of their range.
//!
//! Invariant: a range holds for all positions of the axes; nothing is said where it is not known.

use super::graph::{AxisId, Dtype, Graph, Index, Node, NodeId};
use super::ops::Op;
use super::size::Size;

/// How deep an integer expression is followed.
const DEPTH: usize = 200;

impl Graph {
    /// An integer expression as a position that is affine in the axes.
    pub fn affine(&self, node: NodeId) -> Option<Index> {
        self.affine_at(node, 0)
    }

    fn affine_at(&self, node: NodeId, depth: usize) -> Option<Index> {
        if depth > DEPTH {
            return None;
        }
        match self.node(node) {
            Node::Const(bits) => Some(Index::at(Size::constant(f64::from_bits(*bits) as i64))),
            Node::Size(size) => Some(Index::at(size.clone())),
            Node::Position(axis) => Some(Index::axis(*axis)),
            Node::Apply(op @ (Op::Add | Op::Sub | Op::Mul | Op::Neg), args) => {
                let a = self.affine_at(args[0], depth + 1)?;
                let Some(b) = args.get(1) else { return Some(a.scaled(&Size::constant(-1))) };
                let b = self.affine_at(*b, depth + 1)?;
                match op {
                    Op::Add => Some(a.plus(&b)),
                    Op::Sub => Some(a.plus(&b.scaled(&Size::constant(-1)))),
                    _ if b.terms.is_empty() => Some(a.scaled(&b.offset)),
                    _ if a.terms.is_empty() => Some(b.scaled(&a.offset)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The least and the greatest value that an integer expression can have, as sizes.
    pub fn range_of(&self, node: NodeId) -> Option<(Size, Size)> {
        self.range_at(node, 0)
    }

    fn range_at(&self, node: NodeId, depth: usize) -> Option<(Size, Size)> {
        if depth > DEPTH {
            return None;
        }
        let of = |n: &NodeId| self.range_at(*n, depth + 1);
        Some(match self.node(node) {
            Node::Const(bits) => {
                let k = Size::constant(f64::from_bits(*bits) as i64);
                (k.clone(), k)
            }
            Node::Size(size) => (size.clone(), size.clone()),
            Node::Position(axis) => {
                let last = self.axis_size(*axis).sub(&Size::constant(1));
                (Size::constant(0), last)
            }
            Node::Apply(Op::Add, args) => {
                let (a, b) = (of(&args[0])?, of(&args[1])?);
                (a.0.add(&b.0), a.1.add(&b.1))
            }
            Node::Apply(Op::Sub, args) => {
                let (a, b) = (of(&args[0])?, of(&args[1])?);
                (a.0.sub(&b.1), a.1.sub(&b.0))
            }
            Node::Apply(Op::When, args) => of(&args[1])?,
            Node::Apply(Op::Mul, args) => {
                let (a, b) = (of(&args[0])?, of(&args[1])?);
                let plain = |s: &Size| s.terms().iter().all(|(_, c)| *c >= 0);
                let fixed = a.0 == a.1 || b.0 == b.1;
                if !(fixed && plain(&a.0) && plain(&b.0)) {
                    return None;
                }
                (a.0.mul(&b.0), a.1.mul(&b.1))
            }
            _ => return None,
        })
    }

    /// The position lies inside of a dimension, wherever its axes are.
    pub fn lies_inside(&self, index: &Index, len: &Size) -> bool {
        let (mut low, mut high) = (index.offset.clone(), index.offset.clone());
        for (axis, c) in &index.terms {
            let reach = c.mul(&self.axis_size(*axis).sub(&Size::constant(1)));
            match c.as_const() {
                Some(c) if c < 0 => low = low.add(&reach),
                Some(_) => high = high.add(&reach),
                None => return false,
            }
        }
        let room = len.sub(&Size::constant(1)).sub(&high);
        index.gather.is_none() && self.sure(&low) && self.sure(&room)
    }

    /// An affine position as an integer expression.
    pub fn position_node(&mut self, index: &Index) -> NodeId {
        let mut total = self.size(&index.offset, Dtype::Int);
        for (axis, c) in &index.terms {
            let mut term = self.position(*axis, Dtype::Int);
            if !c.is_one() {
                let c = self.size(c, Dtype::Int);
                term = self.apply(Op::Mul, &[term, c]);
            }
            total = match self.as_const(total) == Some(0.0) {
                true => term,
                false => self.apply(Op::Add, &[total, term]),
            };
        }
        if let Some(g) = index.gather {
            total = self.apply(Op::Add, &[total, g]);
        }
        total
    }
}

/// Dimensions, positions, axes run over, and the value of a write.
pub type Written = (Vec<AxisId>, Vec<Index>, Vec<AxisId>, NodeId);

impl Graph {
    /// Not negative, whatever the sizes.
    fn sure(&self, size: &Size) -> bool {
        self.sizes.resolve(size).terms().iter().all(|(_, c)| *c >= 0)
    }

    /// Each position of the axis writes to a window of its own along a dimension.
    pub fn windows(&self, axis: AxisId, dim: usize, writes: &[Written]) -> bool {
        // stride, offset, how far inner axes reach, what else moves the position
        let mut all: Vec<(Size, Size, Size, Vec<(AxisId, Size)>)> = Vec::new();
        for (_, index, over, _) in writes {
            let i = &index[dim];
            let Some((_, stride)) = i.terms.iter().find(|t| t.0 == axis) else { return false };
            let mut reach = Size::default();
            let mut rest = Vec::new();
            for (a, c) in i.terms.iter().filter(|t| t.0 != axis) {
                match over.contains(a) {
                    true if self.sure(c) => {
                        reach = reach.add(&c.mul(&self.axis_size(*a).sub(&Size::constant(1))));
                    }
                    true => return false,
                    false => rest.push((*a, c.clone())),
                }
            }
            if i.gather.is_some() {
                return false;
            }
            all.push((stride.clone(), i.offset.clone(), reach, rest));
        }
        let Some((stride, _, _, rest)) = all.first() else { return false };
        let width = match stride.as_const() {
            Some(c) if c < 0 => stride.scale(-1),
            _ => stride.clone(),
        };
        let one = Size::constant(1);
        if !all.iter().all(|(s, _, _, r)| s == stride && r == rest) {
            return false;
        }
        let one_window = all.iter().any(|(_, base, _, _)| {
            all.iter().all(|(_, offset, reach, _)| {
                let start = offset.sub(base);
                self.sure(&start) && self.sure(&width.sub(&one).sub(&start).sub(reach))
            })
        });
        // or two writes in windows that all lie before those of the other one
        let last = width.mul(&self.axis_size(axis).sub(&one));
        let behind = |a: &Size, reach: &Size, b: &Size| {
            self.sure(&self.sizes.resolve(&b.sub(a).sub(&last).sub(reach).sub(&one)))
        };
        let apart = |k: usize, j: usize| {
            let ((_, a, p, _), (_, b, q, _)) = (&all[k], &all[j]);
            let own = k == j && self.sure(&width.sub(&one).sub(p));
            own || behind(a, p, b) || behind(b, q, a)
        };
        one_window || (0..all.len()).all(|k| (0..=k).all(|j| apart(k, j)))
    }

    /// Two positions that differ by this are never the same, given that some axes have a position at all.
    pub fn apart(&self, difference: &Size, entered: &[AxisId]) -> bool {
        let difference = self.sizes.resolve(difference);
        let there: Vec<Size> = entered.iter().map(|a| self.sizes.resolve(self.axis_size(*a))).collect();
        let least = |sign: i64| {
            let terms = difference.terms();
            let positive =
                |(m, _): &(Vec<super::size::Sym>, i64)| m.iter().all(|s| there.contains(&Size::sym(*s)));
            terms.iter().all(|(_, c)| c * sign > 0) && terms.iter().any(positive)
        };
        least(1) || least(-1)
    }
}

impl Index {
    pub fn scaled(&self, by: &Size) -> Index {
        let terms = self.terms.iter().map(|(axis, c)| (*axis, c.mul(by))).collect();
        Index { terms, offset: self.offset.mul(by), gather: None }
    }

    /// The sum with a position that is not looked up.
    pub fn plus(&self, other: &Index) -> Index {
        let mut terms = self.terms.clone();
        for (axis, c) in &other.terms {
            match terms.iter_mut().find(|t| t.0 == *axis) {
                Some(t) => t.1 = t.1.add(c),
                None => terms.push((*axis, c.clone())),
            }
        }
        terms.retain(|t| t.1.as_const() != Some(0));
        terms.sort();
        Index { terms, offset: self.offset.add(&other.offset), gather: self.gather }
    }
}
