//! Facts about values: bounds, NaN, integrality, and positivity over the reals.
//!
//! Bounds hold for the values that the machine computes (`exp` may be 0), positivity for the real numbers they
//! stand for. Invariant: what is not known is not claimed, so a condition on unknown facts is false.

use crate::ir::{Dtype, Op, RedOp};

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Facts {
    /// Bounds of the values that are not NaN.
    pub lo: f64,
    pub hi: f64,
    /// May be NaN.
    pub nan: bool,
    /// Integers only, or infinite.
    pub int: bool,
    /// Positive over the reals.
    pub pos: bool,
    /// Does not depend on the axes of the rule's reductions.
    pub fixed: bool,
    /// Depends on no axis but the reduced ones and those of the rule's other variables.
    pub alone: bool,
}

/// Factors below this neither overflow nor underflow when two of them meet.
const MODERATE: f64 = 1e15;

impl Facts {
    pub const UNKNOWN: Facts = Facts {
        lo: f64::NEG_INFINITY,
        hi: f64::INFINITY,
        nan: true,
        int: false,
        pos: false,
        fixed: false,
        alone: false,
    };

    pub fn range(lo: f64, hi: f64) -> Facts {
        Facts { lo, hi, nan: false, pos: lo > 0.0, ..Facts::UNKNOWN }
    }
    pub fn exactly(v: f64) -> Facts {
        if v.is_nan() {
            return Facts::UNKNOWN;
        }
        Facts { int: v.fract() == 0.0, ..Facts::range(v, v) }
    }
    fn maybe_nan(self, nan: bool) -> Facts {
        Facts { nan, ..self }
    }
    fn positive_real(self) -> Facts {
        Facts { pos: true, ..self }
    }
    fn integer(self) -> Facts {
        Facts { int: true, ..self }
    }

    // ---- what conditions ask ----

    pub fn finite(&self) -> bool {
        !self.nan && self.lo.is_finite() && self.hi.is_finite()
    }
    pub fn not_nan(&self) -> bool {
        !self.nan
    }
    pub fn nonneg(&self) -> bool {
        self.lo >= 0.0
    }
    /// Positive over the reals.
    pub fn positive(&self) -> bool {
        self.lo > 0.0 || self.pos
    }
    pub fn nonzero(&self) -> bool {
        self.lo > 0.0 || self.hi < 0.0
    }
    pub fn fixed(&self) -> bool {
        self.fixed
    }
    pub fn alone(&self) -> bool {
        self.alone
    }
    pub fn constant(&self) -> bool {
        self.lo == self.hi && !self.nan
    }
    pub fn integer_within(&self, limit: f64) -> bool {
        self.constant() && self.lo.fract() == 0.0 && self.lo.abs() <= limit
    }
    /// A power of two whose reciprocal is one too, in `f32` as well.
    pub fn power_of_two(&self) -> bool {
        self.constant() && self.lo != 0.0 && self.lo.to_bits() << 12 == 0 && self.moderate()
    }
    /// Far from zero and from infinity: a reciprocal, a square and a product of two keep range and digits.
    pub fn moderate(&self) -> bool {
        let (a, b) = if self.hi < 0.0 { (-self.hi, -self.lo) } else { (self.lo, self.hi) };
        !self.nan && a >= 1.0 / MODERATE && b <= MODERATE
    }
    /// Not large, so that a product of two does not overflow.
    pub fn bounded(&self) -> bool {
        !self.nan && self.lo >= -MODERATE && self.hi <= MODERATE
    }

    fn has_zero(&self) -> bool {
        self.lo <= 0.0 && self.hi >= 0.0
    }
    fn has_inf(&self) -> bool {
        self.lo == f64::NEG_INFINITY || self.hi == f64::INFINITY
    }

    /// Both hold.
    pub fn and(&self, other: &Facts) -> Facts {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        if lo > hi {
            return *self;
        }
        Facts {
            lo,
            hi,
            nan: self.nan && other.nan,
            int: self.int || other.int,
            pos: self.pos || other.pos,
            fixed: false,
            alone: false,
        }
    }
    /// One of both holds.
    fn or(&self, other: &Facts) -> Facts {
        Facts {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
            nan: self.nan || other.nan,
            int: self.int && other.int,
            pos: self.pos && other.pos,
            fixed: false,
            alone: false,
        }
    }

    /// Bounds a little wider, as far as rounding can carry; infinite where the type overflows.
    fn rounded(self, dtype: Dtype) -> Facts {
        let (eps, max, tiny) = match dtype {
            Dtype::F32 => (1e-5, f64::from(f32::MAX), f64::from(f32::MIN_POSITIVE)),
            _ => (1e-13, f64::MAX, f64::MIN_POSITIVE),
        };
        let round = |v: f64, out: f64| {
            let v = v + out * eps * v.abs();
            match v {
                v if v.abs() < tiny && v * out < 0.0 => 0.0,
                v if v > max => f64::INFINITY.min(if out > 0.0 { f64::INFINITY } else { max }),
                v if v < -max => f64::NEG_INFINITY.max(if out < 0.0 { f64::NEG_INFINITY } else { -max }),
                v => v,
            }
        };
        let (lo, hi) = (round(self.lo, -1.0), round(self.hi, 1.0));
        Facts { lo, hi, ..self }
    }
}

/// A product of bounds, where zero times infinity is zero (the NaN is accounted for elsewhere).
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        0.0
    } else {
        a * b
    }
}

fn corners(values: [f64; 4]) -> Facts {
    if values.iter().any(|v| v.is_nan()) {
        return Facts::UNKNOWN;
    }
    Facts::range(
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    )
}

/// Facts about `op(args)`; `same` says that both operands are one value.
pub fn apply(op: Op, args: &[Facts], same: bool, dtype: Dtype) -> Facts {
    let unknown = Facts::UNKNOWN;
    let a = args.first().copied().unwrap_or(unknown);
    let b = args.get(1).copied().unwrap_or(unknown);
    let inf = f64::INFINITY;
    let within = |lo: f64, hi: f64| Facts::range(lo, hi).maybe_nan(a.nan);
    let nonneg = |nan: bool| Facts::range(0.0, inf).maybe_nan(nan);
    // monotone functions of one argument
    let image = |f: fn(f64) -> f64| Facts::range(f(a.lo), f(a.hi)).maybe_nan(a.nan).rounded(dtype);
    let facts = match op {
        _ if op.is_bool() => return Facts::range(0.0, 1.0).integer(),
        Op::Add | Op::Sub => {
            let b = if op == Op::Sub { Facts { lo: -b.hi, hi: -b.lo, pos: false, ..b } } else { b };
            let nan = a.nan || b.nan || (a.hi == inf && b.lo == -inf) || (a.lo == -inf && b.hi == inf);
            let (lo, hi) = (a.lo + b.lo, a.hi + b.hi);
            let lo = if lo.is_nan() { -inf } else { lo };
            let hi = if hi.is_nan() { inf } else { hi };
            let mut sum = Facts::range(lo, hi).rounded(dtype).maybe_nan(nan);
            sum.pos |= op == Op::Add && ((a.positive() && b.nonneg()) || (b.positive() && a.nonneg()));
            sum.int = a.int && b.int;
            sum
        }
        Op::Diff => {
            Facts { nan: a.nan || b.nan, ..apply(Op::Sub, args, same, dtype) }.maybe_nan(a.nan || b.nan)
        }
        Op::Mul if same => {
            let m = a.lo.abs().max(a.hi.abs());
            let least = if a.has_zero() { 0.0 } else { a.lo.abs().min(a.hi.abs()) };
            let pos = a.nonzero() || a.pos;
            Facts { pos, int: a.int, ..Facts::range(least * least, m * m).rounded(dtype) }.maybe_nan(a.nan)
        }
        Op::Mul => {
            let nan = a.nan || b.nan || (a.has_zero() && b.has_inf()) || (b.has_zero() && a.has_inf());
            let all = [times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi)];
            let mut product = corners(all).rounded(dtype).maybe_nan(nan);
            product.pos |= a.positive() && b.positive();
            product.int = a.int && b.int;
            product
        }
        Op::Div | Op::Recip => {
            let (a, b) = if op == Op::Recip { (Facts::exactly(1.0), a) } else { (a, b) };
            let nan = a.nan || b.nan || (a.has_zero() && b.has_zero()) || (a.has_inf() && b.has_inf());
            let mut quotient = if b.nonzero() {
                corners([a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi]).rounded(dtype)
            } else if a.nonneg() && b.pos && b.nonneg() {
                nonneg(nan)
            } else {
                unknown
            };
            quotient.nan = nan;
            quotient.pos |= a.positive() && b.positive();
            quotient
        }
        Op::Neg => Facts { lo: -a.hi, hi: -a.lo, pos: false, ..a },
        Op::MulAdd => unknown,
        Op::Exp | Op::Exp2 => {
            let f = if op == Op::Exp { f64::exp } else { f64::exp2 };
            image(f).positive_real()
        }
        Op::ExpM1 => within(-1.0, inf),
        Op::Ln | Op::Log2 | Op::Log10 if a.lo >= 0.0 => image(match op {
            Op::Ln => f64::ln,
            Op::Log2 => f64::log2,
            _ => f64::log10,
        }),
        Op::Ln1p if a.lo >= 0.0 => image(f64::ln_1p),
        Op::Sqrt if a.lo >= 0.0 => Facts { pos: a.positive(), ..image(f64::sqrt) },
        Op::Sqrt => nonneg(true),
        Op::Sigmoid | Op::TanhSlope => within(0.0, 1.0).positive_real(),
        Op::Weight => within(0.0, 1.0),
        Op::SigmoidSlope => within(0.0, 0.25).positive_real(),
        Op::Softplus => nonneg(a.nan).positive_real(),
        Op::Tanh | Op::Erf | Op::Signum => within(-1.0, 1.0),
        Op::Sin | Op::Cos => within(-1.0, 1.0).maybe_nan(a.nan || a.has_inf()),
        Op::Atan => within(-1.6, 1.6),
        Op::Cosh => within(1.0, inf),
        Op::Abs => {
            let m = a.lo.abs().max(a.hi.abs());
            let least = if a.has_zero() { 0.0 } else { a.lo.abs().min(a.hi.abs()) };
            Facts { pos: a.pos || least > 0.0, int: a.int, ..within(least, m) }
        }
        Op::Hypot => nonneg(a.nan || b.nan),
        Op::Max => {
            let int = a.int && b.int;
            let pos = (a.pos || b.pos) && !a.nan && !b.nan;
            // NaN is ignored, so the other side alone may be the result
            let lo = match (a.nan, b.nan) {
                (false, false) => a.lo.max(b.lo),
                (true, false) => b.lo,
                (false, true) => a.lo,
                (true, true) => a.lo.min(b.lo),
            };
            Facts { int, pos, ..Facts::range(lo, a.hi.max(b.hi)).maybe_nan(a.nan && b.nan) }
        }
        Op::Min => {
            let int = a.int && b.int;
            let hi = match (a.nan, b.nan) {
                (false, false) => a.hi.min(b.hi),
                (true, false) => b.hi,
                (false, true) => a.hi,
                (true, true) => a.hi.max(b.hi),
            };
            Facts { int, pos: a.pos && b.pos, ..Facts::range(a.lo.min(b.lo), hi).maybe_nan(a.nan && b.nan) }
        }
        Op::Select => b.or(&args.get(2).copied().unwrap_or(unknown)),
        Op::Floor | Op::Ceil | Op::Round | Op::Trunc => within(a.lo - 1.0, a.hi + 1.0).integer(),
        Op::Powi if b.constant() && b.lo % 2.0 == 0.0 => nonneg(a.nan),
        Op::Powf if a.nonneg() => Facts { pos: a.positive(), ..nonneg(a.nan || b.nan) },
        _ => unknown,
    };
    Facts { fixed: false, alone: false, ..facts }
}

/// Facts about a reduction; `count` is the number of elements where it is known.
pub fn reduce(op: RedOp, x: Facts, count: Option<u64>, dtype: Dtype) -> Facts {
    let some = count.is_some_and(|n| n > 0);
    let most = count.map_or(9.3e18, |n| n as f64);
    match op {
        RedOp::Sum => {
            let lo = if x.lo >= 0.0 {
                if some {
                    x.lo
                } else {
                    0.0
                }
            } else {
                times(x.lo, most)
            };
            let hi = if x.hi <= 0.0 { 0.0 } else { times(x.hi, most) };
            let nan = x.nan || (x.lo == f64::NEG_INFINITY && x.hi == f64::INFINITY);
            let pos = some && x.positive() && x.nonneg();
            Facts { pos, int: x.int, nan, ..Facts::range(lo, hi).rounded(dtype) }
        }
        RedOp::Max | RedOp::Min if some => {
            Facts { fixed: false, alone: false, pos: x.pos && !x.nan, nan: false, ..x }.widen(x.nan)
        }
        _ => Facts::UNKNOWN,
    }
}

impl Facts {
    /// Nothing but NaN may have been met: the start value remains.
    fn widen(self, nan: bool) -> Facts {
        if nan {
            Facts { lo: f64::NEG_INFINITY, hi: f64::INFINITY, pos: false, ..self }
        } else {
            self
        }
    }
}
