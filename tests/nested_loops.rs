//! Recurrences in recurrences, over arrays as long as the loops.

use chainrule::{check_gradient, differentiable};

/// All that the outer loop hands on lies along an axis that looks like the inner loop's.
#[differentiable(jvp)]
fn velocities(x: &[[f64; 2]; 2], v: &[[f64; 2]; 2]) -> f64 {
    let (mut x, mut v) = (*x, *v);
    for _ in 0..3 {
        for i in 0..2 {
            for c in 0..2 {
                v[i][c] += 0.5 * x[i][c].sin();
                x[i][c] += 0.5 * v[i][c];
            }
        }
    }
    x[0][0] * x[1][1] + v[0][1] * v[1][0]
}

/// Bodies that attract each other.
#[differentiable]
fn bodies(x: &[[f64; 2]; 3]) -> f64 {
    let mut x = *x;
    let mut v = [[0.1, 0.0], [0.0, -0.2], [0.1, 0.1]];
    for _ in 0..4 {
        let mut force = [[0.0; 2]; 3];
        for i in 0..3 {
            for j in 0..3 {
                if i != j {
                    let d = [x[j][0] - x[i][0], x[j][1] - x[i][1]];
                    let r = (d[0] * d[0] + d[1] * d[1] + 0.1).sqrt();
                    for c in 0..2 {
                        force[i][c] += d[c] / (r * r * r);
                    }
                }
            }
        }
        for i in 0..3 {
            for c in 0..2 {
                v[i][c] += 0.05 * force[i][c];
                x[i][c] += 0.05 * v[i][c];
            }
        }
    }
    x[0][0] * x[1][1] + x[2][0] - v[0][1] * v[1][0]
}

#[test]
fn two_arrays_that_change_each_other() {
    let (x, v) = ([[0.3, -0.7], [1.2, 0.9]], [[0.4, 0.1], [-0.2, 0.5]]);
    let (value, g) = velocities::value_and_gradient(&x, &v);
    assert!((value - velocities(&x, &v)).abs() < 1e-13);
    check_gradient(|x| velocities(x, &v), |x| velocities::gradient(x, &v).x, &x).unwrap();
    check_gradient(|v| velocities(&x, v), |v| velocities::gradient(&x, v).v, &v).unwrap();
    let tangent = velocities::jvp(&x, &v, &[[1.0, 0.0], [0.0, 0.0]], &[[0.0, 0.0], [0.0, 1.0]]).1;
    assert!((tangent - g.x[0][0] - g.v[1][1]).abs() < 1e-13);
}

#[test]
fn bodies_in_a_plane() {
    let x = [[0.3, -0.7], [1.2, 0.9], [-0.4, 0.2]];
    assert!((bodies::value_and_gradient(&x).0 - bodies(&x)).abs() < 1e-13);
    check_gradient(bodies, bodies::gradient, &x).unwrap();
}
