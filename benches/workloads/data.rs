//! The numbers that every implementation of a workload starts from: a seed in, a tensor out.
//!
//! Invariant: bit-identical in every language, so that losses and gradients can be compared. Data are made in `f32`; a
//! workload in `f64` widens them.

use ndarray::{Array1, Array2};

/// A linear congruential generator; tensor `t` of workload `w` has the seed `1000 w + t`.
pub struct Stream(u64);

impl Stream {
    pub fn start(seed: u64) -> Stream {
        let mut stream = Stream(seed);
        for _ in 0..8 {
            stream.next();
        }
        stream
    }

    /// 24 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 40
    }

    fn take<T>(seed: u64, n: usize, f: impl Fn(f64) -> T) -> Vec<T> {
        let mut stream = Stream::start(seed);
        (0..n).map(|_| f(stream.next() as f64)).collect()
    }
}

/// `n` numbers in [-scale, scale).
pub fn uniform(seed: u64, n: usize, scale: f64) -> Vec<f32> {
    Stream::take(seed, n, |u| ((u * 2f64.powi(-23) - 1.0) * scale) as f32)
}

/// `n` numbers in [0, 1).
pub fn unit(seed: u64, n: usize) -> Vec<f32> {
    Stream::take(seed, n, |u| (u * 2f64.powi(-24)) as f32)
}

/// `n` classes below `classes`.
pub fn labels(seed: u64, n: usize, classes: u64) -> Vec<usize> {
    let mut stream = Stream::start(seed);
    (0..n).map(|_| ((stream.next() * classes) >> 24) as usize).collect()
}

pub fn vector(seed: u64, n: usize, scale: f64) -> Array1<f32> {
    uniform(seed, n, scale).into()
}

pub fn matrix(seed: u64, shape: (usize, usize), scale: f64) -> Array2<f32> {
    Array2::from_shape_vec(shape, uniform(seed, shape.0 * shape.1, scale)).expect("the product of the sizes")
}

/// A layer from `inputs` to `outputs`: weights from the seed, offsets from the next one.
pub fn layer(seed: u64, (inputs, outputs): (usize, usize)) -> (Array2<f32>, Array1<f32>) {
    let scale = 1.0 / (inputs as f64).sqrt();
    (matrix(seed, (inputs, outputs), scale), vector(seed + 1, outputs, scale))
}
