//! Bundle adjustment: both rows of a block from one pass over the projection.
//!
//! *Source* of the derivative of a rotation: Gallego and Yezzi, "A compact formula for the derivative of a 3-D rotation
//! in exponential coordinates", 2015, result 1.

use chainrule::sparse::Csr;
use gradbench::ba::Places;
use gradbench::evals::ba::Arguments;

type Three = [f64; 3];

/// The sparse Jacobian of all errors.
pub fn jacobian(a: &Arguments, to: &mut Csr) {
    let (p, places) = (a.observations.len(), Places::new(a.cameras.len(), a.points.len()));
    to.reset(places.weights + p);
    to.reserve(3 * p, 31 * p);
    for (i, (seen, weight)) in a.observations.iter().zip(&a.weights).enumerate() {
        for row in reprojection(&a.cameras[seen.camera], &a.points[seen.point], *weight, &seen.feature) {
            let (camera, rest) = row.split_first_chunk().expect("eleven of a camera");
            let (point, weight) = rest.split_first_chunk().expect("three of a point");
            places.push(to, seen, i, camera, point, weight[0]);
        }
    }
    for (i, weight) in a.weights.iter().enumerate() {
        to.push_row(&[(places.weights + i, &[-2.0 * weight])]);
    }
}

/// The Jacobian of a reprojection error with respect to camera, point and weight.
#[inline]
fn reprojection(camera: &[f64; 11], point: &Three, weight: f64, feature: &[f64; 2]) -> [[f64; 15]; 2] {
    let [r0, r1, r2, c0, c1, c2, f, u0, v0, k1, k2] = *camera;
    let r = [r0, r1, r2];
    let y = [point[0] - c0, point[1] - c1, point[2] - c2];
    let square = dot(r, r);
    let rotation = rotation(r, square);
    let [z0, z1, z2] = rotation.map(|row| dot(row, y));
    let (inverse, u, v) = (1.0 / z2, z0 / z2, z1 / z2);
    let s = u * u + v * v;
    let scale = 1.0 + k1 * s + k2 * s * s;
    let slope = 2.0 * (k1 + 2.0 * k2 * s);
    let mut rows = [[0.0; 15]; 2];
    for (k, row) in rows.iter_mut().enumerate() {
        let (own, centre) = ([u, v][k], [u0, v0][k]);
        // with respect to the projected point, to what is projected, and to what was turned
        let (mut du, mut dv) = (slope * own * u, slope * own * v);
        *[&mut du, &mut dv][k] += scale;
        let g = [f * du * inverse, f * dv * inverse, -f * (du * u + dv * v) * inverse];
        let g = g.map(|g| weight * g);
        let turned = transposed(rotation, g);
        let by_rotation = if square == 0.0 {
            cross(y, g)
        } else {
            // a is g R [y]×, negated
            let a = cross(y, turned);
            let b = rotation.map(|row| dot(row, a));
            let b = cross([b[0] - a[0], b[1] - a[1], b[2] - a[2]], r);
            let along = dot(a, r);
            [0, 1, 2].map(|i| (along * r[i] + b[i]) / square)
        };
        row[..3].copy_from_slice(&by_rotation);
        for i in 0..3 {
            row[3 + i] = -turned[i];
            row[11 + i] = turned[i];
        }
        row[6] = weight * scale * own;
        row[7 + k] = weight;
        row[9] = weight * f * s * own;
        row[10] = weight * f * s * s * own;
        row[14] = f * scale * own + centre - feature[k];
    }
    rows
}

fn rotation(r: Three, square: f64) -> [Three; 3] {
    if square == 0.0 {
        return [[1.0, -r[2], r[1]], [r[2], 1.0, -r[0]], [-r[1], r[0], 1.0]];
    }
    let angle = square.sqrt();
    let [x, y, z] = r.map(|r| r / angle);
    let (s, c) = angle.sin_cos();
    let d = 1.0 - c;
    [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, y * y * d + c, y * z * d - x * s],
        [x * z * d - y * s, y * z * d + x * s, z * z * d + c],
    ]
}

fn transposed(m: [Three; 3], v: Three) -> Three {
    [0, 1, 2].map(|i| m[0][i] * v[0] + m[1][i] * v[1] + m[2][i] * v[2])
}

fn dot(a: Three, b: Three) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Three, b: Three) -> Three {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
