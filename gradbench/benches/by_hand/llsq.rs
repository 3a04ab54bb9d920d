//! Least squares: points are lanes, powers are computed anew for the gradient.

use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};

/// Vectors of points that go together.
const N: usize = 4;

/// What one pass needs: a sum per coefficient and lane.
#[derive(Default)]
pub struct Llsq {
    sums: Vec<f64>,
}

impl Llsq {
    /// The value; the gradient is written to `g`.
    pub fn gradient(&mut self, x: &[f64], n: usize, g: &mut [f64]) -> f64 {
        dispatch(Run(self, x, n, g))
    }
}

struct Run<'a>(&'a mut Llsq, &'a [f64], usize, &'a mut [f64]);

impl Kernel for Run<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        run::<S::F64>(self)
    }
}

#[inline(always)]
fn run<V: Vector<Elem = f64>>(Run(space, x, n, g): Run) -> f64 {
    space.sums.clear();
    space.sums.resize(x.len() * V::LEN, 0.0);
    let mut total = V::of(0.0);
    for start in (0..n).step_by(N * V::LEN) {
        let mut t = [V::of(0.0); N];
        let mut difference = t;
        for v in 0..N {
            let first = start + v * V::LEN;
            let i = V::iota() + V::splat(first as f64);
            t[v] = V::of(2.0) * i / V::splat((n - 1) as f64) - V::of(1.0);
            let positive = V::select(t[v].gt(V::of(0.0)), V::of(1.0), V::of(0.0));
            difference[v] = V::select(t[v].lt(V::of(0.0)), V::of(-1.0), positive);
        }
        let mut power = [V::of(1.0); N];
        for x in x {
            let minus = V::splat(-x);
            for v in 0..N {
                difference[v] = minus.mul_add(power[v], difference[v]);
                power[v] = power[v] * t[v];
            }
        }
        for v in 0..N {
            difference[v] = difference[v].keep(n.saturating_sub(start + v * V::LEN));
            total = difference[v].mul_add(difference[v], total);
        }
        // the power takes the difference along
        let mut power = difference;
        for sum in space.sums.chunks_exact_mut(V::LEN) {
            let mut acc = V::load(sum);
            for v in 0..N {
                acc += power[v];
                power[v] = power[v] * t[v];
            }
            acc.store(sum);
        }
    }
    for (g, sum) in g.iter_mut().zip(space.sums.chunks_exact(V::LEN)) {
        *g = -V::load(sum).reduce_sum();
    }
    0.5 * total.reduce_sum()
}
