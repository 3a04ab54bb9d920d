//! Linear regression by gradient descent, on real measurements.
//!
//! ```text
//! cargo run --release --example linear_regression
//! ```
//!
//! From ten mean measures of the cell nuclei in a tissue sample we predict how large its largest nuclei are. The prediction
//! is a weighted sum of the measures. The weights start at zero, and each step moves them against the gradient of
//! the mean squared error.

use chainrule::{differentiable, nn::mse};
use ndarray::{s, Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The mean squared error of the prediction `x · weights + bias`.
#[differentiable(wrt(weights, bias))]
pub fn loss(weights: &Array1<f64>, bias: f64, x: ArrayView2<f64>, y: ArrayView1<f64>) -> f64 {
    mse(x.dot(weights) + bias, y)
}

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// the error before the first step and after the last, on the samples that it learned from
    pub first: f64,
    pub last: f64,
    /// the share of the variance that is explained, on samples that it never saw
    pub explained: f64,
    /// the length of the gradient at the end: zero at the optimum
    pub slope: f64,
}

/// The samples: one row of measures each, and the value to predict.
fn load() -> (Array2<f64>, Array1<f64>) {
    let lines = include_str!("data/cells.csv").lines().skip(1);
    let numbers: Vec<f64> = lines.flat_map(|l| l.split(',').map(|n| n.parse().expect("a number"))).collect();
    let table = Array2::from_shape_vec((numbers.len() / 11, 11), numbers).expect("eleven columns");
    (table.slice(s![.., ..10]).to_owned(), table.column(10).to_owned())
}

/// Learns from the first `train` samples in `steps` steps, and is tested on the others.
pub fn run(train: usize, steps: usize) -> Report {
    let (mut x, y) = load();
    // Radii are about 14 and areas about 650: bring every measure to mean 0 and deviation 1, else one step size does not fit all.
    // The test samples must not take part in this.
    let known = x.slice(s![..train, ..]);
    let (mean, deviation) = (known.mean_axis(Axis(0)).expect("some samples"), known.std_axis(Axis(0), 0.0));
    x = (x - mean) / deviation;
    let (x, x_test) = x.view().split_at(Axis(0), train);
    let (y, y_test) = y.view().split_at(Axis(0), train);

    let (mut weights, mut bias) = (Array1::zeros(x.ncols()), 0.0);
    let first = loss(&weights, bias, x, y);
    for _ in 0..steps {
        let gradient = loss::gradient(&weights, bias, x, y);
        weights.scaled_add(-0.1, &gradient.weights);
        bias -= 0.1 * gradient.bias;
    }

    let (last, gradient) = loss::value_and_gradient(&weights, bias, x, y);
    let slope = (gradient.weights.dot(&gradient.weights) + gradient.bias * gradient.bias).sqrt();
    let explained = 1.0 - loss(&weights, bias, x_test, y_test) / y_test.var(0.0);
    Report { first, last, explained, slope }
}

fn main() {
    let report = run(400, 2000);
    println!("mean squared error  {:.3} before, {:.3} after", report.first, report.last);
    println!("slope at the end    {:.2e}", report.slope);
    println!("explained variance  {:.1} % on samples that it never saw", 100.0 * report.explained);
}
