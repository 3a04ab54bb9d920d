//! The mixture of Gaussians: points are lanes, and go from factor to gradient in blocks that stay in cache.

use chainrule::rt::math;
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};
use gradbench::evals::gmm::Arguments;
use gradbench::gmm::{below, log_prior};
use std::f64::consts::PI;

/// Vectors of points that go together.
const N: usize = 4;

/// The gradient, and what one pass needs.
#[derive(Clone, Debug, Default)]
pub struct Gmm {
    pub alpha: Vec<f64>,
    pub mu: Vec<f64>,
    pub q: Vec<f64>,
    pub l: Vec<f64>,
    /// Q of each component, row by row, and a sum per entry and lane.
    factor: Vec<f64>,
    factor_bar: Vec<f64>,
    /// The sums of r and of r z, per lane.
    weight: Vec<f64>,
    z_bar: Vec<f64>,
    base: Vec<f64>,
    /// One block: x, x - μ, and z and t of each component.
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
    t: Vec<f64>,
}

fn zeros(v: &mut Vec<f64>, len: usize) {
    v.clear();
    v.resize(len, 0.0);
}

impl Gmm {
    /// The objective of GradBench for `sign` 1, of ADBench for -1; the gradient is in `self`.
    pub fn gradient(&mut self, a: &Arguments, sign: f64) -> f64 {
        dispatch(Run(self, a, sign))
    }
}

struct Run<'a>(&'a mut Gmm, &'a Arguments, f64);

impl Kernel for Run<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        run::<S::F64>(self.0, self.1, self.2)
    }
}

#[inline(always)]
fn load<V: Vector<Elem = f64>>(from: &[f64]) -> [V; N] {
    let mut out = [V::of(0.0); N];
    for (out, from) in out.iter_mut().zip(from.chunks_exact(V::LEN)) {
        *out = V::load(from);
    }
    out
}

#[inline(always)]
fn store<V: Vector<Elem = f64>>(from: [V; N], to: &mut [f64]) {
    for (from, to) in from.iter().zip(to.chunks_exact_mut(V::LEN)) {
        from.store(to);
    }
}

#[inline(always)]
fn run<V: Vector<Elem = f64>>(s: &mut Gmm, a: &Arguments, sign: f64) -> f64 {
    let (d, k, n) = (a.d, a.alpha.len(), a.x.len() / a.d);
    let (size, block) = (d * (d + 1) / 2, N * V::LEN);
    zeros(&mut s.factor, k * size);
    zeros(&mut s.factor_bar, k * size * V::LEN);
    zeros(&mut s.weight, k * V::LEN);
    zeros(&mut s.z_bar, k * d * V::LEN);
    zeros(&mut s.base, k);
    zeros(&mut s.x, d * block);
    zeros(&mut s.y, d * block);
    zeros(&mut s.z, k * d * block);
    zeros(&mut s.t, k * block);
    for c in 0..k {
        let (q, factor) = (&a.q[c * d..][..d], &mut s.factor[c * size..][..size]);
        let mut lower = a.l[c * below(d)..][..below(d)].iter();
        s.base[c] = a.alpha[c] + q.iter().sum::<f64>();
        for i in 0..d {
            factor[i * (i + 1) / 2 + i] = q[i].exp();
            for j in i + 1..d {
                factor[j * (j + 1) / 2 + i] = lower.next().copied().unwrap_or(0.0);
            }
        }
    }

    let mut total = V::of(0.0);
    for start in (0..n).step_by(block) {
        let points = &a.x[start * d..n.min(start + block) * d];
        for (p, point) in points.chunks_exact(d).enumerate() {
            for (j, x) in point.iter().enumerate() {
                s.x[j * block + p] = *x;
            }
        }
        let mut max = [V::of(f64::NEG_INFINITY); N];
        for c in 0..k {
            centre::<V>(&s.x, &a.mu[c * d..][..d], &mut s.y);
            let mut entries = s.factor[c * size..][..size].iter();
            let mut square = [V::of(0.0); N];
            for row in 0..d {
                let mut z = [V::of(0.0); N];
                for y in s.y.chunks_exact(block).take(row + 1) {
                    let q = V::splat(entries.next().copied().unwrap_or(0.0));
                    let y = load::<V>(y);
                    for v in 0..N {
                        z[v] = q.mul_add(y[v], z[v]);
                    }
                }
                for v in 0..N {
                    square[v] = z[v].mul_add(z[v], square[v]);
                }
                store(z, &mut s.z[(c * d + row) * block..]);
            }
            let base = V::splat(s.base[c]);
            for v in 0..N {
                square[v] = V::of(-0.5).mul_add(square[v], base);
                max[v] = max[v].greater(square[v]);
            }
            store(square, &mut s.t[c * block..]);
        }
        let mut sum = [V::of(0.0); N];
        for t in s.t.chunks_exact_mut(block) {
            let mut e = load::<V>(t);
            for v in 0..N {
                e[v] = math::weight(e[v] - max[v]);
                sum[v] += e[v];
            }
            store(e, t);
        }
        let mut scale = sum;
        for v in 0..N {
            let left = (n - start).saturating_sub(v * V::LEN);
            total += (max[v] + math::ln(sum[v])).keep(left);
            scale[v] = (V::of(1.0) / sum[v]).keep(left);
        }
        for c in 0..k {
            centre::<V>(&s.x, &a.mu[c * d..][..d], &mut s.y);
            let mut r = load::<V>(&s.t[c * block..]);
            let weight = &mut s.weight[c * V::LEN..][..V::LEN];
            let mut sum = V::load(weight);
            for v in 0..N {
                r[v] = r[v] * scale[v];
                sum += r[v];
            }
            sum.store(weight);
            let mut bars = s.factor_bar[c * size * V::LEN..][..size * V::LEN].chunks_exact_mut(V::LEN);
            for row in 0..d {
                let mut w = load::<V>(&s.z[(c * d + row) * block..]);
                let z_bar = &mut s.z_bar[(c * d + row) * V::LEN..][..V::LEN];
                let mut sum = V::load(z_bar);
                for v in 0..N {
                    w[v] = w[v] * r[v];
                    sum += w[v];
                }
                sum.store(z_bar);
                for (y, bar) in s.y.chunks_exact(block).take(row + 1).zip(&mut bars) {
                    let y = load::<V>(y);
                    let mut sum = V::load(bar);
                    for v in 0..N {
                        sum = w[v].mul_add(y[v], sum);
                    }
                    sum.store(bar);
                }
            }
        }
    }

    let most = a.alpha.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let all = most + a.alpha.iter().map(|a| (a - most).exp()).sum::<f64>().ln();
    zeros(&mut s.alpha, k);
    zeros(&mut s.mu, k * d);
    zeros(&mut s.q, k * d);
    zeros(&mut s.l, k * below(d));
    let square = sign * a.wishart.gamma * a.wishart.gamma;
    for c in 0..k {
        let weight = V::load(&s.weight[c * V::LEN..]).reduce_sum();
        s.alpha[c] = weight - n as f64 * (a.alpha[c] - all).exp();
        let mut lower = s.l[c * below(d)..][..below(d)].iter_mut();
        for i in 0..d {
            for j in i..d {
                let at = c * size + j * (j + 1) / 2 + i;
                let q = s.factor[at];
                let bar = -V::load(&s.factor_bar[at * V::LEN..]).reduce_sum();
                s.mu[c * d + i] += q * V::load(&s.z_bar[(c * d + j) * V::LEN..]).reduce_sum();
                if i == j {
                    s.q[c * d + i] = weight + bar * q - square * q * q + sign * a.wishart.m;
                } else if let Some(g) = lower.next() {
                    *g = bar - square * q;
                }
            }
        }
    }
    total.reduce_sum() - n as f64 * (all + 0.5 * d as f64 * (2.0 * PI).ln())
        + sign * log_prior(&a.q, &a.l, d, a.wishart)
}

/// `y = x - μ` in each column of a block.
#[inline(always)]
fn centre<V: Vector<Elem = f64>>(x: &[f64], mu: &[f64], y: &mut [f64]) {
    let block = N * V::LEN;
    for ((x, y), mu) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)).zip(mu) {
        for (x, y) in x.chunks_exact(V::LEN).zip(y.chunks_exact_mut(V::LEN)) {
            (V::load(x) - V::splat(*mu)).store(y);
        }
    }
}
