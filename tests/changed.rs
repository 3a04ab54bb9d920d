//! Functions that change their arguments, differentiated by themselves.

use chainrule::differentiable;
use ndarray::{array, Array1, Array2, ArrayViewMut1, ArrayViewMut2};

/// `y` is written only.
#[differentiable(jvp, vjp, jacobian)]
fn squares(x: &[f64; 3], y: &mut [f64; 3]) {
    for i in 0..3 {
        y[i] = x[i] * x[i];
    }
}

#[test]
fn what_is_written_is_a_result() {
    let (x, y) = ([1.0, 2.0, 3.0], [7.0; 3]);
    let (value, g) = squares::vjp(&x, &y, &[1.0, 10.0, 100.0]);
    assert_eq!((value, y), ([1.0, 4.0, 9.0], [7.0; 3]));
    assert_eq!((g.x, g.y), ([2.0, 40.0, 600.0], [0.0; 3]));
    let (value, tangent) = squares::jvp(&x, &y, &[1.0, 0.0, 0.0], &[5.0; 3]);
    assert_eq!((value, tangent), ([1.0, 4.0, 9.0], [2.0, 0.0, 0.0]));
    let jacobian = squares::jacobian(&x, &y);
    assert_eq!(jacobian.x, [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]);
    assert_eq!(jacobian.y, [[0.0; 3]; 3]);
}

/// `y` is read before it is written.
#[differentiable(vjp, jvp)]
fn step(y: &mut [f64], rate: &[f64], h: f64) {
    for (y, rate) in y.iter_mut().zip(rate) {
        *y += h * rate * *y;
    }
}

#[test]
fn an_argument_may_be_both() {
    let (mut y, rate) = (vec![1.0, 2.0], [3.0, 4.0]);
    let (value, g) = step::vjp(&y, &rate, 0.5, &[1.0, 10.0][..]);
    assert_eq!(g.y, [2.5, 30.0]);
    assert_eq!(g.rate, [0.5, 10.0]);
    assert_eq!(g.h, 3.0 + 80.0);
    let (same, tangent) = step::jvp(&y, &rate, 0.5, &[1.0, 1.0], &[0.0, 0.0], 0.0);
    assert_eq!(tangent, [2.5, 3.0]);
    // a mutable borrow is as good
    let again = step::vjp(&mut y, &rate, 0.5, &[1.0, 10.0][..]).0;
    step(&mut y, &rate, 0.5);
    assert_eq!((&value, &same, &again), (&y, &y, &y));
}

/// The result first, then the arguments in their order.
#[differentiable(vjp, jvp, jacobian)]
fn turned(c: f64, p: &mut f64, q: &mut [f64; 2]) -> (f64, [f64; 2]) {
    let before = *q;
    *p *= c;
    q[1] = *p * q[0];
    (*p + c, [before[0] * c, q[1]])
}

#[test]
fn results_come_first() {
    let (c, mut p, mut q) = (2.0, 3.0, [5.0, 7.0]);
    let (value, g) = turned::vjp(c, &p, &q, 1.0, &[10.0, 100.0], 1000.0, &[1e4, 1e5]);
    let (value_again, tangent) = turned::jvp(c, &p, &q, 1.0, &0.0, &[0.0, 0.0]);
    let jacobian = turned::jacobian(c, &p, &q);
    let (a, b) = turned(c, &mut p, &mut q);
    assert_eq!(value, (a, b, p, q));
    assert_eq!(value_again, value);
    // (p c + c, [q0 c, p c q0], p c, [q0, p c q0])
    assert_eq!(tangent, (4.0, [5.0, 15.0], 3.0, [0.0, 15.0]));
    assert_eq!(jacobian.c, tangent);
    assert_eq!(g.c, 4.0 + 50.0 + 1500.0 + 3000.0 + 15e5);
    assert_eq!(g.p, 2.0 + 1000.0 + 2000.0 + 1e6);
    assert_eq!(g.q, [20.0 + 600.0 + 1e4 + 6e5, 0.0]);
}

/// A number is returned; the argument is memory.
#[differentiable(wrt(x), hvp)]
fn energy(x: &[f64], memory: &mut Vec<f64>) -> f64 {
    for (m, x) in memory.iter_mut().zip(x) {
        *m = x.sin();
    }
    memory.iter().map(|m| m * m).sum()
}

#[test]
fn the_gradient_is_that_of_the_number() {
    let (x, memory) = ([0.5, 1.5], vec![9.0; 2]);
    let (value, g) = energy::value_and_gradient(&x, &memory);
    assert!((value - energy(&x, &mut memory.clone())).abs() < 1e-15);
    for (g, x) in g.iter().zip(x) {
        assert!((g - (2.0 * x).sin()).abs() < 1e-15);
    }
    let (_, _, product) = energy::hvp(&x, &memory, &[1.0, 0.0]);
    assert!((product[0] - 2.0 * 1f64.cos()).abs() < 1e-15 && product[1] == 0.0);
    assert_eq!(memory, [9.0; 2]);
}

/// Left early, from a branch and from a loop.
#[differentiable(vjp)]
fn stopped(x: f64, y: &mut [f64; 3]) {
    y[0] *= x;
    if x > 2.0 {
        y[1] = 0.0;
        return;
    }
    for i in 0..3 {
        y[i] += x;
        if y[i] > 5.0 {
            return;
        }
    }
    y[2] = y[1] * x;
}

#[test]
fn early_exits_keep_what_was_written() {
    for (x, g_x, g_y) in [
        (3.0, 1.0, [3.0, 0.0, 100.0]),
        (1.5, 1.0 + 1.0 + 10.0, [1.5, 10.0, 100.0]),
        // y1 = 1 + x, y2 = (1 + x) x
        (0.5, 1.0 + 1.0 + 10.0 + 100.0 * 2.0, [0.5, 10.0 + 50.0, 0.0]),
    ] {
        let mut y = [1.0, if x == 1.5 { 4.0 } else { 1.0 }, 2.0];
        let (value, g) = stopped::vjp(x, &y, &[1.0, 10.0, 100.0]);
        stopped(x, &mut y);
        assert_eq!(value, y);
        assert_eq!((g.x, g.y), (g_x, g_y), "{x}");
    }
}

/// Mutable views, and owned arrays behind `&mut`.
#[differentiable(vjp, wrt(a, m))]
fn views(a: f64, mut v: ArrayViewMut1<f64>, m: &mut Array2<f64>, w: &mut ArrayViewMut1<'_, f64>) {
    for i in 0..v.len() {
        v[i] = a * m[[0, i]];
    }
    for i in 0..v.len() {
        m[[1, i]] = v[i] * v[i] + w[i];
        w[i] = 2.0;
    }
}

#[test]
fn arrays_of_ndarray() {
    let (a, mut v, mut m) = (3.0, Array1::zeros(2), array![[1.0, 2.0], [7.0, 7.0]]);
    let mut w = array![1.0, 1.0];
    let seeds = (array![1.0, 0.0], array![[0.0, 0.0], [10.0, 100.0]], array![1.0, 1.0]);
    let (value, g) = views::vjp(a, v.view(), &m, &w.view(), &seeds.0, &seeds.1, &seeds.2);
    views(a, v.view_mut(), &mut m, &mut w.view_mut());
    assert_eq!(value, (v, m, w));
    assert_eq!(g.a, 1.0 + 60.0 + 2400.0);
    assert_eq!(g.m, array![[3.0 + 180.0, 3600.0], [0.0, 0.0]]);
}

/// A helper with a view, called with a part of what its caller changes.
#[differentiable]
fn doubled(mut v: ArrayViewMut1<f64>, by: f64) {
    for i in 0..v.len() {
        if v[i] > 3.0 {
            return;
        }
        v[i] *= by;
    }
}

#[differentiable(wrt(x, by))]
fn called(x: &Array1<f64>, by: f64) -> f64 {
    let mut y = x.clone();
    doubled(y.view_mut(), by);
    (&y * &y).sum()
}

#[test]
fn callees_take_views_and_return_early() {
    let x = array![1.0, 4.0, 1.0];
    let (value, g) = called::value_and_gradient(&x, 2.0);
    assert_eq!(value, called(&x, 2.0));
    assert_eq!((g.x, g.by), (array![8.0, 8.0, 2.0], 4.0));
}

#[differentiable(vjp, wrt(x))]
fn rows(x: &[f64], mut out: ArrayViewMut2<f64>) {
    for i in 0..x.len() {
        for j in 0..x.len() {
            out[[i, j]] = x[i] * x[j];
        }
    }
}

#[test]
#[should_panic(expected = "out.nrows()")]
fn shapes_are_checked() {
    let out = Array2::zeros((1, 2));
    rows::vjp(&[1.0, 2.0], out.view(), &Array2::zeros((1, 2)));
}

/// What nothing writes keeps its value, and its cotangent.
#[differentiable(vjp)]
fn part(x: &[f64], y: &mut [f64]) {
    for i in 0..x.len() {
        y[i] = x[i] * 2.0;
    }
}

#[test]
fn what_is_not_written_stays() {
    let (x, mut y) = ([1.0, 2.0], [5.0, 6.0, 7.0]);
    let (value, g) = part::vjp(&x, &y, &[1.0, 10.0, 100.0]);
    part(&x, &mut y);
    assert_eq!(value, y);
    assert_eq!((g.x, g.y), (vec![2.0, 20.0], vec![0.0, 0.0, 100.0]));
}

/// Elements in another order, and some of them.
#[differentiable(vjp)]
fn backwards(x: &[f64; 3], y: &mut [f64; 3]) {
    for (y, x) in y.iter_mut().rev().zip(x) {
        *y *= x;
    }
    for y in y.iter_mut().skip(1) {
        *y += x[0];
    }
}

#[test]
fn iterators_may_be_moved() {
    let (x, mut y) = ([2.0, 3.0, 5.0], [7.0, 11.0, 13.0]);
    let (value, g) = backwards::vjp(&x, &y, &[1.0, 10.0, 100.0]);
    backwards(&x, &mut y);
    assert_eq!(value, y);
    assert_eq!((g.x, g.y), ([1300.0 + 110.0, 110.0, 7.0], [5.0, 30.0, 200.0]));
}

/// Handed on to a helper, whose own loop changes it; not differentiated, and read all the same.
#[differentiable]
fn scale(y: &mut [f64], by: f64) {
    let n = y.len();
    let mut k = 0;
    while k < n {
        y[k] *= by;
        k += 1;
    }
}

#[differentiable(vjp, wrt(x))]
fn handed_on(x: f64, y: &mut [f64], z: &mut [[f64; 2]]) {
    scale(y, x);
    let sum = |k: usize| y[k] + z[0][1];
    let total = sum(0) + sum(1);
    for row in z.iter_mut() {
        for v in row {
            *v = total * *v;
        }
    }
}

#[test]
fn arguments_are_handed_on() {
    let (x, mut y, mut z) = (3.0, [5.0, 7.0], [[2.0, 11.0], [0.5, 1.0]]);
    let (value, g) = handed_on::vjp(x, &y, &z, &[1.0, 10.0], &Array2::ones((2, 2)));
    handed_on(x, &mut y, &mut z);
    assert_eq!(value, (y.to_vec(), z.to_vec()));
    // y x, and (x (y0 + y1) + 2 z01) z
    assert_eq!(g, 5.0 + 70.0 + 12.0 * 14.5);
}

/// A loop that ends when it is done, and branches.
#[differentiable(vjp, jvp)]
fn newton(a: f64, root: &mut f64, steps: &mut [f64; 2]) -> f64 {
    let mut turns = 0.0;
    while (*root * *root - a).abs() > 1e-3 {
        *root = 0.5 * (*root + a / *root);
        turns += 1.0;
    }
    if turns > 1.0 {
        steps[0] = *root;
    } else {
        *root *= steps[1];
    }
    turns * a
}

#[test]
fn loops_and_branches_change_arguments() {
    for (a, root) in [(2.0, 1.0), (4.0, 2.0)] {
        let (mut r, mut steps) = (root, [3.0, 4.0]);
        let (value, g) = newton::vjp(a, &r, &steps, 1.0, 10.0, &[100.0, 1000.0]);
        let (again, tangent) = newton::jvp(a, &r, &steps, 1.0, &0.5, &[0.25, 0.125]);
        let turns = newton(a, &mut r, &mut steps);
        assert_eq!(value, (turns, r, steps));
        assert_eq!(again, value);
        let (t, u, [v, w]) = tangent;
        let (pulled, pushed) = (
            g.a + 0.5 * g.root + 0.25 * g.steps[0] + 0.125 * g.steps[1],
            t + 10.0 * u + 100.0 * v + 1000.0 * w,
        );
        assert!((pulled - pushed).abs() < 1e-9, "{pulled} {pushed}");
        // differences in the number `a`
        let at = |a: f64| {
            let (mut r, mut steps) = (root, [3.0, 4.0]);
            let turns = newton(a, &mut r, &mut steps);
            turns + 10.0 * r + 100.0 * steps[0] + 1000.0 * steps[1]
        };
        let h = 1e-7;
        assert!(
            (g.a - (at(a + h) - at(a - h)) / (2.0 * h)).abs() < 1e-4,
            "{} {}",
            g.a,
            (at(a + h) - at(a - h)) / (2.0 * h)
        );
    }
}
