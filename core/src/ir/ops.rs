//! The op table: each scalar operation is one entry and nothing else knows about it.
//!
//! An entry reads
//!
//! ```text
//! Name "method" (arguments) cost on low..high, value => [what each argument receives];
//! ```
//!
//! `value` are the Rust tokens of the operation: they are the `f64` evaluator, the `f32` evaluator, and what
//! is emitted where results must keep the bits of `std` (`math = "strict"`). What an argument receives is written
//! in terms of `g`, the cotangent of the result, of the arguments and of the result `y`, and is linear in `g`. The
//! same tokens give reverse mode (`g` is the cotangent), forward mode (`g` is the argument's tangent) and the numeric
//! test of every entry. `zero` says that the derivative is zero almost everywhere, `tie` is the share at a tie
//! of two arguments (one half if both are active, nothing if the other one is a constant: KINKS).
//!
//! Invariant: a partial that is missing does not compile; none is ever a silent zero.

mod num;

use super::graph::{Graph, NodeId};
use std::cell::RefCell;

macro_rules! table {
    ($( $(#[$doc:meta])* $Op:ident $name:literal ($($arg:ident),+) $cost:literal on $lo:literal .. $hi:literal,
        $value:expr => |$g:ident, $y:ident, $tie:ident| [$($pull:expr),+]; )+) => {
        /// A scalar operation.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Op { $( $(#[$doc])* $Op ),+ }

        impl Op {
            /// Every operation, in the order of the table.
            pub const ALL: &'static [Op] = &[$(Op::$Op),+];

            /// Everything that is known about the operation.
            pub fn info(self) -> &'static Info {
                match self { $(Op::$Op => {
                    const ARGS: &[&str] = &[$(stringify!($arg)),+];
                    const INFO: Info = Info {
                        op: Op::$Op, name: $name, args: ARGS, cost: $cost, range: ($lo, $hi),
                        tokens: stringify!($value),
                        eval64: |v| { #[allow(unused_imports)] use num::*; if let [$($arg),+] = *v { $value } else { f64::NAN } },
                        eval32: |v| { #[allow(unused_imports)] use num::*; if let [$($arg),+] = *v { $value } else { f32::NAN } },
                        pull64: |v, $y, $g, $tie| {
                            #[allow(unused_imports)] use num::*;
                            let _ = ($y, $g, $tie);
                            if let [$($arg),+] = *v { let _ = ($($arg),+); vec![$(Pull::pull($pull)),+] } else { vec![] }
                        },
                        pull: |v, $y, $g, $tie| {
                            #[allow(unused_imports)] use sym::*;
                            let _ = ($y, $g, $tie);
                            if let [$($arg),+] = *v { let _ = ($($arg),+); vec![$(Pull::pull($pull)),+] } else { vec![] }
                        },
                    };
                    &INFO
                })+ }
            }

            pub fn from_name(name: &str) -> Option<Op> {
                match name { $($name => Some(Op::$Op),)+ _ => None }
            }
        }
    };
}

/// `(arguments, result, g, tie)` to what each argument receives, as numbers.
pub type PullNumbers = fn(&[f64], f64, f64, f64) -> Vec<Option<f64>>;
/// The same as nodes.
pub type PullNodes = for<'g> fn(&[Ex<'g>], Ex<'g>, Ex<'g>, f64) -> Vec<Option<Ex<'g>>>;

/// One entry of the table.
pub struct Info {
    pub op: Op,
    /// The method of `f32` and `f64`, or the function of the support module.
    pub name: &'static str,
    pub args: &'static [&'static str],
    /// Relative cost of one vectorised evaluation; an addition is 1.
    pub cost: u32,
    /// Where the entry is sampled by tests.
    pub range: (f64, f64),
    /// The value as Rust tokens over the argument names.
    pub tokens: &'static str,
    pub eval64: fn(&[f64]) -> f64,
    pub eval32: fn(&[f32]) -> f32,
    /// What each argument receives, as numbers: `(arguments, result, g, tie)`.
    pub pull64: PullNumbers,
    /// What each argument receives, as nodes; `None` for a structural zero.
    pub pull: PullNodes,
}

/// The derivative is zero almost everywhere.
pub struct Zero;
#[allow(non_upper_case_globals)]
const zero: Zero = Zero;

/// A contribution, or `zero` for none.
trait Pull<T> {
    fn pull(self) -> Option<T>;
}
impl<T> Pull<T> for Zero {
    fn pull(self) -> Option<T> {
        None
    }
}
impl Pull<f64> for f64 {
    fn pull(self) -> Option<f64> {
        Some(self)
    }
}
impl<'g> Pull<Ex<'g>> for Ex<'g> {
    fn pull(self) -> Option<Ex<'g>> {
        Some(self)
    }
}

table! {
    // ---- arithmetic (IEEE 754) ----
    Add "add" (a, b) 1 on -9.0..9.0, a + b => |g, y, tie| [g, g];
    Sub "sub" (a, b) 1 on -9.0..9.0, a - b => |g, y, tie| [g, -g];
    Mul "mul" (a, b) 1 on -9.0..9.0, a * b => |g, y, tie| [g * b, g * a];
    /// KINKS: `-(a/b)/b` and never `-a/(b*b)`, which overflows.
    Div "div" (a, b) 4 on 0.5..9.0, a / b => |g, y, tie| [g / b, -(g * (y / b))];
    Neg "neg" (x) 1 on -9.0..9.0, -x => |g, y, tie| [-g];
    Recip "recip" (x) 4 on 0.5..9.0, x.recip() => |g, y, tie| [-(g * (y * y))];
    /// Remainder of Rust's `%`: the quotient is truncated.
    Rem "rem" (a, b) 12 on 0.5..9.0, a % b => |g, y, tie| [g, -(g * (a / b).trunc())];
    /// `rem_euclid`: `a - b*q` with the quotient `q` that makes the remainder non-negative.
    RemEuclid "rem_euclid" (a, b) 12 on 0.5..9.0, a.rem_euclid(b) => |g, y, tie| [g, -(g * ((a - y) / b).round())];
    MulAdd "mul_add" (a, b, c) 1 on -9.0..9.0, a.mul_add(b, c) => |g, y, tie| [g * b, g * a, g];

    // ---- powers and roots ----
    /// At 0 the limit, which is infinite.
    Sqrt "sqrt" (x) 5 on 0.1..9.0, x.sqrt() => |g, y, tie| [g * 0.5 / y];
    Cbrt "cbrt" (x) 15 on 0.1..9.0, x.cbrt() => |g, y, tie| [g / (3.0 * (y * y))];
    /// Euclidean length of (a, b); the minimum-norm subgradient 0 at the origin, times a cotangent that may be infinite.
    Hypot "hypot" (a, b) 12 on 0.1..9.0, a.hypot(b) =>
        |g, y, tie| [g * select(eq(y, 0.0), a, a / y), g * select(eq(y, 0.0), b, b / y)];
    /// `n` is an integer and has no derivative.
    Powi "powi" (x, n) 6 on 1.0..3.0, powi(x, n) => |g, y, tie| [select(ne(n, 0.0), g * (n * powi(x, n - 1.0)), 0.0), zero];
    /// KINKS: 0 to the power 0 has derivative 0 in both arguments (E1); a negative base has none in the exponent.
    Powf "powf" (x, p) 25 on 0.1..5.0, x.powf(p) => |g, y, tie| [
        select(ne(p, 0.0), g * (p * x.powf(p - 1.0)), 0.0),
        select(eq(x, 0.0), select(ge(p, 0.0), 0.0, g * f64::NAN), g * (y * x.ln()))];

    // ---- exponential and logarithm (DLMF 4.2) ----
    Exp "exp" (x) 8 on -5.0..5.0, x.exp() => |g, y, tie| [g * y];
    Exp2 "exp2" (x) 8 on -5.0..5.0, x.exp2() => |g, y, tie| [g * (y * LN_2)];
    ExpM1 "exp_m1" (x) 12 on -5.0..5.0, x.exp_m1() => |g, y, tie| [g * (y + 1.0)];
    /// At a negative argument the value and so the derivative are NaN.
    Ln "ln" (x) 10 on 0.1..9.0, x.ln() => |g, y, tie| [select(lt(x, 0.0), g * y, g / x)];
    Ln1p "ln_1p" (x) 14 on -0.9..9.0, x.ln_1p() => |g, y, tie| [select(lt(x, -1.0), g * y, g / (x + 1.0))];
    Log2 "log2" (x) 11 on 0.1..9.0, x.log2() => |g, y, tie| [select(lt(x, 0.0), g * y, g * (LOG2_E / x))];
    Log10 "log10" (x) 11 on 0.1..9.0, x.log10() => |g, y, tie| [select(lt(x, 0.0), g * y, g * (LOG10_E / x))];

    // ---- trigonometric (DLMF 4.20, 4.24) ----
    Sin "sin" (x) 12 on -9.0..9.0, x.sin() => |g, y, tie| [g * x.cos()];
    Cos "cos" (x) 12 on -9.0..9.0, x.cos() => |g, y, tie| [-(g * x.sin())];
    Tan "tan" (x) 20 on -1.4..1.4, x.tan() => |g, y, tie| [g * (y * y + 1.0)];
    Asin "asin" (x) 20 on -0.9..0.9, x.asin() => |g, y, tie| [g / ((1.0 - x) * (1.0 + x)).sqrt()];
    Acos "acos" (x) 20 on -0.9..0.9, x.acos() => |g, y, tie| [-(g / ((1.0 - x) * (1.0 + x)).sqrt())];
    Atan "atan" (x) 20 on -9.0..9.0, x.atan() => |g, y, tie| [g / (x * x + 1.0)];
    /// Angle of the point (x, y); at the origin no limit exists and the derivative is NaN.
    Atan2 "atan2" (s, c) 25 on 0.1..9.0, s.atan2(c) =>
        |g, y, tie| [g * (c / s.hypot(c) / s.hypot(c)), -(g * (s / s.hypot(c) / s.hypot(c)))];

    // ---- hyperbolic (DLMF 4.34, 4.37) ----
    Sinh "sinh" (x) 15 on -5.0..5.0, x.sinh() => |g, y, tie| [g * x.cosh()];
    Cosh "cosh" (x) 15 on -5.0..5.0, x.cosh() => |g, y, tie| [g * x.sinh()];
    Tanh "tanh" (x) 12 on -4.0..4.0, x.tanh() => |g, y, tie| [g * x.tanh_slope()];
    /// The derivative of tanh, to the last digits where tanh is 1 to all of its own.
    TanhSlope "tanh_slope" (x) 11 on -4.0..4.0, tanh_slope(x) => |g, y, tie| [-(g * (2.0 * (x.tanh() * y)))];
    Asinh "asinh" (x) 25 on -9.0..9.0, x.asinh() => |g, y, tie| [g / x.hypot(1.0)];
    Acosh "acosh" (x) 25 on 1.1..9.0, x.acosh() => |g, y, tie| [g / ((x - 1.0).sqrt() * (x + 1.0).sqrt())];
    Atanh "atanh" (x) 25 on -0.9..0.9, x.atanh() => |g, y, tie| [select(le(x * x, 1.0), g / ((1.0 - x) * (1.0 + x)), g * y)];

    // ---- piecewise (KINKS.md) ----
    /// 0 at 0, the minimum-norm subgradient, times a cotangent that may be infinite. Never `signum`, which is 1 at 0.0 in Rust.
    Abs "abs" (x) 1 on 0.1..9.0, x.abs() => |g, y, tie| [select(gt(x, 0.0), g, select(lt(x, 0.0), -g, g * x))];
    /// A tie of two active arguments shares equally; against a constant the constant wins. NaN is ignored.
    Max "max" (a, b) 1 on -9.0..9.0, a.max(b) => |g, y, tie| [
        select(or(gt(y, b), ne(b, b)), g, select(eq(a, b), share(g, tie), 0.0)),
        select(or(gt(y, a), ne(a, a)), g, select(eq(a, b), share(g, tie), 0.0))];
    Min "min" (a, b) 1 on -9.0..9.0, a.min(b) => |g, y, tie| [
        select(or(lt(y, b), ne(b, b)), g, select(eq(a, b), share(g, tie), 0.0)),
        select(or(lt(y, a), ne(a, a)), g, select(eq(a, b), share(g, tie), 0.0))];
    Signum "signum" (x) 2 on 0.1..9.0, x.signum() => |g, y, tie| [zero];
    Floor "floor" (x) 2 on 0.1..0.9, x.floor() => |g, y, tie| [zero];
    Ceil "ceil" (x) 2 on 0.1..0.9, x.ceil() => |g, y, tie| [zero];
    Round "round" (x) 3 on 0.6..0.9, x.round() => |g, y, tie| [zero];
    Trunc "trunc" (x) 2 on 0.1..0.9, x.trunc() => |g, y, tie| [zero];
    Fract "fract" (x) 2 on 0.1..0.9, x.fract() => |g, y, tie| [g];
    /// The sign of `s` has no derivative; at 0 the minimum-norm subgradient of a distance from 0.
    Copysign "copysign" (x, s) 2 on 0.1..9.0, x.copysign(s) => |g, y, tie| [
        select(eq(x, 0.0), 0.0, g * x.signum() * s.signum()), zero];

    // ---- stable primitives of networks ----
    /// 1 / (1 + exp(-x))
    Sigmoid "sigmoid" (x) 11 on -5.0..5.0, sigmoid(x) => |g, y, tie| [g * x.sigmoid_slope()];
    /// The derivative of the sigmoid, to the last digits where the sigmoid is 1 to all of its own.
    SigmoidSlope "sigmoid_slope" (x) 10 on -5.0..5.0, sigmoid_slope(x) => |g, y, tie| [-(g * (y * (0.5 * x).tanh()))];
    /// ln(1 + exp(x))
    Softplus "softplus" (x) 20 on -5.0..5.0, softplus(x) => |g, y, tie| [g * x.sigmoid()];
    /// Error function (DLMF 7.2.1).
    Erf "erf" (x) 20 on -3.0..3.0, erf(x) => |g, y, tie| [g * ((-(x * x)).exp() * FRAC_2_SQRT_PI)];
    /// x * ln(y), and 0 at x = 0: the entropy form.
    XLogY "xlogy" (x, y1) 12 on 0.1..9.0, xlogy(x, y1) => |g, y, tie| [g * y1.ln(), select(eq(x, 0.0), 0.0, g * (x / y1))];
    /// a - b, and 0 where both are equal, infinite or not: the argument of exp in a softmax.
    Diff "diff" (a, b) 2 on 1.0..9.0, diff(a, b) => |g, y, tie| [g, -g];
    /// exp(x) for x <= 0, the weight of a term beside the largest one; 0 below e^-700 (f64) or e^-80 (f32), where products
    /// with it would be subnormal.
    Weight "weight" (x) 8 on -5.0..0.0, weight(x) => |g, y, tie| [g * y];

    // ---- comparisons, logic, choice: no derivative but through the chosen side ----
    Lt "lt" (a, b) 1 on 0.1..9.0, lt(a, b).into() => |g, y, tie| [zero, zero];
    Le "le" (a, b) 1 on 0.1..9.0, le(a, b).into() => |g, y, tie| [zero, zero];
    Gt "gt" (a, b) 1 on 0.1..9.0, gt(a, b).into() => |g, y, tie| [zero, zero];
    Ge "ge" (a, b) 1 on 0.1..9.0, ge(a, b).into() => |g, y, tie| [zero, zero];
    Eq "eq" (a, b) 1 on 0.1..9.0, eq(a, b).into() => |g, y, tie| [zero, zero];
    Ne "ne" (a, b) 1 on 0.1..9.0, ne(a, b).into() => |g, y, tie| [zero, zero];
    And "and" (a, b) 1 on 0.1..9.0, and(a != 0.0, b != 0.0).into() => |g, y, tie| [zero, zero];
    Or "or" (a, b) 1 on 0.1..9.0, or(a != 0.0, b != 0.0).into() => |g, y, tie| [zero, zero];
    Not "not" (a) 1 on 0.1..9.0, (a == 0.0).into() => |g, y, tie| [zero];
    /// A value on its way into the branch that runs where `c` holds: nothing comes back from where it does not.
    When "when" (c, x) 1 on 0.1..9.0, when(c != 0.0, x) => |g, y, tie| [zero, select(truth(c), g, 0.0)];
    /// A value that nothing comes back from: `chainrule::constant`. The partial is that of a constant, by definition.
    Constant "constant" (x) 1 on 0.1..9.0, same(x, 0.0) => |g, y, tie| [zero];
    /// An argument of a function that is differentiated inside of another one; the second operand tells it from others.
    Mark "mark" (x, k) 1 on 0.1..9.0, same(x, k) => |g, y, tie| [g, zero];
    /// The side that is not chosen receives exactly nothing.
    Select "select" (c, a, b) 1 on 0.1..9.0, select(c != 0.0, a, b) =>
        |g, y, tie| [zero, select(truth(c), g, 0.0), select(truth(c), 0.0, g)];
}

impl Op {
    /// The function that shares most of its work with this one at the same argument, and that this is the derivative of.
    pub fn slope_of(self) -> Option<Op> {
        match self {
            Op::TanhSlope => Some(Op::Tanh),
            Op::SigmoidSlope => Some(Op::Sigmoid),
            _ => None,
        }
    }

    /// Comparisons and logic give a truth value.
    pub fn is_bool(self) -> bool {
        matches!(self, Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Not)
    }

    /// Operands may be exchanged without changing a bit of the result.
    pub fn commutes(self) -> bool {
        matches!(self, Op::Add | Op::Mul | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Hypot)
    }
}

/// A node under construction, so that the table can be written as arithmetic.
#[derive(Clone, Copy)]
pub struct Ex<'g> {
    pub graph: &'g RefCell<Graph>,
    pub id: NodeId,
}

impl<'g> Ex<'g> {
    fn apply(self, op: Op, rest: &[NodeId]) -> Ex<'g> {
        let mut args = vec![self.id];
        args.extend(rest);
        Ex { graph: self.graph, id: self.graph.borrow_mut().apply(op, &args) }
    }
    /// A constant of this node's type.
    pub fn like(self, value: f64) -> Ex<'g> {
        let mut graph = self.graph.borrow_mut();
        let dtype = graph.dtype(self.id);
        Ex { graph: self.graph, id: graph.constant(value, dtype) }
    }
}

/// The helpers of the table on nodes.
mod sym {
    use super::*;
    pub use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LOG10_E, LOG2_E};

    /// A node, or a number that becomes a constant.
    pub trait Lift<'g>: Copy {
        fn lift(self, like: Ex<'g>) -> NodeId;
    }
    impl<'g> Lift<'g> for Ex<'g> {
        fn lift(self, _: Ex<'g>) -> NodeId {
            self.id
        }
    }
    impl<'g> Lift<'g> for f64 {
        fn lift(self, like: Ex<'g>) -> NodeId {
            like.like(self).id
        }
    }
    macro_rules! functions {
        ($($name:ident $Op:ident),+) => {$(
            pub fn $name<'g>(a: Ex<'g>, b: impl Lift<'g>) -> Ex<'g> { a.apply(Op::$Op, &[b.lift(a)]) }
        )+};
    }
    functions!(lt Lt, le Le, gt Gt, ge Ge, eq Eq, ne Ne, or Or, powi Powi);
    pub fn truth(a: Ex<'_>) -> Ex<'_> {
        a
    }
    pub fn share(g: Ex<'_>, tie: f64) -> Ex<'_> {
        if tie == 0.0 {
            g.like(0.0)
        } else {
            g * tie
        }
    }
    pub fn select<'g>(c: Ex<'g>, a: impl Side<'g>, b: impl Side<'g>) -> Ex<'g> {
        // one side at least is a node of the right type
        let like = Ex { id: a.node().or(b.node()).unwrap_or(c.id), ..c };
        let (a, b) = (a.lift(like), b.lift(like));
        c.apply(Op::Select, &[a, b])
    }
    /// One side of a choice.
    pub trait Side<'g>: Lift<'g> {
        fn node(self) -> Option<NodeId>;
    }
    impl<'g> Side<'g> for Ex<'g> {
        fn node(self) -> Option<NodeId> {
            Some(self.id)
        }
    }
    impl<'g> Side<'g> for f64 {
        fn node(self) -> Option<NodeId> {
            None
        }
    }
}

macro_rules! methods {
    ($($name:ident $Op:ident),+) => {
        impl<'g> Ex<'g> {$(pub fn $name(self) -> Ex<'g> { self.apply(Op::$Op, &[]) })+}
    };
}
methods!(sqrt Sqrt, exp Exp, ln Ln, sin Sin, cos Cos, sinh Sinh, cosh Cosh, trunc Trunc, round Round,
    signum Signum, sigmoid Sigmoid, sigmoid_slope SigmoidSlope, tanh Tanh, tanh_slope TanhSlope);
impl<'g> Ex<'g> {
    pub fn hypot(self, b: impl sym::Lift<'g>) -> Ex<'g> {
        self.apply(Op::Hypot, &[b.lift(self)])
    }
    pub fn powf(self, b: impl sym::Lift<'g>) -> Ex<'g> {
        self.apply(Op::Powf, &[b.lift(self)])
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident),+) => {$(
        impl<'g> std::ops::$Trait<Ex<'g>> for Ex<'g> {
            type Output = Ex<'g>;
            fn $method(self, b: Ex<'g>) -> Ex<'g> { self.apply(Op::$Trait, &[b.id]) }
        }
        impl<'g> std::ops::$Trait<f64> for Ex<'g> {
            type Output = Ex<'g>;
            fn $method(self, b: f64) -> Ex<'g> { let b = self.like(b).id; self.apply(Op::$Trait, &[b]) }
        }
        impl<'g> std::ops::$Trait<Ex<'g>> for f64 {
            type Output = Ex<'g>;
            fn $method(self, b: Ex<'g>) -> Ex<'g> { b.like(self).apply(Op::$Trait, &[b.id]) }
        }
    )+};
}
operators!(Add add, Sub sub, Mul mul, Div div);
impl<'g> std::ops::Neg for Ex<'g> {
    type Output = Ex<'g>;
    fn neg(self) -> Ex<'g> {
        self.apply(Op::Neg, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each entry's partials against central differences, at points of its range.
    #[test]
    fn partials_match_central_differences() {
        for op in Op::ALL.iter().filter(|op| !op.is_bool() && !matches!(op, Op::Select | Op::Constant)) {
            let info = op.info();
            let (lo, hi) = info.range;
            for k in 0..20 {
                let at = |i: usize| lo + (hi - lo) * ((k as f64 * 0.618_033 + i as f64 * 0.377 + 0.11) % 1.0);
                let mut v: Vec<f64> = (0..info.args.len()).map(at).collect();
                if *op == Op::Powi {
                    v[1] = (k % 7) as f64 - 3.0;
                }
                let y = (info.eval64)(&v);
                let pulls = (info.pull64)(&v, y, 1.0, 0.5);
                assert_eq!(pulls.len(), v.len());
                for (i, pull) in pulls.iter().enumerate() {
                    if (*op == Op::Powi || *op == Op::Copysign) && i == 1 {
                        continue;
                    }
                    let h = 1e-5 * v[i].abs().max(0.1);
                    let shifted = |s: f64| {
                        let mut w = v.clone();
                        w[i] += s;
                        (info.eval64)(&w)
                    };
                    if *op == Op::Rem || *op == Op::RemEuclid {
                        // skip points next to a jump
                        if (shifted(h) - shifted(-h)).abs() > 0.1 {
                            continue;
                        }
                    }
                    let numeric = (shifted(h) - shifted(-h)) / (2.0 * h);
                    let exact = pull.unwrap_or(0.0);
                    assert!(
                        (numeric - exact).abs() <= 1e-6 * (1.0 + numeric.abs()),
                        "{op:?} {v:?} argument {i}: {exact} vs {numeric}"
                    );
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for op in Op::ALL {
            assert_eq!(Op::from_name(op.info().name), Some(*op));
        }
    }

    #[test]
    fn erf_has_known_values() {
        for (x, y) in
            [(0.5, 0.520_499_877_813_046_5), (1.0, 0.842_700_792_949_714_9), (3.0, 0.999_977_909_503_001_4)]
        {
            assert!(((Op::Erf.info().eval64)(&[x]) - y).abs() < 1e-15);
        }
    }
}
