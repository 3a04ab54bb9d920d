//! What `einsum!` runs outside of differentiable functions: sums of products over named axes.
//!
//! Invariant: arrays are multiplied from left to right, and an axis is summed as soon as no later array and not the result has it; sums
//! are in `f64`, in the order of the elements.

use std::marker::PhantomData;

use ndarray::{Array, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

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
    let sizes = sizes(&factors);
    let mut factors = factors.into_iter();
    let mut left = vec![factors.next().expect("the macro has one array at least")];
    while let Some(next) = factors.next() {
        left.push(next);
        let later: String = factors.as_slice().iter().map(|f| f.letters.as_str()).chain([result]).collect();
        let kept = unique(left.iter().flat_map(|f| f.letters.chars()).filter(|c| later.contains(*c)));
        left = vec![contracted(&left, &kept, &sizes)];
    }
    let sum = contracted(&left, result, &sizes);
    <() as Rank<T, N>>::array(&sum.shape, sum.elements)
}

/// The letters with the sizes of their axes.
fn sizes<T>(factors: &[Factor<T>]) -> Vec<(char, usize)> {
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
    sizes.into_iter().map(|(c, size, _)| (c, size)).collect()
}

fn unique(letters: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    letters.for_each(|c| {
        if !out.contains(c) {
            out.push(c)
        }
    });
    out
}

/// The product of one or two factors, summed over the letters that are not kept.
fn contracted<T>(factors: &[Factor<T>], kept: &str, sizes: &[(char, usize)]) -> Factor<T> {
    let summed = unique(factors.iter().flat_map(|f| f.letters.chars()).filter(|c| !kept.contains(*c)));
    let levels = |letters: &str| -> Vec<(usize, [usize; 2])> {
        let size = |c| sizes.iter().find(|s| s.0 == c).map_or(1, |s| s.1);
        let strides = |c| [0, 1].map(|k| factors.get(k).map_or(0, |f| stride(f, c)));
        letters.chars().map(|c| (size(c), strides(c))).collect()
    };
    let (outer, inner) = (levels(kept), levels(&summed));
    let shape: Vec<usize> = outer.iter().map(|l| l.0).collect();
    let mut elements = Vec::with_capacity(shape.iter().product());
    walk(&outer, [0; 2], &mut |start| {
        let mut total = 0.0;
        walk(&inner, start, &mut |[a, b]| {
            total += factors[0].elements[a] * factors.get(1).map_or(1.0, |f| f.elements[b]);
        });
        elements.push(total);
    });
    Factor { letters: kept.into(), shape, elements, scalar: PhantomData }
}

/// How far apart the neighbours along a letter lie: along all axes of that letter at once.
fn stride<T>(factor: &Factor<T>, letter: char) -> usize {
    let strides = (0..factor.shape.len()).map(|k| factor.shape[k + 1..].iter().product::<usize>());
    factor.letters.chars().zip(strides).filter(|(c, _)| *c == letter).map(|(_, s)| s).sum()
}

/// Visits all positions of nested loops, each given by its size and its strides in two arrays; the last one is the innermost.
fn walk(levels: &[(usize, [usize; 2])], [a, b]: [usize; 2], visit: &mut impl FnMut([usize; 2])) {
    match levels {
        [] => visit([a, b]),
        [(size, [p, q])] => (0..*size).for_each(|i| visit([a + i * p, b + i * q])),
        [(size, [p, q]), rest @ ..] => (0..*size).for_each(|i| walk(rest, [a + i * p, b + i * q], visit)),
    }
}
