//! Sums over points that are lanes, for an array of them: vectors come in the order of the array, and each group of them
//! is turned into one vector of sums.
//!
//! Invariant: what was added reaches the array at the latest in [`Sums::end`].

use super::{Fold, Vector, MAX_LEN};
use std::marker::PhantomData;

/// An array whose elements are joined with the lanes of vectors.
#[derive(Debug)]
pub struct Sums<'a, F, V: Vector> {
    to: &'a mut [V::Elem],
    /// Where the group of vectors starts, and how many there are.
    at: usize,
    count: usize,
    group: [V; MAX_LEN],
    join: PhantomData<F>,
}

impl<'a, F: Fold, V: Vector> Sums<'a, F, V> {
    /// Joins to what the array has.
    #[inline(always)]
    pub fn of(to: &'a mut [V::Elem]) -> Self {
        Sums { to, at: 0, count: 0, group: [V::of(0.0); MAX_LEN], join: PhantomData }
    }

    /// Joins the lanes of `x` with the element `at`. It costs least when elements come one after the other.
    ///
    /// *Panics* if the array has no such element; perhaps only later, when the group is full.
    #[inline(always)]
    pub fn add(&mut self, at: usize, x: V) {
        if at != self.at + self.count {
            self.rest();
            self.at = at;
        }
        self.group[self.count] = x;
        self.count += 1;
        if self.count == V::LEN {
            let to = &mut self.to[self.at..][..V::LEN];
            F::join(V::load(to), across::<F, V>(&self.group)).store(to);
            self.at += V::LEN;
            self.count = 0;
        }
    }

    /// Joins what is left.
    #[inline(always)]
    pub fn end(mut self) {
        self.rest();
    }

    #[inline(always)]
    fn rest(&mut self) {
        if self.count > 0 {
            let to = &mut self.to[self.at..][..self.count];
            F::join(V::load_part(to), across::<F, V>(&self.group)).store_part(to);
            self.at += self.count;
            self.count = 0;
        }
    }
}

/// A vector whose lane `i` joins all lanes of the vector `i`.
#[inline(always)]
fn across<F: Fold, V: Vector>(group: &[V; MAX_LEN]) -> V {
    let mut x = *group;
    // Interleaving two vectors and joining the halves leaves the lanes of each in half the room, alternately; the second
    // one of a pair comes from the upper half, so that the lanes end in order.
    let mut count = V::LEN;
    while count > 1 {
        count /= 2;
        for i in 0..count {
            let (low, high) = x[i].interleave(x[i + count]);
            x[i] = F::join(low, high);
        }
    }
    x[0]
}

#[cfg(test)]
mod tests {
    use super::super::{available, dispatch_at, Float, Greatest, Kernel, Simd, Sum};
    use super::*;

    struct Adds<T>(PhantomData<T>);
    impl<T: Float> Kernel for Adds<T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            adds::<T, T::Wide<S>>();
        }
    }

    #[inline(always)]
    fn adds<T: Float, V: Vector<Elem = T>>() {
        // lane `l` of element `i` is `i + 3 l`, so each sum names its element
        let x = |i: usize| V::iota() * V::of(3.0) + V::splat(T::of_usize(i));
        let lanes = || 0..V::LEN;
        for n in [0, 1, 7, 8, 16, 37] {
            let mut sums = vec![T::of(1.0); n];
            let mut most = vec![T::of(0.0); n];
            let (mut a, mut b) = (Sums::<Sum, V>::of(&mut sums), Sums::<Greatest, V>::of(&mut most));
            for i in 0..n {
                a.add(i, x(i));
                b.add(n - 1 - i, x(i));
            }
            a.end();
            b.end();
            for i in 0..n {
                let sum: usize = lanes().map(|l| i + 3 * l).sum();
                assert_eq!(sums[i].to_f64(), (1 + sum) as f64, "{n} {i}");
                assert_eq!(most[n - 1 - i].to_f64(), (i + 3 * (V::LEN - 1)) as f64, "{n} {i}");
            }
        }
    }

    #[test]
    fn each_element_gets_its_own_lanes() {
        for level in available() {
            dispatch_at(*level, Adds::<f32>(PhantomData)).unwrap();
            dispatch_at(*level, Adds::<f64>(PhantomData)).unwrap();
        }
    }
}
