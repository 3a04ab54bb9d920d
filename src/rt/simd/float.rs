//! `f32` and `f64` as elements: layout, and the functions of std by name.

use super::{Float, Sealed, Simd, Std1, Std2};

macro_rules! float {
    ($t:ident, $bits:ident, $wide:ident, $one:ident, $is_f32:literal) => {
        impl Sealed for $t {}
        impl Float for $t {
            type Wide<S: Simd> = S::$wide;
            type One<S: Simd> = S::$one;
            const WIDTH: u32 = $bits::BITS;
            const MANTISSA: u32 = $t::MANTISSA_DIGITS - 1;
            const BIAS: u32 = ($t::MAX_EXP - 1) as u32;
            const IS_F32: bool = $is_f32;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_raw(bits: u64) -> Self {
                $t::from_bits(bits as $bits)
            }
            #[inline(always)]
            fn to_raw(self) -> u64 {
                self.to_bits() as u64
            }
            #[inline(always)]
            fn of_usize(n: usize) -> Self {
                n as u32 as $t
            }
            #[inline(always)]
            fn fused(self, a: Self, b: Self) -> Self {
                $t::mul_add(self, a, b)
            }
            #[inline(always)]
            fn root(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn std1(self, f: Std1) -> Self {
                match f {
                    Std1::Sin => $t::sin(self),
                    Std1::Cos => $t::cos(self),
                    Std1::Tan => $t::tan(self),
                    Std1::Asin => $t::asin(self),
                    Std1::Acos => $t::acos(self),
                    Std1::Atan => $t::atan(self),
                    Std1::Asinh => $t::asinh(self),
                    Std1::Acosh => $t::acosh(self),
                    Std1::Atanh => $t::atanh(self),
                    Std1::Cbrt => $t::cbrt(self),
                    Std1::Floor => $t::floor(self),
                    Std1::Ceil => $t::ceil(self),
                    Std1::Trunc => $t::trunc(self),
                    Std1::Round => $t::round(self),
                }
            }
            #[inline(always)]
            fn std2(self, other: Self, f: Std2) -> Self {
                match f {
                    Std2::Atan2 => $t::atan2(self, other),
                    Std2::Hypot => $t::hypot(self, other),
                    Std2::Powf => $t::powf(self, other),
                    Std2::Rem => self % other,
                    Std2::RemEuclid => $t::rem_euclid(self, other),
                    Std2::DivEuclid => $t::div_euclid(self, other),
                    Std2::Min => $t::min(self, other),
                    Std2::Max => $t::max(self, other),
                }
            }
        }
    };
}

float!(f32, u32, F32, S32, true);
float!(f64, u64, F64, S64, false);
