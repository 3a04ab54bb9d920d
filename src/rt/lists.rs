//! Partial derivatives of lists: the same elements as the argument, zero where nothing is read.

use crate::{Differentiable, Real};

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
