//! A network learns to invent names, letter by letter.
//!
//! ```text
//! cargo run --release --example names
//! ```
//!
//! The model of Bengio et al., "A Neural Probabilistic Language Model" (2003): each letter is a vector of ten numbers, which
//! are learned; the vectors of the last three letters go through two layers, 30 → 200 → 27, which give a score to each
//! letter that may come next. It learns from nine tenths of 32,033 names and is tested on the others. The learning
//! curve is written to `target/`.

use std::error::Error;
use std::time::Instant;

use chainrule::nn::{cross_entropy, embedding, softmax};
use chainrule::optim::{AdamW, Schedule};
use chainrule::random::Random;
use chainrule::train::{Batches, Curves, Progress};
use chainrule::{differentiable, init, Differentiable};
use ndarray::{Array1, Array2};

/// How many letters the model sees.
const SEEN: usize = 3;

/// Letters are numbers from 1 to 26; 0 is the end of a name, and what lies before it.
const LETTERS: usize = 27;

// ---- The model ------------------------------------------------------------------------------------------------------

#[derive(Clone, Differentiable)]
pub struct Model {
    /// the vector of each letter
    letters: Array2<f32>,
    w1: Array2<f32>,
    b1: Array1<f32>,
    w2: Array2<f32>,
    b2: Array1<f32>,
}

/// A score for each letter that may come next. `seen` are the letters before, oldest first, `SEEN` for each row.
#[differentiable(wrt(model), value, vjp)]
pub fn scores(model: &Model, seen: &[usize]) -> Array2<f32> {
    let x = embedding(&model.letters, seen);
    let x = x.into_shape_with_order((seen.len() / SEEN, SEEN * 10)).unwrap();
    let h = (x.dot(&model.w1) + &model.b1).mapv(f32::tanh);
    h.dot(&model.w2) + &model.b2
}

/// How much the letters that come next surprise the model: the mean of -ln of their probabilities.
#[differentiable(wrt(model), value)]
pub fn loss(model: &Model, seen: &[usize], next: &[usize]) -> f32 {
    cross_entropy(scores(model, seen), next)
}

impl Model {
    fn new(random: &mut Random) -> Model {
        Model {
            letters: Array2::from_shape_fn((LETTERS, 10), |_| random.normal() as f32),
            w1: init::xavier_uniform((SEEN * 10, 200), random),
            b1: init::zeros(200),
            // small, so that it begins with all letters alike
            w2: init::xavier_uniform((200, LETTERS), random) * 0.1,
            b2: init::zeros(LETTERS),
        }
    }

    /// Draws one letter after the other until the name ends.
    fn invent(&self, random: &mut Random) -> String {
        let (mut name, mut seen) = (String::new(), [0; SEEN]);
        loop {
            let chances = softmax(scores::value(self, &seen).row(0));
            let mut rest = random.unit() as f32;
            let drawn = chances.iter().position(|chance| {
                rest -= chance;
                rest < 0.0
            });
            match drawn {
                Some(letter @ 1..) => {
                    name.push((b'a' + letter as u8 - 1) as char);
                    seen.rotate_left(1);
                    seen[SEEN - 1] = letter;
                }
                _ => return name,
            }
        }
    }
}

// ---- The data -------------------------------------------------------------------------------------------------------

/// Letters, and the `SEEN` letters before each of them.
#[derive(Default)]
struct Text {
    seen: Vec<usize>,
    next: Vec<usize>,
}

impl Text {
    fn new(names: &[&str]) -> Text {
        let mut text = Text::default();
        for name in names {
            let mut seen = [0; SEEN];
            for letter in name.bytes().map(|b| usize::from(b - b'a' + 1)).chain([0]) {
                text.seen.extend(seen);
                text.next.push(letter);
                seen.rotate_left(1);
                seen[SEEN - 1] = letter;
            }
        }
        text
    }

    /// The letters with these numbers.
    fn select(&self, rows: &[usize]) -> Text {
        let mut text = Text::default();
        for &row in rows {
            text.seen.extend(&self.seen[SEEN * row..][..SEEN]);
            text.next.push(self.next[row]);
        }
        text
    }
}

// ---- Training -------------------------------------------------------------------------------------------------------

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// the mean loss of each epoch, and the loss after it on the names that it is tested on
    pub curves: Curves,
    /// the latter at the end
    pub test: f32,
    /// names that the model made up
    pub invented: Vec<String>,
    /// how long training took
    pub seconds: f64,
}

/// Learns from the first `count` names, in a random order, but a tenth, which it is tested on.
pub fn run(count: usize, epochs: u32) -> Report {
    let mut random = Random::new(1);
    let mut names: Vec<&str> = include_str!("data/names.txt").lines().take(count).collect();
    random.shuffle(&mut names);
    let (test, train) = names.split_at(names.len() / 10);
    let (test, train) = (Text::new(test), Text::new(train));

    let mut model = Model::new(&mut random);
    let batches = Batches::new(train.next.len(), 128).shuffled(1);
    let schedule = Schedule::cosine(0.005, u64::from(epochs) * batches.len() as u64);
    let mut adam = AdamW::new(0.0).weight_decay(0.01);
    let (mut gradient, mut workspace) = (model.zeros_like(), loss::Workspace::default());

    let mut progress = Progress::new("step", u64::from(epochs) * batches.len() as u64);
    let curves = Curves::new("Learning what follows what: the loss", "epoch");
    let mut report = Report { curves, test: 0.0, invented: vec![], seconds: 0.0 };
    for epoch in 0..epochs {
        let start = Instant::now();
        let mut sum = 0.0;
        for batch in &batches.epoch(u64::from(epoch)) {
            let Text { seen, next } = train.select(batch);
            let value = loss::value_and_gradient_into(&model, &seen, &next, &mut gradient, &mut workspace);
            adam.set_learning_rate(schedule.rate(adam.steps()));
            adam.step(&mut model, &gradient);
            sum += value * batch.len() as f32;
            progress.step(value);
        }
        report.seconds += start.elapsed().as_secs_f64();

        report.test = loss::value(&model, &test.seen, &test.next);
        progress.note(format!("{:.3} in the test", report.test));
        report.curves.push("in training", epoch + 1, sum / train.next.len() as f32);
        report.curves.push("in the test", epoch + 1, report.test);
    }
    report.invented = (0..20).map(|_| model.invent(&mut random)).collect();
    report
}

fn main() -> Result<(), Box<dyn Error>> {
    let Report { curves, test, invented, seconds } = run(usize::MAX, 10);
    println!("loss {test:.3} on names that it never saw, after {seconds:.1} s of training");
    println!("{}", invented.join(" "));

    std::fs::create_dir_all("target")?;
    curves.save("target/names.svg")?;
    println!("see target/names.svg");
    Ok(())
}
