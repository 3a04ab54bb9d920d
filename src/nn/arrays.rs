//! `ndarray` arrays and views as operands of the functions of [`nn`](crate::nn).
//!
//! Invariant: the memory layout of an array never changes a result; rows that do not lie in one piece are
//! copied to a buffer and back.

use ndarray::{
    Array, ArrayBase, ArrayRef, Axis, Data, Dimension, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn, RemoveAxis, Zip,
};

use super::operand::{Operand, Rows, Tensor};
use crate::Real;

impl<T: Real, D: Dimension> Tensor for Array<T, D> {
    type Scalar = T;

    fn each(&mut self, f: &mut dyn FnMut(&mut T)) {
        match self.as_slice_mut() {
            Some(slice) => slice.iter_mut().for_each(f),
            None => self.iter_mut().for_each(f),
        }
    }
    fn each_pair(&mut self, other: &Self, f: &mut dyn FnMut(&mut T, T)) {
        self.iter_mut().zip(other.iter()).for_each(|(a, &b)| f(a, b))
    }
    fn shape(&self) -> Vec<usize> {
        self.raw_dim().slice().to_vec()
    }
}

impl<T: Real, S: Data<Elem = T>, D: Dimension> Operand for ArrayBase<S, D> {
    type Scalar = T;
    type Owned = Array<T, D>;

    fn into_owned(self) -> Array<T, D> {
        ArrayBase::into_owned(self)
    }
}

impl<T: Real, S: Data<Elem = T>, D: Dimension> Operand for &ArrayBase<S, D> {
    type Scalar = T;
    type Owned = Array<T, D>;

    fn into_owned(self) -> Array<T, D> {
        self.to_owned()
    }
}

impl<T: Real, D: Dimension> Operand for &ArrayRef<T, D> {
    type Scalar = T;
    type Owned = Array<T, D>;

    fn into_owned(self) -> Array<T, D> {
        self.to_owned()
    }
}

/// The elements of an operand as `f64`, in which all formulas are evaluated.
pub(super) fn wide<T: Real, D: Dimension>(x: impl Operand<Scalar = T, Owned = Array<T, D>>) -> Array<f64, D> {
    x.into_owned().mapv(T::to_f64)
}

/// A result, rounded once.
pub(super) fn narrow<T: Real, D: Dimension>(x: Array<f64, D>) -> Array<T, D> {
    x.mapv(T::from_f64)
}

/// Calls `f` on each row along the last axis, through `buffer` where a row is not in one piece.
fn each_row<T: Real, D: Dimension>(array: &mut Array<T, D>, f: &mut dyn FnMut(&mut [T])) {
    let axis = Axis(last_axis(array));
    let mut buffer = Vec::new();
    for mut row in array.lanes_mut(axis) {
        match row.as_slice_mut() {
            Some(slice) => f(slice),
            None => {
                buffer.clear();
                buffer.extend(row.iter().copied());
                f(&mut buffer);
                row.iter_mut().zip(&buffer).for_each(|(place, &value)| *place = value);
            }
        }
    }
}

/// One scalar for each row along the last axis.
fn reduce_rows<T: Real, D: RemoveAxis>(
    array: Array<T, D>,
    f: &mut dyn FnMut(&mut [T]) -> T,
) -> Array<T, D::Smaller> {
    let axis = Axis(last_axis(&array));
    let mut buffer = Vec::new();
    Zip::from(array.lanes(axis)).map_collect(|row| {
        buffer.clear();
        buffer.extend(row.iter().copied());
        f(&mut buffer)
    })
}

fn last_axis<T, D: Dimension>(array: &Array<T, D>) -> usize {
    assert!(array.ndim() > 0, "chainrule::nn: an array of rank 0 has no last axis to work along");
    array.ndim() - 1
}

impl<T: Real> Rows for Array<T, Ix1> {
    type Reduced = T;

    fn each_row(&mut self, f: &mut dyn FnMut(&mut [T])) {
        each_row(self, f)
    }
    fn reduce_rows(self, f: &mut dyn FnMut(&mut [T]) -> T) -> T {
        reduce_rows(self, f).into_scalar()
    }
}

macro_rules! rows {
    ($($D:ty),*) => {$(
        impl<T: Real> Rows for Array<T, $D> {
            type Reduced = Array<T, <$D as Dimension>::Smaller>;

            fn each_row(&mut self, f: &mut dyn FnMut(&mut [T])) {
                each_row(self, f)
            }
            fn reduce_rows(self, f: &mut dyn FnMut(&mut [T]) -> T) -> Self::Reduced {
                reduce_rows(self, f)
            }
        }
    )*};
}

rows!(Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn);
