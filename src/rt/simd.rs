//! Explicit vectors with run-time dispatch: one generic body, compiled once per instruction set level.
//!
//! A [`Kernel`] is written once over [`Simd`]; `dispatch` compiles it into one `#[target_feature]` entry per level and calls
//! the best that the machine has. Everything is `#[inline(always)]`, so that the intrinsics inline into that entry.
//!
//! Invariant: the types of a level cannot be named outside; only a dispatched kernel receives them, hence a value of such a
//! type proves that the machine has the level.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};

mod dispatch;
mod float;
mod portable;
mod scalar;
mod sums;
#[cfg(target_arch = "x86_64")]
mod v1;
#[cfg(target_arch = "x86_64")]
mod v3;
#[cfg(target_arch = "x86_64")]
mod v4;
mod wide;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
pub(crate) mod tests;

pub use dispatch::{available, best, dispatch, dispatch_at, Kernel, Level};
pub use sums::Sums;
pub use wide::{lanes_at_once, lanes_of, parts, Points, Wide};
use wide::{Block, Tail};

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// An instruction set level: its vectors, and scalars that know whether the level fuses.
pub trait Simd: Copy + Debug + Sealed + 'static {
    /// The vector of `f32`.
    type F32: Vector<Elem = f32>;
    /// The vector of `f64`.
    type F64: Vector<Elem = f64>;
    /// One `f32`, with the fused `mul_add` of the level.
    type S32: Vector<Elem = f32, Mask = bool>;
    /// One `f64`, with the fused `mul_add` of the level.
    type S64: Vector<Elem = f64, Mask = bool>;
    /// A block of vectors of `f32`.
    type B32: Points<Elem = f32, One = Self::F32>;
    /// A block of vectors of `f64`.
    type B64: Points<Elem = f64, One = Self::F64>;
    /// What is left behind the last block of `f32`, a vector at a time.
    type T32: Points<Elem = f32, One = Self::F32>;
    /// What is left behind the last block of `f64`, a vector at a time.
    type T64: Points<Elem = f64, One = Self::F64>;
    /// The name of the level.
    const NAME: &'static str;
    /// Whether [`Vector::mul_add`] rounds once.
    const FMA: bool;
}

/// `f32` or `f64`: the element of a vector, its layout, and its functions in std.
pub trait Float:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + Sealed
    + 'static
{
    /// The vector of this element at a level.
    type Wide<S: Simd>: Vector<Elem = Self>;
    /// The scalar of this element at a level.
    type One<S: Simd>: Vector<Elem = Self>;
    /// Bits of the whole number.
    const WIDTH: u32;
    /// Bits of the stored mantissa.
    const MANTISSA: u32;
    /// Exponent bias.
    const BIAS: u32;
    /// Whether this is `f32`, for constants that differ.
    const IS_F32: bool;
    /// The nearest element.
    fn of(x: f64) -> Self;
    /// The same value as `f64`.
    fn to_f64(self) -> f64;
    /// The number with these bits; higher bits are dropped.
    fn from_raw(bits: u64) -> Self;
    /// The bits, zero-extended.
    fn to_raw(self) -> u64;
    /// `self + 0` where `self` counts lanes.
    fn of_usize(n: usize) -> Self;
    /// std's fused multiply-add.
    fn fused(self, a: Self, b: Self) -> Self;
    /// Square root.
    fn root(self) -> Self;
    /// Functions of std that have no vector version, by name.
    fn std1(self, f: Std1) -> Self;
    /// Functions of std with two arguments, by name.
    fn std2(self, other: Self, f: Std2) -> Self;
}

/// Unary functions of std, called lane by lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Std1 {
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Asinh,
    Acosh,
    Atanh,
    Cbrt,
    Floor,
    Ceil,
    Trunc,
    Round,
}

/// Binary functions of std, called lane by lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Std2 {
    Atan2,
    Hypot,
    Powf,
    Rem,
    RemEuclid,
    DivEuclid,
    Min,
    Max,
}

/// A truth value per lane.
pub trait Mask:
    Copy + Debug + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> + Sealed
{
    /// Whether any lane is set.
    fn any(self) -> bool;
    /// Whether all lanes are set.
    fn all(self) -> bool;
}

/// A commutative operation to reduce a vector with.
pub trait Fold: Sealed {
    /// Combines two vectors lane by lane.
    fn join<V: Vector>(a: V, b: V) -> V;
}

/// [`Fold`] by `+`.
pub struct Sum;
/// [`Fold`] by `*`.
pub struct Prod;
/// [`Fold`] by [`Vector::min`].
pub struct Least;
/// [`Fold`] by [`Vector::max`].
pub struct Greatest;

macro_rules! fold {
    ($($name:ident: $f:expr;)*) => {$(
        impl Sealed for $name {}
        impl Fold for $name {
            #[inline(always)]
            fn join<V: Vector>(a: V, b: V) -> V {
                $f(a, b)
            }
        }
    )*};
}
fold! {
    Sum: Add::add;
    Prod: Mul::mul;
    Least: Vector::min;
    Greatest: Vector::max;
}

/// Shuffling two vectors into each other.
pub trait Interleave: Sized {
    /// `a0 b0 a1 b1 …`, the lower half and the upper half: the step of a transposition.
    fn interleave(self, other: Self) -> (Self, Self);
    /// The last lane of `before`, then all lanes but the last.
    fn shift_in(self, before: Self) -> Self;
}

/// Elements that one instruction works on. `f32` and `f64` are vectors of one lane.
pub trait Vector:
    Copy
    + Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Interleave
    + Sealed
    + 'static
{
    /// The element.
    type Elem: Float;
    /// What comparisons give.
    type Mask: Mask;
    /// Lanes; at most [`MAX_LEN`].
    const LEN: usize;
    /// Whether [`mul_add`](Vector::mul_add) rounds once.
    const FUSED: bool;

    /// `x` in every lane.
    fn splat(x: Self::Elem) -> Self;
    /// The first `LEN` elements.
    ///
    /// *Panics* if there are fewer.
    fn load(from: &[Self::Elem]) -> Self;
    /// The first `min(len, LEN)` elements; the other lanes are 0.
    fn load_part(from: &[Self::Elem]) -> Self;
    /// Writes all lanes to the front of `to`.
    ///
    /// *Panics* if `to` is shorter than `LEN`.
    fn store(self, to: &mut [Self::Elem]);
    /// Writes the first `min(len, LEN)` lanes.
    fn store_part(self, to: &mut [Self::Elem]);
    /// `self * a + b`: rounded once where the level has FMA, twice elsewhere. Never a library call.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// Bitwise and.
    fn bit_and(self, other: Self) -> Self;
    /// Bitwise or.
    fn bit_or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn bit_xor(self, other: Self) -> Self;
    /// Bits added as integers, wrapping.
    fn int_add(self, other: Self) -> Self;
    /// Bits subtracted as integers, wrapping.
    fn int_sub(self, other: Self) -> Self;
    /// Bits shifted left by `n < WIDTH`; `n` should be a constant.
    fn shl(self, n: u32) -> Self;
    /// Bits shifted right by `n < WIDTH`, filled with zeros.
    fn shr(self, n: u32) -> Self;
    /// `self < other ? self : other`: the second where either is NaN.
    fn lesser(self, other: Self) -> Self;
    /// `self > other ? self : other`: the second where either is NaN.
    fn greater(self, other: Self) -> Self;
    /// `self < other`.
    fn lt(self, other: Self) -> Self::Mask;
    /// `self <= other`.
    fn le(self, other: Self) -> Self::Mask;
    /// `self == other`.
    fn eq(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is set, `no` elsewhere.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// Joins halves until one lane is left: the order is fixed for a level.
    fn reduce<F: Fold>(self) -> Self::Elem;

    /// What lies one element earlier, where `before` lies just before this vector.
    #[inline(always)]
    fn slide(self, before: Self) -> Self {
        self.shift_in(before)
    }
    /// `of(x)` in every lane.
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self::splat(Self::Elem::of(x))
    }
    /// These bits in every lane.
    #[inline(always)]
    fn bits(bits: u64) -> Self {
        Self::splat(Self::Elem::from_raw(bits))
    }
    /// `self > other`.
    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        other.lt(self)
    }
    /// `self >= other`.
    #[inline(always)]
    fn ge(self, other: Self) -> Self::Mask {
        other.le(self)
    }
    /// `self != other`, true where either is NaN.
    #[inline(always)]
    fn ne(self, other: Self) -> Self::Mask {
        !self.eq(other)
    }
    /// Where the lane is NaN.
    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        self.ne(self)
    }
    /// Mask of the lanes below `n`, which may exceed `LEN`.
    #[inline(always)]
    fn first(n: usize) -> Self::Mask {
        Self::iota().lt(Self::splat(Self::Elem::of_usize(n.min(Self::LEN))))
    }
    /// Lanes at `n` and above become 0; `n` may exceed `LEN`.
    #[inline(always)]
    fn keep(self, n: usize) -> Self {
        self.keep_or(n, Self::of(0.0))
    }
    /// Lanes at `n` and above are taken from `other`; `n` may exceed `LEN`.
    #[inline(always)]
    fn keep_or(self, n: usize, other: Self) -> Self {
        Self::select(Self::first(n), self, other)
    }
    /// `f(0)`, `f(1)`, …
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> Self::Elem) -> Self {
        let mut lanes = [Self::Elem::default(); MAX_LEN];
        for (i, lane) in lanes[..Self::LEN].iter_mut().enumerate() {
            *lane = f(i);
        }
        Self::load(&lanes)
    }
    /// The lane `i`.
    ///
    /// *Panics* if `i >= LEN`.
    #[inline(always)]
    fn lane(self, i: usize) -> Self::Elem {
        let mut lanes = [Self::Elem::default(); MAX_LEN];
        self.store(&mut lanes);
        lanes[..Self::LEN][i]
    }
    /// 0, 1, 2, …
    #[inline(always)]
    fn iota() -> Self {
        Self::from_fn(Self::Elem::of_usize)
    }
    /// `from[0]`, `from[stride]`, `from[2 * stride]`, …
    ///
    /// *Panics* if `from` ends before the last lane.
    #[inline(always)]
    fn load_strided(from: &[Self::Elem], stride: usize) -> Self {
        let from = &from[..(Self::LEN - 1) * stride + 1];
        Self::from_fn(|i| from[i * stride])
    }
    /// Like [`load_strided`](Vector::load_strided) for the first `min(n, LEN)` lanes; the others are 0.
    ///
    /// *Panics* if `from` ends before the last lane asked for.
    #[inline(always)]
    fn load_strided_part(from: &[Self::Elem], stride: usize, n: usize) -> Self {
        if n >= Self::LEN {
            return Self::load_strided(from, stride);
        }
        Self::from_fn(|i| if i < n { from[i * stride] } else { Self::Elem::default() })
    }
    /// Applies a scalar function to each lane.
    #[inline(always)]
    fn map(self, f: impl Fn(Self::Elem) -> Self::Elem) -> Self {
        let mut lanes = [Self::Elem::default(); MAX_LEN];
        self.store(&mut lanes);
        Self::from_fn(|i| f(lanes[i]))
    }
    /// The sign bit alone, in every lane.
    #[inline(always)]
    fn sign_bit() -> Self {
        Self::bits(1 << (Self::Elem::WIDTH - 1))
    }
    /// Absolute value.
    #[inline(always)]
    fn abs(self) -> Self {
        self.bit_and(Self::bits((1 << (Self::Elem::WIDTH - 1)) - 1))
    }
    /// The magnitude of `self` with the sign of `sign`.
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        self.abs().bit_or(sign.bit_and(Self::sign_bit()))
    }
    /// The nearest integer below or at.
    #[inline(always)]
    fn floor(self) -> Self {
        let t = self.trunc();
        Self::select(t.gt(self), t - Self::of(1.0), t)
    }
    /// The nearest integer above or at.
    #[inline(always)]
    fn ceil(self) -> Self {
        -(-self).floor()
    }
    /// The integer part.
    #[inline(always)]
    fn trunc(self) -> Self {
        // Adding 2^MANTISSA drops the fraction, rounded to nearest; what was rounded up goes one down.
        let a = self.abs();
        let big = Self::bits(((Self::Elem::BIAS + Self::Elem::MANTISSA) as u64) << Self::Elem::MANTISSA);
        let near = (a + big) - big;
        let t = Self::select(near.gt(a), near - Self::of(1.0), near);
        Self::select(a.lt(big), t.copysign(self), self)
    }
    /// The nearest integer, half away from zero.
    #[inline(always)]
    fn round(self) -> Self {
        // One below a half: 0.49999997 + 0.49999997 < 1, while x.5 plus it rounds up to the next integer.
        let half = Self::bits((((Self::Elem::BIAS - 1) as u64) << Self::Elem::MANTISSA) - 1);
        (self + half.copysign(self)).trunc()
    }
    /// The lesser; a NaN operand is ignored.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(other.is_nan(), self, self.lesser(other))
    }
    /// The greater; a NaN operand is ignored.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(other.is_nan(), self, self.greater(other))
    }
    /// `self * 2^n`, given `counted = magic + n` with |n| at most twice the largest exponent; rounds once where `self` is near 1.
    #[inline(always)]
    fn scale2(self, counted: Self) -> Self {
        // Two factors: neither overflows, and a subnormal product is rounded only by the second. The bits of magic are even
        // and shifted out in the halves too.
        let half = counted.shr(1);
        self * half.pow2() * counted.int_sub(half).pow2()
    }
    /// 1.5 * 2^MANTISSA: adding it leaves the nearest integer in the low bits.
    #[inline(always)]
    fn magic() -> Self {
        let e = (Self::Elem::BIAS + Self::Elem::MANTISSA) as u64;
        Self::bits((e << Self::Elem::MANTISSA) | (1 << (Self::Elem::MANTISSA - 1)))
    }
    /// `2^k` for `self = magic + k`, `k` in the range of normal exponents.
    #[inline(always)]
    fn pow2(self) -> Self {
        self.shl(Self::Elem::MANTISSA).int_add(Self::of(1.0))
    }
    /// Sum of the lanes.
    #[inline(always)]
    fn reduce_sum(self) -> Self::Elem {
        self.reduce::<Sum>()
    }
    /// Product of the lanes.
    #[inline(always)]
    fn reduce_prod(self) -> Self::Elem {
        self.reduce::<Prod>()
    }
    /// Least lane, NaN ignored.
    #[inline(always)]
    fn reduce_min(self) -> Self::Elem {
        self.reduce::<Least>()
    }
    /// Greatest lane, NaN ignored.
    #[inline(always)]
    fn reduce_max(self) -> Self::Elem {
        self.reduce::<Greatest>()
    }
}

/// The most lanes that a vector has.
pub const MAX_LEN: usize = 16;
