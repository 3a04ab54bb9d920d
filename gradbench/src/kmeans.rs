//! Clusters around their means.

/// The sum, over the points, of the squared distance to the nearest centroid. Points and centroids are rows of `d`.
pub fn cost(centroids: &[f64], points: &[f64], d: usize) -> f64 {
    let mut total = 0.0;
    for p in points.chunks_exact(d) {
        let mut least = f64::INFINITY;
        for c in centroids.chunks_exact(d) {
            let square = p.iter().zip(c).map(|(p, c)| (p - c) * (p - c)).sum::<f64>();
            least = least.min(square);
        }
        total += least;
    }
    total
}
