//! W2: everything in fixed arrays of the batch's size.

use super::rows::{repeat, tanh, tanh_back};
use crate::workloads::functions::Tiny;
use chainrule::rt::gemm::{contract_fixed, Mat};
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};
use ndarray::ArrayView2;

/// Activations and their cotangents for `B` rows.
pub struct TinyScratch<const B: usize> {
    h: [[[f32; 16]; B]; 2],
    d: [[[f32; 16]; B]; 2],
}

impl<const B: usize> Default for TinyScratch<B> {
    fn default() -> Self {
        TinyScratch { h: [[[0.0; 16]; B]; 2], d: [[[0.0; 16]; B]; 2] }
    }
}

/// The value; the gradient is written to `g`.
pub fn tiny<const B: usize>(
    net: &Tiny,
    x: ArrayView2<f32>,
    y: ArrayView2<f32>,
    g: &mut Tiny,
    scratch: &mut TinyScratch<B>,
) -> f32 {
    let x = x.to_slice().expect("in one piece");
    let y = y.to_slice().expect("in one piece");
    assert!(x.len() == 2 * B && y.len() == B);
    dispatch(Run(net, x, y, g, scratch))
}

struct Run<'a, const B: usize>(&'a Tiny, &'a [f32], &'a [f32], &'a mut Tiny, &'a mut TinyScratch<B>);

impl<const B: usize> Kernel for Run<'_, B> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let Run(net, x, y, g, TinyScratch { h: [h1, h2], d: [d1, d2] }) = self;
        let (h1, h2) = (h1.as_flattened_mut(), h2.as_flattened_mut());
        let (d1, d2) = (d1.as_flattened_mut(), d2.as_flattened_mut());
        let [w1, w2, w3] = [&net.w1, &net.w2, &net.w3].map(|w| w.as_slice().expect("standard layout"));
        let [b1, b2, b3] = [&net.b1, &net.b2, &net.b3].map(|b| b.as_slice().expect("one piece"));
        let [g1, g2, g3] =
            [&mut g.w1, &mut g.w2, &mut g.w3].map(|w| w.as_slice_mut().expect("standard layout"));
        let [e1, e2, e3] = [&mut g.b1, &mut g.b2, &mut g.b3].map(|b| b.as_slice_mut().expect("one piece"));

        repeat(h1, b1);
        contract_fixed::<f32, S, B, 2, 16>(Mat::row_major(x, 2), Mat::row_major(w1, 16), h1, 16, true);
        tanh::<S::F32>(h1);
        repeat(h2, b2);
        contract_fixed::<f32, S, B, 16, 16>(Mat::row_major(h1, 16), Mat::row_major(w2, 16), h2, 16, true);
        tanh::<S::F32>(h2);

        g3.fill(0.0);
        let (mut loss, mut sum) = (0.0, 0.0);
        for ((h, d), y) in h2.chunks_exact(16).zip(d2.chunks_exact_mut(16)).zip(y) {
            let mut o = S::F32::of(0.0);
            for (h, w) in h.chunks_exact(S::F32::LEN).zip(w3.chunks_exact(S::F32::LEN)) {
                o = S::F32::load(h).mul_add(S::F32::load(w), o);
            }
            let e = o.reduce_sum() + b3[0] - y;
            loss += e * e;
            let e = e * (2.0 / B as f32);
            sum += e;
            let e = S::F32::splat(e);
            let rows = h.chunks_exact(S::F32::LEN).zip(w3.chunks_exact(S::F32::LEN));
            for (((h, w), d), g) in
                rows.zip(d.chunks_exact_mut(S::F32::LEN)).zip(g3.chunks_exact_mut(S::F32::LEN))
            {
                (e * S::F32::load(w)).store(d);
                e.mul_add(S::F32::load(h), S::F32::load(g)).store(g);
            }
        }
        e3[0] = sum;

        tanh_back::<S::F32>(d2, h2, e2);
        contract_fixed::<f32, S, 16, B, 16>(
            Mat::row_major(h1, 16).t(),
            Mat::row_major(d2, 16),
            g2,
            16,
            false,
        );
        contract_fixed::<f32, S, B, 16, 16>(
            Mat::row_major(d2, 16),
            Mat::row_major(w2, 16).t(),
            d1,
            16,
            false,
        );
        tanh_back::<S::F32>(d1, h1, e1);
        contract_fixed::<f32, S, 2, B, 16>(Mat::row_major(x, 2).t(), Mat::row_major(d1, 16), g1, 16, false);
        loss / B as f32
    }
}
