//! The value alone, by generated code.

use chainrule::nn::{cross_entropy, relu};
use chainrule::{differentiable, Differentiable};
use ndarray::{array, Array1, Array2, ArrayView1, ArrayView2};

#[differentiable(value)]
fn softplus(x: ArrayView1<f64>) -> f64 {
    x.mapv(|x| (1.0 + x.exp()).ln()).sum() / x.len() as f64
}

/// Every bit is that of the function.
#[differentiable(value, math = "strict")]
fn strict(x: &[f64], a: f64) -> f64 {
    let mut sum = 0.0;
    for (i, x) in x.iter().enumerate() {
        sum += (x * a + 0.1) / (1.0 + x * x) - sum * 0.3;
        if i % 2 == 0 {
            sum *= a;
        }
    }
    sum / 3.0 + sum.sqrt()
}

/// A function without a gradient has a value.
#[differentiable(value)]
fn pair<const N: usize>(x: &[f64; N], y: ArrayView2<f64>) -> ([f64; N], Array1<f64>) {
    (x.map(|x| x * 2.0), y.sum_axis(ndarray::Axis(0)))
}

#[differentiable(value)]
fn halved(y: &mut [f64], x: f64) -> f64 {
    for y in y {
        *y *= 0.5 * x;
    }
    x * x
}

#[derive(Clone, Differentiable)]
struct Net {
    w: Array2<f32>,
}

#[differentiable]
impl Net {
    #[differentiable(value, wrt(self))]
    fn loss(&self, x: ArrayView2<f32>, labels: &[usize]) -> f32 {
        cross_entropy(relu(x.dot(&self.w)), labels)
    }
}

#[test]
fn it_is_the_value_of_the_function() {
    for n in [1, 2, 7, 33, 130] {
        let x = Array1::from_iter((0..n).map(|k| (k as f64 * 0.7).sin() * 3.0));
        let (a, b) = (softplus::value(x.view()), softplus(x.view()));
        assert!((a - b).abs() <= 4.0 * f64::EPSILON * b.abs(), "{n}: {a} {b}");
        let (value, _) = softplus::value_and_gradient(x.view());
        assert!((a - value).abs() <= 4.0 * f64::EPSILON * b.abs(), "{n}: {a} {value}");
    }
    let net = Net { w: array![[0.5, -1.0], [1.5, 0.25], [-0.5, 1.0]] };
    let (x, labels) = (array![[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]], [1, 0]);
    let (a, b) = (net.loss_value(x.view(), &labels), net.loss(x.view(), &labels));
    assert!((a - b).abs() <= 4.0 * f32::EPSILON * b.abs(), "{a} {b}");
    let mut workspace = net_loss::Workspace::default();
    assert_eq!(net.loss_value_into(x.view(), &labels, &mut workspace), a);
}

/// What holds over the reals is used: the formula as written overflows.
#[test]
fn it_is_simplified() {
    let x = array![1000.0, -1000.0];
    assert_eq!(softplus(x.view()), f64::INFINITY);
    assert_eq!(softplus::value(x.view()), 500.0);
}

#[test]
fn strict_keeps_every_bit() {
    for n in [0, 1, 2, 3, 8, 33] {
        let x: Vec<f64> = (0..n).map(|k| (k as f64 * 1.3).cos() * 2.0 + 0.1).collect();
        let (a, b) = (strict::value(&x, 1.7), strict(&x, 1.7));
        assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{n}: {a} {b}");
    }
}

#[test]
fn arrays_and_changed_arguments() {
    let (x, y) = ([1.0, 2.0, 3.0], array![[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(pair::value(&x, y.view()), pair(&x, y.view()));
    let mut y = [4.0, 6.0];
    let value = halved::value(&y, 3.0);
    let number = halved(&mut y, 3.0);
    assert_eq!(value, (number, y.to_vec()));
}
