//! Normalisation, attention, embeddings and losses of `chainrule::nn` as graphs, and what each function's arguments are called.
//!
//! Invariant: each is put together from the operations that a user would write, so that it fuses with what is around it.

use super::env::{Tensor, Value};
use super::index::along;
use super::Lower;
use crate::diag::Kind;
use crate::ir::{Dtype, Index, Op, RedOp, Size};
use quote::ToTokens;

/// The functions of this room and of `cells`, with their arguments.
const LAYERS: &[(&str, &[&str])] = &[
    ("layer_norm", &["x", "gain", "bias", "eps"]),
    ("rms_norm", &["x", "gain", "eps"]),
    ("group_norm", &["x", "groups", "gain", "bias", "eps"]),
    ("batch_norm", &["x", "gain", "bias", "eps"]),
    ("batch_norm_with", &["x", "mean", "var", "gain", "bias", "eps"]),
    ("embedding", &["table", "indices"]),
    ("scaled_dot_product_attention", &["q", "k", "v", "mask"]),
    ("causal_attention", &["q", "k", "v"]),
    ("rotary", &["x", "base"]),
    ("binary_cross_entropy_with_logits", &["x", "y"]),
    ("nll_loss", &["log_probabilities", "labels"]),
    ("huber", &["x", "y", "delta"]),
    ("l1", &["x", "y"]),
    ("kl_div", &["log_p", "q"]),
    ("cosine_similarity", &["a", "b"]),
    ("matmul", &["a", "b"]),
    ("rnn_cell", &["x", "h", "w_ih", "w_hh", "b_ih", "b_hh"]),
    ("gru_cell", &["x", "h", "w_ih", "w_hh", "b_ih", "b_hh"]),
    ("lstm_cell", &["x", "(h, c)", "w_ih", "w_hh", "b_ih", "b_hh"]),
];

/// A call of a function whose arguments have names.
pub struct Named<'a> {
    pub name: &'a str,
    pub arguments: &'static [&'static str],
    pub args: Vec<Value>,
    pub at: &'a dyn ToTokens,
}

impl Lower {
    pub fn is_layer(name: &str) -> bool {
        LAYERS.iter().any(|l| l.0 == name)
    }

    pub fn layer(&mut self, name: &str, args: Vec<Value>, at: &dyn ToTokens) -> Option<Value> {
        let arguments = LAYERS.iter().find(|l| l.0 == name)?.1;
        if args.len() != arguments.len() {
            let (text, help) = (format!("{} arguments", arguments.len()), arguments.join(", "));
            self.errors.push(Kind::Argument, at, &[&format!("`{name}`"), &text, &help]);
            return None;
        }
        let f = Named { name, arguments, args, at };
        let value = match name {
            "layer_norm" => self.layer_norm(&f),
            "rms_norm" => self.rms_norm(&f),
            "group_norm" => self.group_norm(&f),
            "batch_norm" => return self.batch_norm(&f),
            "batch_norm_with" => self.batch_norm_with(&f),
            "embedding" => self.embedding(&f),
            "scaled_dot_product_attention" | "causal_attention" => self.attention(&f),
            "rotary" => self.rotary(&f),
            "nll_loss" => {
                let x = self.argument(&f, 0)?;
                let rows = self.chosen(name, &x, f.args[1].clone(), at)?;
                let all: Vec<usize> = (0..rows.rank()).collect();
                let mean = self.mean(&rows, &all);
                Some(self.unary(Op::Neg, &mean))
            }
            "cosine_similarity" => self.cosine_similarity(&f),
            "matmul" => self.matmul(&f),
            "rnn_cell" | "gru_cell" | "lstm_cell" => return self.cell(&f),
            _ => self.loss(&f),
        };
        value.map(|t| Value::Tensor(Tensor { nd: true, ..t }))
    }

    /// An argument as a tensor of the type of the first one.
    pub fn argument(&mut self, f: &Named, k: usize) -> Option<Tensor> {
        let first = f.args.iter().find_map(|a| match a {
            Value::Tensor(t) => Some(self.graph.dtype(t.node)).filter(|d| d.is_float()),
            _ => None,
        });
        self.tensor(f.args[k].clone(), first, f.at)
    }

    /// An argument of a rank.
    pub fn ranked(&mut self, f: &Named, k: usize, rank: usize) -> Option<Tensor> {
        let t = self.argument(f, k)?;
        if t.rank() == rank {
            return Some(t);
        }
        let (shape, text) = (self.shape_text(&t.dims), format!("{rank} dimensions"));
        let help = format!("`{}` has another number of them", f.arguments[k]);
        self.errors.push(Kind::Shape, f.at, &[&format!("`{}`", f.name), &shape, &text, &help]);
        None
    }

    pub fn equal(&mut self, f: &Named, a: &Size, b: &Size, help: &str) -> Option<()> {
        self.agrees(f.name, a, b, help, f.at)
    }

    pub fn apply2(&mut self, f: &Named, op: Op, a: &Tensor, b: &Tensor) -> Option<Tensor> {
        self.elementwise(op, &[a.clone(), b.clone()], &format!("`{}`", f.name), f.at)
    }

    /// The mean over dimensions, which stay with size 1.
    fn mean_kept(&mut self, x: &Tensor, over: &[usize]) -> Tensor {
        let mut mean = self.mean(x, over);
        for k in over {
            mean.dims.insert(*k, self.int(1));
            mean.axes.insert(*k, None);
        }
        mean
    }

    /// A vector along dimension `k` of an array.
    fn spread_along(&mut self, f: &Named, v: &Tensor, x: &Tensor, k: usize) -> Option<Tensor> {
        self.equal(f, &v.dims[0].clone(), &x.dims[k].clone(), "there is one number for each of these")?;
        Some(self.remap(v, x.dims.clone(), |_, a| vec![along(&a[k])]))
    }

    /// `x / sqrt(variance + eps)`
    fn scaled(&mut self, f: &Named, x: &Tensor, variance: &Tensor, eps: &Tensor) -> Option<Tensor> {
        let sum = self.apply2(f, Op::Add, variance, eps)?;
        let deviation = self.unary(Op::Sqrt, &sum);
        self.apply2(f, Op::Div, x, &deviation)
    }

    /// What is left of x without its mean over dimensions, and the mean of its squares.
    fn centred(&mut self, f: &Named, x: &Tensor, over: &[usize]) -> Option<(Tensor, Tensor, Tensor)> {
        let mean = self.mean_kept(x, over);
        let rest = self.apply2(f, Op::Sub, x, &mean)?;
        let squares = self.apply2(f, Op::Mul, &rest, &rest)?;
        let variance = self.mean_kept(&squares, over);
        Some((rest, mean, variance))
    }

    /// `x · gain + bias` with one of both for each position along a dimension.
    fn gained(&mut self, f: &Named, x: &Tensor, parts: [usize; 2], k: usize) -> Option<Tensor> {
        let (gain, bias) = (self.ranked(f, parts[0], 1)?, self.ranked(f, parts[1], 1)?);
        let (gain, bias) = (self.spread_along(f, &gain, x, k)?, self.spread_along(f, &bias, x, k)?);
        let product = self.apply2(f, Op::Mul, x, &gain)?;
        self.apply2(f, Op::Add, &product, &bias)
    }

    fn layer_norm(&mut self, f: &Named) -> Option<Tensor> {
        let (x, eps) = (self.rows(f)?, self.ranked(f, 3, 0)?);
        let last = x.rank() - 1;
        let (rest, _, variance) = self.centred(f, &x, &[last])?;
        let scaled = self.scaled(f, &rest, &variance, &eps)?;
        self.gained(f, &scaled, [1, 2], last)
    }

    /// The first argument, with at least one dimension.
    fn rows(&mut self, f: &Named) -> Option<Tensor> {
        let x = self.argument(f, 0)?;
        if x.rank() == 0 {
            self.errors.push(Kind::Argument, f.at, &[&format!("`{}`", f.name), "an array", ""]);
            return None;
        }
        Some(x)
    }

    /// The first argument, whose dimension 1 has the channels.
    fn channels(&mut self, f: &Named) -> Option<Tensor> {
        let x = self.argument(f, 0)?;
        if x.rank() < 2 {
            let help = "its dimension 1 has the channels";
            self.errors.push(
                Kind::Argument,
                f.at,
                &[&format!("`{}`", f.name), "an array of two dimensions or more", help],
            );
            return None;
        }
        Some(x)
    }

    fn rms_norm(&mut self, f: &Named) -> Option<Tensor> {
        let (x, gain, eps) = (self.rows(f)?, self.ranked(f, 1, 1)?, self.ranked(f, 2, 0)?);
        let last = x.rank() - 1;
        let squares = self.apply2(f, Op::Mul, &x, &x)?;
        let mean = self.mean_kept(&squares, &[last]);
        let scaled = self.scaled(f, &x, &mean, &eps)?;
        let gain = self.spread_along(f, &gain, &x, last)?;
        self.apply2(f, Op::Mul, &scaled, &gain)
    }

    fn group_norm(&mut self, f: &Named) -> Option<Tensor> {
        let (x, eps) = (self.channels(f)?, self.ranked(f, 4, 0)?);
        let groups = match &f.args[1] {
            Value::Int(n) => self.graph.sizes.resolve(n).as_const(),
            _ => None,
        };
        let each = match (groups, self.graph.sizes.resolve(&x.dims[1]).as_const()) {
            (Some(g), Some(n)) if g > 0 && n % g == 0 => [self.int(g), self.int(n / g)],
            _ => {
                let help = "numbers that are known here, the channels a multiple of the groups";
                self.errors.push(Kind::Argument, f.at, &["the groups of `group_norm`", help, ""]);
                return None;
            }
        };
        let (before, mut dims) = (x.dims.clone(), x.dims.clone());
        dims.splice(1..2, each);
        let Value::Tensor(x) = self.reshaped(&x, dims, f.at) else { return None };
        let over: Vec<usize> = (2..x.rank()).collect();
        let (rest, _, variance) = self.centred(f, &x, &over)?;
        let scaled = self.scaled(f, &rest, &variance, &eps)?;
        let Value::Tensor(scaled) = self.reshaped(&scaled, before, f.at) else { return None };
        self.gained(f, &scaled, [2, 3], 1)
    }

    fn batch_norm(&mut self, f: &Named) -> Option<Value> {
        let (x, eps) = (self.channels(f)?, self.ranked(f, 3, 0)?);
        let over: Vec<usize> = (0..x.rank()).filter(|k| *k != 1).collect();
        let (rest, mean, variance) = self.centred(f, &x, &over)?;
        let scaled = self.scaled(f, &rest, &variance, &eps)?;
        let y = self.gained(f, &scaled, [1, 2], 1)?;
        let mut flat = |t: Tensor| {
            let t = Tensor { dims: vec![t.dims[1].clone()], axes: vec![t.axes[1]], nd: true, ..t };
            Value::Tensor(self.canonical(&t))
        };
        let (mean, variance) = (flat(mean), flat(variance));
        Some(Value::Tuple(vec![Value::Tensor(Tensor { nd: true, ..y }), mean, variance]))
    }

    fn batch_norm_with(&mut self, f: &Named) -> Option<Tensor> {
        let (x, eps) = (self.channels(f)?, self.ranked(f, 5, 0)?);
        let (mean, variance) = (self.ranked(f, 1, 1)?, self.ranked(f, 2, 1)?);
        let (mean, variance) = (self.spread_along(f, &mean, &x, 1)?, self.spread_along(f, &variance, &x, 1)?);
        let rest = self.apply2(f, Op::Sub, &x, &mean)?;
        let scaled = self.scaled(f, &rest, &variance, &eps)?;
        self.gained(f, &scaled, [3, 4], 1)
    }

    fn embedding(&mut self, f: &Named) -> Option<Tensor> {
        let table = self.ranked(f, 0, 2)?;
        let indices = match &f.args[1] {
            Value::Tensor(t) if t.rank() == 1 && self.graph.dtype(t.node) == Dtype::Int => t.clone(),
            Value::Host(_) => {
                self.missing_type(f.at);
                return None;
            }
            _ => {
                let text = ["`embedding`", "a list of integers as indices", "pass `&[usize]`"];
                self.errors.push(Kind::Argument, f.at, &text);
                return None;
            }
        };
        let dims = vec![indices.dims[0].clone(), table.dims[1].clone()];
        Some(self.remap(&table, dims, |run, a| {
            let row = run.align(&indices, &a[..1]);
            vec![Index { gather: Some(row), ..Index::default() }, along(&a[1])]
        }))
    }

    /// `softmax(q kᵀ / √D + mask) v`
    fn attention(&mut self, f: &Named) -> Option<Tensor> {
        let (q, k, v) = (self.ranked(f, 0, 4)?, self.ranked(f, 1, 4)?, self.ranked(f, 2, 4)?);
        for n in 0..2 {
            let help = "batch and heads must be those of the queries";
            self.equal(f, &q.dims[n].clone(), &k.dims[n].clone(), help)?;
            self.equal(f, &q.dims[n].clone(), &v.dims[n].clone(), help)?;
        }
        self.equal(f, &q.dims[3].clone(), &k.dims[3].clone(), "queries and keys have the same length")?;
        self.equal(f, &k.dims[2].clone(), &v.dims[2].clone(), "there is one value for each key")?;
        let causal = f.name == "causal_attention";
        if causal {
            let help = "each query has the position of one key";
            self.equal(f, &q.dims[2].clone(), &k.dims[2].clone(), help)?;
        }
        let mut dims = q.dims[..3].to_vec();
        dims.extend([k.dims[2].clone(), q.dims[3].clone()]);
        let left = self.remap(&q, dims.clone(), |_, a| [0, 1, 2, 4].map(|k| along(&a[k])).to_vec());
        let right = self.remap(&k, dims, |_, a| [0, 1, 3, 4].map(|k| along(&a[k])).to_vec());
        let product = self.apply2(f, Op::Mul, &left, &right)?;
        let scores = self.reduce(RedOp::Sum, &product, &[4]);
        let size = self.graph.size(&q.dims[3].clone(), self.graph.dtype(q.node));
        let size = self.scalar(size, false);
        let root = self.unary(Op::Sqrt, &size);
        let scores = self.apply2(f, Op::Div, &scores, &root)?;
        let seen = if causal {
            let place = |run: &mut Self, k: usize| match scores.axes[k] {
                Some(axis) => run.graph.position(axis, Dtype::Int),
                None => run.graph.constant(0.0, Dtype::Int),
            };
            let (query, key) = (place(self, 2), place(self, 3));
            let node = self.graph.apply(Op::Le, &[key, query]);
            let sees = Tensor { node, active: false, ..scores.clone() };
            let hidden = self.graph.constant(f64::NEG_INFINITY, self.graph.dtype(scores.node));
            let hidden = self.scalar(hidden, false);
            self.select(&sees, &scores, &hidden, f.at)?
        } else {
            let mask = self.argument(f, 3)?;
            if !matches!(mask.rank(), 2 | 4) {
                let (scores, mask) = (self.shape_text(&scores.dims), self.shape_text(&mask.dims));
                let help = "the mask has two dimensions or four, of which those of size 1 stretch";
                self.errors.push(Kind::Shape, f.at, &[&format!("`{}`", f.name), &scores, &mask, help]);
                return None;
            }
            let help = "the mask has a row for each query and a column for each key; a size 1 stretches";
            for (of_mask, of_scores) in mask.dims.iter().rev().zip(scores.dims.iter().rev()) {
                if !self.graph.sizes.resolve(of_mask).is_one() {
                    self.equal(f, of_mask, of_scores, help)?;
                }
            }
            self.apply2(f, Op::Add, &scores, &mask)?
        };
        let weights = self.softmax(&seen, f.at)?;
        let mut dims = q.dims[..3].to_vec();
        dims.extend([v.dims[3].clone(), v.dims[2].clone()]);
        let left = self.remap(&weights, dims.clone(), |_, a| [0, 1, 2, 4].map(|k| along(&a[k])).to_vec());
        let right = self.remap(&v, dims, |_, a| [0, 1, 4, 3].map(|k| along(&a[k])).to_vec());
        let product = self.apply2(f, Op::Mul, &left, &right)?;
        Some(self.reduce(RedOp::Sum, &product, &[4]))
    }

    /// Pairs of neighbours, rotated by the position times a power of the base.
    fn rotary(&mut self, f: &Named) -> Option<Tensor> {
        let (x, base) = (self.ranked(f, 0, 4)?, self.ranked(f, 1, 0)?);
        let half = match self.graph.sizes.resolve(&x.dims[3]).as_const() {
            Some(n) if n % 2 == 0 => self.int(n / 2),
            _ => {
                let text =
                    ["the last dimension", "an even number that is known here", "state it: `#[dims(…)]`"];
                self.errors.push(Kind::Argument, f.at, &text);
                return None;
            }
        };
        let mut dims = x.dims.clone();
        dims[3] = half;
        let two = self.int(2);
        let mut part = |first: i64| {
            self.remap(&x, dims.clone(), |run, a| {
                let mut index = [0, 1, 2].map(|k| along(&a[k])).to_vec();
                let terms = a[3].iter().map(|axis| (*axis, two.clone())).collect();
                index.push(Index { terms, offset: run.int(first), gather: None });
                index
            })
        };
        let (even, odd) = (part(0), part(1));
        let dtype = self.graph.dtype(x.node);
        let mut place = |k: usize| {
            let node = match even.axes[k] {
                Some(axis) => self.graph.position(axis, Dtype::Int),
                None => self.graph.constant(0.0, Dtype::Int),
            };
            let node = self.graph.cast(node, dtype);
            Tensor { node, active: false, ..even.clone() }
        };
        let (position, pair) = (place(2), place(3));
        let size = self.graph.size(&x.dims[3].clone(), dtype);
        let size = self.scalar(size, false);
        let part = self.apply2(f, Op::Div, &pair, &size)?;
        let part = self.with_const(Op::Mul, &part, -2.0);
        let log = self.unary(Op::Ln, &base);
        let exponent = self.apply2(f, Op::Mul, &part, &log)?;
        let speed = self.unary(Op::Exp, &exponent);
        let angle = self.apply2(f, Op::Mul, &position, &speed)?;
        let (sin, cos) = (self.unary(Op::Sin, &angle), self.unary(Op::Cos, &angle));
        let mut turned = |a: &Tensor, b: &Tensor, op: Op| {
            let (left, right) = (self.apply2(f, Op::Mul, a, &cos)?, self.apply2(f, Op::Mul, b, &sin)?);
            self.apply2(f, op, &left, &right)
        };
        let (left, right) = (turned(&even, &odd, Op::Sub)?, turned(&odd, &even, Op::Add)?);
        let mut parts = vec![];
        for (first, t) in [(0, left), (1, right)] {
            let t = self.canonical(&t);
            let mut index: Vec<Index> = t.axes.iter().map(along).collect();
            index[3].terms.iter_mut().for_each(|term| term.1 = two.clone());
            index[3].offset = self.int(first);
            parts.push((t, index));
        }
        Some(self.put_together(x.dims.clone(), &parts, true))
    }

    fn cosine_similarity(&mut self, f: &Named) -> Option<Tensor> {
        let (a, b) = (self.rows(f)?, self.argument(f, 1)?);
        let last = a.rank() - 1;
        let mut dot = |a: &Tensor, b: &Tensor| {
            let product = self.apply2(f, Op::Mul, a, b)?;
            Some(self.reduce(RedOp::Sum, &product, &[last]))
        };
        let (ab, aa, bb) = (dot(&a, &b)?, dot(&a, &a)?, dot(&b, &b)?);
        let (aa, bb) = (self.unary(Op::Sqrt, &aa), self.unary(Op::Sqrt, &bb));
        let lengths = self.apply2(f, Op::Mul, &aa, &bb)?;
        let lengths = self.with_const(Op::Max, &lengths, 1e-8);
        self.apply2(f, Op::Div, &ab, &lengths)
    }

    /// A mean, or sum, of what each pair of elements loses.
    fn loss(&mut self, f: &Named) -> Option<Tensor> {
        let (x, y) = (self.argument(f, 0)?, self.argument(f, 1)?);
        let each = match f.name {
            "binary_cross_entropy_with_logits" => {
                // (1 - y) ln(1 + eˣ) + y ln(1 + e⁻ˣ): no digits are lost where both are large
                let (minus, below) = (self.unary(Op::Neg, &x), self.with_const(Op::Sub, &y, 1.0));
                let (no, yes) = (self.unary(Op::Softplus, &x), self.unary(Op::Softplus, &minus));
                let (no, yes) = (self.apply2(f, Op::Mul, &below, &no)?, self.apply2(f, Op::Mul, &y, &yes)?);
                self.apply2(f, Op::Sub, &yes, &no)?
            }
            "l1" => {
                let difference = self.apply2(f, Op::Sub, &x, &y)?;
                self.unary(Op::Abs, &difference)
            }
            "huber" => {
                let delta = self.ranked(f, 2, 0)?;
                let difference = self.apply2(f, Op::Sub, &x, &y)?;
                let (size, square) =
                    (self.unary(Op::Abs, &difference), self.apply2(f, Op::Mul, &difference, &difference)?);
                let square = self.with_const(Op::Mul, &square, 0.5);
                let half = self.with_const(Op::Mul, &delta, 0.5);
                let above = self.apply2(f, Op::Sub, &size, &half)?;
                let line = self.apply2(f, Op::Mul, &delta, &above)?;
                let near = self.apply2(f, Op::Le, &size, &delta)?;
                self.select(&near, &square, &line, f.at)?
            }
            // q (ln q - log p), where 0 ln 0 is 0
            _ => {
                let (entropy, product) =
                    (self.apply2(f, Op::XLogY, &y, &y)?, self.apply2(f, Op::Mul, &y, &x)?);
                let zero = self.graph.constant(0.0, self.graph.dtype(y.node));
                let zero = self.scalar(zero, false);
                let none = self.apply2(f, Op::Eq, &y, &zero)?;
                let product = self.select(&none, &zero, &product, f.at)?;
                self.apply2(f, Op::Sub, &entropy, &product)?
            }
        };
        let all: Vec<usize> = (0..each.rank()).collect();
        if f.name != "kl_div" {
            return Some(self.mean(&each, &all));
        }
        let sum = self.reduce(RedOp::Sum, &each, &all);
        let rows = Size::product(each.dims.iter().rev().skip(1));
        let rows = self.graph.size(&rows, self.graph.dtype(sum.node));
        let rows = self.scalar(rows, false);
        self.apply2(f, Op::Div, &sum, &rows)
    }
}
