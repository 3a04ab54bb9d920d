//! Rows cut into whole vectors and a rest.

use super::simd::Vector;

/// The elements that fill vectors of `V`, and the rest.
#[inline(always)]
pub fn split<V: Vector>(row: &[V::Elem]) -> (&[V::Elem], &[V::Elem]) {
    row.split_at(row.len() - row.len() % V::LEN)
}

/// The elements that fill vectors of `V`, and the rest.
#[inline(always)]
pub fn split_mut<V: Vector>(row: &mut [V::Elem]) -> (&mut [V::Elem], &mut [V::Elem]) {
    row.split_at_mut(row.len() - row.len() % V::LEN)
}

/// A function of numbers on each pair of lanes.
#[inline(always)]
pub fn map2<V: Vector>(a: V, b: V, f: impl Fn(V::Elem, V::Elem) -> V::Elem) -> V {
    V::from_fn(|i| f(a.lane(i), b.lane(i)))
}
