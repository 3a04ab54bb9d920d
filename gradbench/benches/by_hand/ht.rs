//! Hand tracking: an angle of a finger moves at most three bones, and a vertex hangs on few bones.

use gradbench::evals::ht::Arguments;
use gradbench::ht::{Hand, Matrix};

type Three = [f64; 3];
/// The upper rows of a transformation.
type Affine = [[f64; 4]; 3];

/// The Jacobian: `us`, if there are any, of the same measured point, then `theta`.
pub fn hand(a: &Arguments, rows: &mut Vec<[f64; 28]>) {
    rows.clear();
    let pose = Pose::new(&a.theta, &a.hand);
    for (i, place) in a.correspondences.iter().enumerate() {
        let mut sums = Sums::default();
        let mut block = [[0.0; 28]; 3];
        if a.us.is_empty() {
            pose.add(&a.hand, *place, 1.0, &mut sums);
        } else {
            let [u, v] = a.us[i];
            let corners = a.hand.triangles[*place];
            let [x, y, z] = [(0, u), (1, v), (2, 1.0 - u - v)]
                .map(|(corner, weight)| pose.add(&a.hand, corners[corner], weight, &mut sums));
            for axis in 0..3 {
                for i in 0..3 {
                    block[axis][0] += pose.global[axis][i] * (z[i] - x[i]);
                    block[axis][1] += pose.global[axis][i] * (z[i] - y[i]);
                }
            }
        }
        pose.finish(&sums, &mut block);
        rows.extend(block);
    }
}

/// Where a place of the skin is before the hand is turned, and how it moves with the angles of the fingers.
#[derive(Default)]
struct Sums {
    local: Three,
    angles: [Three; 20],
}

struct Pose {
    bones: Vec<Affine>,
    /// For each bone, the angles that move it, and how.
    moves: Vec<Vec<(usize, Affine)>>,
    global: [Three; 3],
    /// J, such that the derivative of `global l` is `-global [l]× J`.
    global_bar: [Three; 3],
    mirrored: bool,
}

impl Pose {
    fn new(theta: &[f64; 26], hand: &Hand) -> Self {
        let count = hand.parents.len();
        let mut absolutes: Vec<Affine> = Vec::with_capacity(count);
        let mut moves: Vec<Vec<(usize, Affine)>> = vec![vec![]; count];
        for bone in 0..count {
            let base = affine(&hand.base_relatives[bone]);
            let (finger, joint) = ((bone.max(1) - 1) / 4, (bone.max(1) - 1) % 4);
            let at = 4 * finger;
            let own = bone > 0 && finger < 5 && joint > 0;
            let (x, z) = match joint {
                1 if own => (theta[6 + at], theta[7 + at]),
                2 | 3 if own => (theta[6 + at + joint], 0.0),
                _ => (0.0, 0.0),
            };
            let ((sx, cx), (sz, cz)) = (x.sin_cos(), z.sin_cos());
            let parent = hand.parents[bone];
            let chain = |m: &Affine| {
                let relative = product(&base, m);
                parent.map_or(relative, |p| product(&absolutes[p], &relative))
            };
            let turn = [[cz, -sz * cx, sz * sx, 0.0], [sz, cz * cx, -cz * sx, 0.0], [0.0, sx, cx, 0.0]];
            let mut own_moves = vec![];
            if let Some(p) = parent {
                for (angle, m) in &moves[p] {
                    own_moves.push((*angle, product(m, &product(&base, &turn))));
                }
            }
            if own {
                let by_x =
                    [[0.0, sz * sx, sz * cx, 0.0], [0.0, -cz * sx, -cz * cx, 0.0], [0.0, cx, -sx, 0.0]];
                let by_z = [[-sz, -cz * cx, cz * sx, 0.0], [cz, -sz * cx, sz * sx, 0.0], [0.0; 4]];
                let parent = parent.map_or(IDENTITY, |p| absolutes[p]);
                let first = if joint == 1 { at } else { at + joint };
                own_moves.push((first, linear(&linear(&parent, &base), &by_x)));
                if joint == 1 {
                    own_moves.push((at + 1, linear(&linear(&parent, &base), &by_z)));
                }
            }
            absolutes.push(chain(&turn));
            moves[bone] = own_moves;
        }
        let bones = absolutes.iter().zip(&hand.inverse_base_absolutes).map(|(a, i)| product(a, &affine(i)));
        let bones = bones.collect();
        for (moves, inverse) in moves.iter_mut().zip(&hand.inverse_base_absolutes) {
            for (_, m) in moves {
                *m = product(m, &affine(inverse));
            }
        }
        let (global, global_bar) = turned([theta[0], theta[1], theta[2]]);
        Pose { bones, moves, global, global_bar, mirrored: hand.is_mirrored }
    }

    /// Adds a vertex with a weight; where it is.
    fn add(&self, hand: &Hand, vertex: usize, share: f64, sums: &mut Sums) -> Three {
        let base = &hand.base_positions[vertex];
        let mut local = [0.0; 3];
        for (bone, weight) in hand.weights[vertex * self.bones.len()..][..self.bones.len()].iter().enumerate()
        {
            if *weight != 0.0 {
                add(&self.bones[bone], base, *weight, self.mirrored, &mut local);
                for (angle, m) in &self.moves[bone] {
                    add(m, base, share * weight, self.mirrored, &mut sums.angles[*angle]);
                }
            }
        }
        for i in 0..3 {
            sums.local[i] += share * local[i];
        }
        local
    }

    /// From the skin at rest to the errors.
    fn finish(&self, sums: &Sums, block: &mut [[f64; 28]; 3]) {
        for k in 0..3 {
            // -[l]× J: the columns of J, each crossed with l
            let column = [self.global_bar[0][k], self.global_bar[1][k], self.global_bar[2][k]];
            let crossed = cross(column, sums.local);
            for axis in 0..3 {
                block[axis][2 + k] = -dot(self.global[axis], crossed);
            }
            block[k][5 + k] = -1.0;
        }
        for (angle, sum) in sums.angles.iter().enumerate() {
            for axis in 0..3 {
                block[axis][8 + angle] = -dot(self.global[axis], *sum);
            }
        }
    }
}

const IDENTITY: Affine = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

fn affine(m: &Matrix) -> Affine {
    [m[0], m[1], m[2]]
}

/// `to += weight m base`.
#[inline(always)]
fn add(m: &Affine, base: &[f64; 4], weight: f64, mirrored: bool, to: &mut Three) {
    for (i, row) in m.iter().enumerate() {
        let sum = row[0] * base[0] + row[1] * base[1] + row[2] * base[2] + row[3] * base[3];
        to[i] += if mirrored && i == 0 { -weight * sum } else { weight * sum };
    }
}

/// The product of two transformations, or of the derivative of one with another.
fn product(a: &Affine, b: &Affine) -> Affine {
    let mut c = linear(a, b);
    for i in 0..3 {
        c[i][3] += a[i][3];
    }
    c
}

/// The product of a transformation's linear part with another, or with the derivative of one.
fn linear(a: &Affine, b: &Affine) -> Affine {
    let mut c = [[0.0; 4]; 3];
    for i in 0..3 {
        for k in 0..3 {
            for j in 0..4 {
                c[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    c
}

/// The rotation by an axis, and J of [`Pose::global_bar`].
fn turned(a: Three) -> ([Three; 3], [Three; 3]) {
    let square = dot(a, a);
    let angle = square.sqrt();
    if angle < 1e-4 {
        return ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.0; 3]; 3]);
    }
    let [x, y, z] = a.map(|a| a / angle);
    let (s, c) = angle.sin_cos();
    let d = 1.0 - c;
    let rotation = [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, y * y * d + c, y * z * d - x * s],
        [x * z * d - y * s, y * z * d + x * s, z * z * d + c],
    ];
    // (a aᵀ + (Rᵀ - 1) [a]×) / |a|², as in `ba`
    let skew = [[0.0, -a[2], a[1]], [a[2], 0.0, -a[0]], [-a[1], a[0], 0.0]];
    let mut bar = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..3 {
            let turned: f64 = (0..3).map(|k| rotation[k][i] * skew[k][j]).sum();
            bar[i][j] = (a[i] * a[j] + turned - skew[i][j]) / square;
        }
    }
    (rotation, bar)
}

fn dot(a: Three, b: Three) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Three, b: Three) -> Three {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
