//! `constant`: the identity, where a derivative ends.
//!
//! Invariant: the function and the macro that tells `#[differentiable]` about it have the same path.

/// Its argument. In the body of a `#[differentiable]` function, nothing is differentiated through it: the value is taken as
/// a constant, in every mode and in derivatives of derivatives.
///
/// ```
/// use chainrule::{constant, differentiable};
///
/// /// Half of the squared distance to a target that follows x, but is held fixed.
/// #[differentiable]
/// fn pursuit(x: f64) -> f64 {
///     let target = constant(x.sin());
///     0.5 * (x - target).powi(2)
/// }
///
/// # fn main() {
/// assert_eq!(constant(3.0), 3.0);
/// assert_eq!(pursuit::gradient(2.0), 2.0 - 2.0f64.sin());
/// # }
/// ```
#[inline(always)]
pub fn constant<T>(x: T) -> T {
    x
}

#[doc(hidden)]
#[macro_export]
macro_rules! constant {
    ($($state:tt)*) => {
        $crate::__expand! { $($state)* { builtin constant } }
    };
}
