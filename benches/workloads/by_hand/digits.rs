//! W3: three layers with rectifiers and the cross-entropy of classes.

use super::rows::{relu, relu_back, repeat};
use crate::workloads::functions::Digits;
use chainrule::rt::gemm::{contract_fixed, Mat};
use chainrule::rt::math;
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};
use ndarray::ArrayView2;

const B: usize = 64;

/// Activations and their cotangents.
pub struct DigitsScratch {
    h1: Vec<f32>,
    h2: Vec<f32>,
    logits: Vec<f32>,
    d1: Vec<f32>,
    d2: Vec<f32>,
}

impl Default for DigitsScratch {
    fn default() -> Self {
        let [h1, d1] = [(); 2].map(|_| vec![0.0; B * 128]);
        let [h2, d2] = [(); 2].map(|_| vec![0.0; B * 64]);
        DigitsScratch { h1, h2, logits: vec![0.0; B * 10], d1, d2 }
    }
}

/// The value; the gradient is written to `g`.
pub fn digits(
    net: &Digits,
    x: ArrayView2<f32>,
    labels: &[usize],
    g: &mut Digits,
    scratch: &mut DigitsScratch,
) -> f32 {
    let x = x.to_slice().expect("in one piece");
    assert!(x.len() == B * 784 && labels.len() == B && labels.iter().all(|l| *l < 10));
    dispatch(Run(net, x, labels, g, scratch))
}

struct Run<'a>(&'a Digits, &'a [f32], &'a [usize], &'a mut Digits, &'a mut DigitsScratch);

impl Kernel for Run<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let Run(net, x, labels, g, DigitsScratch { h1, h2, logits, d1, d2 }) = self;
        let [w1, w2, w3] = [&net.w1, &net.w2, &net.w3].map(|w| w.as_slice().expect("standard layout"));
        let [b1, b2, b3] = [&net.b1, &net.b2, &net.b3].map(|b| b.as_slice().expect("one piece"));
        let [g1, g2, g3] =
            [&mut g.w1, &mut g.w2, &mut g.w3].map(|w| w.as_slice_mut().expect("standard layout"));
        let [e1, e2, e3] = [&mut g.b1, &mut g.b2, &mut g.b3].map(|b| b.as_slice_mut().expect("one piece"));
        let row = |m, n| Mat::row_major(m, n);

        repeat(h1, b1);
        contract_fixed::<f32, S, B, 784, 128>(row(x, 784), row(w1, 128), h1, 128, true);
        relu::<S::F32>(h1);
        repeat(h2, b2);
        contract_fixed::<f32, S, B, 128, 64>(row(h1, 128), row(w2, 64), h2, 64, true);
        relu::<S::F32>(h2);
        repeat(logits, b3);
        contract_fixed::<f32, S, B, 64, 10>(row(h2, 64), row(w3, 10), logits, 10, true);

        let loss = softmax_back::<S>(logits, labels);
        e3.fill(0.0);
        for d in logits.chunks_exact(10) {
            for (sum, d) in e3.iter_mut().zip(d) {
                *sum += d;
            }
        }
        contract_fixed::<f32, S, 64, B, 10>(row(h2, 64).t(), row(logits, 10), g3, 10, false);
        contract_fixed::<f32, S, B, 10, 64>(row(logits, 10), row(w3, 10).t(), d2, 64, false);
        relu_back::<S::F32>(d2, h2, e2);
        contract_fixed::<f32, S, 128, B, 64>(row(h1, 128).t(), row(d2, 64), g2, 64, false);
        contract_fixed::<f32, S, B, 64, 128>(row(d2, 64), row(w2, 64).t(), d1, 128, false);
        relu_back::<S::F32>(d1, h1, e1);
        contract_fixed::<f32, S, 784, B, 128>(row(x, 784).t(), row(d1, 128), g1, 128, false);
        loss
    }
}

/// The mean cross-entropy; the logits become its cotangents.
#[inline(always)]
fn softmax_back<S: Simd>(logits: &mut [f32], labels: &[usize]) -> f32 {
    let scale = 1.0 / labels.len() as f32;
    let mut loss = 0.0;
    for (z, label) in logits.chunks_exact_mut(10).zip(labels) {
        let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let own = z[*label] - max;
        let mut sum = 0.0;
        for z in z.chunks_mut(S::F32::LEN) {
            let e = math::exp(S::F32::load_part(z) - S::F32::splat(max)).keep(z.len());
            sum += e.reduce_sum();
            e.store_part(z);
        }
        loss += sum.ln() - own;
        for z in z.iter_mut() {
            *z *= scale / sum;
        }
        z[*label] -= scale;
    }
    loss * scale
}
