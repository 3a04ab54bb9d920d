//! Arguments and results of the user's functions that kernels call: flat slices in the user's types, and back.
//!
//! Invariant: nothing is copied on the way in.

use super::arrays::{Number, Tensor};

/// A number, or a nest of arrays of them, that lies in a slice of numbers.
pub trait Packed: Copy + 'static {
    /// What it is made of.
    type Elem: Number;
    /// The numbers as such nests, one behind the other.
    fn packed(flat: &[Self::Elem]) -> &[Self];
}

macro_rules! numbers {
    ($($T:ty),+) => {$(
        impl Packed for $T {
            type Elem = $T;
            #[inline]
            fn packed(flat: &[$T]) -> &[$T] {
                flat
            }
        }
    )+};
}
numbers!(f32, f64);

impl<T: Packed, const N: usize> Packed for [T; N] {
    type Elem = T::Elem;
    #[inline]
    fn packed(flat: &[T::Elem]) -> &[Self] {
        match N {
            // nothing lies anywhere
            0 => &[],
            _ => T::packed(flat).as_chunks().0,
        }
    }
}

/// The numbers as a slice of nests.
#[inline]
pub fn items<T: Packed>(flat: &[T::Elem]) -> &[T] {
    T::packed(flat)
}

/// The numbers as one nest.
#[inline]
pub fn whole<T: Packed>(flat: &[T::Elem]) -> &T {
    match T::packed(flat) {
        [one, ..] => one,
        [] => panic!("an array without elements is given to a function"),
    }
}

/// Writes the numbers of a result to the start of `out`, and gives what is behind them.
///
/// *Panics* where the result has not `len` numbers, naming the function and the argument that the result belongs to.
#[inline]
pub fn put<'a, const R: usize, T: Tensor<R> + ?Sized>(
    result: &T,
    out: &'a mut [T::Elem],
    len: usize,
    function: &str,
    argument: &str,
) -> &'a mut [T::Elem] {
    let spare = &mut Vec::new();
    let numbers = result.elements(spare);
    let (own, rest) = out.split_at_mut(len);
    if numbers.len() != len {
        wrong_length(numbers.len(), len, function, argument);
    }
    own.copy_from_slice(numbers);
    rest
}

/// Writes a number to the start of `out`, and gives what is behind it.
#[inline]
pub fn put_number<T: Number>(number: T, out: &mut [T]) -> &mut [T] {
    let (own, rest) = out.split_at_mut(1);
    own[0] = number;
    rest
}

#[cold]
fn wrong_length(found: usize, len: usize, function: &str, argument: &str) -> ! {
    match argument {
        "" => panic!("{function}: the result has {found} numbers instead of {len}"),
        _ => panic!("{function}: the rule gives {found} numbers for `{argument}`, which has {len}"),
    }
}
