//! AVX2 with FMA: 256 bits.
//!
//! Invariant: the types are public in a private module and reach a kernel only through `dispatch`, after
//! detection of `avx2` and `fma`.

use super::scalar::Fused;
use super::v1::{F32x4, F64x2};
use super::x86::{mask_operators, operators, wrap};
use super::{Block, Fold, Interleave, Mask, Sealed, Simd, Tail, Vector};
use std::arch::x86_64::*;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// The level itself.
#[derive(Clone, Copy, Debug)]
pub struct V3;
impl Sealed for V3 {}
impl Simd for V3 {
    type F32 = F32x8;
    type F64 = F64x4;
    type S32 = Fused<f32>;
    type S64 = Fused<f64>;
    type B32 = Block<Self::F32>;
    type B64 = Block<Self::F64>;
    type T32 = Tail<Self::F32>;
    type T64 = Tail<Self::F64>;
    const NAME: &'static str = "avx2";
    const FMA: bool = true;
}

/// Eight `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x8(pub(super) __m256);
/// Four `f64`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F64x4(pub(super) __m256d);
/// Mask of [`F32x8`]: lanes of all ones or all zeros.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M32x8(__m256);
/// Mask of [`F64x4`].
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M64x4(__m256d);

macro_rules! avx2 {
    ($v:ident $m:ident $t:ident $half:ident $len:literal:
        $set:ident $load:ident $store:ident $mload:ident $mstore:ident $sqrt:ident $min:ident $max:ident
        $and:ident $or:ident $xor:ident $blend:ident $to:ident $from:ident
        $iadd:ident $isub:ident $shl:ident $shr:ident $round:ident
        $cmp:ident $bits:ident $low:ident $high:ident $fma:ident) => {
        impl Mask for $m {
            #[inline(always)]
            fn any(self) -> bool {
                // SAFETY: a mask of this type exists only where AVX2 was detected.
                unsafe { $bits(self.0) != 0 }
            }
            #[inline(always)]
            fn all(self) -> bool {
                // SAFETY: as above.
                unsafe { $bits(self.0) == (1 << $len) - 1 }
            }
        }
        impl Vector for $v {
            type Elem = $t;
            type Mask = $m;
            const LEN: usize = $len;
            const FUSED: bool = true;
            #[inline(always)]
            fn splat(x: $t) -> Self {
                // SAFETY: this type is reached only through dispatch, after AVX2 was detected.
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
                Self(unsafe { $mload(from.as_ptr(), $to(Self::first(from.len()).0)) })
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
                unsafe { $mstore(to.as_mut_ptr(), $to(Self::first(to.len()).0), self.0) }
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
                floor() = $round::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>;
                ceil() = $round::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>;
                trunc() = $round::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>;
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
                Self(unsafe { $blend(no.0, yes.0, mask.0) })
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

operators!(F32x8: _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps);
operators!(F64x4: _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd);
mask_operators!(M32x8: _mm256_and_ps, _mm256_or_ps,
    |x| _mm256_xor_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(-1))));
mask_operators!(M64x4: _mm256_and_pd, _mm256_or_pd,
    |x| _mm256_xor_pd(x, _mm256_castsi256_pd(_mm256_set1_epi32(-1))));
avx2!(F32x8 M32x8 f32 F32x4 8:
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_maskload_ps _mm256_maskstore_ps
    _mm256_sqrt_ps _mm256_min_ps _mm256_max_ps
    _mm256_and_ps _mm256_or_ps _mm256_xor_ps _mm256_blendv_ps _mm256_castps_si256 _mm256_castsi256_ps
    _mm256_add_epi32 _mm256_sub_epi32 _mm256_sll_epi32 _mm256_srl_epi32 _mm256_round_ps
    _mm256_cmp_ps _mm256_movemask_ps _mm256_castps256_ps128 _mm256_extractf128_ps _mm256_fmadd_ps);
avx2!(F64x4 M64x4 f64 F64x2 4:
    _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_maskload_pd _mm256_maskstore_pd
    _mm256_sqrt_pd _mm256_min_pd _mm256_max_pd
    _mm256_and_pd _mm256_or_pd _mm256_xor_pd _mm256_blendv_pd _mm256_castpd_si256 _mm256_castsi256_pd
    _mm256_add_epi64 _mm256_sub_epi64 _mm256_sll_epi64 _mm256_srl_epi64 _mm256_round_pd
    _mm256_cmp_pd _mm256_movemask_pd _mm256_castpd256_pd128 _mm256_extractf128_pd _mm256_fmadd_pd);

macro_rules! interleave {
    ($v:ident: $low:ident $high:ident $join:ident, $slide:expr) => {
        impl Interleave for $v {
            #[inline(always)]
            fn interleave(self, other: Self) -> (Self, Self) {
                // SAFETY: this type is reached only through dispatch, after AVX2 and FMA were detected.
                unsafe {
                    let (low, high) = ($low(self.0, other.0), $high(self.0, other.0));
                    (Self($join::<0x20>(low, high)), Self($join::<0x31>(low, high)))
                }
            }
            #[inline(always)]
            fn shift_in(self, before: Self) -> Self {
                // SAFETY: as above.
                unsafe {
                    // the upper half before, the lower half here
                    let middle = $join::<0x21>(before.0, self.0);
                    Self($slide(middle, self.0))
                }
            }
        }
    };
}

interleave!(F32x8: _mm256_unpacklo_ps _mm256_unpackhi_ps _mm256_permute2f128_ps,
    |middle, here| _mm256_castsi256_ps(_mm256_alignr_epi8::<12>(_mm256_castps_si256(here), _mm256_castps_si256(middle))));
interleave!(F64x4: _mm256_unpacklo_pd _mm256_unpackhi_pd _mm256_permute2f128_pd, _mm256_shuffle_pd::<0b0101>);
