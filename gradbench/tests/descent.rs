//! The descent of `particle` and `saddle`, with the outer derivative taken by differences: functions and inner
//! derivatives are right whether or not the outer ones are generated yet.

use gradbench::descent::{argmin, Mode};
use gradbench::{particle, saddle};

fn slope<const N: usize>(f: impl Fn(&[f64; N]) -> f64, x: &[f64; N]) -> [f64; N] {
    std::array::from_fn(|i| {
        let moved = |h: f64| {
            let mut x = *x;
            x[i] += h;
            f(&x)
        };
        (moved(1e-6) - moved(-1e-6)) / 2e-6
    })
}

#[test]
fn a_particle_is_steered_to_its_target() {
    for inner in [Mode::Forward, Mode::Reverse] {
        let miss = |w: &[f64; 1]| particle::miss(w[0], inner);
        let [w] = argmin(miss, |w| slope(miss, w), [0.0]);
        assert!((w - 0.2071918746486116).abs() < 1e-6, "{w}");
    }
}

/// Near enough for differences.
fn same(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs() + b.abs()), "{a} {b}");
}

#[test]
fn derivatives_of_what_derivatives_steer_agree() {
    for inner in [Mode::Forward, Mode::Reverse] {
        for w in [-0.3, 0.0, 0.2, 1.0] {
            let [expected] = slope(|w| particle::miss(w[0], inner), &[w]);
            same(particle::miss::gradient(w, inner), expected);
            same(particle::miss::jvp(w, inner, 1.0).1, expected);
        }
        for x in [[1.0, 1.0], [0.5, -2.0]] {
            let start = [0.4, -0.3];
            let expected = slope(|x| saddle::ridge(x, &start, inner), &x);
            let gradient = saddle::ridge::gradient(&x, &start, inner);
            for i in 0..2 {
                let mut x_dot = [0.0; 2];
                x_dot[i] = 1.0;
                same(gradient[i], expected[i]);
                same(saddle::ridge::jvp(&x, &start, inner, &x_dot).1, expected[i]);
            }
        }
    }
}

#[test]
fn a_saddle_point_is_found() {
    for inner in [Mode::Forward, Mode::Reverse] {
        let start = [1.0, 1.0];
        let ridge = |x: &[f64; 2]| saddle::ridge(x, &start, inner);
        // far from cheap, and exact for a square: differences
        let x = argmin(ridge, |x| slope(ridge, x), start);
        let y = saddle::summit(&x, &start, inner);
        for z in x.iter().chain(&y) {
            assert!((z - 8.246324826140356e-06).abs() < 1e-6, "{x:?} {y:?}");
        }
    }
}
