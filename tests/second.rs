//! Generated products with Hessians, Jacobians and Hessians, and derivatives in bodies: loops, branches and writes included.
//!
//! Invariant: each is held against central differences of what is one order lower, and against its relatives.

use chainrule::{check_gradient, constant, differentiable};

#[cfg(feature = "ndarray")]
#[path = "second/networks.rs"]
mod networks;

/// Results as flat numbers.
trait Flat {
    fn push(&self, out: &mut Vec<f64>);
    fn flat(&self) -> Vec<f64> {
        let mut out = vec![];
        self.push(&mut out);
        out
    }
}
impl Flat for f64 {
    fn push(&self, out: &mut Vec<f64>) {
        out.push(*self);
    }
}
impl<T: Flat, const N: usize> Flat for [T; N] {
    fn push(&self, out: &mut Vec<f64>) {
        self.iter().for_each(|x| x.push(out));
    }
}
impl<T: Flat> Flat for Vec<T> {
    fn push(&self, out: &mut Vec<f64>) {
        self.iter().for_each(|x| x.push(out));
    }
}
#[cfg(feature = "ndarray")]
impl<T: Flat, D: ndarray::Dimension> Flat for ndarray::Array<T, D> {
    fn push(&self, out: &mut Vec<f64>) {
        self.iter().for_each(|x| x.push(out));
    }
}

fn near(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}: lengths");
    let scale = b.iter().fold(1.0f64, |m, b| m.max(b.abs()));
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= tolerance * scale, "{what}[{k}]: {x:e} against {y:e}");
    }
}

/// The derivatives of `f` along the axes, one row for each number of the result.
fn differences(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64]) -> Vec<f64> {
    let rows = f(x).len();
    let mut out = vec![0.0; rows * x.len()];
    for k in 0..x.len() {
        let at = |t: f64| {
            let mut moved = x.to_vec();
            moved[k] += t;
            f(&moved)
        };
        let h = 1e-5;
        let (a, b) = (at(h), at(-h));
        for r in 0..rows {
            out[r * x.len() + k] = (a[r] - b[r]) / (2.0 * h);
        }
    }
    out
}

fn times(matrix: &[f64], v: &[f64]) -> Vec<f64> {
    matrix.chunks(v.len()).map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect()
}

fn direction(n: usize) -> Vec<f64> {
    (0..n).map(|k| (1.0 + k as f64 * 1.7).sin()).collect()
}

/// Gradient, Hessian-vector product and Hessian of one argument of any type, at numbers that make it.
macro_rules! second_order {
    ($f:ident, $make:expr, $x:expr $(, $pass:tt)*) => {{
        let x: Vec<f64> = $x;
        let v = direction(x.len());
        let make = $make;
        let gradient = |x: &[f64]| $f::gradient(pass!($($pass)* make(x))).flat();
        let numeric = differences(gradient, &x);
        let hessian = $f::hessian(pass!($($pass)* make(&x))).flat();
        near(concat!(stringify!($f), "'s Hessian"), &hessian, &numeric, 1e-6);
        let (value, g, product) = $f::hvp(pass!($($pass)* make(&x)), pass!($($pass)* make(&v)));
        near("value", &value.flat(), &$f(pass!($($pass)* make(&x))).flat(), 1e-13);
        near("gradient", &g.flat(), &gradient(&x), 1e-13);
        near(concat!(stringify!($f), "'s product"), &product.flat(), &times(&hessian, &v), 1e-12);
        let n = x.len();
        for i in 0..n {
            for j in 0..i {
                let (a, b) = (hessian[i * n + j], hessian[j * n + i]);
                assert!((a - b).abs() <= 1e-11 * (1.0 + a.abs()), "not symmetric: {a} and {b}");
            }
        }
    }};
}
/// How an argument is passed.
macro_rules! pass {
    (& $x:expr) => {
        &$x
    };
    (view $x:expr) => {
        $x.view()
    };
    ($x:expr) => {
        $x
    };
}

/// Value, Jacobian and Jacobian-vector product of one argument.
macro_rules! first_order {
    ($f:ident, $make:expr, $x:expr $(, $pass:tt)*) => {{
        let x: Vec<f64> = $x;
        let v = direction(x.len());
        let make = $make;
        let numeric = differences(|x: &[f64]| $f(pass!($($pass)* make(x))).flat(), &x);
        let (value, jacobian) = $f::value_and_jacobian(pass!($($pass)* make(&x)));
        near("value", &value.flat(), &$f(pass!($($pass)* make(&x))).flat(), 1e-13);
        near(concat!(stringify!($f), "'s Jacobian"), &jacobian.flat(), &numeric, 1e-7);
        let tangent = $f::jvp(pass!($($pass)* make(&x)), pass!($($pass)* make(&v))).1;
        near(concat!(stringify!($f), "'s tangent"), &tangent.flat(), &times(&jacobian.flat(), &v), 1e-12);
        // memory that has seen other shapes
        let mut workspace = $f::Workspace::default();
        let mut again = $f::jacobian(pass!($($pass)* make(&x)));
        $f::value_and_jacobian_into(pass!($($pass)* make(&x)), &mut again, &mut workspace);
        $f::value_and_jacobian_into(pass!($($pass)* make(&x)), &mut again, &mut workspace);
        assert_eq!(again.flat(), jacobian.flat());
    }};
}

fn numbers(n: usize) -> Vec<f64> {
    (0..n).map(|k| 0.37 + 0.5 * (k as f64 * 2.3).sin()).collect()
}
fn array<const N: usize>(x: &[f64]) -> [f64; N] {
    std::array::from_fn(|k| x[k])
}
fn vector(x: &[f64]) -> Vec<f64> {
    x.to_vec()
}

#[differentiable(hvp, hessian)]
fn rosenbrock(x: &[f64]) -> f64 {
    let mut sum = 0.0;
    for i in 1..x.len() {
        sum += (1.0 - x[i - 1]).powi(2) + 100.0 * (x[i] - x[i - 1] * x[i - 1]).powi(2);
    }
    sum
}

#[differentiable(hvp, hessian)]
fn recurrence(x: &[f64; 3]) -> f64 {
    let mut y = x[0];
    for k in 0..6 {
        y = (y * x[1] + 0.1 * k as f64).sin() + x[2] * y;
    }
    y * y
}

#[differentiable(hvp, hessian)]
fn branches(x: &[f64]) -> f64 {
    let mut sum = 0.0;
    for i in 0..x.len() {
        if x[i] > 0.3 {
            sum += x[i].exp() * x[0];
        } else {
            sum -= (x[i] * sum).cos();
        }
    }
    sum
}

#[differentiable(hvp, hessian)]
fn writes(x: &[f64; 4]) -> f64 {
    let mut y = *x;
    for i in 1..4 {
        y[i] = y[i - 1] * x[i] + (y[i - 1]).sin();
    }
    y[3] * y[2] + y[1]
}

#[differentiable(hvp, hessian)]
fn minimum(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 0.4).powi(2) * x.exp()).fold(f64::INFINITY, f64::min) + x.iter().product::<f64>()
}

#[differentiable(hvp, hessian)]
fn soft(x: &[f64]) -> f64 {
    let max = x.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
    max + x.iter().map(|x| (x - max).exp()).sum::<f64>().ln()
}

#[differentiable(hvp, hessian)]
fn scalar(x: f64) -> f64 {
    (x * x).sin() / (1.0 + x.exp())
}

#[differentiable(hvp, hessian)]
fn generic<const N: usize>(x: &[f64; N]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (x * (1.0 + i as f64)).tanh() * x).sum::<f64>() * x[0]
}

#[differentiable(hvp, hessian, math = "strict")]
fn strictly(x: &[f64]) -> f64 {
    x.windows(2).map(|w| (w[1] - w[0] * w[0]).powi(2)).sum()
}

#[test]
fn second_derivatives_are_differences_of_gradients() {
    for n in [1, 2, 3, 7, 18] {
        second_order!(rosenbrock, vector, numbers(n), &);
        second_order!(branches, vector, numbers(n), &);
        second_order!(soft, vector, numbers(n), &);
        second_order!(strictly, vector, numbers(n), &);
    }
    for n in [1, 2, 3] {
        second_order!(minimum, vector, numbers(n), &);
    }
    second_order!(recurrence, array::<3>, numbers(3), &);
    second_order!(writes, array::<4>, numbers(4), &);
    second_order!(scalar, |x: &[f64]| x[0], vec![0.7]);
    second_order!(generic, array::<5>, numbers(5), &);
    assert!(squares::jacobian(&[]).is_empty());
}

#[differentiable(jvp, jacobian)]
fn pair(x: &[f64; 3]) -> [f64; 2] {
    [x[0] * x[1], (x[1] * x[2]).exp()]
}

#[differentiable(jvp, jacobian)]
fn points(x: &[f64; 3], count: usize) -> Vec<[f64; 2]> {
    let mut out = vec![[0.0; 2]; count];
    for i in 0..count {
        out[i][0] = x[0] * (i as f64) + x[1];
        out[i][1] = (x[2] * i as f64).sin() * x[0];
    }
    out
}

#[differentiable(jvp, jacobian)]
fn squares(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x * x).collect()
}

#[differentiable(jvp, jacobian)]
fn running(x: &[f64]) -> Vec<f64> {
    let mut y = x.to_vec();
    let mut sum = 0.0;
    for i in 0..y.len() {
        sum = (sum + x[i]).sin();
        y[i] = sum * x[0];
    }
    y
}

#[differentiable(jvp, jacobian)]
fn moments(x: &[f64]) -> [f64; 2] {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    [mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>()]
}

#[differentiable(jvp, jacobian)]
fn one(x: f64) -> [f64; 3] {
    [x, x.sin(), 2.0]
}

#[test]
fn jacobians_are_differences_of_values() {
    first_order!(pair, array::<3>, numbers(3), &);
    first_order!(one, |x: &[f64]| x[0], numbers(1));
    for n in [1, 2, 5, 17] {
        first_order!(squares, vector, numbers(n), &);
        first_order!(running, vector, numbers(n), &);
        first_order!(moments, vector, numbers(n), &);
    }
    let x = array::<3>(&numbers(3));
    let j: Vec<[[f64; 3]; 2]> = points::jacobian(&x, 4);
    near("points", &j.flat(), &differences(|x| points(&array(x), 4).flat(), &x), 1e-7);
    let rows: Vec<Vec<f64>> = squares::jacobian(&[1.0, 2.0]);
    assert_eq!(rows, [[2.0, 0.0], [0.0, 4.0]]);
}

/// Each argument has a field.
#[differentiable(jacobian, hessian, hvp, wrt(a, b))]
fn several(a: &[f64; 2], b: f64, k: f64) -> f64 {
    a[0] * a[0] * b * k + (a[1] * b).sin()
}

#[differentiable(jacobian(a), vjp)]
fn some(a: &[f64; 2], b: &[f64]) -> (f64, [f64; 2]) {
    (a[0] * b.iter().sum::<f64>(), [a[1] * a[0], a[1]])
}

#[test]
fn several_arguments_are_fields() {
    let j: several::Jacobian = several::jacobian(&[0.5, 2.0], 3.0, 2.0);
    let g = several::gradient(&[0.5, 2.0], 3.0, 2.0);
    assert_eq!((j.a, j.b), (g.a, g.b));
    let h = several::hessian(&[0.5, 2.0], 3.0, 2.0);
    assert_eq!(h.a.a[0], [12.0, 0.0]);
    near("across", &h.a.b, &h.b.a, 1e-14);
    near("across", &h.b.a, &[2.0, 6.0f64.cos() - 6.0 * 6.0f64.sin()], 1e-14);
    near("own", &[h.b.b], &[-4.0 * 6.0f64.sin()], 1e-14);
    let (_, _, product) = several::hvp(&[0.5, 2.0], 3.0, 2.0, &[1.0, 0.0], 0.0);
    assert_eq!((product.a, product.b), ([h.a.a[0][0], h.a.a[1][0]], h.b.a[0]));

    let (first, second): ([f64; 2], [[f64; 2]; 2]) = some::jacobian(&[2.0, 3.0], &[1.0, 4.0]);
    assert_eq!((first, second), ([5.0, 0.0], [[3.0, 2.0], [0.0, 1.0]]));
}

#[cfg(feature = "ndarray")]
mod nd {
    use super::*;
    use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2};

    #[differentiable(jvp, jacobian)]
    fn layer(w: ArrayView2<f64>, x: ArrayView1<f64>) -> Array1<f64> {
        w.dot(&x).mapv(f64::tanh)
    }

    #[differentiable(hvp, hessian)]
    fn quadratic(x: ArrayView1<f64>) -> f64 {
        let n = x.len();
        let y = x.into_shape_with_order((n / 2, 2)).unwrap();
        y.dot(&y.t()).mapv(|v| v.sin()).sum() + x.dot(&x) * x.sum()
    }

    #[test]
    fn arrays_join_their_dimensions() {
        let w = Array2::from_shape_fn((2, 3), |(i, j)| 0.3 * i as f64 - 0.2 * j as f64 + 0.1);
        let x = Array1::from(vec![0.5, -0.4, 0.9]);
        let j = layer::jacobian(w.view(), x.view());
        let (of_w, of_x): (Array3<f64>, Array2<f64>) = (j.w, j.x);
        let at_x = |x: &[f64]| layer(w.view(), ArrayView1::from(x)).flat();
        near("x", &of_x.flat(), &differences(at_x, &x.flat()), 1e-7);
        let at_w = |w: &[f64]| layer(ArrayView2::from_shape((2, 3), w).unwrap(), x.view()).flat();
        near("w", &of_w.flat(), &differences(at_w, &w.flat()), 1e-7);
        second_order!(quadratic, |x: &[f64]| Array1::from(x.to_vec()), numbers(6), view);
    }
}

#[differentiable]
fn inner(x: f64, y: f64) -> f64 {
    x * x * x * y + (x * y).sin()
}

#[differentiable(wrt(x), hvp, jvp, hessian)]
fn energy(x: &[f64], k: f64) -> f64 {
    let mut sum = 0.0;
    for i in 1..x.len() {
        sum += k * (x[i] - x[i - 1] * x[i - 1]).powi(2);
    }
    sum
}

mod library {
    #[chainrule::differentiable]
    pub fn recursive(x: f64, t: f64) -> f64 {
        let mut y = x;
        for _ in 0..4 {
            y = (y * t).sin() + x;
        }
        y * y
    }

    #[chainrule::differentiable(vjp, jacobian)]
    pub fn turned(x: &[f64; 2]) -> [f64; 2] {
        [x[0] * x[1], x[0].sin()]
    }
}

#[differentiable]
fn outer(x: f64, y: f64) -> f64 {
    let g = inner::gradient(x, y);
    g.x * g.y + inner::gradient(y, x).x
}

#[differentiable]
fn flow(x: &[f64], k: f64) -> f64 {
    let (value, g) = energy::value_and_gradient(x, k);
    value + g.iter().map(|g| g * g).sum::<f64>()
}

/// One derivative for each element: the first argument is the same for all of them.
#[differentiable]
fn mapped(x: &[f64], t: f64) -> f64 {
    x.iter().map(|x| library::recursive::gradient(t, *x).x * x).sum::<f64>()
}

#[differentiable]
fn descent(x: f64, t: f64) -> f64 {
    let mut y = x;
    for k in 0..3 {
        let g = library::recursive::gradient(y, t);
        if g.x > 0.0 {
            y -= 0.1 * g.x * (k as f64 + 1.0);
        } else {
            y -= 0.2 * g.t;
        }
    }
    y
}

#[differentiable]
fn second(x: &[f64], v: &[f64], k: f64) -> f64 {
    let (value, g, p) = energy::hvp(x, k, v);
    let (_, d) = energy::jvp(x, k, v);
    let h = energy::hessian(x, k);
    let mut sum = value + d;
    for i in 0..x.len() {
        sum += g[i] * p[i];
        for j in 0..x.len() {
            sum += h[i][j] * v[j] * 0.3;
        }
    }
    sum
}

#[differentiable]
fn vectors(x: &[f64; 2]) -> f64 {
    let (y, g) = library::turned::vjp(x, &[x[0], 2.0]);
    let j = library::turned::jacobian(&g);
    y[0] * g[1] + j[0][1] * j[1][0] + j[0][0]
}

/// Products, tangents and matrices of their own for each iteration, over arrays that are read in pieces.
#[differentiable]
fn sweep(x: &[f64], v: &[f64]) -> f64 {
    let mut sum = 0.0;
    for t in 0..3 {
        let k = x[0] * (1.0 + t as f64) + sum;
        let (value, g, p) = energy::hvp(x, k, v);
        sum = (value + g[1] * p[2] + energy::hessian(x, k)[1][0]).sin();
    }
    sum + v.iter().map(|k| energy::hessian(x, *k)[0][1] * energy::gradient(x, *k)[1]).sum::<f64>()
}

#[test]
fn derivatives_in_loops_are_apart() {
    let (x, v) = (vec![0.3, -0.5, 0.8, 0.1], vec![0.2, 0.5, -0.3, 0.9]);
    near("value", &[sweep::value_and_gradient(&x, &v).0], &[sweep(&x, &v)], 1e-12);
    check_gradient(|x| sweep(x, &v), |x| sweep::gradient(x, &v).x, &x).unwrap();
    check_gradient(|v| sweep(&x, v), |v| sweep::gradient(&x, v).v, &v).unwrap();
}

#[test]
fn derivatives_in_bodies_are_differentiated() {
    check_gradient(|x| outer(*x, 0.7), |x| outer::gradient(*x, 0.7).x, &0.4).unwrap();
    check_gradient(|y| outer(0.4, *y), |y| outer::gradient(0.4, *y).y, &0.7).unwrap();
    let (x, v) = (vec![0.3, -0.5, 0.8, 0.1], vec![0.2, 0.5, -0.3, 0.9]);
    check_gradient(|x| flow(x, 0.7), |x| flow::gradient(x, 0.7).x, &x).unwrap();
    check_gradient(|k| flow(&x, *k), |k| flow::gradient(&x, *k).k, &0.7).unwrap();
    check_gradient(|x| mapped(x, 0.7), |x| mapped::gradient(x, 0.7).x, &x).unwrap();
    check_gradient(|t| mapped(&x, *t), |t| mapped::gradient(&x, *t).t, &0.7).unwrap();
    check_gradient(|x| descent(*x, 0.7), |x| descent::gradient(*x, 0.7).x, &0.4).unwrap();
    check_gradient(|t| descent(0.4, *t), |t| descent::gradient(0.4, *t).t, &0.7).unwrap();
    check_gradient(|x| second(x, &v, 0.7), |x| second::gradient(x, &v, 0.7).x, &x).unwrap();
    check_gradient(|v| second(&x, v, 0.7), |v| second::gradient(&x, v, 0.7).v, &v).unwrap();
    check_gradient(|k| second(&x, &v, *k), |k| second::gradient(&x, &v, *k).k, &0.7).unwrap();
    check_gradient(vectors, vectors::gradient, &[0.4, 0.7]).unwrap();
    let generated = second::value_and_gradient(&x, &v, 0.7).0;
    near("value", &[generated], &[second(&x, &v, 0.7)], 1e-12);
    near("value", &[mapped::value_and_gradient(&x, 0.7).0], &[mapped(&x, 0.7)], 1e-13);
}

#[differentiable(jvp, hvp)]
fn stopped(x: f64, y: f64) -> f64 {
    constant(x * y) * x + constant(y) + chainrule::constant(x.sin()) * y
}

#[test]
fn nothing_comes_back_from_a_constant() {
    let (value, g) = stopped::value_and_gradient(3.0, 2.0);
    assert_eq!(value, stopped(3.0, 2.0));
    assert_eq!((g.x, g.y), (6.0, 3.0f64.sin()));
    assert_eq!(stopped::jvp(3.0, 2.0, 1.0, 0.0).1, 6.0);
    // the gradient's own constants are constants too
    let (_, _, product) = stopped::hvp(3.0, 2.0, 1.0, 1.0);
    assert_eq!((product.x, product.y), (0.0, 0.0));
}

#[test]
fn a_wrong_gradient_is_found() {
    let x = vec![0.3, -0.5, 0.8];
    let wrong = |x: &Vec<f64>| {
        let mut g = rosenbrock::gradient(x);
        g[1] += 1e-3;
        g
    };
    let said = check_gradient(|x| rosenbrock(x), wrong, &x).unwrap_err();
    assert_eq!(said.worst.1, 1);
    assert!(check_gradient(|x| rosenbrock(x), |x| vec![f64::NAN; x.len()], &x).is_err());
    assert!(check_gradient(|x| rosenbrock(x), |_| vec![], &x).is_err());
    check_gradient(|x: &f32| x.sin(), |x| x.cos(), &0.3f32).unwrap();
    assert!(check_gradient(|x: &f32| x.sin(), |x| 1.1 * x.cos(), &0.3f32).is_err());
}
