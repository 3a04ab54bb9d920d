//! What the functions of [`nn`](crate::nn) accept: everything that can be turned into an owned [`Tensor`].
//!
//! Invariant: each function first takes its operand over into owned memory (without a copy, if it was owned) and
//! then works in place; the owned type is the one that a gradient with respect to the operand would have.

use crate::Real;

/// An owned scalar or array of scalars: what the functions of [`nn`](crate::nn) return.
///
/// Implemented for `f32`, `f64`, `[P; N]` nests of them, `Vec`s of those, and `ndarray::Array<f32 | f64, D>` of
/// any rank.
pub trait Tensor: Sized {
    /// The type of one element.
    type Scalar: Real;

    /// Calls `f` once per element, in logical (row-major) order.
    fn each(&mut self, f: &mut dyn FnMut(&mut Self::Scalar));

    /// Calls `f` once per pair of elements in the same place, in logical order.
    ///
    /// *Shapes:* the two must be of [the same](Self::shape); the functions of [`nn`](crate::nn) check before they call.
    fn each_pair(&mut self, other: &Self, f: &mut dyn FnMut(&mut Self::Scalar, Self::Scalar));

    /// The length of each axis, outermost first; empty for a scalar.
    fn shape(&self) -> Vec<usize>;
}

/// A [`Tensor`] of at least one axis, seen as rows along its last axis.
pub trait Rows: Tensor {
    /// What is left when each row becomes one scalar: a scalar for rank 1, `Array1` for `Array2`, and so on.
    type Reduced;

    /// Calls `f` once per row.
    fn each_row(&mut self, f: &mut dyn FnMut(&mut [Self::Scalar]));

    /// Puts one scalar in the place of each row.
    fn reduce_rows(self, f: &mut dyn FnMut(&mut [Self::Scalar]) -> Self::Scalar) -> Self::Reduced;
}

/// An argument of the functions of [`nn`](crate::nn): a scalar or an array, owned or borrowed.
///
/// | argument | owned type, and so the result of an elementwise function |
/// | --- | --- |
/// | `f32`, `&f32` | `f32` (and `f64` likewise) |
/// | `[P; N]`, `&[P; N]` | `[P; N]` |
/// | `Vec<P>`, `&Vec<P>`, `&[P]` | `Vec<P>` |
/// | `Array<T, D>`, `ArrayView<T, D>`, `&Array<T, D>`, … (any `ArrayBase`), `&ArrayRef<T, D>` | `Array<T, D>` |
///
/// where `P` is a scalar or a nest of fixed-size arrays of scalars.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no scalar and no array of `f32` or `f64`",
    label = "expected f32, f64, an ndarray array or view, a slice, a `Vec` or an array of them"
)]
pub trait Operand: Sized {
    /// The type of one element.
    type Scalar: Real;
    /// The owned scalar or array with the same elements.
    type Owned: Tensor<Scalar = Self::Scalar>;

    /// The elements in owned memory; a copy only if they were borrowed.
    fn into_owned(self) -> Self::Owned;
}

/// A scalar or a nest of fixed-size arrays of scalars: its shape is known from its type.
pub trait Fixed: Tensor + Clone {
    /// Appends the length of each axis, outermost first.
    #[doc(hidden)]
    fn push_shape(shape: &mut Vec<usize>);
}

macro_rules! scalar {
    ($T:ident) => {
        impl Tensor for $T {
            type Scalar = $T;

            fn each(&mut self, f: &mut dyn FnMut(&mut $T)) {
                f(self)
            }
            fn each_pair(&mut self, other: &Self, f: &mut dyn FnMut(&mut $T, $T)) {
                f(self, *other)
            }
            fn shape(&self) -> Vec<usize> {
                Vec::new()
            }
        }

        impl Fixed for $T {
            fn push_shape(_: &mut Vec<usize>) {}
        }

        impl Operand for $T {
            type Scalar = $T;
            type Owned = $T;

            fn into_owned(self) -> $T {
                self
            }
        }

        impl Operand for &$T {
            type Scalar = $T;
            type Owned = $T;

            fn into_owned(self) -> $T {
                *self
            }
        }

        impl<const N: usize> Rows for [$T; N] {
            type Reduced = $T;

            fn each_row(&mut self, f: &mut dyn FnMut(&mut [$T])) {
                f(self)
            }
            fn reduce_rows(mut self, f: &mut dyn FnMut(&mut [$T]) -> $T) -> $T {
                f(&mut self)
            }
        }

        impl Rows for Vec<$T> {
            type Reduced = $T;

            fn each_row(&mut self, f: &mut dyn FnMut(&mut [$T])) {
                f(self)
            }
            fn reduce_rows(mut self, f: &mut dyn FnMut(&mut [$T]) -> $T) -> $T {
                f(&mut self)
            }
        }
    };
}

scalar!(f32);
scalar!(f64);

impl<P: Fixed, const N: usize> Tensor for [P; N] {
    type Scalar = P::Scalar;

    fn each(&mut self, f: &mut dyn FnMut(&mut P::Scalar)) {
        self.iter_mut().for_each(|p| p.each(f))
    }
    fn each_pair(&mut self, other: &Self, f: &mut dyn FnMut(&mut P::Scalar, P::Scalar)) {
        self.iter_mut().zip(other).for_each(|(p, q)| p.each_pair(q, f))
    }
    fn shape(&self) -> Vec<usize> {
        let mut shape = Vec::new();
        Self::push_shape(&mut shape);
        shape
    }
}

impl<P: Fixed, const N: usize> Fixed for [P; N] {
    fn push_shape(shape: &mut Vec<usize>) {
        shape.push(N);
        P::push_shape(shape);
    }
}

impl<P: Fixed> Tensor for Vec<P> {
    type Scalar = P::Scalar;

    fn each(&mut self, f: &mut dyn FnMut(&mut P::Scalar)) {
        self.iter_mut().for_each(|p| p.each(f))
    }
    fn each_pair(&mut self, other: &Self, f: &mut dyn FnMut(&mut P::Scalar, P::Scalar)) {
        self.iter_mut().zip(other).for_each(|(p, q)| p.each_pair(q, f))
    }
    fn shape(&self) -> Vec<usize> {
        let mut shape = vec![self.len()];
        P::push_shape(&mut shape);
        shape
    }
}

impl<P: Fixed, const C: usize, const N: usize> Rows for [[P; C]; N]
where
    [P; C]: Rows<Scalar = P::Scalar>,
{
    type Reduced = [<[P; C] as Rows>::Reduced; N];

    fn each_row(&mut self, f: &mut dyn FnMut(&mut [P::Scalar])) {
        self.iter_mut().for_each(|p| p.each_row(f))
    }
    fn reduce_rows(self, f: &mut dyn FnMut(&mut [P::Scalar]) -> P::Scalar) -> Self::Reduced {
        self.map(|p| p.reduce_rows(f))
    }
}

impl<P: Fixed, const C: usize> Rows for Vec<[P; C]>
where
    [P; C]: Rows<Scalar = P::Scalar>,
{
    type Reduced = Vec<<[P; C] as Rows>::Reduced>;

    fn each_row(&mut self, f: &mut dyn FnMut(&mut [P::Scalar])) {
        self.iter_mut().for_each(|p| p.each_row(f))
    }
    fn reduce_rows(self, f: &mut dyn FnMut(&mut [P::Scalar]) -> P::Scalar) -> Self::Reduced {
        self.into_iter().map(|p| p.reduce_rows(f)).collect()
    }
}

impl<P: Fixed, const N: usize> Operand for [P; N] {
    type Scalar = P::Scalar;
    type Owned = [P; N];

    fn into_owned(self) -> [P; N] {
        self
    }
}

impl<P: Fixed, const N: usize> Operand for &[P; N] {
    type Scalar = P::Scalar;
    type Owned = [P; N];

    fn into_owned(self) -> [P; N] {
        self.clone()
    }
}

impl<P: Fixed> Operand for Vec<P> {
    type Scalar = P::Scalar;
    type Owned = Vec<P>;

    fn into_owned(self) -> Vec<P> {
        self
    }
}

impl<P: Fixed> Operand for &Vec<P> {
    type Scalar = P::Scalar;
    type Owned = Vec<P>;

    fn into_owned(self) -> Vec<P> {
        self.clone()
    }
}

impl<P: Fixed> Operand for &[P] {
    type Scalar = P::Scalar;
    type Owned = Vec<P>;

    fn into_owned(self) -> Vec<P> {
        self.to_vec()
    }
}
