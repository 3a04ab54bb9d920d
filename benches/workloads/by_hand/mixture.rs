//! W8: lanes are components, padded to 32; points go through in groups, from factor to gradient without leaving the cache.

use crate::workloads::inputs::{Mixture, D, K};
use chainrule::rt::math;
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};

/// Components, padded.
const C: usize = 32;
const BELOW: usize = D * (D - 1) / 2;

/// Numbers of which there is one per component.
type Lanes = [f64; C];

/// Rows of `[alphas, means, icf]` gradients, and what one pass needs.
pub struct MixtureScratch {
    /// Q(j, i) for i <= j at `j (j + 1) / 2 + i`, and its cotangent.
    factor: Vec<Lanes>,
    factor_bar: Vec<Lanes>,
    /// Q m, and its cotangent.
    centre: [Lanes; D],
    centre_bar: [Lanes; D],
    /// The sum of exponentials of each point.
    sums: Vec<f64>,
}

impl Default for MixtureScratch {
    fn default() -> Self {
        let zero = [0.0; C];
        let factor = vec![zero; D + BELOW];
        MixtureScratch {
            factor_bar: factor.clone(),
            factor,
            centre: [zero; D],
            centre_bar: [zero; D],
            sums: vec![],
        }
    }
}

/// The value; gradients are written to `g`: alphas, means, icf.
pub fn mixture(m: &Mixture, g: [&mut [f64]; 3], scratch: &mut MixtureScratch) -> f64 {
    assert!(g[0].len() == K && g[1].len() == K * D && g[2].len() == K * (D + BELOW));
    scratch.sums.clear();
    scratch.sums.resize(m.x.nrows(), 0.0);
    dispatch(Run(m, g, scratch))
}

struct Run<'a>(&'a Mixture, [&'a mut [f64]; 3], &'a mut MixtureScratch);

impl Kernel for Run<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        match S::F64::LEN {
            8 => run::<S::F64, 4, 4>(self),
            4 => run::<S::F64, 8, 1>(self),
            2 => run::<S::F64, 16, 1>(self),
            _ => run::<S::F64, 32, 1>(self),
        }
    }
}

/// `N` vectors hold the components, `P` points go together.
#[inline(always)]
fn run<V: Vector<Elem = f64>, const N: usize, const P: usize>(Run(m, g, s): Run) -> f64 {
    let (alphas, means) =
        (m.alphas.as_slice().expect("one piece"), m.means.as_slice().expect("standard layout"));
    let icf = m.icf.as_slice().expect("standard layout");
    let x = m.x.as_slice().expect("standard layout");
    let n = x.len() / D;

    // components that only fill up weigh nothing
    let mut base = [-1e300; C];
    let mut prior = 0.0;
    for c in 0..K {
        let (logs, below) = icf[c * (D + BELOW)..][..D + BELOW].split_at(D);
        base[c] = alphas[c] + logs.iter().sum::<f64>();
        let mut lower = below.iter();
        for i in 0..D {
            let e = logs[i].exp();
            prior += 0.5 * e * e;
            s.factor[i * (i + 1) / 2 + i][c] = e;
            for j in i + 1..D {
                let l = lower.next().copied().unwrap_or(0.0);
                prior += 0.5 * l * l;
                s.factor[j * (j + 1) / 2 + i][c] = l;
            }
        }
        for j in 0..D {
            s.centre[j][c] = (0..=j).map(|i| s.factor[j * (j + 1) / 2 + i][c] * means[c * D + i]).sum();
        }
    }
    s.factor_bar.fill([0.0; C]);
    s.centre_bar.fill([0.0; C]);
    let mut weight = [0.0; C];

    let mut maxima = 0.0;
    let whole = n / P * P;
    let (groups, rest) = x.split_at(whole * D);
    for (x, sums) in groups.chunks_exact(P * D).zip(s.sums.chunks_exact_mut(P)) {
        let parts = (&s.factor[..], &s.centre, &base, &mut s.factor_bar[..], &mut s.centre_bar, &mut weight);
        maxima += group::<V, N, P>(x, parts, sums);
    }
    for (x, sums) in rest.chunks_exact(D).zip(s.sums[whole..].chunks_exact_mut(1)) {
        let parts = (&s.factor[..], &s.centre, &base, &mut s.factor_bar[..], &mut s.centre_bar, &mut weight);
        maxima += group::<V, N, 1>(x, parts, sums);
    }
    let mut logs = V::of(0.0);
    for sums in s.sums.chunks(V::LEN) {
        logs += math::ln(V::load_part(sums).keep_or(sums.len(), V::of(1.0)));
    }

    let most = alphas.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = alphas.iter().map(|a| (a - most).exp()).sum::<f64>();
    let all = most + total.ln();

    let [g_alphas, g_means, g_icf] = g;
    for c in 0..K {
        g_alphas[c] = weight[c] - n as f64 * (alphas[c] - all).exp();
        let means = &means[c * D..][..D];
        let g_means = &mut g_means[c * D..][..D];
        let (g_logs, g_below) = g_icf[c * (D + BELOW)..][..D + BELOW].split_at_mut(D);
        let mut lower = g_below.iter_mut();
        g_means.fill(0.0);
        for i in 0..D {
            for j in i..D {
                let at = j * (j + 1) / 2 + i;
                let q = s.factor[at][c];
                // z = Q x - Q m, t = -z²/2: the sums hold r z x and r z
                let bar = s.centre_bar[j][c] * means[i] - s.factor_bar[at][c];
                g_means[i] += s.centre_bar[j][c] * q;
                if i == j {
                    g_logs[i] = weight[c] + bar * q + q * q;
                } else if let Some(g) = lower.next() {
                    *g = bar + q;
                }
            }
        }
    }
    m.constant + maxima + logs.reduce_sum() - n as f64 * all + prior
}

type Parts<'a> = (&'a [Lanes], &'a [Lanes; D], &'a Lanes, &'a mut [Lanes], &'a mut [Lanes; D], &'a mut Lanes);

/// Adds `P` points to the cotangents; the sum of the greatest exponents.
#[inline(always)]
fn group<V: Vector<Elem = f64>, const N: usize, const P: usize>(
    x: &[f64],
    (factor, centre, base, factor_bar, centre_bar, weight): Parts,
    sums: &mut [f64],
) -> f64 {
    let zero = [V::of(0.0); N];
    let mut z = [[zero; P]; D];
    let mut t = [zero; P];
    let mut at = 0;
    for j in 0..D {
        let mut acc = [load::<V, N>(&centre[j]).map(|c| -c); P];
        for i in 0..=j {
            let q = load::<V, N>(&factor[at]);
            at += 1;
            for p in 0..P {
                let x = V::splat(x[p * D + i]);
                for v in 0..N {
                    acc[p][v] = x.mul_add(q[v], acc[p][v]);
                }
            }
        }
        for p in 0..P {
            for v in 0..N {
                t[p][v] = acc[p][v].mul_add(acc[p][v], t[p][v]);
            }
        }
        z[j] = acc;
    }

    let mut maxima = 0.0;
    let base = load::<V, N>(base);
    let mut total = load::<V, N>(weight);
    for p in 0..P {
        let mut max = V::of(f64::NEG_INFINITY);
        for v in 0..N {
            t[p][v] = V::of(-0.5).mul_add(t[p][v], base[v]);
            max = max.greater(t[p][v]);
        }
        let max = max.reduce_max();
        let mut sum = V::of(0.0);
        for v in 0..N {
            t[p][v] = math::exp(t[p][v] - V::splat(max));
            sum += t[p][v];
        }
        sums[p] = sum.reduce_sum();
        maxima += max;
        let scale = V::splat(1.0 / sums[p]);
        for v in 0..N {
            t[p][v] = t[p][v] * scale;
            total[v] += t[p][v];
        }
    }
    store(total, weight);

    let mut at = 0;
    for j in 0..D {
        let mut d = z[j];
        let mut sum = load::<V, N>(&centre_bar[j]);
        for p in 0..P {
            for v in 0..N {
                d[p][v] = d[p][v] * t[p][v];
                sum[v] += d[p][v];
            }
        }
        store(sum, &mut centre_bar[j]);
        for i in 0..=j {
            let mut bar = load::<V, N>(&factor_bar[at]);
            for p in 0..P {
                let x = V::splat(x[p * D + i]);
                for v in 0..N {
                    bar[v] = x.mul_add(d[p][v], bar[v]);
                }
            }
            store(bar, &mut factor_bar[at]);
            at += 1;
        }
    }
    maxima
}

#[inline(always)]
fn load<V: Vector<Elem = f64>, const N: usize>(from: &Lanes) -> [V; N] {
    let mut out = [V::of(0.0); N];
    for (out, from) in out.iter_mut().zip(from.chunks_exact(V::LEN)) {
        *out = V::load(from);
    }
    out
}

#[inline(always)]
fn store<V: Vector<Elem = f64>, const N: usize>(from: [V; N], to: &mut Lanes) {
    for (from, to) in from.iter().zip(to.chunks_exact_mut(V::LEN)) {
        from.store(to);
    }
}
