//! The networks that people train: a convolutional one, a recurrent one and a block of a transformer.

use super::data::{labels, layer, uniform, unit, vector};
use chainrule::nn::{
    causal_attention, conv2d, cross_entropy, gelu_tanh, layer_norm, max_pool2d, mse, relu, sigmoid, Window,
};
use chainrule::{differentiable, Differentiable};
use ndarray::{s, Array1, Array2, Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis, Dimension};

/// The parameters of W5.
#[derive(Clone, Debug, Differentiable)]
pub struct LeNet {
    #[dims(6, 1, 5, 5)]
    pub k1: Array4<f32>,
    #[dims(6)]
    pub c1: Array1<f32>,
    #[dims(16, 6, 5, 5)]
    pub k2: Array4<f32>,
    #[dims(16)]
    pub c2: Array1<f32>,
    #[dims(256, 120)]
    pub w1: Array2<f32>,
    #[dims(120)]
    pub b1: Array1<f32>,
    #[dims(120, 84)]
    pub w2: Array2<f32>,
    #[dims(84)]
    pub b2: Array1<f32>,
    #[dims(84, 10)]
    pub w3: Array2<f32>,
    #[dims(10)]
    pub b3: Array1<f32>,
}

/// W5: LeNet.
#[differentiable(wrt(net))]
pub fn lenet(net: &LeNet, #[dims(B, 1, 28, 28)] x: ArrayView4<f32>, #[dims(B)] labels: &[usize]) -> f32 {
    let h = max_pool2d(relu(conv2d(x, &net.k1, &net.c1, Window::new())), 2, 2);
    let h = max_pool2d(relu(conv2d(h, &net.k2, &net.c2, Window::new())), 2, 2);
    let h = h.into_shape_with_order((x.dim().0, 256)).unwrap();
    let h = relu(h.dot(&net.w1) + &net.b1);
    let h = relu(h.dot(&net.w2) + &net.b2);
    cross_entropy(h.dot(&net.w3) + &net.b3, labels)
}

/// The parameters of W6: the gates i, f, g and o side by side.
#[derive(Clone, Debug, Differentiable)]
pub struct Lstm {
    #[dims(32, 256)]
    pub wx: Array2<f32>,
    #[dims(64, 256)]
    pub wh: Array2<f32>,
    #[dims(256)]
    pub b: Array1<f32>,
}

/// W6: an LSTM over time.
#[differentiable(wrt(net))]
pub fn lstm(net: &Lstm, #[dims(T, B, 32)] x: ArrayView3<f32>, #[dims(B, 64)] y: ArrayView2<f32>) -> f32 {
    let mut h = Array2::<f32>::zeros((x.dim().1, 64));
    let mut c = Array2::<f32>::zeros((x.dim().1, 64));
    for t in 0..x.dim().0 {
        let z = x.index_axis(Axis(0), t).dot(&net.wx) + h.dot(&net.wh) + &net.b;
        let (i, f) = (sigmoid(z.slice(s![.., ..64])), sigmoid(z.slice(s![.., 64..128])));
        let (g, o) = (z.slice(s![.., 128..192]).mapv(f32::tanh), sigmoid(z.slice(s![.., 192..])));
        c = &f * &c + &i * &g;
        h = &o * &c.mapv(f32::tanh);
    }
    mse(h, y)
}

/// The parameters of W7.
#[derive(Clone, Debug, Differentiable)]
pub struct Block {
    #[dims(64)]
    pub g1: Array1<f32>,
    #[dims(64)]
    pub s1: Array1<f32>,
    #[dims(64, 192)]
    pub wqkv: Array2<f32>,
    #[dims(192)]
    pub bqkv: Array1<f32>,
    #[dims(64, 64)]
    pub wo: Array2<f32>,
    #[dims(64)]
    pub bo: Array1<f32>,
    #[dims(64)]
    pub g2: Array1<f32>,
    #[dims(64)]
    pub s2: Array1<f32>,
    #[dims(64, 256)]
    pub w1: Array2<f32>,
    #[dims(256)]
    pub b1: Array1<f32>,
    #[dims(256, 64)]
    pub w2: Array2<f32>,
    #[dims(64)]
    pub b2: Array1<f32>,
}

/// Columns as heads: [B·32, 64] becomes [B, 4, 32, 16].
#[differentiable(vjp)]
pub fn heads(#[dims(R, 64)] x: ArrayView2<f32>, batch: usize) -> Array4<f32> {
    let x = x.to_owned().into_shape_with_order((batch, 32, 4, 16)).unwrap();
    x.permuted_axes([0, 2, 1, 3])
}

/// W7: a block of a transformer.
#[differentiable(wrt(net))]
pub fn block(net: &Block, #[dims(B, 32, 64)] x: ArrayView3<f32>) -> f32 {
    let batch = x.dim().0;
    let x = x.into_shape_with_order((batch * 32, 64)).unwrap();
    let a = layer_norm(x, &net.g1, &net.s1, 1e-5);
    let qkv = a.dot(&net.wqkv) + &net.bqkv;
    let q = heads(qkv.slice(s![.., ..64]), batch);
    let k = heads(qkv.slice(s![.., 64..128]), batch);
    let v = heads(qkv.slice(s![.., 128..]), batch);
    let z = causal_attention(q, k, v).permuted_axes([0, 2, 1, 3]).as_standard_layout().into_owned();
    let z = z.into_shape_with_order((batch * 32, 64)).unwrap();
    let r = &x + &(z.dot(&net.wo) + &net.bo);
    let m = layer_norm(&r, &net.g2, &net.s2, 1e-5);
    let out = &r + &(gelu_tanh(m.dot(&net.w1) + &net.b1).dot(&net.w2) + &net.b2);
    out.mapv(|v| v * v).mean().unwrap()
}

fn array<D: Dimension>(seed: u64, shape: D, scale: f64) -> ndarray::Array<f32, D> {
    let values = uniform(seed, shape.size(), scale);
    ndarray::Array::from_shape_vec(shape, values).expect("as many as the shape has")
}

/// W5 with `batch` pictures.
pub fn lenet_inputs(batch: usize) -> (LeNet, Array4<f32>, Vec<usize>) {
    let scale = |n: f64| 1.0 / n.sqrt();
    let ((w1, b1), (w2, b2), (w3, b3)) =
        (layer(5005, (256, 120)), layer(5007, (120, 84)), layer(5009, (84, 10)));
    let net = LeNet {
        k1: array(5001, ndarray::Dim([6, 1, 5, 5]), scale(25.0)),
        c1: vector(5002, 6, scale(25.0)),
        k2: array(5003, ndarray::Dim([16, 6, 5, 5]), scale(150.0)),
        c2: vector(5004, 16, scale(150.0)),
        w1,
        b1,
        w2,
        b2,
        w3,
        b3,
    };
    let pictures = unit(5111, batch * 784);
    let x = Array4::from_shape_vec((batch, 1, 28, 28), pictures).expect("batch times 784");
    (net, x, labels(5012, batch, 10))
}

/// W6 with `batch` sequences.
pub fn lstm_inputs(batch: usize) -> (Lstm, Array3<f32>, Array2<f32>) {
    let net = Lstm {
        wx: array(6001, ndarray::Dim([32, 256]), 0.125),
        wh: array(6002, ndarray::Dim([64, 256]), 0.125),
        b: vector(6003, 256, 0.125),
    };
    let x = array(6004, ndarray::Dim([32, batch, 32]), 1.0);
    (net, x, array(6005, ndarray::Dim([batch, 64]), 1.0))
}

/// W7 with `batch` sequences.
pub fn block_inputs(batch: usize) -> (Block, Array3<f32>) {
    let gain = |seed| vector(seed, 64, 0.1).mapv(|v| (f64::from(v) + 1.0) as f32);
    let ((wqkv, bqkv), (wo, bo)) = (layer(7003, (64, 192)), layer(7005, (64, 64)));
    let ((w1, b1), (w2, b2)) = (layer(7009, (64, 256)), layer(7011, (256, 64)));
    let (g1, s1, g2, s2) = (gain(7001), vector(7002, 64, 0.1), gain(7007), vector(7008, 64, 0.1));
    let net = Block { g1, s1, wqkv, bqkv, wo, bo, g2, s2, w1, b1, w2, b2 };
    (net, array(7013, ndarray::Dim([batch, 32, 64]), 1.0))
}
