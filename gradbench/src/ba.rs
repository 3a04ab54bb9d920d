//! Bundle adjustment: where cameras see points, and where they should.

use chainrule::{differentiable, sparse::Csr};
use std::array::from_fn;

/// What is observed: a camera sees a point at a place in its picture.
#[derive(Clone, Debug)]
pub struct Observation {
    pub camera: usize,
    pub point: usize,
    pub feature: [f64; 2],
}

/// All errors: of the reprojections, and of the weights.
pub fn errors(
    cameras: &[[f64; 11]],
    points: &[[f64; 3]],
    weights: &[f64],
    observations: &[Observation],
) -> (Vec<[f64; 2]>, Vec<f64>) {
    let reprojection = observations.iter().zip(weights).map(|(seen, weight)| {
        reprojection_error(&cameras[seen.camera], &points[seen.point], *weight, &seen.feature)
    });
    (reprojection.collect(), weights.iter().map(|w| weight_error(*w)).collect())
}

/// The weighted distance, in the picture, between a feature and the point that it belongs to.
#[differentiable(jacobian, wrt(camera, point, weight))]
pub fn reprojection_error(camera: &[f64; 11], point: &[f64; 3], weight: f64, feature: &[f64; 2]) -> [f64; 2] {
    let seen = project(camera, point);
    [weight * (seen[0] - feature[0]), weight * (seen[1] - feature[1])]
}

/// What keeps a weight from vanishing.
#[differentiable]
pub fn weight_error(weight: f64) -> f64 {
    1.0 - weight * weight
}

/// A camera has a rotation, a centre, a focal length, a principal point and two coefficients of radial distortion.
#[differentiable(vjp)]
fn project(camera: &[f64; 11], point: &[f64; 3]) -> [f64; 2] {
    let [r0, r1, r2, c0, c1, c2, f, u0, v0, k1, k2] = *camera;
    let [x, y, z] = rotate([r0, r1, r2], [point[0] - c0, point[1] - c1, point[2] - c2]);
    let (u, v) = (x / z, y / z);
    let square = u * u + v * v;
    let scale = f * (1.0 + k1 * square + k2 * square * square);
    [scale * u + u0, scale * v + v0]
}

/// Rodrigues' formula: y is turned around the axis r by the length of r.
#[differentiable(vjp)]
fn rotate(r: [f64; 3], y: [f64; 3]) -> [f64; 3] {
    let square = dot(r, r);
    if square == 0.0 {
        let turned = cross(r, y);
        return from_fn(|i| y[i] + turned[i]);
    }
    let angle = square.sqrt();
    let (sin, cos) = angle.sin_cos();
    let axis = r.map(|r| r / angle);
    let turned = cross(axis, y);
    let along = dot(axis, y) * (1.0 - cos);
    from_fn(|i| y[i] * cos + turned[i] * sin + axis[i] * along)
}

#[differentiable]
fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[differentiable(vjp)]
fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// The errors of observations, each with its own camera, point, weight and feature.
#[differentiable(vjp, wrt(cameras, points, weights))]
fn reprojection_errors(
    cameras: &[[f64; 11]],
    points: &[[f64; 3]],
    weights: &[f64],
    features: &[[f64; 2]],
) -> Vec<[f64; 2]> {
    let seen = cameras.iter().zip(points).zip(weights.iter().zip(features));
    seen.map(|((camera, point), (weight, feature))| reprojection_error(camera, point, *weight, feature))
        .collect()
}

/// How many observations are looked at together: what they need stays in cache.
const TOGETHER: usize = 256;

/// The Jacobian of all errors, in `to`. Its columns are cameras, points and weights.
pub fn jacobian(
    cameras: &[[f64; 11]],
    points: &[[f64; 3]],
    weights: &[f64],
    observations: &[Observation],
    to: &mut Csr,
) {
    let (p, places) = (observations.len(), Places::new(cameras.len(), points.len()));
    to.reset(places.weights + p);
    to.reserve(3 * p, 31 * p);
    for (k, seen) in observations.chunks(TOGETHER).enumerate() {
        let first = k * TOGETHER;
        let own_cameras: Vec<[f64; 11]> = seen.iter().map(|seen| cameras[seen.camera]).collect();
        let own_points: Vec<[f64; 3]> = seen.iter().map(|seen| points[seen.point]).collect();
        let features: Vec<[f64; 2]> = seen.iter().map(|seen| seen.feature).collect();
        let own_weights = &weights[first..][..seen.len()];
        // an error depends on what belongs to its own observation only: one product gives a row of each Jacobian
        let [u, v] = [[1.0, 0.0], [0.0, 1.0]].map(|row| {
            let rows = vec![row; seen.len()];
            reprojection_errors::vjp(&own_cameras, &own_points, own_weights, &features, &rows).1
        });
        for (i, seen) in seen.iter().enumerate() {
            for by in [&u, &v] {
                places.push(to, seen, first + i, &by.cameras[i], &by.points[i], by.weights[i]);
            }
        }
    }
    for (i, weight) in weights.iter().enumerate() {
        to.push_row(&[(places.weights + i, &[weight_error::gradient(*weight)])]);
    }
}

/// In which columns the Jacobian has what.
pub struct Places {
    /// Where the columns of the points begin.
    points: usize,
    /// Where those of the weights do.
    pub weights: usize,
}

impl Places {
    pub fn new(cameras: usize, points: usize) -> Self {
        Places { points: 11 * cameras, weights: 11 * cameras + 3 * points }
    }

    /// Appends the row of one error of the observation with the number `i`.
    #[inline]
    pub fn push(
        &self,
        to: &mut Csr,
        seen: &Observation,
        i: usize,
        camera: &[f64; 11],
        point: &[f64; 3],
        weight: f64,
    ) {
        let (camera_at, point_at) = (11 * seen.camera, self.points + 3 * seen.point);
        to.push_row(&[(camera_at, &camera[..]), (point_at, &point[..]), (self.weights + i, &[weight])]);
    }
}
