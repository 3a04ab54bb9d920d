//! Initial parameters: random weights of the size that keeps activations and gradients as large in the last layer as in the
//! first. Needs the feature `ndarray`.
//!
//! ```
//! use chainrule::{init, random::Random};
//! use ndarray::{Array1, Array2, Array4};
//!
//! let mut random = Random::new(1);
//! let w: Array2<f32> = init::he_uniform((64, 128), &mut random); // for `relu(x.dot(&w) + &b)`
//! let b: Array1<f32> = init::zeros(128);
//! let kernel: Array4<f32> = init::he_normal((16, 3, 5, 5), &mut random); // 3 channels to 16, 5 × 5
//! let recurrent: Array2<f32> = init::orthogonal((128, 128), 1.0, &mut random);
//! # assert!(w.iter().all(|x| x.abs() <= (6.0_f32 / 64.0).sqrt()) && kernel.dim() == (16, 3, 5, 5));
//! # assert_eq!((b.sum(), recurrent.dim()), (0.0, (128, 128)));
//! ```
//!
//! Invariant: an array depends on its shape and on the state of the generator alone, on every platform; elements are drawn as `f64`,
//! in logical order.

use ndarray::{Array, Array2, Dimension, IntoDimension};

use crate::random::Random;
use crate::Real;

mod sealed {
    pub trait Sealed {}
    impl Sealed for (usize, usize) {}
    impl Sealed for (usize, usize, usize, usize) {}
}

/// The shape of weights: `(inputs, outputs)` of a matrix `w` as in `x.dot(&w)`, or `(out channels, in channels, height, width)` of
/// the kernel of a convolution. The trait is sealed.
pub trait Weights: IntoDimension + Copy + sealed::Sealed {
    /// How many inputs an output has, and how many outputs an input has.
    fn fans(self) -> (usize, usize);
    /// The shape of the same numbers as a matrix, one row per output channel of a kernel.
    #[doc(hidden)]
    fn matrix(self) -> (usize, usize);
}

impl Weights for (usize, usize) {
    fn fans(self) -> (usize, usize) {
        self
    }
    fn matrix(self) -> (usize, usize) {
        self
    }
}

impl Weights for (usize, usize, usize, usize) {
    fn fans(self) -> (usize, usize) {
        let (outputs, inputs, height, width) = self;
        (inputs * height * width, outputs * height * width)
    }
    fn matrix(self) -> (usize, usize) {
        let (outputs, inputs, height, width) = self;
        (outputs, inputs * height * width)
    }
}

/// All zeros, in any shape.
pub fn zeros<T: Real, S: IntoDimension>(shape: S) -> Array<T, S::Dim> {
    constant(shape, T::ZERO)
}

/// All elements `value`, in any shape.
pub fn constant<T: Real, S: IntoDimension>(shape: S, value: T) -> Array<T, S::Dim> {
    Array::from_elem(shape.into_dimension(), value)
}

/// Uniform in ±√(6 / (fan in + fan out)), for layers with `tanh` or with none.
///
/// *Source:* Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), equation 16.
pub fn xavier_uniform<T: Real, S: Weights>(shape: S, random: &mut Random) -> Array<T, S::Dim> {
    let (inputs, outputs) = shape.fans();
    uniform(shape, 6.0 / (inputs + outputs) as f64, random)
}

/// Normal of variance 2 / (fan in + fan out), for layers with `tanh` or with none.
///
/// *Source:* Glorot, Bengio (2010), equation 12.
pub fn xavier_normal<T: Real, S: Weights>(shape: S, random: &mut Random) -> Array<T, S::Dim> {
    let (inputs, outputs) = shape.fans();
    normal(shape, 2.0 / (inputs + outputs) as f64, random)
}

/// Uniform in ±√(6 / fan in), for layers with `relu`.
///
/// *Source:* the variance of [`he_normal`]; `torch.nn.init.kaiming_uniform_` with `fan_in` and `relu`.
pub fn he_uniform<T: Real, S: Weights>(shape: S, random: &mut Random) -> Array<T, S::Dim> {
    uniform(shape, 6.0 / shape.fans().0 as f64, random)
}

/// Normal of variance 2 / fan in, for layers with `relu`.
///
/// *Source:* He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
pub fn he_normal<T: Real, S: Weights>(shape: S, random: &mut Random) -> Array<T, S::Dim> {
    normal(shape, 2.0 / shape.fans().0 as f64, random)
}

/// A random matrix with orthonormal columns, times `gain`; with orthonormal rows, if it has more columns than rows. A kernel is
/// such a matrix with one row per output channel.
///
/// It is the factor Q of a matrix of normal numbers whose R has a positive diagonal, which makes all orthogonal matrices as likely.
/// Columns are made orthogonal by modified Gram–Schmidt, twice, in `f64`: their products are zero up to rounding. The work grows
/// as m n² for n ≤ m.
///
/// *Source:* Saxe, McClelland, Ganguli, arXiv:1312.6120; Mezzadri, "How to generate random matrices from the classical compact
/// groups", arXiv:math-ph/0609050, section 5; Giraud, Langou, "When modified Gram–Schmidt generates a well-conditioned set of
/// vectors" (2002), for the second time.
pub fn orthogonal<T: Real, S: Weights>(shape: S, gain: f64, random: &mut Random) -> Array<T, S::Dim> {
    let (rows, columns) = shape.matrix();
    let (long, short) = (rows.max(columns), rows.min(columns));
    // one vector after the other
    let mut q: Vec<Vec<f64>> = Vec::with_capacity(short);
    while q.len() < short {
        let mut vector: Vec<f64> = (0..long).map(|_| random.normal()).collect();
        for _ in 0..2 {
            for other in &q {
                let along = dot(other, &vector);
                vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
            }
            let length = dot(&vector, &vector).sqrt();
            vector.iter_mut().for_each(|v| *v /= length);
        }
        // a vector of which nothing was left, which never happens, is drawn again
        if vector.iter().all(|v| v.is_finite()) {
            q.push(vector);
        }
    }
    let element = |row: usize, column: usize| match rows >= columns {
        true => q[column][row],
        false => q[row][column],
    };
    let matrix = Array2::from_shape_fn((rows, columns), |(i, j)| T::from_f64(gain * element(i, j)));
    matrix.into_shape_with_order(shape.into_dimension()).expect("as many elements")
}

/// The inner product. Eight sums side by side, in a fixed order.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (x, x_rest) = x.as_chunks::<8>();
    let (y, y_rest) = y.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (x, y) in x.iter().zip(y) {
        (0..8).for_each(|k| sums[k] += x[k] * y[k]);
    }
    let rest: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

/// Uniform in ±√`bound2`.
fn uniform<T: Real, S: Weights>(shape: S, bound2: f64, random: &mut Random) -> Array<T, S::Dim> {
    let bound = bound2.sqrt();
    fill(shape, || bound * (2.0 * random.unit() - 1.0))
}

fn normal<T: Real, S: Weights>(shape: S, variance: f64, random: &mut Random) -> Array<T, S::Dim> {
    let deviation = variance.sqrt();
    fill(shape, || deviation * random.normal())
}

fn fill<T: Real, S: Weights>(shape: S, mut element: impl FnMut() -> f64) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let elements = (0..shape.size()).map(|_| T::from_f64(element())).collect();
    Array::from_shape_vec(shape, elements).expect("as many elements as the shape has")
}
