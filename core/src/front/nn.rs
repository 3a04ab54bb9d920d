//! The functions of `chainrule::nn` as graphs.
//!
//! Invariant: softmax and its relatives work along the last dimension, and subtract the maximum before `exp`.

use super::env::{Tensor, Value};
use super::Lower;
use crate::diag::Kind;
use crate::ir::{Dtype, Index, Op, RedOp};
use quote::ToTokens;

impl Lower {
    pub fn builtin(&mut self, name: &str, args: Vec<Value>, at: &dyn ToTokens) -> Value {
        if let ("constant", [value]) = (name, &args[..]) {
            return self.constant(value, at);
        }
        if let Some(name) = name.strip_prefix("math_") {
            return self.operation(name, args, at).unwrap_or(Value::Poison);
        }
        if Self::is_layer(name) {
            return self.layer(name, args, at).unwrap_or(Value::Poison);
        }
        let value = match name {
            "conv1d" | "conv2d" | "conv_transpose2d" | "max_pool2d" | "avg_pool2d" | "global_avg_pool2d"
            | "global_max_pool2d" => self.windowed(name, args, at),
            _ => self.network(name, args, at),
        };
        value.map_or(Value::Poison, Value::Tensor)
    }

    /// The same value, from which nothing comes back. It stays what depends on an argument: code that rustc sees cannot
    /// name it.
    fn constant(&mut self, value: &Value, at: &dyn ToTokens) -> Value {
        match value {
            Value::Tensor(t) if self.graph.dtype(t.node).is_float() => {
                let node = self.graph.apply(Op::Constant, &[t.node]);
                Value::Tensor(Tensor { node, ..t.clone() })
            }
            Value::Tuple(list) => Value::Tuple(list.iter().map(|v| self.constant(v, at)).collect()),
            Value::Struct(fields) => {
                let fields = fields.iter().map(|(name, v)| (name.clone(), self.constant(v, at))).collect();
                Value::Struct(std::rc::Rc::new(fields))
            }
            Value::Num(_) | Value::Int(_) | Value::Host(_) | Value::Tensor(_) | Value::Poison => {
                value.clone()
            }
            _ => {
                let help = "pass a number, an array or a struct of those";
                self.unsupported(at, "`constant` of this value", help)
            }
        }
    }

    /// A function of `chainrule::math`, which is the method of the same name.
    fn operation(&mut self, name: &str, args: Vec<Value>, at: &dyn ToTokens) -> Option<Value> {
        let shown = format!("`{name}`");
        let dtype = args.iter().find_map(|a| match a {
            Value::Tensor(t) => Some(self.graph.dtype(t.node)).filter(|d| d.is_float()),
            _ => None,
        });
        let array = args.iter().find_map(|a| match a {
            Value::Tensor(t) if t.rank() > 0 => Some(self.shape_text(&t.dims)),
            _ => None,
        });
        if let Some(shape) = array {
            let help = format!("this is an array of shape {shape}");
            self.errors.push(Kind::Argument, at, &[&shown, "numbers", &help]);
            return None;
        }
        let count = args.len();
        let mut args = args.into_iter();
        let first = Value::Tensor(self.tensor(args.next()?, dtype, at)?);
        let value = self.scalar_method(&first, name, args.collect(), at);
        if value.is_none() {
            let text = format!("another number of arguments than {count}");
            self.errors.push(Kind::Argument, at, &[&shown, &text, ""]);
        }
        value
    }

    fn network(&mut self, name: &str, args: Vec<Value>, at: &dyn ToTokens) -> Option<Tensor> {
        let wanted = match name {
            "leaky_relu" | "cross_entropy" | "mse" | "dropout" | "xlogy" => 2,
            "relu" | "sigmoid" | "silu" | "gelu" | "gelu_tanh" | "softplus" | "softmax" | "log_softmax"
            | "logsumexp" => 1,
            _ => {
                self.errors.push(Kind::UnknownFunction, at, &[name]);
                return None;
            }
        };
        if args.len() != wanted {
            let text = if wanted == 1 { "one argument".to_string() } else { format!("{wanted} arguments") };
            self.errors.push(Kind::Argument, at, &[&format!("`{name}`"), &text, ""]);
            return None;
        }
        let dtype = args.iter().find_map(|a| match a {
            Value::Tensor(t) => Some(self.graph.dtype(t.node)).filter(|d| d.is_float()),
            _ => None,
        });
        let mut args = args.into_iter();
        let x = self.tensor(args.next()?, dtype, at)?;
        let dtype = self.graph.dtype(x.node);
        let second = args.next();
        match name {
            "relu" => Some(self.with_const(Op::Max, &x, 0.0)),
            "sigmoid" => Some(self.unary(Op::Sigmoid, &x)),
            "softplus" => Some(self.unary(Op::Softplus, &x)),
            "silu" => {
                let s = self.unary(Op::Sigmoid, &x);
                self.elementwise(Op::Mul, &[x, s], name, at)
            }
            "leaky_relu" => {
                let slope = self.tensor(second?, Some(dtype), at)?;
                let zero = self.graph.constant(0.0, dtype);
                let zero = self.scalar(zero, false);
                let positive = self.elementwise(Op::Gt, &[x.clone(), zero], name, at)?;
                let low = self.elementwise(Op::Mul, &[x.clone(), slope], name, at)?;
                self.select(&positive, &x, &low, at)
            }
            // x · Φ(x)
            "gelu" => {
                let inner = self.with_const(Op::Mul, &x, std::f64::consts::FRAC_1_SQRT_2);
                let erf = self.unary(Op::Erf, &inner);
                let twice = self.with_const(Op::Add, &erf, 1.0);
                let half = self.with_const(Op::Mul, &x, 0.5);
                self.elementwise(Op::Mul, &[half, twice], name, at)
            }
            // x · (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
            "gelu_tanh" => {
                let square = self.elementwise(Op::Mul, &[x.clone(), x.clone()], name, at)?;
                let cube = self.elementwise(Op::Mul, &[square, x.clone()], name, at)?;
                let cube = self.with_const(Op::Mul, &cube, 0.044_715);
                let sum = self.elementwise(Op::Add, &[x.clone(), cube], name, at)?;
                let inner = self.with_const(Op::Mul, &sum, (2.0 / std::f64::consts::PI).sqrt());
                let tanh = self.unary(Op::Tanh, &inner);
                let twice = self.with_const(Op::Add, &tanh, 1.0);
                let half = self.with_const(Op::Mul, &x, 0.5);
                self.elementwise(Op::Mul, &[half, twice], name, at)
            }
            "logsumexp" => self.log_sum_exp(&x, at),
            "log_softmax" => self.log_softmax(&x, at),
            "softmax" => self.softmax(&x, at),
            "cross_entropy" => {
                let rows = self.cross_entropies(&x, second?, at)?;
                let all: Vec<usize> = (0..rows.rank()).collect();
                Some(self.mean(&rows, &all))
            }
            "mse" => {
                let y = self.tensor(second?, Some(dtype), at)?;
                let diff = self.elementwise(Op::Sub, &[x, y], "`mse`", at)?;
                let square = self.elementwise(Op::Mul, &[diff.clone(), diff], name, at)?;
                let all: Vec<usize> = (0..square.rank()).collect();
                Some(self.mean(&square, &all))
            }
            "xlogy" => {
                let y = self.tensor(second?, Some(dtype), at)?;
                self.elementwise(Op::XLogY, &[x, y], "`xlogy`", at)
            }
            "dropout" => {
                let mask = self.tensor(second?, Some(dtype), at)?;
                self.elementwise(Op::Mul, &[x, mask], "`dropout`", at)
            }
            _ => None,
        }
    }

    pub fn softmax(&mut self, x: &Tensor, at: &dyn ToTokens) -> Option<Tensor> {
        let below = self.log_softmax(x, at)?;
        Some(self.unary(Op::Exp, &below))
    }

    fn log_sum_exp(&mut self, x: &Tensor, at: &dyn ToTokens) -> Option<Tensor> {
        match x.rank() {
            0 => {
                self.errors.push(Kind::Argument, at, &["this function", "an array", ""]);
                None
            }
            rank => Some(self.reduce(RedOp::LogSumExp, x, &[rank - 1])),
        }
    }

    /// `x - logsumexp(x)` with the sum stretched along the last dimension.
    fn log_softmax(&mut self, x: &Tensor, at: &dyn ToTokens) -> Option<Tensor> {
        let x = self.canonical(x);
        let total = self.log_sum_exp(&x, at)?;
        let n = x.rank() - 1;
        let total = self.align(&total, &x.axes[..n]);
        let node = self.graph.apply(Op::Sub, &[x.node, total]);
        Some(Tensor { node, ..x })
    }

    /// One loss for each row: `logsumexp(row) - row[label]`.
    fn cross_entropies(&mut self, x: &Tensor, labels: Value, at: &dyn ToTokens) -> Option<Tensor> {
        let chosen = self.chosen("cross_entropy", x, labels, at)?;
        let total = self.log_sum_exp(x, at)?;
        self.elementwise(Op::Sub, &[total, chosen], "`cross_entropy`", at)
    }

    /// The element of each row that a label names.
    pub fn chosen(&mut self, name: &str, x: &Tensor, labels: Value, at: &dyn ToTokens) -> Option<Tensor> {
        let what = format!("`{name}`");
        let labels = match labels {
            Value::Int(size) => {
                let node = self.graph.size(&size, Dtype::Int);
                self.scalar(node, false)
            }
            Value::Tensor(t) if self.graph.dtype(t.node) == Dtype::Int => t,
            Value::Poison => return None,
            Value::Host(_) => {
                self.missing_type(at);
                return None;
            }
            _ => {
                let help = "labels are class numbers: `&[usize]` or an array of integers";
                self.errors.push(Kind::Argument, at, &[&what, "integers as labels", help]);
                return None;
            }
        };
        if labels.rank() + 1 != x.rank() {
            let (a, b) = (self.shape_text(&x.dims), self.shape_text(&labels.dims));
            self.errors.push(Kind::Shape, at, &[&what, &a, &b, "there is one label for each row of logits"]);
            return None;
        }
        for (a, b) in x.dims.clone().iter().zip(&labels.dims) {
            if !self.graph.sizes.unify(a, b) {
                let (a, b) = (self.shape_text(&x.dims), self.shape_text(&labels.dims));
                self.errors.push(
                    Kind::Shape,
                    at,
                    &[&what, &a, &b, "there is one label for each row of logits"],
                );
                return None;
            }
        }
        let dims = x.dims[..x.rank() - 1].to_vec();
        Some(self.remap(x, dims, |run, axes| {
            let label = run.align(&labels, axes);
            let mut index: Vec<Index> =
                axes.iter().map(|a| a.map_or_else(Index::default, Index::axis)).collect();
            index.push(Index { gather: Some(label), ..Index::default() });
            index
        }))
    }
}
