//! The workloads as a user writes them.

use chainrule::nn::{cross_entropy, logsumexp, mse, relu};
use chainrule::{differentiable, Differentiable};
use ndarray::{concatenate, s, Array1, Array2, ArrayView1, ArrayView2, Axis};

/// W1: Rosenbrock's function of many variables.
#[differentiable]
pub fn rosenbrock(x: ArrayView1<f64>) -> f64 {
    let (here, next) = (x.slice(s![..-1]), x.slice(s![1..]));
    let valley = &next - &here.mapv(|v| v * v);
    let slope = 1.0 - &here;
    100.0 * (&valley * &valley).sum() + (&slope * &slope).sum()
}

/// The parameters of W2.
#[derive(Clone, Debug, Differentiable)]
pub struct Tiny {
    #[dims(2, 16)]
    pub w1: Array2<f32>,
    #[dims(16)]
    pub b1: Array1<f32>,
    #[dims(16, 16)]
    pub w2: Array2<f32>,
    #[dims(16)]
    pub b2: Array1<f32>,
    #[dims(16, 1)]
    pub w3: Array2<f32>,
    #[dims(1)]
    pub b3: Array1<f32>,
}

/// W2: a tiny network.
#[differentiable(wrt(net))]
pub fn tiny(net: &Tiny, #[dims(B, 2)] x: ArrayView2<f32>, #[dims(B, 1)] y: ArrayView2<f32>) -> f32 {
    let h1 = (x.dot(&net.w1) + &net.b1).mapv(f32::tanh);
    let h2 = (h1.dot(&net.w2) + &net.b2).mapv(f32::tanh);
    mse(h2.dot(&net.w3) + &net.b3, y)
}

/// The parameters of W3.
#[derive(Clone, Debug, Differentiable)]
pub struct Digits {
    #[dims(784, 128)]
    pub w1: Array2<f32>,
    #[dims(128)]
    pub b1: Array1<f32>,
    #[dims(128, 64)]
    pub w2: Array2<f32>,
    #[dims(64)]
    pub b2: Array1<f32>,
    #[dims(64, 10)]
    pub w3: Array2<f32>,
    #[dims(10)]
    pub b3: Array1<f32>,
}

/// W3: a classifier of pictures.
#[differentiable(wrt(net))]
pub fn digits(net: &Digits, #[dims(B, 784)] x: ArrayView2<f32>, #[dims(B)] labels: &[usize]) -> f32 {
    let h1 = relu(x.dot(&net.w1) + &net.b1);
    let h2 = relu(h1.dot(&net.w2) + &net.b2);
    cross_entropy(h2.dot(&net.w3) + &net.b3, labels)
}

/// One layer of W4.
#[derive(Clone, Debug, Differentiable)]
pub struct Square {
    #[dims(64, 64)]
    pub w: Array2<f32>,
    #[dims(64)]
    pub b: Array1<f32>,
}

/// One layer of W4 applied to rows.
#[differentiable(vjp)]
pub fn square(layer: &Square, #[dims(B, 64)] x: ArrayView2<f32>) -> Array2<f32> {
    (x.dot(&layer.w) + &layer.b).mapv(f32::tanh)
}

/// The parameters of W4.
#[derive(Clone, Debug, Differentiable)]
pub struct Deep {
    pub layers: [Square; 8],
}

/// W4: a deep and narrow network.
#[differentiable(wrt(net))]
pub fn deep(net: &Deep, #[dims(B, 64)] x: ArrayView2<f32>, #[dims(B, 64)] y: ArrayView2<f32>) -> f32 {
    let h = square(&net.layers[0], x);
    let h = square(&net.layers[1], h.view());
    let h = square(&net.layers[2], h.view());
    let h = square(&net.layers[3], h.view());
    let h = square(&net.layers[4], h.view());
    let h = square(&net.layers[5], h.view());
    let h = square(&net.layers[6], h.view());
    let h = square(&net.layers[7], h.view());
    mse(h, y)
}

/// W8: the logarithm of the likelihood of a mixture of Gaussians with a Wishart prior, after ADBench.
///
/// `icf` holds the Cholesky factor Q of each inverse covariance: the logarithms of its diagonal, then what lies below,
/// column by column. `places[10 i + j]` is where Q(i, j) is found in a row of `[exp(diagonal), below, 0]`.
#[differentiable(wrt(alphas, means, icf))]
pub fn mixture(
    #[dims(25)] alphas: ArrayView1<f64>,
    #[dims(25, 10)] means: ArrayView2<f64>,
    #[dims(25, 55)] icf: ArrayView2<f64>,
    #[dims(n, 10)] x: ArrayView2<f64>,
    #[dims(100)] places: &[usize],
    constant: f64,
) -> f64 {
    let (logs, below) = (icf.slice(s![.., ..10]), icf.slice(s![.., 10..]));
    let diagonal = logs.mapv(f64::exp);
    let zero = Array2::<f64>::zeros((25, 1));
    let entries = concatenate![Axis(1), diagonal, below, zero];
    let factors = entries.select(Axis(1), places).as_standard_layout().into_owned();
    let factors = factors.into_shape_with_order((25, 10, 10)).unwrap();
    // Q(x - m) = Qx - Qm: one matrix product for all components
    let centres = (&factors * &means.insert_axis(Axis(1))).sum_axis(Axis(2));
    let stacked = factors.into_shape_with_order((250, 10)).unwrap();
    let z = x.dot(&stacked.t()).into_shape_with_order((x.nrows(), 25, 10)).unwrap() - &centres;
    let t = -0.5 * z.mapv(|v| v * v).sum_axis(Axis(2)) + &alphas + &logs.sum_axis(Axis(1));
    let prior = 0.5 * ((&diagonal * &diagonal).sum() + (&below * &below).sum());
    logsumexp(t).sum() - x.nrows() as f64 * logsumexp(alphas) + prior + constant
}
