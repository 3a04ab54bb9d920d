//! A physics-informed network: it learns the solution of a differential equation from the equation alone.
//!
//! ```text
//! cargo run --release --example pinn
//! ```
//!
//! The equation is u'' = -π² sin(πx) on [0, 1] with u(0) = u(1) = 0; its solution is sin(πx). The network u stands in
//! the equation with its second derivative, and training makes small what the two sides differ by. So the loss has
//! derivatives for `x` inside, and is itself differentiated for all weights.

use std::error::Error;
use std::f64::consts::PI;
use std::time::Instant;

use chainrule::optim::{Adam, Schedule};
use chainrule::random::Random;
use chainrule::train::{Curves, Progress};
use chainrule::{differentiable, init, Differentiable};
use ndarray::{Array, Array1, Array2, ArrayView2, Axis};

/// The parameters of a network 1 → 32 → 32 → 1.
#[derive(Clone, Differentiable)]
pub struct Mlp {
    w1: Array2<f64>,
    b1: Array1<f64>,
    w2: Array2<f64>,
    b2: Array1<f64>,
    w3: Array2<f64>,
    b3: Array1<f64>,
}

/// The network at the points `x`, one a row.
#[differentiable(vjp)]
pub fn network(net: &Mlp, x: ArrayView2<f64>) -> Array2<f64> {
    let h1 = (x.dot(&net.w1) + &net.b1).mapv(f64::tanh);
    let h2 = (h1.dot(&net.w2) + &net.b2).mapv(f64::tanh);
    h2.dot(&net.w3) + &net.b3
}

/// The same as a function of `x` alone, so that `u::jvp` is the derivative for `x`.
#[differentiable(wrt(x), jvp)]
pub fn u(net: &Mlp, x: ArrayView2<f64>) -> Array2<f64> {
    network(net, x)
}

/// u' at the points `x`.
#[differentiable(wrt(x), jvp)]
pub fn slope(net: &Mlp, x: ArrayView2<f64>) -> Array2<f64> {
    let ones = Array2::ones(x.dim());
    let (_, slope) = u::jvp(net, x, ones.view());
    slope
}

/// How far the network is from a solution: the mean square of u'' + π² sin(πx) at the points `x`, and of u at the ends of
/// the interval.
#[differentiable(wrt(net))]
pub fn loss(net: &Mlp, x: ArrayView2<f64>, ends: ArrayView2<f64>) -> f64 {
    let ones = Array2::ones(x.dim());
    let (_, curvature) = slope::jvp(net, x, ones.view());
    let residual = curvature + x.mapv(|x| PI * PI * (PI * x).sin());
    let at_ends = u(net, ends);
    (&residual * &residual).mean().unwrap() + 10.0 * (&at_ends * &at_ends).mean().unwrap()
}

impl Mlp {
    pub fn new(random: &mut Random) -> Mlp {
        Mlp {
            w1: init::xavier_uniform((1, 32), random),
            b1: init::zeros(32),
            w2: init::xavier_uniform((32, 32), random),
            b2: init::zeros(32),
            w3: init::xavier_uniform((32, 1), random),
            b3: init::zeros(1),
        }
    }
}

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// the loss before the first step and after the last
    pub first: f64,
    pub last: f64,
    /// the distance between the network and the solution, over x
    pub errors: Curves,
    /// the greatest one
    pub error: f64,
    /// how long training took
    pub seconds: f64,
}

/// Trains for so many steps.
pub fn run(steps: u64) -> Report {
    let points = |n| Array::linspace(0.0, 1.0, n).insert_axis(Axis(1));
    let (x, ends) = (points(64), points(2));
    let mut net = Mlp::new(&mut Random::new(1));
    let schedule = Schedule::cosine(0.01, steps);
    let mut adam = Adam::new(0.0);
    let (mut gradient, mut workspace) = (net.zeros_like(), loss::Workspace::default());
    let first = loss(&net, x.view(), ends.view());
    let mut progress = Progress::new("step", steps);
    let start = Instant::now();
    for _ in 0..steps {
        let value = loss::value_and_gradient_into(&net, x.view(), ends.view(), &mut gradient, &mut workspace);
        adam.set_learning_rate(schedule.rate(adam.steps()));
        adam.step(&mut net, &gradient);
        progress.step(value);
    }
    let (last, seconds) = (loss(&net, x.view(), ends.view()), start.elapsed().as_secs_f64());

    let x = points(1001);
    let distances = u(&net, x.view()) - x.mapv(|x| (PI * x).sin());
    let error = distances.fold(0.0, |max: f64, e| max.max(e.abs()));
    let mut errors = Curves::new("How far the network is from the solution", "x");
    x.iter().zip(&distances).for_each(|(x, distance)| errors.push("u(x) - sin(πx)", *x, *distance));
    Report { first, last, errors, error, seconds }
}

fn main() -> Result<(), Box<dyn Error>> {
    let report = run(3000);
    println!("loss            {:.3} before, {:.2e} after {:.2} s", report.first, report.last, report.seconds);
    println!("greatest error  {:.2e}", report.error);

    std::fs::create_dir_all("target")?;
    report.errors.save("target/pinn.svg")?;
    println!("see target/pinn.svg");
    Ok(())
}
