//! The level of any architecture: arrays of four `f32` or two `f64`, left to the compiler to vectorise.
//!
//! Invariant: no `unsafe` and no intrinsics, so that this level is the reference of the others.

use super::{Block, Float, Fold, Interleave, Mask, Sealed, Simd, Tail, Vector};
use std::array::from_fn;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// The level itself.
#[derive(Clone, Copy, Debug)]
pub struct Portable;
impl Sealed for Portable {}
impl Simd for Portable {
    type F32 = Array<f32, 4>;
    type F64 = Array<f64, 2>;
    type S32 = f32;
    type S64 = f64;
    type B32 = Block<Self::F32>;
    type B64 = Block<Self::F64>;
    type T32 = Tail<Self::F32>;
    type T64 = Tail<Self::F64>;
    const NAME: &'static str = "portable";
    const FMA: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
}

/// A vector as an array.
#[derive(Clone, Copy, Debug)]
pub struct Array<T, const N: usize>([T; N]);
/// Its masks.
#[derive(Clone, Copy, Debug)]
pub struct Bools<const N: usize>([bool; N]);

impl<T, const N: usize> Sealed for Array<T, N> {}
impl<const N: usize> Sealed for Bools<N> {}

impl<T: Float, const N: usize> Array<T, N> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Array(from_fn(|i| f(self.0[i], other.0[i])))
    }
    #[inline(always)]
    fn test(self, other: Self, f: impl Fn(&T, &T) -> bool) -> Bools<N> {
        Bools(from_fn(|i| f(&self.0[i], &other.0[i])))
    }
    #[inline(always)]
    fn raw(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        self.zip(other, |a, b| T::from_raw(f(a.to_raw(), b.to_raw())))
    }
}

macro_rules! op {
    ($($op:ident $f:ident),*) => {$(
        impl<T: Float, const N: usize> $op for Array<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                self.zip(other, $op::$f)
            }
        }
    )*};
}
op!(Add add, Sub sub, Mul mul, Div div);

impl<T: Float, const N: usize> Neg for Array<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Array(self.0.map(Neg::neg))
    }
}
impl<T: Float, const N: usize> AddAssign for Array<T, N> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = self.zip(other, Add::add);
    }
}
impl<const N: usize> BitAnd for Bools<N> {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Bools(from_fn(|i| self.0[i] & other.0[i]))
    }
}
impl<const N: usize> BitOr for Bools<N> {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Bools(from_fn(|i| self.0[i] | other.0[i]))
    }
}
impl<const N: usize> Not for Bools<N> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Bools(self.0.map(Not::not))
    }
}
impl<const N: usize> Mask for Bools<N> {
    #[inline(always)]
    fn any(self) -> bool {
        self.0.iter().fold(false, |a, b| a | b)
    }
    #[inline(always)]
    fn all(self) -> bool {
        self.0.iter().fold(true, |a, b| a & b)
    }
}

impl<T: Float, const N: usize> Vector for Array<T, N> {
    type Elem = T;
    type Mask = Bools<N>;
    const LEN: usize = N;
    const FUSED: bool = Portable::FMA;
    #[inline(always)]
    fn splat(x: T) -> Self {
        Array([x; N])
    }
    #[inline(always)]
    fn load(from: &[T]) -> Self {
        let from = &from[..N];
        Array(from_fn(|i| from[i]))
    }
    #[inline(always)]
    fn load_part(from: &[T]) -> Self {
        Array(from_fn(|i| from.get(i).copied().unwrap_or_default()))
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..N].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn store_part(self, to: &mut [T]) {
        for (to, x) in to.iter_mut().zip(self.0) {
            *to = x;
        }
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        if Portable::FMA {
            Array(from_fn(|i| self.0[i].fused(a.0[i], b.0[i])))
        } else {
            self * a + b
        }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Array(self.0.map(Float::root))
    }
    #[inline(always)]
    fn bit_and(self, other: Self) -> Self {
        self.raw(other, |a, b| a & b)
    }
    #[inline(always)]
    fn bit_or(self, other: Self) -> Self {
        self.raw(other, |a, b| a | b)
    }
    #[inline(always)]
    fn bit_xor(self, other: Self) -> Self {
        self.raw(other, |a, b| a ^ b)
    }
    #[inline(always)]
    fn int_add(self, other: Self) -> Self {
        self.raw(other, u64::wrapping_add)
    }
    #[inline(always)]
    fn int_sub(self, other: Self) -> Self {
        self.raw(other, u64::wrapping_sub)
    }
    #[inline(always)]
    fn shl(self, n: u32) -> Self {
        self.raw(self, |a, _| a << n)
    }
    #[inline(always)]
    fn shr(self, n: u32) -> Self {
        self.raw(self, |a, _| a >> n)
    }
    #[inline(always)]
    fn lesser(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        self.test(other, T::lt)
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self::Mask {
        self.test(other, T::le)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        self.test(other, T::eq)
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Array(from_fn(|i| if mask.0[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    fn reduce<F: Fold>(self) -> T {
        // The order of the SSE2 level, so that both give the same bits.
        let mut half = N / 2;
        let mut lanes = self;
        while half > 0 {
            let high = Array::<T, N>(from_fn(|i| lanes.0[(i + half) % N]));
            lanes = F::join(lanes, high);
            half /= 2;
        }
        lanes.0[0]
    }
}

impl<T: Float, const N: usize> Interleave for Array<T, N> {
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        let at = |i: usize| if i.is_multiple_of(2) { self.0[i / 2] } else { other.0[i / 2] };
        (Array(from_fn(at)), Array(from_fn(|i| at(N + i))))
    }
    #[inline(always)]
    fn shift_in(self, before: Self) -> Self {
        Array(from_fn(|i| if i == 0 { before.0[N - 1] } else { self.0[i - 1] }))
    }
}
