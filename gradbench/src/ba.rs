//! Bundle adjustment: where cameras see points, and where they should.

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
pub fn reprojection_error(camera: &[f64; 11], point: &[f64; 3], weight: f64, feature: &[f64; 2]) -> [f64; 2] {
    let seen = project(camera, point);
    [weight * (seen[0] - feature[0]), weight * (seen[1] - feature[1])]
}

/// What keeps a weight from vanishing.
pub fn weight_error(weight: f64) -> f64 {
    1.0 - weight * weight
}

/// A camera has a rotation, a centre, a focal length, a principal point and two coefficients of radial distortion.
fn project(camera: &[f64; 11], point: &[f64; 3]) -> [f64; 2] {
    let [r0, r1, r2, c0, c1, c2, f, u0, v0, k1, k2] = *camera;
    let [x, y, z] = rotate([r0, r1, r2], [point[0] - c0, point[1] - c1, point[2] - c2]);
    let (u, v) = (x / z, y / z);
    let square = u * u + v * v;
    let scale = f * (1.0 + k1 * square + k2 * square * square);
    [scale * u + u0, scale * v + v0]
}

/// Rodrigues' formula: y is turned around the axis r by the length of r.
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

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// A sparse matrix: the entries of row r are those from `rows[r]` to `rows[r + 1]`.
#[derive(Clone, Debug, Default)]
pub struct Sparse {
    pub rows: Vec<usize>,
    pub columns: Vec<usize>,
    pub values: Vec<f64>,
}

impl Sparse {
    /// Appends a row.
    fn push(&mut self, columns: impl IntoIterator<Item = usize>, values: &[f64]) {
        self.columns.extend(columns);
        self.values.extend(values);
        self.rows.push(self.columns.len());
    }

    /// Puts the Jacobian of all errors together. That of the two errors of a reprojection with respect to camera, point and
    /// weight is `reprojection`, and that of the error of a weight is `weight`. Columns are cameras, points, weights.
    pub fn fill(
        &mut self,
        cameras: usize,
        points: usize,
        observations: &[Observation],
        reprojection: impl Fn(usize) -> [[f64; 15]; 2],
        weight: impl Fn(usize) -> f64,
    ) {
        let p = observations.len();
        self.rows.clear();
        self.columns.clear();
        self.values.clear();
        self.rows.reserve(3 * p + 1);
        self.columns.reserve(31 * p);
        self.values.reserve(31 * p);
        self.rows.push(0);
        for (i, seen) in observations.iter().enumerate() {
            for row in reprojection(i) {
                let camera = 11 * seen.camera..11 * seen.camera + 11;
                let point = 11 * cameras + 3 * seen.point..11 * cameras + 3 * seen.point + 3;
                self.push(camera.chain(point).chain([11 * cameras + 3 * points + i]), &row);
            }
        }
        for i in 0..p {
            self.push([11 * cameras + 3 * points + i], &[weight(i)]);
        }
    }
}
