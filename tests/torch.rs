//! The layers of `chainrule::nn` against PyTorch, on odd sizes, paddings, strides, dilations and groups: results of the ordinary functions, and results
//! and gradients of generated code. tests/data/torch_layers.py recorded PyTorch's.

use chainrule::nn::*;
use chainrule::{differentiable, einsum};
use ndarray::{stack, Array, Array1, Array2, Array3, Array4, Axis, Dimension};

/// An argument or a result as it is recorded.
trait Recorded {
    fn new(shape: &[usize], numbers: Vec<f64>) -> Self;
}
impl<D: Dimension> Recorded for Array<f64, D> {
    fn new(shape: &[usize], numbers: Vec<f64>) -> Self {
        let array =
            ndarray::ArrayD::from_shape_vec(shape, numbers).expect("as many numbers as the shape has");
        array.into_dimensionality().expect("the rank of the test")
    }
}
impl Recorded for f64 {
    fn new(shape: &[usize], numbers: Vec<f64>) -> Self {
        assert!(shape.is_empty());
        numbers[0]
    }
}
impl Recorded for Vec<usize> {
    fn new(_: &[usize], numbers: Vec<f64>) -> Self {
        numbers.into_iter().map(|x| x as usize).collect()
    }
}

/// The shape and the numbers of the line `layer.tensor`.
fn line(layer: &str, tensor: &str) -> (Vec<usize>, Vec<f64>) {
    let name = format!("{layer}.{tensor}");
    let of_name = |l: &'static str| l.strip_prefix(&name)?.strip_prefix(": ");
    let line = include_str!("data/torch_layers.txt").lines().find_map(of_name).expect(&name);
    let (shape, numbers) = line.split_once(':').expect(&name);
    (
        shape.split_whitespace().map(|n| n.parse().expect(&name)).collect(),
        numbers.split_whitespace().map(|n| n.parse().expect(&name)).collect(),
    )
}

fn read<T: Recorded>(layer: &str, tensor: &str) -> T {
    let (shape, numbers) = line(layer, tensor);
    T::new(&shape, numbers)
}

/// Asserts that the shape is the recorded one, and each element up to 1e-12 of the greatest.
#[track_caller]
fn check<T: Tensor<Scalar = f64>>(layer: &str, tensor: &str, mut found: T) {
    let (shape, expected) = line(layer, tensor);
    assert_eq!(found.shape(), shape, "{layer}.{tensor}");
    near(&format!("{layer}.{tensor}"), &mut found, &expected);
}

#[track_caller]
fn near<T: Tensor<Scalar = f64>>(what: &str, found: &mut T, expected: &[f64]) {
    let scale = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let mut expected = expected.iter();
    found.each(&mut |x| {
        let expected = expected.next().expect("as many as the shape has");
        assert!((*x - expected).abs() <= 1e-12 * scale, "{what}: {x:e} instead of {expected:e}");
    });
}

/// A layer as a function of its arguments, and of what is given behind the semicolon, compared with its lines.
macro_rules! layer {
    ($layer:ident($($arguments:tt)*) -> f64 { $($body:tt)* }) => {
        layer!(@ $layer [$($arguments)*] f64 [out, out_bar, out * out_bar] $($body)*);
    };
    ($layer:ident($($arguments:tt)*) -> $Out:ty { $($body:tt)* }) => {
        layer!(@ $layer [$($arguments)*] $Out [out, out_bar, (out * out_bar).sum()] $($body)*);
    };
    (
        @ $layer:ident [$($(#[dims($($dims:tt)*)])? $x:ident: $X:ty),+ $(; $given:ident: $G:ty, $H:ty)?]
        $Out:ty [$out:ident, $out_bar:ident, $($sum:tt)*] $($body:tt)*
    ) => {
        mod $layer {
            use super::*;

            #[differentiable(wrt($($x,)+ $out_bar))]
            fn layer($($(#[dims($($dims)*)])? $x: &$X,)+ $($given: &$G,)? $out_bar: &$Out) -> f64 {
                let $out = { $($body)* };
                $($sum)*
            }

            #[test]
            fn agrees() {
                let name = stringify!($layer);
                $(let $x: $X = read(name, stringify!($x));)+
                $(let $given: $H = read(name, stringify!($given));)?
                let $out_bar: $Out = read(name, stringify!($out_bar));
                let (mut value, gradient) = layer::value_and_gradient($(&$x,)+ $(&$given,)? &$out_bar);
                $(check(name, concat!(stringify!($x), "_bar"), gradient.$x);)+
                // the gradient for its cotangent is the result as generated code has it
                check(name, "out", gradient.$out_bar);
                $(let $x = &$x;)+
                $(let $given = &$given;)?
                let $out: $Out = { $($body)* };
                check(name, "out", $out.clone());
                near(name, &mut value, &[$($sum)*]);
            }
        }
    };
}

// convolutions

layer!(conv1d(x: Array3<f64>, w: Array3<f64>, b: Array1<f64>) -> Array3<f64> {
    conv1d(x, w, b, Window::new())
});
layer!(conv1d_window(#[dims(2, 4, 7)] x: Array3<f64>, #[dims(6, 2, 3)] w: Array3<f64>, b: Array1<f64>) -> Array3<f64> {
    conv1d(x, w, b, Window::new().stride(2).padding(3).dilation(2).groups(2))
});
layer!(conv2d(x: Array4<f64>, w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new())
});
layer!(conv2d_stride(#[dims(B, 4, 5, 4)] x: Array4<f64>, #[dims(3, 4, 2, 1)] w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new().stride(3))
});
layer!(conv2d_padding(x: Array4<f64>, w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new().padding(2))
});
layer!(conv2d_dilation(x: Array4<f64>, w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new().dilation(2))
});
layer!(conv2d_groups(#[dims(2, 4, 5, 4)] x: Array4<f64>, #[dims(6, 2, 3, 3)] w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new().stride(2).padding(1).groups(2))
});
layer!(conv2d_depthwise(#[dims(2, 4, 5, 4)] x: Array4<f64>, #[dims(8, 1, 2, 2)] w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv2d(x, w, b, Window::new().stride(2).padding(1).dilation(3).groups(4))
});
layer!(conv_transpose2d(x: Array4<f64>, w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv_transpose2d(x, w, b, Window::new())
});
layer!(conv_transpose2d_stride(x: Array4<f64>, w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv_transpose2d(x, w, b, Window::new().stride(3))
});
layer!(conv_transpose2d_window(x: Array4<f64>, w: Array4<f64>, b: Array1<f64>) -> Array4<f64> {
    conv_transpose2d(x, w, b, Window::new().stride(3).padding(1).dilation(2))
});
layer!(conv_transpose2d_groups(
    #[dims(2, 4, 2, 3)] x: Array4<f64>, #[dims(4, 3, 3, 2)] w: Array4<f64>, b: Array1<f64>
) -> Array4<f64> {
    conv_transpose2d(x, w, b, Window::new().stride(2).padding(1).groups(2))
});

// pools

layer!(max_pool2d(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> { max_pool2d(x, 2, 3) });
layer!(max_pool2d_overlap(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> { max_pool2d(x, 3, 2) });
layer!(max_pool2d_padding(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> {
    max_pool2d(x, 3, Window::new().stride(2).padding(1))
});
layer!(max_pool2d_dilation(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> {
    max_pool2d(x, 2, Window::new().stride(2).padding(1).dilation(3))
});
layer!(avg_pool2d(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> { avg_pool2d(x, 2, 3) });
layer!(avg_pool2d_overlap(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> { avg_pool2d(x, 3, 2) });
layer!(avg_pool2d_padding(#[dims(B, 2, 7, 5)] x: Array4<f64>) -> Array4<f64> {
    avg_pool2d(x, 3, Window::new().stride(2).padding(1))
});
layer!(global_max_pool2d(x: Array4<f64>) -> Array2<f64> { global_max_pool2d(x) });
layer!(global_avg_pool2d(x: Array4<f64>) -> Array2<f64> { global_avg_pool2d(x) });

// norms

layer!(layer_norm(x: Array3<f64>, gain: Array1<f64>, bias: Array1<f64>) -> Array3<f64> {
    layer_norm(x, gain, bias, 1e-5)
});
layer!(rms_norm(x: Array3<f64>, gain: Array1<f64>) -> Array3<f64> { rms_norm(x, gain, 1e-5) });
layer!(group_norm(#[dims(B, 6, 3, 1)] x: Array4<f64>, gain: Array1<f64>, bias: Array1<f64>) -> Array4<f64> {
    group_norm(x, 3, gain, bias, 1e-3)
});
layer!(batch_norm(x: Array4<f64>, gain: Array1<f64>, bias: Array1<f64>) -> Array4<f64> {
    let (out, _, _) = batch_norm(x, gain, bias, 1e-3);
    out
});
layer!(group_norm_rows(#[dims(B, 6)] x: Array2<f64>, gain: Array1<f64>, bias: Array1<f64>) -> Array2<f64> {
    group_norm(x, 2, gain, bias, 1e-3)
});
layer!(batch_norm_rows(x: Array2<f64>, gain: Array1<f64>, bias: Array1<f64>) -> Array2<f64> {
    let (out, _, _) = batch_norm(x, gain, bias, 1e-3);
    out
});
layer!(batch_norm_lines(x: Array3<f64>, gain: Array1<f64>, bias: Array1<f64>) -> Array3<f64> {
    let (out, _, _) = batch_norm(x, gain, bias, 1e-3);
    out
});
layer!(batch_norm_with(x: Array4<f64>, gain: Array1<f64>, bias: Array1<f64>; running: Array2<f64>, Array2<f64>) -> Array4<f64> {
    batch_norm_with(x, running.row(0), running.row(1), gain, bias, 1e-3)
});

/// PyTorch keeps running statistics of momentum 0.1 that begin at 0 and 1, of the variance without bias.
#[test]
fn running_statistics() {
    let (x, gain, bias): (Array4<f64>, _, _) =
        (read("batch_norm", "x"), read("batch_norm", "gain"), read("batch_norm", "bias"));
    let (_, mean, var): (_, Array1<f64>, Array1<f64>) =
        batch_norm(&x, Array1::<f64>::clone(&gain), Array1::<f64>::clone(&bias), 1e-3);
    let n = (x.len() / mean.len()) as f64;
    check("batch_norm", "running_mean", 0.1 * mean);
    check("batch_norm", "running_var", 0.9 + 0.1 * var * n / (n - 1.0));
}

// sequences

layer!(embedding(table: Array2<f64>; indices: [usize], Vec<usize>) -> Array2<f64> { embedding(table, indices) });
layer!(rnn_cell(
    x: Array3<f64>, state: Array2<f64>, w_ih: Array2<f64>, w_hh: Array2<f64>, b_ih: Array1<f64>, b_hh: Array1<f64>
) -> Array2<f64> {
    let mut h = state.to_owned();
    for t in 0..x.dim().0 {
        h = rnn_cell(x.index_axis(Axis(0), t), h, w_ih, w_hh, b_ih, b_hh);
    }
    h
});
layer!(gru_cell(
    x: Array3<f64>, state: Array2<f64>, w_ih: Array2<f64>, w_hh: Array2<f64>, b_ih: Array1<f64>, b_hh: Array1<f64>
) -> Array2<f64> {
    let mut h = state.to_owned();
    for row in x.outer_iter() {
        h = gru_cell(row, &h, w_ih, w_hh, b_ih, b_hh);
    }
    h
});
layer!(lstm_cell(
    x: Array3<f64>, #[dims(2, B, H)] state: Array3<f64>, w_ih: Array2<f64>, w_hh: Array2<f64>, b_ih: Array1<f64>, b_hh: Array1<f64>
) -> Array3<f64> {
    let mut h = state.index_axis(Axis(0), 0).to_owned();
    let mut c = state.index_axis(Axis(0), 1).to_owned();
    for t in 0..x.dim().0 {
        (h, c) = lstm_cell(x.index_axis(Axis(0), t), (&h, &c), w_ih, w_hh, b_ih, b_hh);
    }
    stack![Axis(0), h, c]
});
layer!(attention(q: Array4<f64>, k: Array4<f64>, v: Array4<f64>; mask: Array2<f64>, Array2<f64>) -> Array4<f64> {
    scaled_dot_product_attention(q, k, v, mask)
});
layer!(attention_bias(q: Array4<f64>, k: Array4<f64>, v: Array4<f64>, mask: Array2<f64>) -> Array4<f64> {
    scaled_dot_product_attention(q, k, v, mask)
});
layer!(attention_padding(q: Array4<f64>, k: Array4<f64>, v: Array4<f64>; mask: Array4<f64>, Array4<f64>) -> Array4<f64> {
    scaled_dot_product_attention(q, k, v, mask)
});
layer!(attention_stretched(
    q: Array4<f64>, k: Array4<f64>, v: Array4<f64>, #[dims(1, H, 1, S)] mask: Array4<f64>
) -> Array4<f64> {
    scaled_dot_product_attention(q, k, v, mask)
});
layer!(causal_attention(q: Array4<f64>, k: Array4<f64>, v: Array4<f64>) -> Array4<f64> { causal_attention(q, k, v) });
layer!(rotary(#[dims(B, H, L, 6)] x: Array4<f64>) -> Array4<f64> { rotary(x, 100.0) });

// elements and rows

layer!(relu(x: Array2<f64>) -> Array2<f64> { relu(x) });
layer!(leaky_relu(x: Array2<f64>) -> Array2<f64> { leaky_relu(x, 0.1) });
layer!(sigmoid(x: Array2<f64>) -> Array2<f64> { sigmoid(x) });
layer!(silu(x: Array2<f64>) -> Array2<f64> { silu(x) });
layer!(gelu(x: Array2<f64>) -> Array2<f64> { gelu(x) });
layer!(gelu_tanh(x: Array2<f64>) -> Array2<f64> { gelu_tanh(x) });
layer!(softplus(x: Array2<f64>) -> Array2<f64> { softplus(x) });
layer!(softmax(x: Array2<f64>) -> Array2<f64> { softmax(x) });
layer!(log_softmax(x: Array2<f64>) -> Array2<f64> { log_softmax(x) });
layer!(logsumexp(x: Array2<f64>) -> Array1<f64> { logsumexp(x) });
layer!(xlogy(x: Array2<f64>, y: Array2<f64>) -> Array2<f64> { xlogy(x, y) });
layer!(dropout(x: Array2<f64>; mask: Array2<f64>, Array2<f64>) -> Array2<f64> { dropout(x, mask) });

// losses

layer!(mse(x: Array2<f64>, y: Array2<f64>) -> f64 { mse(x, y) });
layer!(l1(x: Array2<f64>, y: Array2<f64>) -> f64 { l1(x, y) });
layer!(huber(x: Array2<f64>, y: Array2<f64>) -> f64 { huber(x, y, 1.5) });
layer!(binary_cross_entropy_with_logits(x: Array2<f64>, y: Array2<f64>) -> f64 {
    binary_cross_entropy_with_logits(x, y)
});
layer!(cross_entropy(x: Array2<f64>; labels: [usize], Vec<usize>) -> f64 { cross_entropy(x, labels) });
layer!(nll_loss(x: Array2<f64>; labels: [usize], Vec<usize>) -> f64 { nll_loss(x, labels) });
layer!(kl_div(log_p: Array2<f64>, q: Array2<f64>) -> f64 { kl_div(log_p, q) });
layer!(cosine_similarity(a: Array2<f64>, b: Array2<f64>) -> Array1<f64> { cosine_similarity(a, b) });

// products

layer!(matmul(a: Array2<f64>, b: Array2<f64>) -> Array2<f64> { matmul(a, b) });
layer!(matmul_batch(a: Array3<f64>, b: Array3<f64>) -> Array3<f64> { matmul(a, b) });
layer!(matmul_heads(a: Array4<f64>, b: Array4<f64>) -> Array4<f64> { matmul(a, b) });
layer!(matmul_shared(a: Array4<f64>, b: Array2<f64>) -> Array4<f64> { matmul(a, b) });
layer!(einsum_batch(a: Array3<f64>, b: Array3<f64>) -> Array3<f64> { einsum!("bik,bkj->bij", a, b) });
layer!(einsum_implied(a: Array2<f64>, b: Array2<f64>) -> Array2<f64> { einsum!("ij,jk", a, b) });
layer!(einsum_diagonal(a: Array2<f64>) -> Array1<f64> { einsum!("ii->i", a) });
layer!(einsum_trace(a: Array2<f64>) -> f64 { einsum!("ii", a) });
layer!(einsum_transposed(a: Array3<f64>) -> Array3<f64> { einsum!("ijk->kij", a) });
layer!(einsum_total(a: Array2<f64>) -> f64 { einsum!("ij->", a) });
layer!(einsum_outer(a: Array1<f64>, b: Array1<f64>) -> Array2<f64> { einsum!("i,j->ji", a, b) });
layer!(einsum_bilinear(a: Array2<f64>, b: Array3<f64>, c: Array2<f64>) -> Array2<f64> {
    einsum!("bi,oij,bj->bo", a, b, c)
});
layer!(einsum_chain(a: Array2<f64>, b: Array2<f64>, c: Array2<f64>) -> Array2<f64> {
    einsum!("ij,jk,kl->il", a, b, c)
});
layer!(einsum_attended(a: Array4<f64>, b: Array4<f64>) -> Array4<f64> { einsum!("bhqk,bkhd->bqhd", a, b) });
