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
