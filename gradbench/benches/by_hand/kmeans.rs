//! Clusters: centroids are lanes.

use chainrule::rt::simd::{dispatch, Kernel, Simd, Vector};

/// What one pass needs.
#[derive(Default)]
pub struct Kmeans {
    /// Coordinate by coordinate, padded.
    transposed: Vec<f64>,
    squares: Vec<f64>,
    counts: Vec<f64>,
}

impl Kmeans {
    /// The cost; the gradient divided by the diagonal of the Hessian is written to `g`.
    pub fn direction(&mut self, centroids: &[f64], points: &[f64], d: usize, g: &mut [f64]) -> f64 {
        dispatch(Run(self, centroids, points, d, g))
    }
}

struct Run<'a>(&'a mut Kmeans, &'a [f64], &'a [f64], usize, &'a mut [f64]);

impl Kernel for Run<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        run::<S::F64>(self)
    }
}

#[inline(always)]
fn run<V: Vector<Elem = f64>>(Run(space, centroids, points, d, g): Run) -> f64 {
    let k = centroids.len() / d;
    let width = super::padded(k, V::LEN);
    let Kmeans { transposed, squares, counts } = space;
    transposed.clear();
    // what only fills up is far away
    transposed.resize(width * d, 1e150);
    for (c, centroid) in centroids.chunks_exact(d).enumerate() {
        for (j, x) in centroid.iter().enumerate() {
            transposed[j * width + c] = *x;
        }
    }
    squares.clear();
    squares.resize(width, 0.0);
    counts.clear();
    counts.resize(k, 0.0);
    g.fill(0.0);
    let mut total = 0.0;
    for p in points.chunks_exact(d) {
        let mut least = V::of(f64::INFINITY);
        for (at, square) in squares.chunks_exact_mut(V::LEN).enumerate() {
            let mut sum = V::of(0.0);
            for (p, row) in p.iter().zip(transposed.chunks_exact(width)) {
                let difference = V::load(&row[at * V::LEN..]) - V::splat(*p);
                sum = difference.mul_add(difference, sum);
            }
            sum.store(square);
            least = least.lesser(sum);
        }
        let least = least.reduce_min();
        let c = squares.iter().position(|s| *s == least).unwrap_or(0);
        total += least;
        counts[c] += 1.0;
        for (g, p) in g[c * d..][..d].iter_mut().zip(p) {
            *g += p;
        }
    }
    for ((g, centroid), count) in g.chunks_exact_mut(d).zip(centroids.chunks_exact(d)).zip(counts) {
        for (g, x) in g.iter_mut().zip(centroid) {
            *g = x - *g / *count;
        }
    }
    total
}
