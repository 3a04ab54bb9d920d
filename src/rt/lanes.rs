//! Rows cut into whole vectors and a rest.

use super::simd::Vector;

/// How many accumulators a light reduction loop uses in turn.
pub const TURNS: usize = 4;

/// The elements that fill pieces of `len`, and the rest.
#[inline(always)]
pub fn split<T>(row: &[T], len: usize) -> (&[T], &[T]) {
    row.split_at(row.len() - row.len() % len)
}

/// The elements that fill pieces of `len`, and the rest.
#[inline(always)]
pub fn split_mut<T>(row: &mut [T], len: usize) -> (&mut [T], &mut [T]) {
    row.split_at_mut(row.len() - row.len() % len)
}

/// A function of numbers on each pair of lanes.
#[inline(always)]
pub fn map2<V: Vector>(a: V, b: V, f: impl Fn(V::Elem, V::Elem) -> V::Elem) -> V {
    V::from_fn(|i| f(a.lane(i), b.lane(i)))
}
