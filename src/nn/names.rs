//! The functions of [`nn`](crate::nn) in the macro namespace, where `#[differentiable]` looks definitions up.
//!
//! A function that calls `relu(h)` expands through `relu! { … }` in its own scope, so ordinary `use` paths decide
//! what `relu` means. These macros answer: it is the built-in of that name. Written out one by one, because a
//! `#[macro_export]` macro that is itself made by a macro cannot be reached by path.

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_relu {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin relu } }
    };
}
#[doc(hidden)]
pub use crate::__nn_relu as relu;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_leaky_relu {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin leaky_relu } }
    };
}
#[doc(hidden)]
pub use crate::__nn_leaky_relu as leaky_relu;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_sigmoid {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin sigmoid } }
    };
}
#[doc(hidden)]
pub use crate::__nn_sigmoid as sigmoid;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_silu {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin silu } }
    };
}
#[doc(hidden)]
pub use crate::__nn_silu as silu;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_gelu {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin gelu } }
    };
}
#[doc(hidden)]
pub use crate::__nn_gelu as gelu;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_gelu_tanh {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin gelu_tanh } }
    };
}
#[doc(hidden)]
pub use crate::__nn_gelu_tanh as gelu_tanh;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_softplus {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin softplus } }
    };
}
#[doc(hidden)]
pub use crate::__nn_softplus as softplus;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_xlogy {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin xlogy } }
    };
}
#[doc(hidden)]
pub use crate::__nn_xlogy as xlogy;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_softmax {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin softmax } }
    };
}
#[doc(hidden)]
pub use crate::__nn_softmax as softmax;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_log_softmax {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin log_softmax } }
    };
}
#[doc(hidden)]
pub use crate::__nn_log_softmax as log_softmax;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_logsumexp {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin logsumexp } }
    };
}
#[doc(hidden)]
pub use crate::__nn_logsumexp as logsumexp;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_cross_entropy {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin cross_entropy } }
    };
}
#[doc(hidden)]
pub use crate::__nn_cross_entropy as cross_entropy;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_mse {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin mse } }
    };
}
#[doc(hidden)]
pub use crate::__nn_mse as mse;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_dropout {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin dropout } }
    };
}
#[doc(hidden)]
pub use crate::__nn_dropout as dropout;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_conv1d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin conv1d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_conv1d as conv1d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_conv2d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin conv2d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_conv2d as conv2d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_conv_transpose2d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin conv_transpose2d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_conv_transpose2d as conv_transpose2d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_max_pool2d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin max_pool2d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_max_pool2d as max_pool2d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_avg_pool2d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin avg_pool2d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_avg_pool2d as avg_pool2d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_global_max_pool2d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin global_max_pool2d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_global_max_pool2d as global_max_pool2d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_global_avg_pool2d {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin global_avg_pool2d } }
    };
}
#[doc(hidden)]
pub use crate::__nn_global_avg_pool2d as global_avg_pool2d;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_layer_norm {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin layer_norm } }
    };
}
#[doc(hidden)]
pub use crate::__nn_layer_norm as layer_norm;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_rms_norm {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin rms_norm } }
    };
}
#[doc(hidden)]
pub use crate::__nn_rms_norm as rms_norm;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_scaled_dot_product_attention {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin scaled_dot_product_attention } }
    };
}
#[doc(hidden)]
pub use crate::__nn_scaled_dot_product_attention as scaled_dot_product_attention;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_causal_attention {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin causal_attention } }
    };
}
#[doc(hidden)]
pub use crate::__nn_causal_attention as causal_attention;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_rotary {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin rotary } }
    };
}
#[doc(hidden)]
pub use crate::__nn_rotary as rotary;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_embedding {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin embedding } }
    };
}
#[doc(hidden)]
pub use crate::__nn_embedding as embedding;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_binary_cross_entropy_with_logits {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin binary_cross_entropy_with_logits } }
    };
}
#[doc(hidden)]
pub use crate::__nn_binary_cross_entropy_with_logits as binary_cross_entropy_with_logits;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_nll_loss {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin nll_loss } }
    };
}
#[doc(hidden)]
pub use crate::__nn_nll_loss as nll_loss;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_huber {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin huber } }
    };
}
#[doc(hidden)]
pub use crate::__nn_huber as huber;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_l1 {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin l1 } }
    };
}
#[doc(hidden)]
pub use crate::__nn_l1 as l1;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_kl_div {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin kl_div } }
    };
}
#[doc(hidden)]
pub use crate::__nn_kl_div as kl_div;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_cosine_similarity {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin cosine_similarity } }
    };
}
#[doc(hidden)]
pub use crate::__nn_cosine_similarity as cosine_similarity;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_group_norm {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin group_norm } }
    };
}
#[doc(hidden)]
pub use crate::__nn_group_norm as group_norm;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_batch_norm {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin batch_norm } }
    };
}
#[doc(hidden)]
pub use crate::__nn_batch_norm as batch_norm;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_batch_norm_with {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin batch_norm_with } }
    };
}
#[doc(hidden)]
pub use crate::__nn_batch_norm_with as batch_norm_with;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_rnn_cell {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin rnn_cell } }
    };
}
#[doc(hidden)]
pub use crate::__nn_rnn_cell as rnn_cell;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_gru_cell {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin gru_cell } }
    };
}
#[doc(hidden)]
pub use crate::__nn_gru_cell as gru_cell;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_lstm_cell {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin lstm_cell } }
    };
}
#[doc(hidden)]
pub use crate::__nn_lstm_cell as lstm_cell;

#[doc(hidden)]
#[macro_export]
macro_rules! __nn_matmul {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin matmul } }
    };
}
#[doc(hidden)]
pub use crate::__nn_matmul as matmul;
