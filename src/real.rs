//! The two floating-point types that parameters and network functions are made of, as one sealed trait.
//!
//! Invariant: each method means the same for both types up to rounding, so a generic function has one meaning.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::nn::Operand;
use crate::Differentiable;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real number: `f32` or `f64`, and nothing else (the trait is sealed).
///
/// It holds what the functions of [`nn`](crate::nn), the parameters of
/// [`Differentiable`](trait@crate::Differentiable) structs and the optimisers need. Methods that carry the name of an
/// inherent method of `f32` and `f64` mean the same.
pub trait Real:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + Display
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Differentiable<Scalar = Self>
    + Operand<Scalar = Self, Owned = Self>
{
    /// `0.0`
    const ZERO: Self;
    /// `1.0`
    const ONE: Self;
    /// `"f32"` or `"f64"`
    const NAME: &'static str;
    /// The size in bytes, 4 or 8.
    const SIZE: usize;

    /// The nearest value to `x`.
    fn from_f64(x: f64) -> Self;
    /// The same value as an `f64`, exactly.
    fn to_f64(self) -> f64;
    /// √x
    fn sqrt(self) -> Self;
    /// The larger of the two; a NaN is ignored if the other is a number, as by [`f64::max`].
    fn max(self, other: Self) -> Self;
    /// The value as the bytes of its IEEE representation, the least significant first.
    fn to_le_bytes(self) -> impl AsRef<[u8]>;
    /// The value of these bytes, the least significant first; `None` unless they are [`SIZE`](Self::SIZE) many.
    fn from_le_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! real {
    ($T:ident) => {
        impl Real for $T {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAME: &'static str = stringify!($T);
            const SIZE: usize = size_of::<$T>();

            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $T
            }
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn sqrt(self) -> Self {
                $T::sqrt(self)
            }
            #[inline]
            fn max(self, other: Self) -> Self {
                $T::max(self, other)
            }
            #[inline]
            fn to_le_bytes(self) -> impl AsRef<[u8]> {
                $T::to_le_bytes(self)
            }
            #[inline]
            fn from_le_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map($T::from_le_bytes)
            }
        }
    };
}

real!(f32);
real!(f64);
