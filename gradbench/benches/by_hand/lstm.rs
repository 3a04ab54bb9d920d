//! The network: bits are lanes, padded; the gates of each step and layer are kept for the way back.

use chainrule::rt::math;
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};
use gradbench::evals::lstm::Arguments;

/// What is kept of a layer at a step: forget, in, out, change, tanh of the cell, cell, hidden.
const KEPT: usize = 7;

/// The gradient, and what one pass needs.
#[derive(Default)]
pub struct Lstm {
    pub main: Vec<f64>,
    pub extra: Vec<f64>,
    /// All rows padded.
    weights: Vec<f64>,
    weights_bar: Vec<f64>,
    outer: Vec<f64>,
    outer_bar: Vec<f64>,
    sequence: Vec<f64>,
    first: Vec<f64>,
    kept: Vec<f64>,
    /// exp(y) / (2 + Σ exp(y)) of each step.
    shares: Vec<f64>,
    /// The adjoints of hidden and cell of each layer.
    state_bar: Vec<f64>,
    z: Vec<f64>,
}

impl Lstm {
    /// The objective; the gradient is in `self`.
    pub fn gradient(&mut self, a: &Arguments) -> f64 {
        dispatch(Run(self, a))
    }
}

struct Run<'a>(&'a mut Lstm, &'a Arguments);

impl Kernel for Run<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        run::<S::F64>(self.0, self.1)
    }
}

/// Rows of `b` numbers become rows of `width`.
fn pad(from: &[f64], b: usize, width: usize, to: &mut Vec<f64>) {
    to.clear();
    to.resize(from.len() / b * width, 0.0);
    for (from, to) in from.chunks_exact(b).zip(to.chunks_exact_mut(width)) {
        to[..b].copy_from_slice(from);
    }
}

fn unpad(from: &[f64], b: usize, width: usize, to: &mut Vec<f64>) {
    to.clear();
    for from in from.chunks_exact(width) {
        to.extend(&from[..b]);
    }
}

fn zeros(v: &mut Vec<f64>, len: usize) {
    v.clear();
    v.resize(len, 0.0);
}

#[inline(always)]
fn run<V: Vector<Elem = f64>>(s: &mut Lstm, a: &Arguments) -> f64 {
    let (b, width) = (a.b, super::padded(a.b, V::LEN));
    let (layers, steps) = (a.main.len() / (8 * b), a.sequence.len() / b - 1);
    pad(&a.main, b, width, &mut s.weights);
    pad(&a.extra, b, width, &mut s.outer);
    pad(&a.sequence, b, width, &mut s.sequence);
    pad(&a.state, b, width, &mut s.first);
    zeros(&mut s.weights_bar, s.weights.len());
    zeros(&mut s.outer_bar, s.outer.len());
    zeros(&mut s.state_bar, s.first.len());
    zeros(&mut s.z, width);
    s.kept.resize(steps * layers * KEPT * width, 0.0);
    s.shares.resize(steps * width, 0.0);

    let mut total = 0.0;
    let size = layers * KEPT * width;
    for t in 0..steps {
        let (before, now) = s.kept.split_at_mut(t * size);
        let before = before.len().checked_sub(size).map(|at| &before[at..]);
        let now = &mut now[..size];
        for at in (0..width).step_by(V::LEN) {
            let mut z = V::load(&s.sequence[t * width + at..]) * V::load(&s.outer[at..]);
            for layer in 0..layers {
                let w = |row: usize| V::load(&s.weights[(layer * 8 + row) * width + at..]);
                let (cell, hidden) = state::<V>(before, &s.first, layer, width, at);
                let forget = math::sigmoid(z.mul_add(w(0), w(4)));
                let ingate = math::sigmoid(hidden.mul_add(w(1), w(5)));
                let outgate = math::sigmoid(z.mul_add(w(2), w(6)));
                let change = math::tanh(hidden.mul_add(w(3), w(7)));
                let cell = cell.mul_add(forget, ingate * change);
                let tanh = math::tanh(cell);
                z = outgate * tanh;
                for (row, v) in [forget, ingate, outgate, change, tanh, cell, z].into_iter().enumerate() {
                    v.store(&mut now[(layer * KEPT + row) * width + at..]);
                }
            }
            z.store(&mut s.z[at..]);
        }
        let (mut sum, mut dot, mut bits) = (V::of(0.0), V::of(0.0), V::of(0.0));
        for at in (0..width).step_by(V::LEN) {
            let y = V::load(&s.z[at..])
                .mul_add(V::load(&s.outer[width + at..]), V::load(&s.outer[2 * width + at..]));
            let next = V::load(&s.sequence[(t + 1) * width + at..]);
            let e = math::exp(y).keep(b.saturating_sub(at));
            e.store(&mut s.shares[t * width + at..]);
            sum += e;
            dot = next.mul_add(y, dot);
            bits += next;
        }
        let sum = 2.0 + sum.reduce_sum();
        total += dot.reduce_sum() - bits.reduce_sum() * sum.ln();
        let scale = V::splat(bits.reduce_sum() / sum);
        for share in s.shares[t * width..][..width].chunks_exact_mut(V::LEN) {
            (V::load(share) * scale).store(share);
        }
    }

    let each = V::splat(-1.0 / (steps * b) as f64);
    for t in (0..steps).rev() {
        let (before, now) = s.kept.split_at(t * size);
        let before = before.len().checked_sub(size).map(|at| &before[at..]);
        for at in (0..width).step_by(V::LEN) {
            let kept = |layer: usize, row: usize| V::load(&now[(layer * KEPT + row) * width + at..]);
            let y_bar =
                each * (V::load(&s.sequence[(t + 1) * width + at..]) - V::load(&s.shares[t * width + at..]));
            let mut z_bar = y_bar * V::load(&s.outer[width + at..]);
            add(y_bar * kept(layers - 1, 6), &mut s.outer_bar[width + at..]);
            add(y_bar, &mut s.outer_bar[2 * width + at..]);
            let input = V::load(&s.sequence[t * width + at..]);
            for layer in (0..layers).rev() {
                let w = |row: usize| V::load(&s.weights[(layer * 8 + row) * width + at..]);
                let (cell, hidden) = state::<V>(before, &s.first, layer, width, at);
                let z = if layer == 0 { input * V::load(&s.outer[at..]) } else { kept(layer - 1, 6) };
                let [forget, ingate, outgate, change, tanh] = [0, 1, 2, 3, 4].map(|row| kept(layer, row));
                let one = V::of(1.0);
                let hidden_bar = z_bar + V::load(&s.state_bar[2 * layer * width + at..]);
                let cell_bar = V::load(&s.state_bar[(2 * layer + 1) * width + at..])
                    + hidden_bar * outgate * (one - tanh * tanh);
                let forget_bar = cell_bar * cell * forget * (one - forget);
                let ingate_bar = cell_bar * change * ingate * (one - ingate);
                let outgate_bar = hidden_bar * tanh * outgate * (one - outgate);
                let change_bar = cell_bar * ingate * (one - change * change);
                (cell_bar * forget).store(&mut s.state_bar[(2 * layer + 1) * width + at..]);
                ingate_bar.mul_add(w(1), change_bar * w(3)).store(&mut s.state_bar[2 * layer * width + at..]);
                z_bar = forget_bar.mul_add(w(0), outgate_bar * w(2));
                let bars = [(forget_bar, z), (ingate_bar, hidden), (outgate_bar, z), (change_bar, hidden)];
                for (row, (bar, factor)) in bars.into_iter().enumerate() {
                    add(bar * factor, &mut s.weights_bar[(layer * 8 + row) * width + at..]);
                    add(bar, &mut s.weights_bar[(layer * 8 + row + 4) * width + at..]);
                }
            }
            add(z_bar * input, &mut s.outer_bar[at..]);
        }
    }
    unpad(&s.weights_bar, b, width, &mut s.main);
    unpad(&s.outer_bar, b, width, &mut s.extra);
    -total / (steps * b) as f64
}

#[inline(always)]
fn add<V: Vector<Elem = f64>>(x: V, to: &mut [f64]) {
    (V::load(to) + x).store(to);
}

/// Cell and hidden of a layer after the step before, or at first.
#[inline(always)]
fn state<V: Vector<Elem = f64>>(
    before: Option<&[f64]>,
    first: &[f64],
    layer: usize,
    width: usize,
    at: usize,
) -> (V, V) {
    match before {
        Some(kept) => {
            let row = |row: usize| V::load(&kept[(layer * KEPT + row) * width + at..]);
            (row(5), row(6))
        }
        None => (V::load(&first[(2 * layer + 1) * width + at..]), V::load(&first[2 * layer * width + at..])),
    }
}
