//! What the three x86-64 levels share: macros for operators and for methods that are one intrinsic.
//!
//! Invariant: each `unsafe` here acts on values of a level, which exist only where that level was detected.

/// Methods that wrap one intrinsic each.
macro_rules! wrap {
    ($($f:ident($($arg:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $f(self $(, $arg: Self)*) -> Self {
            // SAFETY: a value of this type exists only where its level was detected.
            Self(unsafe { $body(self.0 $(, $arg.0)*) })
        }
    )*};
}

/// The operators of vector `$v`, from its four intrinsics.
macro_rules! operators {
    ($v:ident: $add:ident $sub:ident $mul:ident $div:ident) => {
        operators!(@ $v Add add $add);
        operators!(@ $v Sub sub $sub);
        operators!(@ $v Mul mul $mul);
        operators!(@ $v Div div $div);
        impl Sealed for $v {}
        impl Neg for $v {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                self.bit_xor(Self::sign_bit())
            }
        }
        impl AddAssign for $v {
            #[inline(always)]
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
    };
    (@ $v:ident $op:ident $f:ident $intrinsic:ident) => {
        impl $op for $v {
            type Output = Self;
            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                // SAFETY: a value of this type exists only where its level was detected.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

/// The operators of a mask `$m` through three functions on its raw value.
macro_rules! mask_operators {
    ($m:ident: $and:expr, $or:expr, $not:expr) => {
        impl Sealed for $m {}
        impl BitAnd for $m {
            type Output = Self;
            #[inline(always)]
            fn bitand(self, other: Self) -> Self {
                // SAFETY: a value of this type exists only where its level was detected.
                #[allow(unused_unsafe)]
                Self(unsafe { $and(self.0, other.0) })
            }
        }
        impl BitOr for $m {
            type Output = Self;
            #[inline(always)]
            fn bitor(self, other: Self) -> Self {
                // SAFETY: as above.
                #[allow(unused_unsafe)]
                Self(unsafe { $or(self.0, other.0) })
            }
        }
        impl Not for $m {
            type Output = Self;
            #[inline(always)]
            fn not(self) -> Self {
                // SAFETY: as above.
                #[allow(unused_unsafe)]
                Self(unsafe { $not(self.0) })
            }
        }
    };
}

pub(super) use {mask_operators, operators, wrap};
