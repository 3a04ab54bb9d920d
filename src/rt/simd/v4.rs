//! AVX-512 (F, BW, DQ, VL): 512 bits, masks in their own registers.
//!
//! Invariant: the types are public in a private module and reach a kernel only through `dispatch`, after
//! detection of those features and of `avx2` and `fma`.

use super::scalar::Fused;
use super::v3::{F32x8, F64x4};
use super::x86::{mask_operators, operators, wrap};
use super::{Block, Fold, Interleave, Mask, Sealed, Simd, Tail, Vector};
use std::arch::x86_64::*;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// The level itself.
#[derive(Clone, Copy, Debug)]
pub struct V4;
impl Sealed for V4 {}
impl Simd for V4 {
    type F32 = F32x16;
    type F64 = F64x8;
    type S32 = Fused<f32>;
    type S64 = Fused<f64>;
    type B32 = Block<Self::F32>;
    type B64 = Block<Self::F64>;
    type T32 = Tail<Self::F32>;
    type T64 = Tail<Self::F64>;
    const NAME: &'static str = "avx512";
    const FMA: bool = true;
}

/// Sixteen `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x16(__m512);
/// Eight `f64`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F64x8(__m512d);
/// Mask of [`F32x16`]: a bit per lane.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M16(u16);
/// Mask of [`F64x8`].
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M8(u8);

macro_rules! avx512 {
    ($v:ident $m:ident $bits:ident $t:ident $half:ident $len:literal:
        $set:ident $load:ident $store:ident $mload:ident $mstore:ident $sqrt:ident $min:ident $max:ident
        $and:ident $or:ident $xor:ident $blend:ident $to:ident $from:ident
        $iadd:ident $isub:ident $shl:ident $shr:ident $round:ident
        $cmp:ident $low:ident $high:ident $fma:ident $scale:ident) => {
        mask_operators!($m: BitAnd::bitand, BitOr::bitor, |x: $bits| !x);
        impl Mask for $m {
            #[inline(always)]
            fn any(self) -> bool {
                self.0 != 0
            }
            #[inline(always)]
            fn all(self) -> bool {
                self.0 == $bits::MAX
            }
        }
        impl Vector for $v {
            type Elem = $t;
            type Mask = $m;
            const LEN: usize = $len;
            const FUSED: bool = true;
            #[inline(always)]
            fn splat(x: $t) -> Self {
                // SAFETY: this type is reached only through dispatch, after AVX-512 was detected.
                Self(unsafe { $set(x) })
            }
            #[inline(always)]
            fn load(from: &[$t]) -> Self {
                let from = &from[..$len];
                // SAFETY: as for `splat`; `from` has LEN elements and the load needs no alignment.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn load_part(from: &[$t]) -> Self {
                if from.len() >= $len {
                    return Self::load(from);
                }
                // SAFETY: as for `splat`; the mask leaves only lanes below `from.len()`, the others are not read.
                Self(unsafe { $mload(Self::first(from.len()).0, from.as_ptr()) })
            }
            #[inline(always)]
            fn store(self, to: &mut [$t]) {
                let to = &mut to[..$len];
                // SAFETY: as for `splat`; `to` has LEN elements and the store needs no alignment.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn store_part(self, to: &mut [$t]) {
                if to.len() >= $len {
                    return self.store(to);
                }
                // SAFETY: as for `splat`; the mask leaves only lanes below `to.len()`, the others are not written.
                unsafe { $mstore(to.as_mut_ptr(), Self::first(to.len()).0, self.0) }
            }
            #[inline(always)]
            fn first(n: usize) -> $m {
                $m(((1u32 << n.min($len)) - 1) as $bits)
            }
            #[inline(always)]
            fn shl(self, n: u32) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $from($shl($to(self.0), _mm_cvtsi32_si128(n as i32))) })
            }
            #[inline(always)]
            fn shr(self, n: u32) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $from($shr($to(self.0), _mm_cvtsi32_si128(n as i32))) })
            }
            wrap! {
                mul_add(a, b) = $fma;
                sqrt() = $sqrt;
                bit_and(b) = $and;
                bit_or(b) = $or;
                bit_xor(b) = $xor;
                int_add(b) = |a, b| $from($iadd($to(a), $to(b)));
                int_sub(b) = |a, b| $from($isub($to(a), $to(b)));
                lesser(b) = $min;
                greater(b) = $max;
                floor() = $round::<{ _MM_FROUND_TO_NEG_INF }>;
                ceil() = $round::<{ _MM_FROUND_TO_POS_INF }>;
                trunc() = $round::<{ _MM_FROUND_TO_ZERO }>;
            }
            #[inline(always)]
            fn scale2(self, counted: Self) -> Self {
                let n = counted - Self::magic();
                // SAFETY: as for `splat`.
                Self(unsafe { $scale(self.0, n.0) })
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $m {
                // SAFETY: as for `splat`.
                $m(unsafe { $cmp::<_CMP_LT_OQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn le(self, other: Self) -> $m {
                // SAFETY: as for `splat`.
                $m(unsafe { $cmp::<_CMP_LE_OQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $m {
                // SAFETY: as for `splat`.
                $m(unsafe { $cmp::<_CMP_EQ_OQ>(self.0, other.0) })
            }
            #[inline(always)]
            fn select(mask: $m, yes: Self, no: Self) -> Self {
                // SAFETY: as for `splat`.
                Self(unsafe { $blend(mask.0, no.0, yes.0) })
            }
            #[inline(always)]
            fn reduce<F: Fold>(self) -> $t {
                // SAFETY: as for `splat`.
                let (low, high) = unsafe { ($half($low(self.0)), $half($high::<1>(self.0))) };
                F::join(low, high).reduce::<F>()
            }
        }
    };
}

operators!(F32x16: _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps);
operators!(F64x8: _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd);
avx512!(F32x16 M16 u16 f32 F32x8 16:
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_maskz_loadu_ps _mm512_mask_storeu_ps
    _mm512_sqrt_ps _mm512_min_ps _mm512_max_ps
    _mm512_and_ps _mm512_or_ps _mm512_xor_ps _mm512_mask_blend_ps _mm512_castps_si512 _mm512_castsi512_ps
    _mm512_add_epi32 _mm512_sub_epi32 _mm512_sll_epi32 _mm512_srl_epi32 _mm512_roundscale_ps
    _mm512_cmp_ps_mask _mm512_castps512_ps256 _mm512_extractf32x8_ps _mm512_fmadd_ps _mm512_scalef_ps);
avx512!(F64x8 M8 u8 f64 F64x4 8:
    _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_maskz_loadu_pd _mm512_mask_storeu_pd
    _mm512_sqrt_pd _mm512_min_pd _mm512_max_pd
    _mm512_and_pd _mm512_or_pd _mm512_xor_pd _mm512_mask_blend_pd _mm512_castpd_si512 _mm512_castsi512_pd
    _mm512_add_epi64 _mm512_sub_epi64 _mm512_sll_epi64 _mm512_srl_epi64 _mm512_roundscale_pd
    _mm512_cmp_pd_mask _mm512_castpd512_pd256 _mm512_extractf64x4_pd _mm512_fmadd_pd _mm512_scalef_pd);

impl Interleave for F32x16 {
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        // SAFETY: this type is reached only through dispatch, after AVX-512 was detected.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            (
                Self(_mm512_permutex2var_ps(self.0, low, other.0)),
                Self(_mm512_permutex2var_ps(self.0, high, other.0)),
            )
        }
    }
    #[inline(always)]
    fn shift_in(self, before: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let (here, before) = (_mm512_castps_si512(self.0), _mm512_castps_si512(before.0));
            Self(_mm512_castsi512_ps(_mm512_alignr_epi32::<15>(here, before)))
        }
    }
}

impl Interleave for F64x8 {
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        // SAFETY: this type is reached only through dispatch, after AVX-512 was detected.
        unsafe {
            let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
            (
                Self(_mm512_permutex2var_pd(self.0, low, other.0)),
                Self(_mm512_permutex2var_pd(self.0, high, other.0)),
            )
        }
    }
    #[inline(always)]
    fn shift_in(self, before: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let (here, before) = (_mm512_castpd_si512(self.0), _mm512_castpd_si512(before.0));
            Self(_mm512_castsi512_pd(_mm512_alignr_epi64::<7>(here, before)))
        }
    }
}
