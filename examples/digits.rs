//! A deep network learns to read handwritten digits.
//!
//! ```text
//! cargo run --release --example digits
//! ```
//!
//! 1,797 pictures of 8 × 8 pixels go through three layers, 64 → 128 → 64 → 10. Four fifths of them train the network; it
//! is tested on the others, which it never sees in training. The learning curve and the parameters are written to
//! `target/`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use chainrule::nn::{cross_entropy, relu};
use chainrule::optim::{AdamW, Schedule};
use chainrule::random::Random;
use chainrule::train::{Batches, Curves, Progress};
use chainrule::{differentiable, init, safetensors, Differentiable};
use ndarray::{Array1, Array2, ArrayView2, Axis};

// ---- The model: a struct of parameters and a function of it ---------------------------------------------------------

/// The parameters. Their gradient has the same type, and an optimiser can step it.
#[derive(Clone, Differentiable)]
pub struct Mlp {
    w1: Array2<f32>,
    b1: Array1<f32>,
    w2: Array2<f32>,
    b2: Array1<f32>,
    w3: Array2<f32>,
    b3: Array1<f32>,
}

/// Ten scores for each picture; the highest is the network's answer.
#[differentiable(wrt(net), vjp)]
pub fn scores(net: &Mlp, x: ArrayView2<f32>) -> Array2<f32> {
    let h1 = relu(x.dot(&net.w1) + &net.b1);
    let h2 = relu(h1.dot(&net.w2) + &net.b2);
    h2.dot(&net.w3) + &net.b3
}

/// How wrong the scores are: the quantity that training makes small.
#[differentiable(wrt(net))]
pub fn loss(net: &Mlp, x: ArrayView2<f32>, labels: &[usize]) -> f32 {
    cross_entropy(scores(net, x), labels)
}

impl Mlp {
    /// Small random weights, of the size that keeps activations as large in the last layer as in the first.
    fn new(random: &mut Random) -> Mlp {
        Mlp {
            w1: init::he_uniform((64, 128), random),
            b1: init::zeros(128),
            w2: init::he_uniform((128, 64), random),
            b2: init::zeros(64),
            w3: init::he_uniform((64, 10), random),
            b3: init::zeros(10),
        }
    }

    /// The share of pictures whose digit has the highest score.
    fn accuracy(&self, digits: &Digits) -> f64 {
        let scores = scores(self, digits.x.view());
        let right = scores.rows().into_iter().zip(&digits.labels).filter(|(row, &label)| {
            row.iter().enumerate().all(|(digit, &score)| digit == label || score < row[label])
        });
        right.count() as f64 / digits.labels.len() as f64
    }
}

// ---- The data -------------------------------------------------------------------------------------------------------

/// Pictures, one per row, and the digits that they show.
struct Digits {
    x: Array2<f32>,
    labels: Vec<usize>,
}

impl Digits {
    fn load() -> Digits {
        let lines = include_str!("data/digits.csv").lines();
        let numbers: Vec<usize> =
            lines.flat_map(|l| l.split(',').map(|n| n.parse().expect("a number"))).collect();
        let (pictures, _) = numbers.as_chunks::<65>();
        let x =
            Array2::from_shape_fn((pictures.len(), 64), |(row, pixel)| pictures[row][pixel] as f32 / 16.0);
        Digits { x, labels: pictures.iter().map(|p| p[64]).collect() }
    }

    /// The pictures with these numbers.
    fn select(&self, rows: &[usize]) -> Digits {
        Digits { x: self.x.select(Axis(0), rows), labels: rows.iter().map(|&row| self.labels[row]).collect() }
    }
}

// ---- Training -------------------------------------------------------------------------------------------------------

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// the mean loss of each epoch, and the accuracy on the test pictures after it
    pub curves: Curves,
    /// the loss and the accuracy of the last epoch
    pub loss: f32,
    pub accuracy: f64,
    /// the accuracy of a network into which the saved parameters were loaded
    pub reloaded: f64,
    /// how long training took, without the tests between
    pub seconds: f64,
}

/// Trains for `epochs` rounds over the first `pictures` pictures but a fifth, which it is tested on; writes to `folder`.
pub fn run(pictures: usize, epochs: u32, folder: &Path) -> Result<Report, Box<dyn Error>> {
    let mut random = Random::new(1);
    let all = Digits::load();
    let mut order: Vec<usize> = (0..pictures).collect();
    random.shuffle(&mut order);
    let (test, train) = order.split_at(pictures / 5);
    let (test, train) = (all.select(test), all.select(train));

    let mut net = Mlp::new(&mut random);
    let batches = Batches::new(train.labels.len(), 32).shuffled(1);
    // Steps that grow in the first epoch, then large ones, to learn fast, and small ones at the end, to settle.
    let schedule =
        Schedule::cosine(0.01, u64::from(epochs) * batches.len() as u64).warm_up(batches.len() as u64);
    let mut adam = AdamW::new(0.0).weight_decay(0.3).no_decay(|path| path.starts_with('b'));
    // The gradient and the intermediate values lie in memory that every step uses again.
    let mut gradient = net.zeros_like();
    let mut workspace = loss::Workspace::default();

    let mut progress = Progress::new("epoch", u64::from(epochs));
    let mut curves = Curves::new("Learning to read digits", "epoch");
    let (mut loss, mut accuracy, mut seconds) = (0.0, 0.0, 0.0);
    for epoch in 0..epochs {
        let start = Instant::now();
        let mut sum = 0.0;
        for batch in &batches.epoch(u64::from(epoch)) {
            let Digits { x, labels } = train.select(batch);
            let value = loss::value_and_gradient_into(&net, x.view(), &labels, &mut gradient, &mut workspace);
            adam.set_learning_rate(schedule.rate(adam.steps()));
            adam.step(&mut net, &gradient);
            sum += value * batch.len() as f32;
        }
        seconds += start.elapsed().as_secs_f64();

        (loss, accuracy) = (sum / train.labels.len() as f32, net.accuracy(&test));
        progress.note(format!("accuracy {:.2} %", 100.0 * accuracy));
        progress.step(loss);
        curves.push("loss in training", epoch + 1, loss);
        curves.push("accuracy in the test", epoch + 1, accuracy);
    }
    curves.save(folder.join("digits.svg"))?;

    // Save the parameters, load them into another network, and test that one.
    let file = folder.join("digits.safetensors");
    safetensors::save(&file, &net)?;
    let mut other = Mlp::new(&mut random);
    safetensors::load_into(&file, &mut other)?;
    Ok(Report { curves, loss, accuracy, reloaded: other.accuracy(&test), seconds })
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("target");
    std::fs::create_dir_all(folder)?;
    let report = run(1797, 30, folder)?;
    let Report { loss, accuracy, seconds, .. } = report;
    println!("loss {loss:.4}, accuracy {:.2} % after {seconds:.2} s of training", 100.0 * accuracy);
    println!("accuracy {:.2} % with the parameters loaded from the file", 100.0 * report.reloaded);
    println!("see target/digits.svg and target/digits.safetensors");
    Ok(())
}
