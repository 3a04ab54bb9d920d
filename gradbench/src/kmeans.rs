//! Clusters around their means.

use chainrule::differentiable;

/// The sum, over the points, of the squared distance to the nearest centroid. Points and centroids are rows of `d`.
#[differentiable(wrt(centroids), hvp)]
pub fn cost(centroids: &[f64], points: &[f64], d: usize) -> f64 {
    let nearest = points.chunks_exact(d).map(|p| {
        let squares =
            centroids.chunks_exact(d).map(|c| p.iter().zip(c).map(|(p, c)| (p - c).powi(2)).sum::<f64>());
        squares.fold(f64::INFINITY, f64::min)
    });
    nearest.sum()
}
