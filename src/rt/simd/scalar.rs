//! Vectors of one lane: plain `f32` and `f64`, and [`Fused`] for code compiled where FMA is known to be there.
//!
//! Invariant: a plain float calls `fma` only where the whole build has the instruction.

use super::{Float, Fold, Interleave, Mask, Sealed, Vector};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// Whether every function of this build may use FMA.
const BUILD_FMA: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

/// A scalar inside an entry that has FMA and SSE4.1 rounding. Correct anywhere, fast only there.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Fused<T>(T);

impl<T> Sealed for Fused<T> {}

macro_rules! fused_op {
    ($($op:ident $f:ident),*) => {$(
        impl<T: Float> $op for Fused<T> {
            type Output = Self;
            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                Fused($op::$f(self.0, other.0))
            }
        }
    )*};
}
fused_op!(Add add, Sub sub, Mul mul, Div div);

impl<T: Float> Neg for Fused<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Fused(-self.0)
    }
}

impl<T: Float> AddAssign for Fused<T> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sealed for bool {}
impl Mask for bool {
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
    #[inline(always)]
    fn all(self) -> bool {
        self
    }
}

/// The one-lane vector `$v` of `$t`: `$new` wraps, `$get` unwraps.
macro_rules! scalar {
    ([$($generic:tt)*] $v:ty, $t:ty, $new:expr, $get:expr, $fma:expr, { $($rounding:tt)* }) => {
        impl<$($generic)*> Interleave for $v {
            #[inline(always)]
            fn interleave(self, other: Self) -> (Self, Self) {
                (self, other)
            }
            #[inline(always)]
            fn shift_in(self, before: Self) -> Self {
                before
            }
        }
        impl<$($generic)*> Vector for $v {
            type Elem = $t;
            type Mask = bool;
            const LEN: usize = 1;
            const FUSED: bool = $fma;
            #[inline(always)]
            fn splat(x: $t) -> Self {
                $new(x)
            }
            #[inline(always)]
            fn load(from: &[$t]) -> Self {
                $new(from[0])
            }
            #[inline(always)]
            fn load_part(from: &[$t]) -> Self {
                $new(from.first().copied().unwrap_or_default())
            }
            #[inline(always)]
            fn store(self, to: &mut [$t]) {
                to[0] = $get(self);
            }
            #[inline(always)]
            fn store_part(self, to: &mut [$t]) {
                if let Some(to) = to.first_mut() {
                    *to = $get(self);
                }
            }
            #[inline(always)]
            fn from_fn(mut f: impl FnMut(usize) -> $t) -> Self {
                $new(f(0))
            }
            #[inline(always)]
            fn lane(self, i: usize) -> $t {
                assert!(i == 0, "lane {i} of a scalar");
                $get(self)
            }
            #[inline(always)]
            fn map(self, f: impl Fn($t) -> $t) -> Self {
                $new(f($get(self)))
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                if Self::FUSED {
                    $new(Float::fused($get(self), $get(a), $get(b)))
                } else {
                    self * a + b
                }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $new(Float::root($get(self)))
            }
            #[inline(always)]
            fn bit_and(self, other: Self) -> Self {
                $new(<$t>::from_raw($get(self).to_raw() & $get(other).to_raw()))
            }
            #[inline(always)]
            fn bit_or(self, other: Self) -> Self {
                $new(<$t>::from_raw($get(self).to_raw() | $get(other).to_raw()))
            }
            #[inline(always)]
            fn bit_xor(self, other: Self) -> Self {
                $new(<$t>::from_raw($get(self).to_raw() ^ $get(other).to_raw()))
            }
            #[inline(always)]
            fn int_add(self, other: Self) -> Self {
                $new(<$t>::from_raw($get(self).to_raw().wrapping_add($get(other).to_raw())))
            }
            #[inline(always)]
            fn int_sub(self, other: Self) -> Self {
                $new(<$t>::from_raw($get(self).to_raw().wrapping_sub($get(other).to_raw())))
            }
            #[inline(always)]
            fn shl(self, n: u32) -> Self {
                $new(<$t>::from_raw($get(self).to_raw() << n))
            }
            #[inline(always)]
            fn shr(self, n: u32) -> Self {
                $new(<$t>::from_raw($get(self).to_raw() >> n))
            }
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                if $get(self) < $get(other) { self } else { other }
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                if $get(self) > $get(other) { self } else { other }
            }
            #[inline(always)]
            fn lt(self, other: Self) -> bool {
                $get(self) < $get(other)
            }
            #[inline(always)]
            fn le(self, other: Self) -> bool {
                $get(self) <= $get(other)
            }
            #[inline(always)]
            fn eq(self, other: Self) -> bool {
                $get(self) == $get(other)
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask { yes } else { no }
            }
            #[inline(always)]
            fn reduce<F: Fold>(self) -> $t {
                $get(self)
            }
            $($rounding)*
        }
    };
}

scalar!([] f32, f32, |x: f32| x, |x: f32| x, BUILD_FMA, {});
scalar!([] f64, f64, |x: f64| x, |x: f64| x, BUILD_FMA, {});
scalar!([T: Float] Fused<T>, T, Fused, |x: Fused<T>| x.0, true, {
    #[inline(always)]
    fn trunc(self) -> Self {
        Fused(self.0.std1(super::Std1::Trunc))
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Fused(self.0.std1(super::Std1::Floor))
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        Fused(self.0.std1(super::Std1::Ceil))
    }
});
