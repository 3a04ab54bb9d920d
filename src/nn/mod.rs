//! The functions that neural networks are made of, for scalars and arrays alike.
//!
//! Each is an ordinary function: it needs no macro, runs on `f32` and `f64`, takes scalars, `ndarray` arrays and
//! views, slices, `Vec`s and fixed-size arrays, owned or borrowed (see [`Operand`]), and returns an owned result.
//! Those that work on arrays of given rank (convolutions, attention, …) take `ndarray` arrays and views only.
//! Inside a `#[differentiable]` function the same names are differentiated and fused; what these functions return is
//! the reference that the generated code is tested against.
//!
//! ```
//! use chainrule::nn::{relu, softmax};
//! # #[cfg(feature = "ndarray")] {
//! use ndarray::array;
//!
//! let h = array![[1.0_f32, -1.0], [0.0, 2.0]];
//! assert_eq!(relu(&h), array![[1.0, 0.0], [0.0, 2.0]]);
//! assert_eq!(relu(h.row(1)), array![0.0, 2.0]);
//! assert_eq!(softmax(array![[0.0, 0.0]]), array![[0.5, 0.5]]);
//! # }
//! assert_eq!(relu(-0.3), 0.0);
//! assert_eq!(relu(&[1.0, -1.0][..]), vec![1.0, 0.0]);
//! ```
//!
//! Invariants: every formula is evaluated in `f64`, so an `f32` result is the `f64` result rounded once; nothing
//! overflows that has a finite result; at infinite arguments the value is the limit, where there is one and nothing else
//! is documented; a NaN among the elements gives NaN, except where a maximum ignores it, which is documented at [`relu`] and
//! the pools.

mod dropout;
mod elementwise;
mod labels;
mod losses;
mod names;
mod norms;
mod operand;
mod rows;

#[cfg(feature = "ndarray")]
mod arrays;
#[cfg(feature = "ndarray")]
mod attention;
#[cfg(feature = "ndarray")]
mod cells;
#[cfg(feature = "ndarray")]
mod channels;
#[cfg(feature = "ndarray")]
#[doc(hidden)]
pub mod einsum;
#[cfg(feature = "ndarray")]
mod matmul;
#[cfg(feature = "ndarray")]
mod windows;

pub use dropout::dropout;
#[cfg(feature = "ndarray")]
pub use dropout::dropout_mask;
pub use elementwise::{gelu, gelu_tanh, leaky_relu, relu, sigmoid, silu, softplus, xlogy};
pub use labels::Labels;
pub use losses::{
    binary_cross_entropy_with_logits, cosine_similarity, cross_entropy, huber, kl_div, l1, mse, nll_loss,
};
pub use norms::{layer_norm, rms_norm};
pub use operand::{Fixed, Operand, Rows, Tensor};
pub use rows::{log_softmax, logsumexp, softmax};

#[cfg(feature = "ndarray")]
pub use attention::{causal_attention, embedding, rotary, scaled_dot_product_attention, Mask};
#[cfg(feature = "ndarray")]
pub use cells::{gru_cell, lstm_cell, rnn_cell};
#[cfg(feature = "ndarray")]
pub use channels::{batch_norm, batch_norm_with, group_norm};
#[cfg(feature = "ndarray")]
pub use matmul::{matmul, Matrices};
#[cfg(feature = "ndarray")]
pub use windows::{
    avg_pool2d, conv1d, conv2d, conv_transpose2d, global_avg_pool2d, global_max_pool2d, max_pool2d, Window,
};

#[doc(hidden)]
pub use names::*;

/// Panics unless the shapes are equal, naming the function, both arguments and both shapes.
fn assert_same_shape(function: &str, names: [&str; 2], shapes: [&[usize]; 2]) {
    assert!(
        shapes[0] == shapes[1],
        "{function}: `{}` has shape {:?}, but `{}` has shape {:?}",
        names[0],
        shapes[0],
        names[1],
        shapes[1],
    );
}
