//! Methods of `f32` and `f64`, on numbers and element by element on arrays.
//!
//! Invariant: each gives the value that std's method gives, NaN and infinities included.

use crate::front::env::{Num, Tensor, Value};
use crate::front::literals::numbers;
use crate::front::Lower;
use crate::ir::{Dtype, Op};
use quote::ToTokens;

/// Methods without arguments that are one entry of the op table.
pub const UNARY: &[&str] = &[
    "sqrt", "cbrt", "exp", "exp2", "exp_m1", "ln", "ln_1p", "log2", "log10", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "abs", "signum", "floor", "ceil",
    "round", "trunc", "fract", "recip",
];
/// Methods with one argument of the same type.
const BINARY: &[&str] = &["powf", "atan2", "hypot", "max", "min", "copysign", "rem_euclid"];
/// The rest, for suggestions.
pub const OTHERS: &[&str] = &[
    "powf",
    "powi",
    "atan2",
    "hypot",
    "max",
    "min",
    "copysign",
    "rem_euclid",
    "log",
    "sin_cos",
    "to_radians",
    "to_degrees",
    "mul_add",
    "clamp",
];

impl Lower {
    /// `None` where there is no such method.
    pub fn scalar_method(
        &mut self,
        recv: &Value,
        name: &str,
        args: Vec<Value>,
        at: &dyn ToTokens,
    ) -> Option<Value> {
        let t = match recv {
            Value::Tensor(t) => t.clone(),
            Value::Num(n) => return self.literal_method(*n, name, &args, at),
            Value::Int(_) => return self.whole_method(recv, name, &args, at).or_else(|| self.host(at)),
            _ => return None,
        };
        let dtype = self.graph.dtype(t.node);
        if !dtype.is_float() {
            return self.whole_method(recv, name, &args, at);
        }
        let what = format!("`{name}`");
        if let Some(op) = UNARY.contains(&name).then(|| Op::from_name(name)).flatten() {
            return Some(Value::Tensor(self.unary(op, &t)));
        }
        match (name, args.len()) {
            ("to_radians", 0) => {
                let c = if dtype == Dtype::F32 {
                    f64::from(std::f32::consts::PI / 180.0)
                } else {
                    std::f64::consts::PI / 180.0
                };
                return Some(Value::Tensor(self.with_const(Op::Mul, &t, c)));
            }
            ("to_degrees", 0) => {
                let c =
                    if dtype == Dtype::F32 { f64::from(57.295_78_f32) } else { 180.0 / std::f64::consts::PI };
                return Some(Value::Tensor(self.with_const(Op::Mul, &t, c)));
            }
            ("sin_cos", 0) => {
                let parts = [Op::Sin, Op::Cos].map(|op| Value::Tensor(self.unary(op, &t)));
                return Some(Value::Tuple(parts.to_vec()));
            }
            // ndarray's square
            ("pow2", 0) => {
                return Some(
                    self.elementwise(Op::Mul, &[t.clone(), t], &what, at)
                        .map_or(Value::Poison, Value::Tensor),
                );
            }
            ("powi", 1) => {
                let [n] = <[Value; 1]>::try_from(args).ok()?;
                return Some(self.power(&t, n, at));
            }
            _ => {}
        }
        let binary = BINARY.contains(&name) && args.len() == 1;
        if !binary && !matches!((name, args.len()), ("log", 1) | ("mul_add" | "clamp", 2)) {
            return None;
        }
        let mut operands = vec![t];
        for arg in args {
            match self.tensor(arg, Some(dtype), at) {
                Some(t) => operands.push(t),
                None => return Some(Value::Poison),
            }
        }
        let done = match name {
            "log" => {
                let x = self.unary(Op::Ln, &operands[0]);
                let base = self.unary(Op::Ln, &operands[1]);
                self.elementwise(Op::Div, &[x, base], &what, at)
            }
            "mul_add" => self.elementwise(Op::MulAdd, &operands, &what, at),
            "clamp" => self.clamp(&operands, at),
            _ => Op::from_name(name).and_then(|op| self.elementwise(op, &operands, &what, at)),
        };
        Some(done.map_or(Value::Poison, Value::Tensor))
    }

    /// At a bound the bound is chosen, so the derivative there is 0 (KINKS); NaN stays NaN as in std.
    fn clamp(&mut self, operands: &[Tensor], at: &dyn ToTokens) -> Option<Tensor> {
        let [x, lo, hi] = operands else { return None };
        let what = "`clamp`";
        let above = self.elementwise(Op::Ge, &[x.clone(), hi.clone()], what, at)?;
        let below = self.elementwise(Op::Le, &[x.clone(), lo.clone()], what, at)?;
        let upper = self.select(&above, hi, x, at)?;
        self.select(&below, lo, &upper, at)
    }

    pub fn select(&mut self, c: &Tensor, a: &Tensor, b: &Tensor, at: &dyn ToTokens) -> Option<Tensor> {
        let condition = Tensor { active: false, ..c.clone() };
        self.elementwise(Op::Select, &[condition, a.clone(), b.clone()], "a choice", at)
    }

    fn power(&mut self, t: &Tensor, n: Value, at: &dyn ToTokens) -> Value {
        let dtype = self.graph.dtype(t.node);
        match n {
            Value::Int(n) => {
                let n = self.graph.size(&n, dtype);
                let n = self.scalar(n, false);
                self.elementwise(Op::Powi, &[t.clone(), n], "`powi`", at).map_or(Value::Poison, Value::Tensor)
            }
            Value::Host(tokens) => {
                let n = self.rigid(&tokens);
                self.power(t, Value::Int(n), at)
            }
            Value::Tensor(n) if self.graph.dtype(n.node) == Dtype::Int => {
                let node = self.graph.cast(n.node, dtype);
                let n = Tensor { node, ..n };
                self.elementwise(Op::Powi, &[t.clone(), n], "`powi`", at).map_or(Value::Poison, Value::Tensor)
            }
            _ => self.unsupported(
                at,
                "this exponent of `powi`",
                "write an integer that is not differentiated, or use `powf`",
            ),
        }
    }

    fn literal_method(&mut self, n: Num, name: &str, args: &[Value], at: &dyn ToTokens) -> Option<Value> {
        let mut list = vec![n];
        for arg in args {
            match arg {
                Value::Num(n) => list.push(*n),
                Value::Int(i) if name == "powi" => {
                    let i = i.as_const()? as f64;
                    list.push(Num { v64: i, v32: i as f32 });
                }
                _ => return self.host(at),
            }
        }
        let single = UNARY.contains(&name) && args.is_empty();
        let double = (BINARY.contains(&name) || name == "powi") && args.len() == 1;
        if single || double {
            return Some(Value::Num(numbers(Op::from_name(name)?, &list)));
        }
        match (name, list.as_slice()) {
            ("to_radians", [n]) => Some(Value::Num(Num { v64: n.v64.to_radians(), v32: n.v32.to_radians() })),
            ("to_degrees", [n]) => Some(Value::Num(Num { v64: n.v64.to_degrees(), v32: n.v32.to_degrees() })),
            ("log", [n, b]) => Some(Value::Num(Num { v64: n.v64.log(b.v64), v32: n.v32.log(b.v32) })),
            ("mul_add", [..]) if list.len() == 3 => Some(Value::Num(numbers(Op::MulAdd, &list))),
            _ => self.host(at),
        }
    }
}
