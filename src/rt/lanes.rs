//! Rows cut into whole vectors and a rest.

use super::simd::Vector;
use std::marker::PhantomData;

/// How many accumulators a light reduction loop uses in turn.
pub const TURNS: usize = 4;

/// A row cut into pieces of one length.
#[derive(Clone, Copy)]
pub struct Pieces<'a, T> {
    start: *const T,
    len: usize,
    count: usize,
    row: PhantomData<&'a [T]>,
}

/// A row cut into pieces of one length, to be written.
pub struct PiecesMut<'a, T> {
    start: *mut T,
    len: usize,
    count: usize,
    row: PhantomData<&'a mut [T]>,
}

/// The elements that fill pieces of `len`, and the rest.
#[inline(always)]
pub fn split<T>(row: &[T], len: usize) -> (Pieces<'_, T>, &[T]) {
    let (full, rest) = row.split_at(row.len() - row.len() % len);
    (Pieces { start: full.as_ptr(), len, count: row.len() / len, row: PhantomData }, rest)
}

/// The elements that fill pieces of `len`, and the rest.
#[inline(always)]
pub fn split_mut<T>(row: &mut [T], len: usize) -> (PiecesMut<'_, T>, &mut [T]) {
    let count = row.len() / len;
    let (full, rest) = row.split_at_mut(row.len() - row.len() % len);
    (PiecesMut { start: full.as_mut_ptr(), len, count, row: PhantomData }, rest)
}

/// Writes the first `min(n, V::LEN)` lanes to `to[0]`, `to[stride]`, …
///
/// *Panics* if `to` ends before the last lane.
#[inline(always)]
pub fn store_strided<V: Vector>(value: V, to: &mut [V::Elem], stride: usize, n: usize) {
    if n >= V::LEN {
        // one check for all lanes
        let to = &mut to[..(V::LEN - 1) * stride + 1];
        for lane in 0..V::LEN {
            to[lane * stride] = value.lane(lane);
        }
    } else {
        for lane in 0..n {
            to[lane * stride] = value.lane(lane);
        }
    }
}

impl<'a, T> Pieces<'a, T> {
    /// The `k`-th piece. In a loop up to the number of pieces the check costs nothing.
    #[inline(always)]
    pub fn get(&self, k: usize) -> &'a [T] {
        assert!(k < self.count, "a row has {} pieces, and none with number {k}", self.count);
        // SAFETY: the row that `split` borrowed for 'a has `count` pieces of `len` elements, and k is below `count`.
        unsafe { std::slice::from_raw_parts(self.start.add(k * self.len), self.len) }
    }
}

impl<T> PiecesMut<'_, T> {
    /// The `k`-th piece. In a loop up to the number of pieces the check costs nothing.
    #[inline(always)]
    pub fn get(&mut self, k: usize) -> &mut [T] {
        assert!(k < self.count, "a row has {} pieces, and none with number {k}", self.count);
        // SAFETY: as in `Pieces::get`; the exclusive borrow of `self` keeps pieces from being held twice.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(k * self.len), self.len) }
    }
}

/// A function of numbers on each pair of lanes.
#[inline(always)]
pub fn map2<V: Vector>(a: V, b: V, f: impl Fn(V::Elem, V::Elem) -> V::Elem) -> V {
    V::from_fn(|i| f(a.lane(i), b.lane(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_rest_are_the_row() {
        for n in 0..20 {
            let mut row: Vec<usize> = (0..n).collect();
            let copy = row.clone();
            let (pieces, rest) = split(&copy, 3);
            let mut all: Vec<usize> = (0..n / 3).flat_map(|k| pieces.get(k).to_vec()).collect();
            all.extend(rest);
            assert_eq!(all, copy);
            let (mut pieces, rest) = split_mut(&mut row, 3);
            (0..n / 3).for_each(|k| pieces.get(k).fill(7));
            rest.fill(8);
            assert!(row.iter().enumerate().all(|(i, x)| *x == if i < n / 3 * 3 { 7 } else { 8 }));
        }
    }

    #[test]
    #[should_panic(expected = "a row has 2 pieces, and none with number 2")]
    fn there_is_no_piece_beyond_the_last() {
        split(&[0.0; 8], 4).0.get(2);
    }
}
