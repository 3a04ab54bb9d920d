//! The baseline of x86-64: SSE2, 128 bits, no FMA, no rounding instruction.
//!
//! Invariant: every intrinsic here belongs to the x86-64 baseline, so it exists on any machine this compiles for.

use super::x86::{mask_operators, operators, wrap};
use super::{Block, Fold, Interleave, Mask, Sealed, Simd, Tail, Vector};
use std::arch::x86_64::*;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// The level itself.
#[derive(Clone, Copy, Debug)]
pub struct V1;
impl Sealed for V1 {}
impl Simd for V1 {
    type F32 = F32x4;
    type F64 = F64x2;
    type S32 = f32;
    type S64 = f64;
    type B32 = Block<Self::F32>;
    type B64 = Block<Self::F64>;
    type T32 = Tail<Self::F32>;
    type T64 = Tail<Self::F64>;
    const NAME: &'static str = "baseline";
    const FMA: bool = cfg!(target_feature = "fma");
}

/// Four `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x4(pub(super) __m128);
/// Two `f64`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F64x2(pub(super) __m128d);
/// Mask of [`F32x4`]: lanes of all ones or all zeros.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M32x4(__m128);
/// Mask of [`F64x2`].
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct M64x2(__m128d);

macro_rules! sse {
    ($v:ident $m:ident $t:ident $raw:ident $len:literal:
        $set:ident $load:ident $store:ident $sqrt:ident $min:ident $max:ident
        $and:ident $andnot:ident $or:ident $xor:ident $to:ident $from:ident
        $iadd:ident $isub:ident $shl:ident $shr:ident
        $lt:ident $le:ident $eq:ident $bits:ident $high:expr, $first:ident, $fma:ident) => {
        impl Mask for $m {
            #[inline(always)]
            fn any(self) -> bool {
                // SAFETY: SSE2 is part of x86-64.
                unsafe { $bits(self.0) != 0 }
            }
            #[inline(always)]
            fn all(self) -> bool {
                // SAFETY: SSE2 is part of x86-64.
                unsafe { $bits(self.0) == (1 << $len) - 1 }
            }
        }
        impl Vector for $v {
            type Elem = $t;
            type Mask = $m;
            const LEN: usize = $len;
            const FUSED: bool = V1::FMA;
            #[inline(always)]
            fn splat(x: $t) -> Self {
                // SAFETY: SSE2 is part of x86-64.
                Self(unsafe { $set(x) })
            }
            #[inline(always)]
            fn load(from: &[$t]) -> Self {
                let from = &from[..$len];
                // SAFETY: `from` has LEN elements; the load needs no alignment.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn load_part(from: &[$t]) -> Self {
                if from.len() >= $len {
                    return Self::load(from);
                }
                let mut lanes = [0.0; $len];
                for (lane, x) in lanes.iter_mut().zip(from) {
                    *lane = *x;
                }
                Self::load(&lanes)
            }
            #[inline(always)]
            fn store(self, to: &mut [$t]) {
                let to = &mut to[..$len];
                // SAFETY: `to` has LEN elements; the store needs no alignment.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn store_part(self, to: &mut [$t]) {
                if to.len() >= $len {
                    return self.store(to);
                }
                let mut lanes = [0.0; $len];
                self.store(&mut lanes);
                for (to, lane) in to.iter_mut().zip(lanes) {
                    *to = lane;
                }
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                #[cfg(target_feature = "fma")]
                // SAFETY: the whole build has FMA.
                return Self(unsafe { $fma(self.0, a.0, b.0) });
                #[cfg(not(target_feature = "fma"))]
                return self * a + b;
            }
            #[inline(always)]
            fn shl(self, n: u32) -> Self {
                // SAFETY: SSE2 is part of x86-64.
                Self(unsafe { $from($shl($to(self.0), _mm_cvtsi32_si128(n as i32))) })
            }
            #[inline(always)]
            fn shr(self, n: u32) -> Self {
                // SAFETY: SSE2 is part of x86-64.
                Self(unsafe { $from($shr($to(self.0), _mm_cvtsi32_si128(n as i32))) })
            }
            wrap! {
                sqrt() = $sqrt;
                bit_and(b) = $and;
                bit_or(b) = $or;
                bit_xor(b) = $xor;
                int_add(b) = |a, b| $from($iadd($to(a), $to(b)));
                int_sub(b) = |a, b| $from($isub($to(a), $to(b)));
                lesser(b) = $min;
                greater(b) = $max;
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $m {
                // SAFETY: SSE2 is part of x86-64.
                $m(unsafe { $lt(self.0, other.0) })
            }
            #[inline(always)]
            fn le(self, other: Self) -> $m {
                // SAFETY: SSE2 is part of x86-64.
                $m(unsafe { $le(self.0, other.0) })
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $m {
                // SAFETY: SSE2 is part of x86-64.
                $m(unsafe { $eq(self.0, other.0) })
            }
            #[inline(always)]
            fn select(mask: $m, yes: Self, no: Self) -> Self {
                // SAFETY: SSE2 is part of x86-64.
                Self(unsafe { $or($and(mask.0, yes.0), $andnot(mask.0, no.0)) })
            }
            #[inline(always)]
            fn reduce<F: Fold>(self) -> $t {
                let mut lanes = self;
                let mut half = $len / 2;
                while half > 0 {
                    lanes = F::join(lanes, Self($high(lanes.0, half)));
                    half /= 2;
                }
                // SAFETY: SSE2 is part of x86-64.
                unsafe { $first(lanes.0) }
            }
        }
    };
}

/// The lanes from `half` on, moved to the front.
#[inline(always)]
fn high_ps(x: __m128, half: usize) -> __m128 {
    // SAFETY: SSE2 is part of x86-64.
    unsafe {
        if half == 2 {
            _mm_movehl_ps(x, x)
        } else {
            _mm_shuffle_ps::<1>(x, x)
        }
    }
}

/// The upper lane, moved to the front.
#[inline(always)]
fn high_pd(x: __m128d, _: usize) -> __m128d {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_unpackhi_pd(x, x) }
}

operators!(F32x4: _mm_add_ps _mm_sub_ps _mm_mul_ps _mm_div_ps);
operators!(F64x2: _mm_add_pd _mm_sub_pd _mm_mul_pd _mm_div_pd);
mask_operators!(M32x4: _mm_and_ps, _mm_or_ps, |x| _mm_xor_ps(x, _mm_castsi128_ps(_mm_set1_epi32(-1))));
mask_operators!(M64x2: _mm_and_pd, _mm_or_pd, |x| _mm_xor_pd(x, _mm_castsi128_pd(_mm_set1_epi32(-1))));
sse!(F32x4 M32x4 f32 __m128 4:
    _mm_set1_ps _mm_loadu_ps _mm_storeu_ps _mm_sqrt_ps _mm_min_ps _mm_max_ps
    _mm_and_ps _mm_andnot_ps _mm_or_ps _mm_xor_ps _mm_castps_si128 _mm_castsi128_ps
    _mm_add_epi32 _mm_sub_epi32 _mm_sll_epi32 _mm_srl_epi32
    _mm_cmplt_ps _mm_cmple_ps _mm_cmpeq_ps _mm_movemask_ps high_ps, _mm_cvtss_f32, _mm_fmadd_ps);
sse!(F64x2 M64x2 f64 __m128d 2:
    _mm_set1_pd _mm_loadu_pd _mm_storeu_pd _mm_sqrt_pd _mm_min_pd _mm_max_pd
    _mm_and_pd _mm_andnot_pd _mm_or_pd _mm_xor_pd _mm_castpd_si128 _mm_castsi128_pd
    _mm_add_epi64 _mm_sub_epi64 _mm_sll_epi64 _mm_srl_epi64
    _mm_cmplt_pd _mm_cmple_pd _mm_cmpeq_pd _mm_movemask_pd high_pd, _mm_cvtsd_f64, _mm_fmadd_pd);

macro_rules! interleave {
    ($v:ident: $low:ident $high:ident, $slide:expr) => {
        impl Interleave for $v {
            #[inline(always)]
            fn interleave(self, other: Self) -> (Self, Self) {
                // SAFETY: SSE2 is part of x86-64.
                unsafe { (Self($low(self.0, other.0)), Self($high(self.0, other.0))) }
            }
            #[inline(always)]
            fn shift_in(self, before: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($slide(before.0, self.0)) }
            }
        }
    };
}

// the last two of before with the first two here, then in order with what follows
interleave!(F32x4: _mm_unpacklo_ps _mm_unpackhi_ps, |before, here| _mm_shuffle_ps::<0b10_01_10_00>(
    _mm_shuffle_ps::<0b00_00_11_11>(before, here),
    here
));
interleave!(F64x2: _mm_unpacklo_pd _mm_unpackhi_pd, _mm_shuffle_pd::<0b01>);
