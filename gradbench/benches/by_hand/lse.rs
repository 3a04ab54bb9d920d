//! ln Σ exp(x): the exponentials are kept in the gradient, and scaled in place.

use chainrule::rt::math;
use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};

/// The value; the gradient is written to `g`.
pub fn logsumexp(x: &[f64], g: &mut [f64]) -> f64 {
    dispatch(Run(x, g))
}

struct Run<'a>(&'a [f64], &'a mut [f64]);

impl Kernel for Run<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        run::<S::F64>(self.0, self.1)
    }
}

const TURNS: usize = 4;

#[inline(always)]
fn run<V: Vector<Elem = f64>>(x: &[f64], g: &mut [f64]) -> f64 {
    let (whole, rest) = x.split_at(x.len() - x.len() % (TURNS * V::LEN));
    let mut max = [V::of(f64::NEG_INFINITY); TURNS];
    for x in whole.chunks_exact(TURNS * V::LEN) {
        for (max, x) in max.iter_mut().zip(x.chunks_exact(V::LEN)) {
            *max = max.greater(V::load(x));
        }
    }
    let max = max[0].greater(max[1]).greater(max[2].greater(max[3])).reduce_max();
    let max = rest.iter().fold(max, |a, b| a.max(*b));

    let each = V::splat(max);
    let mut sum = [V::of(0.0); TURNS];
    let (g_whole, g_rest) = g.split_at_mut(whole.len());
    for (x, g) in whole.chunks_exact(TURNS * V::LEN).zip(g_whole.chunks_exact_mut(TURNS * V::LEN)) {
        for ((sum, x), g) in sum.iter_mut().zip(x.chunks_exact(V::LEN)).zip(g.chunks_exact_mut(V::LEN)) {
            let e = math::exp(V::load(x) - each);
            e.store(g);
            *sum += e;
        }
    }
    for (x, g) in rest.chunks(V::LEN).zip(g_rest.chunks_mut(V::LEN)) {
        let e = math::exp(V::load_part(x) - each);
        e.store_part(g);
        sum[0] += e.keep(x.len());
    }
    let sum = ((sum[0] + sum[1]) + (sum[2] + sum[3])).reduce_sum();
    let scale = 1.0 / sum;
    for g in g {
        *g *= scale;
    }
    max + sum.ln()
}
