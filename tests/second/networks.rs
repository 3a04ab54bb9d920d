//! Derivatives of networks for their inputs, in losses that are differentiated for their parameters.

use chainrule::{check_gradient, differentiable, Differentiable};
use ndarray::{Array1, Array2, ArrayView2, Axis};

#[derive(Clone, Differentiable)]
struct Net {
    w: Array2<f64>,
    out: Array1<f64>,
}

#[differentiable]
fn scores(net: &Net, x: ArrayView2<f64>) -> f64 {
    x.dot(&net.w).mapv(f64::tanh).dot(&net.out).sum()
}

#[differentiable(wrt(x))]
fn of_x(net: &Net, x: ArrayView2<f64>) -> f64 {
    scores(net, x)
}

/// Slopes of length 1 for each row of `x`: Gulrajani et al., arXiv:1704.00028, equation 3.
#[differentiable]
fn penalty(net: &Net, x: ArrayView2<f64>) -> f64 {
    let slopes = of_x::gradient(net, x);
    let lengths = slopes.mapv(|v| v * v).sum_axis(Axis(1)).mapv(f64::sqrt);
    lengths.mapv(|l| (l - 1.0).powi(2)).sum()
}

#[test]
fn the_slopes_of_a_network_in_its_loss() {
    let x = Array2::from_shape_fn((3, 2), |(i, j)| 0.4 * i as f64 - 0.7 * j as f64 + 0.2);
    let w = Array2::from_shape_fn((2, 5), |(i, j)| (1.3 * i as f64 + 0.9 * j as f64).sin());
    let net = Net { w, out: Array1::from(super::direction(5)) };
    check_gradient(|n| penalty(n, x.view()), |n| penalty::gradient(n, x.view()).net, &net).unwrap();
    check_gradient(|x| penalty(&net, x.view()), |x| penalty::gradient(&net, x.view()).x, &x).unwrap();
}
