//! Arguments as flat slices: the shape and the row-major elements of whatever holds numbers, and memory of a shape for
//! results.
//!
//! Invariant: elements come in row-major (logical) order, whatever the layout in memory.

/// A number that an argument may hold.
pub trait Number: Copy + Default + 'static {}
macro_rules! numbers {
    ($($t:ty),+) => {$(impl Number for $t {})+};
}
numbers!(f32, f64, usize, u8, u16, u32, u64, isize, i8, i16, i32, i64, bool);

/// An integer: one that is computed with, or that chooses a position.
pub trait Position: Number + std::fmt::Display {
    /// The values as `usize`, negative ones wrapped around; copied to `spare` where they have another type.
    ///
    /// *Panics* where a value is too large for `isize`, naming the function and the argument.
    fn positions<'a>(
        values: &'a [Self],
        spare: &'a mut Vec<usize>,
        function: &str,
        argument: &str,
    ) -> &'a [usize];
}
impl Position for usize {
    #[inline]
    fn positions<'a>(values: &'a [usize], _: &'a mut Vec<usize>, _: &str, _: &str) -> &'a [usize] {
        values
    }
}
macro_rules! positions {
    ($($t:ty),+) => {$(
        impl Position for $t {
            fn positions<'a>(values: &'a [$t], spare: &'a mut Vec<usize>, function: &str, argument: &str) -> &'a [usize] {
                spare.clear();
                spare.extend(values.iter().enumerate().map(|(at, v)| match isize::try_from(*v) {
                    // where it is a position, a negative one is above every bound
                    Ok(v) => v as usize,
                    Err(_) => panic!("{function}: `{argument}[{at}]` is {v}, which is too large"),
                }));
                spare
            }
        }
    )+};
}
positions!(u8, u16, u32, u64, isize, i8, i16, i32, i64);

/// Something with `R` dimensions of numbers.
pub trait Tensor<const R: usize> {
    type Elem: Number;
    fn shape(&self) -> [usize; R];
    /// The elements in row-major order; copied to `spare` where they do not lie so.
    fn elements<'a>(&'a self, spare: &'a mut Vec<Self::Elem>) -> &'a [Self::Elem];
}

impl<const R: usize, T: Tensor<R> + ?Sized> Tensor<R> for &T {
    type Elem = T::Elem;
    fn shape(&self) -> [usize; R] {
        (**self).shape()
    }
    fn elements<'a>(&'a self, spare: &'a mut Vec<Self::Elem>) -> &'a [Self::Elem] {
        (**self).elements(spare)
    }
}

/// Memory for a result with `R` dimensions.
pub trait Fit<const R: usize> {
    type Elem: Number;
    /// Zeros of a shape.
    fn make(shape: [usize; R]) -> Self;
    /// The memory itself; something without elements stays behind where that costs nothing.
    fn take(&mut self) -> Self;
    /// The elements, after a change of shape where it differs.
    fn fit(&mut self, shape: [usize; R]) -> &mut [Self::Elem];
    /// Whether the elements lie one after the other, in row-major order.
    fn in_order(&self) -> bool {
        true
    }
}

/// Whether the elements lie one after the other, in row-major order.
#[inline]
pub fn in_order<const R: usize, F: Fit<R>>(memory: &F) -> bool {
    memory.in_order()
}

/// Where each of several runs of elements begins, if they lie behind each other, and how many there are in all.
#[inline]
pub fn starts<const N: usize>(counts: [usize; N]) -> ([usize; N], usize) {
    let mut total = 0;
    let starts = counts.map(|count| {
        total += count;
        total - count
    });
    (starts, total)
}

/// The shape of a tensor.
#[inline]
pub fn shape<const R: usize>(tensor: &(impl Tensor<R> + ?Sized)) -> [usize; R] {
    tensor.shape()
}

/// The elements of a tensor in row-major order, copied to `spare` where they do not lie so.
#[inline]
pub fn elements<'a, const R: usize, T: Tensor<R> + ?Sized>(
    tensor: &'a T,
    spare: &'a mut Vec<T::Elem>,
) -> &'a [T::Elem] {
    tensor.elements(spare)
}

/// Integers of a tensor as positions, in row-major order.
#[inline]
pub fn positions<'a, const R: usize, T: Tensor<R, Elem: Position> + ?Sized>(
    tensor: &'a T,
    order: &'a mut Vec<T::Elem>,
    spare: &'a mut Vec<usize>,
    function: &str,
    argument: &str,
) -> &'a [usize] {
    Position::positions(tensor.elements(order), spare, function, argument)
}

/// Zeros of a shape.
#[inline]
pub fn make<const R: usize, F: Fit<R>>(shape: [usize; R]) -> F {
    F::make(shape)
}

/// A result's memory, to be put back later.
#[inline]
pub fn take<const R: usize, F: Fit<R>>(result: &mut F) -> F {
    result.take()
}

/// The elements of a result, in the given shape.
#[inline]
pub fn fit<const R: usize, F: Fit<R>>(result: &mut F, shape: [usize; R]) -> &mut [F::Elem] {
    result.fit(shape)
}

macro_rules! nests {
    ($R:literal, $item:ty, [$($N:ident)*], $flat:ident, $flat_mut:ident, [$($dim:expr),*]) => {
        impl<T: Number, $(const $N: usize),*> Tensor<$R> for [$item] {
            type Elem = T;
            fn shape(&self) -> [usize; $R] { [self.len(), $($dim),*] }
            fn elements<'a>(&'a self, _: &'a mut Vec<T>) -> &'a [T] { $flat(self) }
        }
        impl<T: Number, $(const $N: usize),*> Tensor<$R> for Vec<$item> {
            type Elem = T;
            fn shape(&self) -> [usize; $R] { [self.len(), $($dim),*] }
            fn elements<'a>(&'a self, _: &'a mut Vec<T>) -> &'a [T] { $flat(self) }
        }
        impl<T: Number, $(const $N: usize,)* const OUTER: usize> Tensor<$R> for [$item; OUTER] {
            type Elem = T;
            fn shape(&self) -> [usize; $R] { [OUTER, $($dim),*] }
            fn elements<'a>(&'a self, _: &'a mut Vec<T>) -> &'a [T] { $flat(self) }
        }
        impl<T: Number, $(const $N: usize),*> Fit<$R> for Vec<$item> {
            type Elem = T;
            fn make(shape: [usize; $R]) -> Self { vec![zero::<$item>(); shape[0]] }
            fn take(&mut self) -> Self { std::mem::take(self) }
            fn fit(&mut self, shape: [usize; $R]) -> &mut [T] {
                self.resize(shape[0], zero::<$item>());
                $flat_mut(self)
            }
        }
        impl<T: Number, $(const $N: usize,)* const OUTER: usize> Fit<$R> for [$item; OUTER] {
            type Elem = T;
            fn make(_: [usize; $R]) -> Self { [zero::<$item>(); OUTER] }
            fn take(&mut self) -> Self { *self }
            fn fit(&mut self, _: [usize; $R]) -> &mut [T] { $flat_mut(self) }
        }
    };
}

macro_rules! scalars {
    ($($t:ty),+) => {$(
        impl Tensor<0> for $t {
            type Elem = $t;
            fn shape(&self) -> [usize; 0] { [] }
            fn elements<'a>(&'a self, _: &'a mut Vec<$t>) -> &'a [$t] { std::slice::from_ref(self) }
        }
        impl Fit<0> for $t {
            type Elem = $t;
            fn make(_: [usize; 0]) -> Self { 0.0 }
            fn take(&mut self) -> Self { *self }
            fn fit(&mut self, _: [usize; 0]) -> &mut [$t] { std::slice::from_mut(self) }
        }
    )+};
}
scalars!(f32, f64);

/// The zero of a nest of arrays.
trait Zeroed: Copy {
    fn zeroed() -> Self;
}
impl<T: Number> Zeroed for T {
    fn zeroed() -> T {
        T::default()
    }
}
impl<T: Number, const A: usize> Zeroed for [T; A] {
    fn zeroed() -> Self {
        [T::default(); A]
    }
}
impl<T: Number, const A: usize, const B: usize> Zeroed for [[T; A]; B] {
    fn zeroed() -> Self {
        [[T::default(); A]; B]
    }
}
impl<T: Number, const A: usize, const B: usize, const C: usize> Zeroed for [[[T; A]; B]; C] {
    fn zeroed() -> Self {
        [[[T::default(); A]; B]; C]
    }
}
fn zero<T: Zeroed>() -> T {
    T::zeroed()
}

fn flat1<T>(x: &[T]) -> &[T] {
    x
}
fn flat1_mut<T>(x: &mut [T]) -> &mut [T] {
    x
}
fn flat2<T, const A: usize>(x: &[[T; A]]) -> &[T] {
    x.as_flattened()
}
fn flat2_mut<T, const A: usize>(x: &mut [[T; A]]) -> &mut [T] {
    x.as_flattened_mut()
}
fn flat3<T, const A: usize, const B: usize>(x: &[[[T; A]; B]]) -> &[T] {
    x.as_flattened().as_flattened()
}
fn flat3_mut<T, const A: usize, const B: usize>(x: &mut [[[T; A]; B]]) -> &mut [T] {
    x.as_flattened_mut().as_flattened_mut()
}
fn flat4<T, const A: usize, const B: usize, const C: usize>(x: &[[[[T; A]; B]; C]]) -> &[T] {
    x.as_flattened().as_flattened().as_flattened()
}
fn flat4_mut<T, const A: usize, const B: usize, const C: usize>(x: &mut [[[[T; A]; B]; C]]) -> &mut [T] {
    x.as_flattened_mut().as_flattened_mut().as_flattened_mut()
}

nests!(1, T, [], flat1, flat1_mut, []);
nests!(2, [T; A], [A], flat2, flat2_mut, [A]);
nests!(3, [[T; A]; B], [A B], flat3, flat3_mut, [B, A]);
nests!(4, [[[T; A]; B]; C], [A B C], flat4, flat4_mut, [C, B, A]);

#[cfg(feature = "ndarray")]
mod nd {
    use super::{Fit, Number, Tensor};
    use ndarray::{Array, ArrayBase, Data, Dimension, Ix1, Ix2, Ix3, Ix4};

    macro_rules! ranks {
        ($($R:literal $D:ty),+) => {$(
            impl<T: Number, S: Data<Elem = T>> Tensor<$R> for ArrayBase<S, $D> {
                type Elem = T;
                fn shape(&self) -> [usize; $R] {
                    self.raw_dim().into_shape()
                }
                fn elements<'a>(&'a self, spare: &'a mut Vec<T>) -> &'a [T] {
                    match self.as_slice() {
                        Some(slice) => slice,
                        None => {
                            spare.clear();
                            spare.extend(self.iter().copied());
                            spare
                        }
                    }
                }
            }
            impl<T: Number> Fit<$R> for Array<T, $D> {
                type Elem = T;
                fn make(shape: [usize; $R]) -> Self {
                    Array::from_elem(shape, T::default())
                }
                fn take(&mut self) -> Self {
                    std::mem::take(self)
                }
                fn fit(&mut self, shape: [usize; $R]) -> &mut [T] {
                    if Tensor::<$R>::shape(self) != shape || !self.is_standard_layout() {
                        *self = Fit::<$R>::make(shape);
                    }
                    self.as_slice_mut().expect("a standard layout is one slice")
                }
                fn in_order(&self) -> bool {
                    self.is_standard_layout()
                }
            }
        )+};
    }
    ranks!(1 Ix1, 2 Ix2, 3 Ix3, 4 Ix4);

    trait IntoShape<const R: usize> {
        fn into_shape(self) -> [usize; R];
    }
    impl<const R: usize, D: Dimension> IntoShape<R> for D {
        fn into_shape(self) -> [usize; R] {
            let dims = self.slice();
            std::array::from_fn(|i| dims[i])
        }
    }
}
