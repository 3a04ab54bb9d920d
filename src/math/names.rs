//! The functions of [`math`](crate::math) in the macro namespace, where `#[differentiable]` looks definitions up.
//!
//! As the names of [`nn`](crate::nn), and written out for the same reason.

#[doc(hidden)]
#[macro_export]
macro_rules! __math_abs {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_abs } }
    };
}
#[doc(hidden)]
pub use crate::__math_abs as abs;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_copysign {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_copysign } }
    };
}
#[doc(hidden)]
pub use crate::__math_copysign as copysign;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_cos {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_cos } }
    };
}
#[doc(hidden)]
pub use crate::__math_cos as cos;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_cosh {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_cosh } }
    };
}
#[doc(hidden)]
pub use crate::__math_cosh as cosh;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_exp {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_exp } }
    };
}
#[doc(hidden)]
pub use crate::__math_exp as exp;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_exp_m1 {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_exp_m1 } }
    };
}
#[doc(hidden)]
pub use crate::__math_exp_m1 as exp_m1;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_hypot {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_hypot } }
    };
}
#[doc(hidden)]
pub use crate::__math_hypot as hypot;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_ln {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_ln } }
    };
}
#[doc(hidden)]
pub use crate::__math_ln as ln;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_ln_1p {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_ln_1p } }
    };
}
#[doc(hidden)]
pub use crate::__math_ln_1p as ln_1p;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_max {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_max } }
    };
}
#[doc(hidden)]
pub use crate::__math_max as max;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_min {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_min } }
    };
}
#[doc(hidden)]
pub use crate::__math_min as min;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_powf {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_powf } }
    };
}
#[doc(hidden)]
pub use crate::__math_powf as powf;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_powi {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_powi } }
    };
}
#[doc(hidden)]
pub use crate::__math_powi as powi;

#[doc(hidden)]
pub use crate::__nn_sigmoid as sigmoid;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_sin {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_sin } }
    };
}
#[doc(hidden)]
pub use crate::__math_sin as sin;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_sinh {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_sinh } }
    };
}
#[doc(hidden)]
pub use crate::__math_sinh as sinh;

#[doc(hidden)]
pub use crate::__nn_softplus as softplus;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_sqrt {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_sqrt } }
    };
}
#[doc(hidden)]
pub use crate::__math_sqrt as sqrt;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_tan {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_tan } }
    };
}
#[doc(hidden)]
pub use crate::__math_tan as tan;

#[doc(hidden)]
#[macro_export]
macro_rules! __math_tanh {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin math_tanh } }
    };
}
#[doc(hidden)]
pub use crate::__math_tanh as tanh;
