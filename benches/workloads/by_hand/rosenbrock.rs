//! W1: one pass, each element from itself and its neighbours.

use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};

/// The value; the gradient is written to `g`.
pub fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
    assert!(x.len() == g.len() && x.len() >= 2);
    dispatch(Rosenbrock(x, g))
}

struct Rosenbrock<'a>(&'a [f64], &'a mut [f64]);

impl Kernel for Rosenbrock<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let Rosenbrock(x, g) = self;
        let n = x.len();
        // the last element has no term of its own, the first no left neighbour
        let t = x[1] - x[0] * x[0];
        g[0] = -400.0 * t * x[0] - 2.0 * (1.0 - x[0]);
        g[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2]);
        let first = 100.0 * t * t + (1.0 - x[0]) * (1.0 - x[0]);
        let len = S::F64::LEN;
        let whole = (n - 2) / len * len;
        let wide = inner::<S::F64>(&x[..whole + 2], &mut g[1..whole + 1]);
        first + wide + inner::<S::S64>(&x[whole..], &mut g[whole + 1..n - 1])
    }
}

/// Elements that have two neighbours; `g` holds as many.
#[inline(always)]
fn inner<V: Vector<Elem = f64>>(x: &[f64], g: &mut [f64]) -> f64 {
    let (left, here, right) = (&x[..g.len()], &x[1..], &x[2..]);
    let mut sum = [V::of(0.0); 2];
    let rows = left.chunks_exact(V::LEN).zip(here.chunks_exact(V::LEN)).zip(right.chunks_exact(V::LEN));
    for (((left, here), right), g) in rows.zip(g.chunks_exact_mut(V::LEN)) {
        let (left, here, right) = (V::load(left), V::load(here), V::load(right));
        let before = here - left * left;
        let t = right - here * here;
        let s = V::of(1.0) - here;
        (V::of(200.0) * before - V::of(400.0) * t * here - V::of(2.0) * s).store(g);
        sum[0] = t.mul_add(t, sum[0]);
        sum[1] = s.mul_add(s, sum[1]);
    }
    100.0 * sum[0].reduce_sum() + sum[1].reduce_sum()
}
