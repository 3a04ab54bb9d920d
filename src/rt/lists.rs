//! Lists: the parts of their elements as one array, and their partial derivatives: the same elements as the argument, zero
//! where nothing is read.

use super::arrays::{Fit, Tensor};
use crate::{Differentiable, Real};

/// The shape that a part of each element of a list has; zeros where the list has no elements.
///
/// *Panics* with the function, both elements and both shapes where they differ.
#[inline]
#[track_caller]
pub fn shape_of_each<'a, const R: usize, T: Tensor<R> + ?Sized + 'a>(
    function: &str,
    list: &str,
    part: &str,
    parts: impl Iterator<Item = &'a T>,
) -> [usize; R] {
    let mut shapes = parts.map(T::shape);
    let first = shapes.next().unwrap_or([0; R]);
    for (k, shape) in shapes.enumerate() {
        assert!(
            shape == first,
            "{function}: `{list}[{}]{part}` has shape {shape:?}, but `{list}[0]{part}` has {first:?}: a loop goes through elements of one shape",
            k + 1
        );
    }
    first
}

/// A part of each element of a list, one after the other.
pub fn of_each<'a, 'b, const R: usize, T: Tensor<R> + ?Sized + 'a>(
    parts: impl Iterator<Item = &'a T>,
    memory: &'b mut Vec<T::Elem>,
) -> &'b [T::Elem] {
    memory.clear();
    let mut spare = Vec::new();
    parts.for_each(|part| memory.extend_from_slice(part.elements(&mut spare)));
    memory
}

/// Numbers that lie one after the other go to a part of each element.
pub fn into_each<'a, const R: usize, F: Fit<R> + 'a>(
    numbers: &[F::Elem],
    shape: [usize; R],
    parts: impl Iterator<Item = &'a mut F>,
) {
    let count = shape.iter().product();
    for (k, part) in parts.enumerate() {
        part.fit(shape).copy_from_slice(&numbers[k * count..][..count]);
    }
}

/// Gives the partial derivative of a list as many elements as the list has, and clears those that are not `read`.
#[inline]
pub fn like<A, G>(
    gradient: &mut Vec<G>,
    list: &[A],
    read: &[usize],
    zeros: impl Fn(&A) -> G,
    clear: impl Fn(&mut G, &A),
) {
    gradient.truncate(list.len());
    let known = gradient.len();
    gradient.extend(list[known..].iter().map(zeros));
    let old = gradient.iter_mut().zip(list).enumerate().take(known);
    old.filter(|(k, _)| !read.contains(k)).for_each(|(_, (zero, item))| clear(zero, item));
}

/// Makes a partial derivative zero, in the shape of the value that it belongs to.
pub fn clear<T: Differentiable>(zero: &mut T, item: &T) {
    if zero.visit2_mut(item, |_, zero, _| zero.fill(T::Scalar::ZERO)).is_err() {
        *zero = item.zeros_like();
    }
}
