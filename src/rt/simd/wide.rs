//! Several vectors side by side as one: what a block of points is made of, when points are the lanes.
//!
//! Each operation runs on the vectors in turn, so that their latencies overlap and an element that all lanes share is
//! loaded once for all of them. Invariant: a [`Wide`] gives in each lane the bits that its vectors give alone.

use super::{Fold, Interleave, Mask, Sealed, Vector, MAX_LEN};
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// Vectors in a block.
pub(super) const BLOCK: usize = 8;
/// A block of points.
pub(super) type Block<V> = Wide<V, BLOCK>;
/// The points that are left behind the last block, a vector at a time.
pub(super) type Tail<V> = Wide<V, 1>;

/// Lanes of a `Block` at the widest level.
const fn block_len<T>() -> usize {
    BLOCK * vector_len::<T>()
}

/// Lanes of a vector at the widest level.
const fn vector_len<T>() -> usize {
    MAX_LEN * size_of::<f32>() / size_of::<T>()
}

/// How many lanes all points take, at any level.
pub const fn lanes_of<T>(points: usize) -> usize {
    points + vector_len::<T>()
}

/// How many lanes a loop over the points has at a time, at any level: those of a block, where the points fill one.
pub const fn lanes_at_once<T>(points: usize) -> usize {
    let all = lanes_of::<T>(points);
    if all < block_len::<T>() {
        all
    } else {
        block_len::<T>()
    }
}

/// `P` vectors.
#[derive(Clone, Copy, Debug)]
pub struct Wide<V, const P: usize>([V; P]);
/// Its masks.
#[derive(Clone, Copy, Debug)]
pub struct Masks<M, const P: usize>([M; P]);

impl<V, const P: usize> Sealed for Wide<V, P> {}
impl<M, const P: usize> Sealed for Masks<M, P> {}

/// A [`Wide`] by the number of each vector. No closures: what is not inlined for sure would be compiled without the
/// features of the level.
macro_rules! make {
    ($p:ident => $vector:expr) => {{
        let mut out = Wide([V::of(0.0); P]);
        for $p in 0..P {
            out.0[$p] = $vector;
        }
        out
    }};
}
macro_rules! masks {
    ($p:ident => $mask:expr) => {{
        let mut out = Masks([V::first(0); P]);
        for $p in 0..P {
            out.0[$p] = $mask;
        }
        out
    }};
}

/// A function of `math` on each vector of its arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! __each {
    ($f:path, $a:expr $(; $same:expr)?) => {{
        let mut x = $a;
        for p in 0..$crate::rt::parts(&x) {
            x = x.with(p, $f(x.part(p) $(, $same)?));
        }
        x
    }};
    ($f:path, $a:expr, $b:expr) => {{
        let (mut x, y) = ($a, $b);
        for p in 0..$crate::rt::parts(&x) {
            x = x.with(p, $f(x.part(p), y.part(p)));
        }
        x
    }};
    ($f:path, $a:expr, $b:expr, $c:expr) => {{
        let (mut x, y, z) = ($a, $b, $c);
        for p in 0..$crate::rt::parts(&x) {
            x = x.with(p, $f(x.part(p), y.part(p), z.part(p)));
        }
        x
    }};
}

/// How many vectors there are.
#[inline(always)]
pub fn parts<X: Points>(_: &X) -> usize {
    X::PARTS
}

/// A vector of points that consists of vectors.
pub trait Points: Vector {
    /// One of them, and what sums over the points accumulate in.
    type One: Vector<Elem = Self::Elem>;
    /// How many there are.
    const PARTS: usize;
    /// The `p`-th of them.
    fn part(self, p: usize) -> Self::One;
    /// The same with another `p`-th one.
    fn with(self, p: usize, part: Self::One) -> Self;
    /// The same vector everywhere.
    fn repeat(part: Self::One) -> Self;
    /// The vectors joined into an accumulator.
    fn join<F: Fold>(self, to: Self::One) -> Self::One;
    /// `to + Σ self · other` over the vectors.
    fn join_product(self, other: Self, to: Self::One) -> Self::One;
    /// Writes the first `min(n, LEN)` lanes to `to[0]`, `to[stride]`, …
    ///
    /// *Panics* if `to` ends before the last lane.
    fn store_strided(self, to: &mut [Self::Elem], stride: usize, n: usize);
}

impl<V: Vector, const P: usize> Points for Wide<V, P> {
    type One = V;
    const PARTS: usize = P;
    #[inline(always)]
    fn part(self, p: usize) -> V {
        self.0[p]
    }
    #[inline(always)]
    fn with(mut self, p: usize, part: V) -> Self {
        self.0[p] = part;
        self
    }
    #[inline(always)]
    fn repeat(part: V) -> Self {
        Wide([part; P])
    }
    #[inline(always)]
    fn join<F: Fold>(self, mut to: V) -> V {
        for p in 0..P {
            to = F::join(to, self.0[p]);
        }
        to
    }
    #[inline(always)]
    fn join_product(self, other: Self, mut to: V) -> V {
        for p in 0..P {
            to = self.0[p].mul_add(other.0[p], to);
        }
        to
    }
    #[inline(always)]
    fn store_strided(self, to: &mut [V::Elem], stride: usize, n: usize) {
        for p in 0..P {
            let mut lanes = [V::Elem::default(); MAX_LEN];
            self.0[p].store(&mut lanes);
            for (i, x) in lanes[..V::LEN.min(n.saturating_sub(p * V::LEN))].iter().enumerate() {
                to[(p * V::LEN + i) * stride] = *x;
            }
        }
    }
}

macro_rules! op {
    ($($op:ident $f:ident),*) => {$(
        impl<V: Vector, const P: usize> $op for Wide<V, P> {
            type Output = Self;
            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                make!(p => $op::$f(self.0[p], other.0[p]))
            }
        }
    )*};
}
op!(Add add, Sub sub, Mul mul, Div div);

impl<V: Vector, const P: usize> Neg for Wide<V, P> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        make!(p => -self.0[p])
    }
}
impl<V: Vector, const P: usize> AddAssign for Wide<V, P> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl<V: Vector, const P: usize> Interleave for Wide<V, P> {
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        let (mut low, mut high) = (self, other);
        for q in 0..2 * P {
            let (a, b) = self.0[q / 2].interleave(other.0[q / 2]);
            let half = if q % 2 == 0 { a } else { b };
            if q < P {
                low.0[q] = half;
            } else {
                high.0[q - P] = half;
            }
        }
        (low, high)
    }
    #[inline(always)]
    fn shift_in(self, before: Self) -> Self {
        make!(p => self.0[p].shift_in(if p == 0 { before.0[P - 1] } else { self.0[p - 1] }))
    }
}
impl<M: Mask, const P: usize> BitAnd for Masks<M, P> {
    type Output = Self;
    #[inline(always)]
    fn bitand(mut self, other: Self) -> Self {
        for p in 0..P {
            self.0[p] = self.0[p] & other.0[p];
        }
        self
    }
}
impl<M: Mask, const P: usize> BitOr for Masks<M, P> {
    type Output = Self;
    #[inline(always)]
    fn bitor(mut self, other: Self) -> Self {
        for p in 0..P {
            self.0[p] = self.0[p] | other.0[p];
        }
        self
    }
}
impl<M: Mask, const P: usize> Not for Masks<M, P> {
    type Output = Self;
    #[inline(always)]
    fn not(mut self) -> Self {
        for p in 0..P {
            self.0[p] = !self.0[p];
        }
        self
    }
}
impl<M: Mask, const P: usize> Mask for Masks<M, P> {
    #[inline(always)]
    fn any(self) -> bool {
        let mut any = false;
        for p in 0..P {
            any |= self.0[p].any();
        }
        any
    }
    #[inline(always)]
    fn all(self) -> bool {
        let mut all = true;
        for p in 0..P {
            all &= self.0[p].all();
        }
        all
    }
}

macro_rules! on_each {
    ($($f:ident($($arg:ident: $t:ty),*);)*) => {$(
        #[inline(always)]
        fn $f(self, $($arg: $t),*) -> Self {
            make!(p => self.0[p].$f($($arg),*))
        }
    )*};
}
macro_rules! on_pairs {
    ($($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self, other: Self) -> Self {
            make!(p => self.0[p].$f(other.0[p]))
        }
    )*};
}

impl<V: Vector, const P: usize> Vector for Wide<V, P> {
    type Elem = V::Elem;
    type Mask = Masks<V::Mask, P>;
    const LEN: usize = P * V::LEN;
    const FUSED: bool = V::FUSED;

    #[inline(always)]
    fn splat(x: V::Elem) -> Self {
        Wide([V::splat(x); P])
    }
    #[inline(always)]
    fn load(from: &[V::Elem]) -> Self {
        let from = &from[..Self::LEN];
        make!(p => V::load(&from[p * V::LEN..][..V::LEN]))
    }
    #[inline(always)]
    fn load_part(from: &[V::Elem]) -> Self {
        make!(p => V::load_part(&from[(p * V::LEN).min(from.len())..]))
    }
    #[inline(always)]
    fn store(self, to: &mut [V::Elem]) {
        let to = &mut to[..Self::LEN];
        for p in 0..P {
            self.0[p].store(&mut to[p * V::LEN..][..V::LEN]);
        }
    }
    #[inline(always)]
    fn store_part(self, to: &mut [V::Elem]) {
        for p in 0..P {
            let start = (p * V::LEN).min(to.len());
            self.0[p].store_part(&mut to[start..]);
        }
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        make!(p => self.0[p].mul_add(a.0[p], b.0[p]))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        make!(p => V::select(mask.0[p], yes.0[p], no.0[p]))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        masks!(p => self.0[p].lt(other.0[p]))
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self::Mask {
        masks!(p => self.0[p].le(other.0[p]))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        masks!(p => self.0[p].eq(other.0[p]))
    }
    #[inline(always)]
    fn reduce<F: Fold>(self) -> V::Elem {
        let mut all = self.0[0];
        for p in 1..P {
            all = F::join(all, self.0[p]);
        }
        all.reduce::<F>()
    }
    #[inline(always)]
    fn first(n: usize) -> Self::Mask {
        masks!(p => V::first(n.saturating_sub(p * V::LEN)))
    }
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> V::Elem) -> Self {
        let mut out = Wide([V::of(0.0); P]);
        for p in 0..P {
            out.0[p] = V::from_fn(|i| f(p * V::LEN + i));
        }
        out
    }
    #[inline(always)]
    fn lane(self, i: usize) -> V::Elem {
        self.0[i / V::LEN].lane(i % V::LEN)
    }
    #[inline(always)]
    fn load_strided(from: &[V::Elem], stride: usize) -> Self {
        make!(p => V::load_strided(&from[p * V::LEN * stride..], stride))
    }
    #[inline(always)]
    fn load_strided_part(from: &[V::Elem], stride: usize, n: usize) -> Self {
        make!(p => {
            let start = (p * V::LEN * stride).min(from.len());
            V::load_strided_part(&from[start..], stride, n.saturating_sub(p * V::LEN))
        })
    }
    #[inline(always)]
    fn map(self, f: impl Fn(V::Elem) -> V::Elem) -> Self {
        make!(p => self.0[p].map(&f))
    }
    on_each! {
        sqrt();
        abs();
        floor();
        ceil();
        trunc();
        round();
        shl(n: u32);
        shr(n: u32);
    }
    on_pairs!(bit_and bit_or bit_xor int_add int_sub lesser greater min max copysign);
}

#[cfg(test)]
mod tests {
    use super::super::{available, dispatch_at, Kernel, Simd, Sum};
    use super::*;

    struct Joins;
    impl Kernel for Joins {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            let (x, len) = (Wide::<S::F64, 3>::iota(), S::F64::LEN);
            let n = 3 * len;
            let acc = x.join_product(x, x.join::<Sum>(S::F64::of(1.0)));
            let want = |l: usize| 1.0 + (0..3).map(|p| (p * len + l) as f64).map(|x| x + x * x).sum::<f64>();
            assert!((0..len).all(|l| acc.lane(l) == want(l)));
            for k in 0..=n + 1 {
                let mut to = vec![-1.0; (k.min(n).max(1) - 1) * 2 + 1];
                x.store_strided(&mut to, 2, k);
                let want = |i: usize| if i % 2 == 0 && i / 2 < k { (i / 2) as f64 } else { -1.0 };
                assert!(to.iter().enumerate().all(|(i, x)| *x == want(i)), "{k}");
            }
        }
    }

    #[test]
    fn accumulators_hold_what_vectors_give() {
        for level in available() {
            dispatch_at(*level, Joins).unwrap();
        }
        assert_eq!((block_len::<f64>(), block_len::<f32>()), (64, 128));
    }
}
