//! The cells of recurrent networks as graphs: a product with the weights of all gates at once, cut into the gates.
//!
//! Invariant: gates are blocks of columns in PyTorch's order, so that they cost one matrix product for the input and one for the state.

use super::env::{Tensor, Value};
use super::index::along;
use super::layers::Named;
use super::Lower;
use crate::diag::Kind;
use crate::ir::{Index, Op, Size};

/// The arguments of `lstm_cell`, with its state taken apart.
const LSTM: &[&str] = &["x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh"];

impl Lower {
    /// `nn::rnn_cell`, `nn::gru_cell` and `nn::lstm_cell`.
    pub fn cell(&mut self, f: &Named) -> Option<Value> {
        let (x, h) = (self.ranked(f, 0, 2), f.args[1].clone());
        let nd = |t: Tensor| Value::Tensor(Tensor { nd: true, ..t });
        match (f.name, h) {
            ("lstm_cell", Value::Tuple(state)) if state.len() == 2 => {
                let mut args = f.args.clone();
                args.splice(1..2, state);
                let f = Named { args, arguments: LSTM, ..*f };
                let (h, c) = self.lstm_cell(&f, &x?)?;
                Some(Value::Tuple(vec![nd(h), nd(c)]))
            }
            ("lstm_cell", Value::Poison) => None,
            ("lstm_cell", _) => {
                let text = ["`lstm_cell`", "its state as a pair of arrays", "pass `(&h, &c)`"];
                self.errors.push(Kind::Argument, f.at, &text);
                None
            }
            ("gru_cell", _) => self.gru_cell(f, &x?).map(nd),
            _ => {
                let (from_x, from_h, _) = self.gates(f, &x?, 1, 2)?;
                let sum = self.apply2(f, Op::Add, &from_x, &from_h)?;
                Some(nd(self.unary(Op::Tanh, &sum)))
            }
        }
    }

    /// (1 - z) n + z h
    fn gru_cell(&mut self, f: &Named, x: &Tensor) -> Option<Tensor> {
        let (from_x, from_h, h) = self.gates(f, x, 3, 2)?;
        let mut gate = |k: i64| {
            let (a, u) = (self.gate_of(&from_x, k, &h), self.gate_of(&from_h, k, &h));
            let sum = self.apply2(f, Op::Add, &a, &u)?;
            Some(self.unary(Op::Sigmoid, &sum))
        };
        let (r, z) = (gate(0)?, gate(1)?);
        let (a, u) = (self.gate_of(&from_x, 2, &h), self.gate_of(&from_h, 2, &h));
        let reset = self.apply2(f, Op::Mul, &r, &u)?;
        let sum = self.apply2(f, Op::Add, &a, &reset)?;
        let new = self.unary(Op::Tanh, &sum);
        let kept = self.apply2(f, Op::Mul, &z, &h)?;
        let free = self.unary(Op::Neg, &z);
        let free = self.with_const(Op::Add, &free, 1.0);
        let new = self.apply2(f, Op::Mul, &free, &new)?;
        self.apply2(f, Op::Add, &new, &kept)
    }

    /// o tanh(c) of the next c, and that: f c + i g
    fn lstm_cell(&mut self, f: &Named, x: &Tensor) -> Option<(Tensor, Tensor)> {
        let (from_x, from_h, h) = self.gates(f, x, 4, 3)?;
        let c = self.ranked(f, 2, 2)?;
        for k in 0..2 {
            self.equal(f, &h.dims[k].clone(), &c.dims[k].clone(), "`h` and `c` have the same shape")?;
        }
        let all = self.apply2(f, Op::Add, &from_x, &from_h)?;
        let mut gate = |op: Op, k: i64| {
            let block = self.gate_of(&all, k, &h);
            self.unary(op, &block)
        };
        let (i, forget) = (gate(Op::Sigmoid, 0), gate(Op::Sigmoid, 1));
        let (g, o) = (gate(Op::Tanh, 2), gate(Op::Sigmoid, 3));
        let (kept, new) = (self.apply2(f, Op::Mul, &forget, &c)?, self.apply2(f, Op::Mul, &i, &g)?);
        let c = self.apply2(f, Op::Add, &kept, &new)?;
        let shown = self.unary(Op::Tanh, &c);
        Some((self.apply2(f, Op::Mul, &o, &shown)?, c))
    }

    /// What all gates get from the input and from the state, and the state; weights begin at argument `first`.
    fn gates(&mut self, f: &Named, x: &Tensor, gates: i64, first: usize) -> Option<(Tensor, Tensor, Tensor)> {
        let h = self.ranked(f, 1, 2)?;
        self.equal(f, &x.dims[0].clone(), &h.dims[0].clone(), "`h` has a row for each row of `x`")?;
        let rows = h.dims[1].scale(gates);
        let (x, from_h) =
            (self.products(f, ("x", x), &rows, first)?, self.products(f, ("h", &h), &rows, first + 1)?);
        Some((x, from_h, h))
    }

    /// `x · wᵀ + b` with the weights and the bias at their places among the arguments.
    fn products(&mut self, f: &Named, (name, x): (&str, &Tensor), rows: &Size, at: usize) -> Option<Tensor> {
        let (w, b) = (self.ranked(f, at, 2)?, self.ranked(f, at + 2, 1)?);
        let (w_name, b_name) = (f.arguments[at], f.arguments[at + 2]);
        let help = format!("`{w_name}` has a row for each gate of each unit (the columns of `h`)");
        self.equal(f, &w.dims[0].clone(), rows, &help)?;
        let help = format!("`{w_name}` has a column for each column of `{name}`");
        self.equal(f, &w.dims[1].clone(), &x.dims[1].clone(), &help)?;
        let help = format!("`{b_name}` has one number for each row of `{w_name}`");
        self.equal(f, &b.dims[0].clone(), rows, &help)?;
        let w = self.permute(&w, &[1, 0]);
        let product = self.dot(x, &w, f.at)?;
        self.apply2(f, Op::Add, &product, &b)
    }

    /// The columns that belong to gate `k` of the units of `h`.
    fn gate_of(&mut self, all: &Tensor, k: i64, h: &Tensor) -> Tensor {
        let start = h.dims[1].scale(k);
        self.remap(all, h.dims.clone(), |_, a| vec![along(&a[0]), Index { offset: start, ..along(&a[1]) }])
    }
}
