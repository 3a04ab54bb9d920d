//! W4: eight equal layers.

use super::rows::{repeat, tanh, tanh_back};
use crate::workloads::functions::Deep;
use chainrule::rt::gemm::{gemm, Mat};
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};
use ndarray::ArrayView2;

const B: usize = 128;
const H: usize = 64;

/// The input and the activations of all layers, and two cotangents.
pub struct DeepScratch {
    h: Vec<Vec<f32>>,
    d: [Vec<f32>; 2],
}

impl Default for DeepScratch {
    fn default() -> Self {
        DeepScratch { h: vec![vec![0.0; B * H]; 8], d: [vec![0.0; B * H], vec![0.0; B * H]] }
    }
}

/// The value; the gradient is written to `g`.
pub fn deep(
    net: &Deep,
    x: ArrayView2<f32>,
    y: ArrayView2<f32>,
    g: &mut Deep,
    scratch: &mut DeepScratch,
) -> f32 {
    let x = x.to_slice().expect("in one piece");
    let y = y.to_slice().expect("in one piece");
    assert!(x.len() == B * H && y.len() == B * H);
    dispatch(Run(net, x, y, g, scratch))
}

struct Run<'a>(&'a Deep, &'a [f32], &'a [f32], &'a mut Deep, &'a mut DeepScratch);

impl Kernel for Run<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let Run(net, x, y, g, DeepScratch { h, d: [d, next] }) = self;
        for k in 0..8 {
            let layer = &net.layers[k];
            let (before, after) = h.split_at_mut(k);
            let from = if k == 0 { x } else { &before[k - 1] };
            let to = &mut after[0];
            repeat(to, layer.b.as_slice().expect("one piece"));
            let w = layer.w.as_slice().expect("standard layout");
            gemm(B, H, H, Mat::row_major(from, H), Mat::row_major(w, H), to, H, true);
            tanh::<S::F32>(to);
        }

        let scale = 2.0 / (B * H) as f32;
        let mut loss = [S::F32::of(0.0); 2];
        let rows = h[7].chunks_exact(2 * S::F32::LEN).zip(y.chunks_exact(2 * S::F32::LEN));
        for ((h, y), d) in rows.zip(d.chunks_exact_mut(2 * S::F32::LEN)) {
            for k in 0..2 {
                let at = k * S::F32::LEN..(k + 1) * S::F32::LEN;
                let e = S::F32::load(&h[at.clone()]) - S::F32::load(&y[at.clone()]);
                loss[k] = e.mul_add(e, loss[k]);
                (e * S::F32::splat(scale)).store(&mut d[at]);
            }
        }

        for k in (0..8).rev() {
            let from = if k == 0 { x } else { &h[k - 1] };
            tanh_back::<S::F32>(d, &h[k], g.layers[k].b.as_slice_mut().expect("one piece"));
            let gw = g.layers[k].w.as_slice_mut().expect("standard layout");
            gemm(H, B, H, Mat::row_major(from, H).t(), Mat::row_major(d, H), gw, H, false);
            if k > 0 {
                let w = net.layers[k].w.as_slice().expect("standard layout");
                gemm(B, H, H, Mat::row_major(d, H), Mat::row_major(w, H).t(), next, H, false);
                std::mem::swap(d, next);
            }
        }
        (loss[0] + loss[1]).reduce_sum() * (1.0 / (B * H) as f32)
    }
}
