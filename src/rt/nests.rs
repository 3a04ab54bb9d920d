//! Results whose rows lie apart in memory, `Vec<Vec<f64>>`, filled from numbers in row-major order.
//!
//! Invariant: memory that has the shape already is used again.

/// Numbers, or a nest of arrays of them.
pub trait Nest<T> {
    /// Something of a shape. The dimensions of elements come behind one's own.
    fn of_shape(shape: &[usize]) -> Self;
    /// Takes on the shape and the numbers.
    fn fill(&mut self, shape: &[usize], from: &[T]);
}

/// Fills a result from numbers in row-major order.
pub fn nest<T>(result: &mut impl Nest<T>, shape: &[usize], from: &[T]) {
    result.fill(shape, from);
}

macro_rules! numbers {
    ($($T:ty),+) => {$(
        impl Nest<$T> for $T {
            fn of_shape(_: &[usize]) -> $T {
                0.0
            }
            fn fill(&mut self, _: &[usize], from: &[$T]) {
                *self = from[0];
            }
        }
    )+};
}
numbers!(f32, f64);

/// Fills elements that lie side by side.
fn fill_all<'a, T: 'a, N: Nest<T> + 'a>(items: impl Iterator<Item = &'a mut N>, shape: &[usize], from: &[T]) {
    let each: usize = shape.iter().product();
    for (k, item) in items.enumerate() {
        item.fill(shape, &from[k * each..][..each]);
    }
}

impl<T, N: Nest<T>, const K: usize> Nest<T> for [N; K] {
    fn of_shape(shape: &[usize]) -> Self {
        std::array::from_fn(|_| N::of_shape(&shape[1..]))
    }
    fn fill(&mut self, shape: &[usize], from: &[T]) {
        fill_all(self.iter_mut(), &shape[1..], from);
    }
}

impl<T, N: Nest<T>> Nest<T> for Vec<N> {
    fn of_shape(shape: &[usize]) -> Self {
        (0..shape[0]).map(|_| N::of_shape(&shape[1..])).collect()
    }
    fn fill(&mut self, shape: &[usize], from: &[T]) {
        self.truncate(shape[0]);
        while self.len() < shape[0] {
            self.push(N::of_shape(&shape[1..]));
        }
        fill_all(self.iter_mut(), &shape[1..], from);
    }
}

#[cfg(feature = "ndarray")]
mod nd {
    use super::{fill_all, Nest};
    use ndarray::{Array, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6};

    macro_rules! ranks {
        ($($R:literal $D:ty),+) => {$(
            impl<T, N: Nest<T>> Nest<T> for Array<N, $D> {
                fn of_shape(shape: &[usize]) -> Self {
                    let own: [usize; $R] = std::array::from_fn(|k| shape[k]);
                    Array::from_shape_simple_fn(own, || N::of_shape(&shape[$R..]))
                }
                fn fill(&mut self, shape: &[usize], from: &[T]) {
                    if self.shape() != &shape[..$R] {
                        *self = Nest::of_shape(shape);
                    }
                    fill_all(self.iter_mut(), &shape[$R..], from);
                }
            }
        )+};
    }
    ranks!(1 Ix1, 2 Ix2, 3 Ix3, 4 Ix4, 5 Ix5, 6 Ix6);
}
