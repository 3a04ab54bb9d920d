//! What `einsum!` runs outside of differentiable functions: sums of products over named axes.
//!
//! Invariant: arrays are multiplied from left to right, and an axis is summed as soon as no later array and not the result has it; all is in
//! `f64`.

use std::marker::PhantomData;

use ndarray::{Array, Array3, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

use super::matmul::products;
use super::operand::{Operand, Tensor};
use crate::Real;

/// A tensor of N axes.
#[diagnostic::on_unimplemented(
    message = "`einsum!` names {N} axes of `{Self}`, which has another number of them",
    label = "write one letter for each axis"
)]
pub trait Ranked<const N: usize>: Tensor {}

/// What a result of N axes is: a number, or an array.
pub trait Rank<T, const N: usize> {
    /// The number or the array.
    type Array;
    /// It, of the elements in order.
    fn array(shape: &[usize], elements: Vec<f64>) -> Self::Array;
}

macro_rules! numbers {
    ($($T:ty),*) => {$(
        impl Ranked<0> for $T {}
        impl Ranked<1> for Vec<$T> {}
        impl<const A: usize> Ranked<1> for [$T; A] {}
        impl<const A: usize> Ranked<2> for Vec<[$T; A]> {}
        impl<const A: usize, const B: usize> Ranked<2> for [[$T; A]; B] {}
    )*};
}
numbers!(f32, f64);

macro_rules! arrays {
    ($($N:literal $D:ty),*) => {$(
        impl<T: Real> Ranked<$N> for Array<T, $D> {}
        impl<T: Real> Rank<T, $N> for () {
            type Array = Array<T, $D>;
            fn array(shape: &[usize], elements: Vec<f64>) -> Array<T, $D> {
                let array = Array::from_shape_vec(IxDyn(shape), elements).expect("as many elements as the shape has");
                array.into_dimensionality().expect("the rank of the shape").mapv(T::from_f64)
            }
        }
    )*};
}
arrays!(1 Ix1, 2 Ix2, 3 Ix3, 4 Ix4, 5 Ix5, 6 Ix6);

impl<T: Real> Ranked<0> for Array<T, ndarray::Ix0> {}
impl<T: Real> Rank<T, 0> for () {
    type Array = T;
    fn array(_: &[usize], elements: Vec<f64>) -> T {
        T::from_f64(elements[0])
    }
}

/// An array whose axes have letters, with its elements in order.
pub struct Factor<T> {
    letters: String,
    shape: Vec<usize>,
    elements: Vec<f64>,
    scalar: PhantomData<T>,
}

/// An operand of `einsum!` with the letters of its N axes.
pub fn factor<const N: usize, X: Operand>(letters: &str, x: X) -> Factor<X::Scalar>
where
    X::Owned: Ranked<N>,
{
    let mut x = x.into_owned();
    let mut elements = vec![];
    x.each(&mut |x| elements.push(x.to_f64()));
    Factor { letters: letters.into(), shape: x.shape(), elements, scalar: PhantomData }
}

/// The sum of the products of all factors over the letters that the result does not have.
///
/// *Panics* if a letter has two sizes.
pub fn einsum<T: Real, const N: usize, const K: usize>(
    result: &str,
    factors: [Factor<T>; K],
) -> <() as Rank<T, N>>::Array
where
    (): Rank<T, N>,
{
    assert_sizes(&factors);
    let mut factors = factors.into_iter();
    let mut left = factors.next().expect("the macro has one array at least");
    while let Some(right) = factors.next() {
        let later: String = factors.as_slice().iter().map(|f| f.letters.as_str()).chain([result]).collect();
        left = left.times(&right, &later);
    }
    let sum = left.summed(result);
    <() as Rank<T, N>>::array(&sum.shape, sum.elements)
}

fn assert_sizes<T>(factors: &[Factor<T>]) {
    let mut sizes: Vec<(char, usize, usize)> = vec![];
    for (k, factor) in factors.iter().enumerate() {
        for (c, &size) in factor.letters.chars().zip(&factor.shape) {
            match sizes.iter().find(|s| s.0 == c) {
                None => sizes.push((c, size, k)),
                Some(&(_, known, first)) => assert!(
                    size == known,
                    "einsum!: `{c}` is {known} long in array {first} of shape {:?} (`{}`), but {size} in array {k} of shape {:?} (`{}`)",
                    factors[first].shape,
                    factors[first].letters,
                    factor.shape,
                    factor.letters,
                ),
            }
        }
    }
}

impl<T> Factor<T> {
    fn size(&self, letter: char) -> usize {
        self.letters.find(letter).map_or(1, |k| self.shape[k])
    }

    /// The letters that are wanted, once each.
    fn letters(&self, wanted: impl Fn(char) -> bool) -> String {
        let first = |&(k, c): &(usize, char)| self.letters.find(c) == Some(k);
        self.letters.char_indices().filter(first).map(|(_, c)| c).filter(|c| wanted(*c)).collect()
    }

    fn count(&self, letters: &str) -> usize {
        letters.chars().map(|c| self.size(c)).product()
    }

    /// The array with these axes in this order; the others are summed, and those of one letter are its diagonal.
    fn summed(&self, kept: &str) -> Factor<T> {
        let level = |c| (self.size(c), self.stride(c));
        let outer: Vec<(usize, usize)> = kept.chars().map(level).collect();
        let inner: Vec<(usize, usize)> = self.letters(|c| !kept.contains(c)).chars().map(level).collect();
        let mut elements = Vec::with_capacity(self.count(kept));
        walk(&outer, 0, &mut |start| {
            let mut total = 0.0;
            walk(&inner, start, &mut |at| total += self.elements[at]);
            elements.push(total);
        });
        let shape = outer.iter().map(|l| l.0).collect();
        Factor { letters: kept.into(), shape, elements, scalar: PhantomData }
    }

    /// How far apart the neighbours along a letter lie: along all axes of that letter at once.
    fn stride(&self, letter: char) -> usize {
        let strides = (0..self.shape.len()).map(|k| self.shape[k + 1..].iter().product::<usize>());
        self.letters.chars().zip(strides).filter(|(c, _)| *c == letter).map(|(_, s)| s).sum()
    }

    /// The product, summed over the letters that do not come later: for each position along the letters of both that do, a product
    /// of matrices.
    fn times(&self, other: &Factor<T>, later: &str) -> Factor<T> {
        let (here, there) = (|c| self.letters.contains(c), |c| other.letters.contains(c));
        let batch = self.letters(|c| there(c) && later.contains(c));
        let inner = self.letters(|c| there(c) && !later.contains(c));
        let rows = self.letters(|c| !there(c) && later.contains(c));
        let columns = other.letters(|c| !here(c) && later.contains(c));
        let sizes = [self.count(&batch), self.count(&rows), self.count(&inner), other.count(&columns)];
        let matrices = |of: &Factor<T>, letters: [&str; 3], shape| -> Array3<f64> {
            let elements = of.summed(&letters.concat()).elements;
            Array3::from_shape_vec(shape, elements).expect("as many elements as its axes have")
        };
        let a = matrices(self, [&batch, &rows, &inner], (sizes[0], sizes[1], sizes[2]));
        let b = matrices(other, [&batch, &inner, &columns], (sizes[0], sizes[2], sizes[3]));
        let letters = [batch, rows, columns].concat();
        let shape = letters.chars().map(|c| if here(c) { self.size(c) } else { other.size(c) }).collect();
        Factor { letters, shape, elements: products(&a, &b).into_raw_vec_and_offset().0, scalar: PhantomData }
    }
}

/// Visits all positions of nested loops, each given by its size and its stride; the last one is the innermost.
fn walk(levels: &[(usize, usize)], at: usize, visit: &mut impl FnMut(usize)) {
    match levels {
        [] => visit(at),
        [(size, stride)] => (0..*size).for_each(|i| visit(at + i * stride)),
        [(size, stride), rest @ ..] => (0..*size).for_each(|i| walk(rest, at + i * stride, visit)),
    }
}
