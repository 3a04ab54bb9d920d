//! Hand tracking: how far a hand of bones and skin is from measured points.

use chainrule::differentiable;
use std::array::from_fn;

/// A transformation in homogeneous coordinates.
pub type Matrix = [[f64; 4]; 4];

/// A hand at rest. A parent comes before its children.
#[derive(Clone, Debug)]
pub struct Hand {
    pub parents: Vec<Option<usize>>,
    pub base_relatives: Vec<Matrix>,
    pub inverse_base_absolutes: Vec<Matrix>,
    pub base_positions: Vec<[f64; 4]>,
    /// For each vertex, the weight of each bone.
    pub weights: Vec<f64>,
    pub triangles: Vec<[usize; 3]>,
    pub is_mirrored: bool,
}

/// From each measured point to the vertex that it belongs to.
#[differentiable(wrt(theta), jacobian)]
pub fn simple(theta: &[f64; 26], hand: &Hand, vertices: &[usize], points: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let bones = bones(theta, hand);
    let global = axis_angle([theta[0], theta[1], theta[2]]);
    let mut errors = vec![[0.0; 3]; points.len()];
    for i in 0..points.len() {
        let p = position(theta, hand, &global, &bones, vertices[i]);
        for axis in 0..3 {
            errors[i][axis] = points[i][axis] - p[axis];
        }
    }
    errors
}

/// From each measured point to its place `us` in the triangle that it belongs to.
#[differentiable(wrt(theta), jacobian)]
pub fn complicated(
    theta: &[f64; 26],
    us: &[[f64; 2]],
    hand: &Hand,
    triangles: &[usize],
    points: &[[f64; 3]],
) -> Vec<[f64; 3]> {
    let bones = bones(theta, hand);
    let global = axis_angle([theta[0], theta[1], theta[2]]);
    let mut errors = vec![[0.0; 3]; points.len()];
    for i in 0..points.len() {
        let [a, b, c] = hand.triangles[triangles[i]];
        let a = position(theta, hand, &global, &bones, a);
        let b = position(theta, hand, &global, &bones, b);
        let c = position(theta, hand, &global, &bones, c);
        errors[i] = apart(&us[i], &a, &b, &c, &points[i]);
    }
    errors
}

/// From a measured point to its place `us` between three corners.
#[differentiable(wrt(us, a, b, c), jacobian(us))]
pub fn apart(us: &[f64; 2], a: &[f64; 3], b: &[f64; 3], c: &[f64; 3], point: &[f64; 3]) -> [f64; 3] {
    let [u, v] = *us;
    from_fn(|axis| point[axis] - (u * a[axis] + v * b[axis] + (1.0 - u - v) * c[axis]))
}

/// The derivatives of the errors with respect to the two `us` of their own point.
pub fn by_us(
    theta: &[f64; 26],
    us: &[[f64; 2]],
    hand: &Hand,
    triangles: &[usize],
    points: &[[f64; 3]],
    to: &mut Vec<[[f64; 2]; 3]>,
) {
    let bones = bones(theta, hand);
    let global = axis_angle([theta[0], theta[1], theta[2]]);
    to.clear();
    to.extend(us.iter().zip(points).zip(triangles).map(|((us, point), triangle)| {
        let [a, b, c] =
            hand.triangles[*triangle].map(|vertex| position(theta, hand, &global, &bones, vertex));
        apart::jacobian(us, &a, &b, &c, point)
    }));
}

/// Where a vertex is: moved by its bones, and then with the whole hand.
#[differentiable(wrt(theta, global, bones), vjp)]
fn position(
    theta: &[f64; 26],
    hand: &Hand,
    global: &[[f64; 3]; 3],
    bones: &[[[f64; 4]; 4]],
    vertex: usize,
) -> [f64; 3] {
    let base: [f64; 4] = hand.base_positions[vertex];
    let mut local = [0.0; 3];
    for bone in 0..bones.len() {
        let weight: f64 = hand.weights[vertex * hand.parents.len() + bone];
        if weight != 0.0 {
            for i in 0..3 {
                for j in 0..4 {
                    local[i] += weight * bones[bone][i][j] * base[j];
                }
            }
        }
    }
    if hand.is_mirrored {
        local[0] = -local[0];
    }
    let mut position = [theta[3], theta[4], theta[5]];
    for i in 0..3 {
        for j in 0..3 {
            position[i] += global[i][j] * local[j];
        }
    }
    position
}

/// How each bone moves what is attached to it.
#[differentiable(wrt(theta), vjp)]
fn bones(theta: &[f64; 26], hand: &Hand) -> Vec<[[f64; 4]; 4]> {
    let angles = angles(theta, hand.parents.len());
    let mut absolutes = vec![[[0.0; 4]; 4]; angles.len()];
    for bone in 0..angles.len() {
        let base: [[f64; 4]; 4] = hand.base_relatives[bone];
        let relative = product(&base, &rotation(angles[bone]));
        absolutes[bone] = match hand.parents[bone] {
            None => relative,
            Some(parent) => product(&absolutes[parent], &relative),
        };
    }
    let moved = (0..angles.len()).map(|bone| {
        let inverse: [[f64; 4]; 4] = hand.inverse_base_absolutes[bone];
        product(&absolutes[bone], &inverse)
    });
    moved.collect()
}

/// The angles of each bone around x, z and y: four numbers a finger, of which its root takes two.
#[differentiable(wrt(theta), vjp)]
fn angles(theta: &[f64; 26], bones: usize) -> Vec<[f64; 3]> {
    let mut angles = vec![[0.0; 3]; bones];
    for finger in 0..5 {
        let (bone, at) = (4 * finger + 2, 4 * finger + 6);
        angles[bone] = [theta[at], theta[at + 1], 0.0];
        angles[bone + 1][0] = theta[at + 2];
        angles[bone + 2][0] = theta[at + 3];
    }
    angles
}

/// A rotation around x, then y, then z.
#[differentiable(vjp)]
fn rotation(angles: [f64; 3]) -> [[f64; 4]; 4] {
    let [x, z, y] = angles;
    let ((sx, cx), (sy, cy), (sz, cz)) = (x.sin_cos(), y.sin_cos(), z.sin_cos());
    [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, 0.0],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, 0.0],
        [-sy, cy * sx, cy * cx, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
}

/// The rotation around the axis a by the length of a.
#[differentiable(vjp)]
fn axis_angle(a: [f64; 3]) -> [[f64; 3]; 3] {
    let angle = (a[0] * a[0] + a[1] * a[1] + a[2] * a[2]).sqrt();
    if angle < 1e-4 {
        return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    }
    let [x, y, z] = a.map(|a| a / angle);
    let (s, c) = angle.sin_cos();
    let d = 1.0 - c;
    [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, y * y * d + c, y * z * d - x * s],
        [x * z * d - y * s, y * z * d + x * s, z * z * d + c],
    ]
}

#[differentiable(vjp)]
fn product(a: &[[f64; 4]; 4], b: &[[f64; 4]; 4]) -> [[f64; 4]; 4] {
    let mut c = [[0.0; 4]; 4];
    for i in 0..4 {
        for j in 0..4 {
            for k in 0..4 {
                c[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    c
}
