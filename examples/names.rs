//! Two networks learn to invent names, letter by letter.
//!
//! ```text
//! cargo run --release --example names
//! ```
//!
//! The first is the model of Bengio et al., "A Neural Probabilistic Language Model" (2003): each letter is a vector of ten
//! numbers, which are learned; the vectors of the last three letters go through two layers, 30 → 200 → 27, which give a score to
//! each letter that may come next. The second is a network of gated recurrent units (Cho et al., 2014): it reads the letters
//! one after the other and remembers what it needs of all of them in 128 numbers. Both learn from nine tenths of 32,033 names and
//! are tested on the others. Their learning curves are written to `target/`.

use std::error::Error;
use std::time::Instant;

use chainrule::nn::{cross_entropy, embedding, sigmoid, softmax};
use chainrule::optim::{AdamW, Schedule};
use chainrule::random::Random;
use chainrule::train::{clip_norm, Batches, Curves, Progress};
use chainrule::{differentiable, init, Differentiable};
use ndarray::{s, Array1, Array2, ArrayView2};

/// Letters are numbers from 1 to 26; 0 is the end of a name, and what lies before it.
const LETTERS: usize = 27;

// ---- A network that sees three letters ------------------------------------------------------------------------------

/// How many letters it sees.
const SEEN: usize = 3;

#[derive(Clone, Differentiable)]
pub struct Mlp {
    /// the vector of each letter
    letters: Array2<f32>,
    w1: Array2<f32>,
    b1: Array1<f32>,
    w2: Array2<f32>,
    b2: Array1<f32>,
}

/// A score for each letter that may come next. `seen` are the letters before, oldest first, `SEEN` for each row.
#[differentiable(wrt(mlp), value, vjp)]
pub fn mlp_scores(mlp: &Mlp, seen: &[usize]) -> Array2<f32> {
    let x = embedding(&mlp.letters, seen);
    let x = x.into_shape_with_order((seen.len() / SEEN, SEEN * 10)).unwrap();
    let h = (x.dot(&mlp.w1) + &mlp.b1).mapv(f32::tanh);
    h.dot(&mlp.w2) + &mlp.b2
}

/// How much the letters that come next surprise the model: the mean of -ln of their probabilities.
#[differentiable(wrt(mlp), value)]
pub fn mlp_loss(mlp: &Mlp, seen: &[usize], next: &[usize]) -> f32 {
    cross_entropy(mlp_scores(mlp, seen), next)
}

impl Mlp {
    fn new(random: &mut Random) -> Mlp {
        Mlp {
            letters: Array2::from_shape_fn((LETTERS, 10), |_| random.normal() as f32),
            w1: init::xavier_uniform((SEEN * 10, 200), random),
            b1: init::zeros(200),
            // small, so that it begins with all letters alike
            w2: init::xavier_uniform((200, LETTERS), random) * 0.1,
            b2: init::zeros(LETTERS),
        }
    }

    /// Learns for so many rounds over the letters of the names.
    fn train(train: &Names, test: &Names, epochs: u32, random: &mut Random, curves: &mut Curves) -> Mlp {
        let mut mlp = Mlp::new(random);
        let (seen, next) = train.windows();
        let (test_seen, test_next) = test.windows();
        let batches = Batches::new(next.len(), 128).shuffled(1);
        let steps = u64::from(epochs) * batches.len() as u64;
        let schedule = Schedule::cosine(0.005, steps);
        let mut adam = AdamW::new(0.0).weight_decay(0.01);
        let (mut gradient, mut workspace) = (mlp.zeros_like(), mlp_loss::Workspace::default());
        let mut progress = Progress::new("step", steps);
        for epoch in 0..epochs {
            let mut sum = 0.0;
            for batch in &batches.epoch(u64::from(epoch)) {
                let seen: Vec<usize> =
                    batch.iter().flat_map(|&row| &seen[SEEN * row..][..SEEN]).copied().collect();
                let next: Vec<usize> = batch.iter().map(|&row| next[row]).collect();
                let loss =
                    mlp_loss::value_and_gradient_into(&mlp, &seen, &next, &mut gradient, &mut workspace);
                adam.set_learning_rate(schedule.rate(adam.steps()));
                adam.step(&mut mlp, &gradient);
                progress.step(loss);
                sum += loss * batch.len() as f32;
            }
            let test = mlp_loss::value(&mlp, &test_seen, &test_next);
            progress.note(format!("{test:.3} in the test"));
            curves.push("MLP in training", epoch + 1, sum / next.len() as f32);
            curves.push("MLP in the test", epoch + 1, test);
        }
        mlp
    }

    fn invent(&self, random: &mut Random) -> String {
        draw(random, |letters| {
            let seen: [usize; SEEN] =
                std::array::from_fn(|k| (letters.len() + k).checked_sub(SEEN).map_or(0, |at| letters[at]));
            mlp_scores::value(self, &seen).row(0).to_owned()
        })
    }
}

// ---- A network that remembers ---------------------------------------------------------------------------------------

/// How many numbers it remembers.
const WIDTH: usize = 128;

#[derive(Clone, Differentiable)]
pub struct Gru {
    /// what each letter adds to the gates that reset and keep the memory, and to what may be new in it
    letters: Array2<f32>,
    /// what the memory adds to these
    w: Array2<f32>,
    b: Array1<f32>,
    out: Array2<f32>,
    bias: Array1<f32>,
}

/// What it remembers, one row a name, after it read the next letter of each.
#[differentiable(vjp)]
pub fn read(gru: &Gru, memory: ArrayView2<f32>, letters: &[usize]) -> Array2<f32> {
    let (x, h) = (embedding(&gru.letters, letters), memory.dot(&gru.w) + &gru.b);
    let gates = sigmoid(&x.slice(s![.., ..2 * WIDTH]) + &h.slice(s![.., ..2 * WIDTH]));
    let (reset, keep) = (gates.slice(s![.., ..WIDTH]), gates.slice(s![.., WIDTH..]));
    let new = (&x.slice(s![.., 2 * WIDTH..]) + &(&reset * &h.slice(s![.., 2 * WIDTH..]))).mapv(f32::tanh);
    &keep * &memory + (1.0 - &keep) * &new
}

/// A score for each letter that may come next.
#[differentiable(vjp)]
pub fn gru_scores(gru: &Gru, memory: ArrayView2<f32>) -> Array2<f32> {
    memory.dot(&gru.out) + &gru.bias
}

/// `seen` and `next` are those of the first letters of all names, then those of the second ones, and so on.
#[differentiable(wrt(gru), value)]
pub fn gru_loss(gru: &Gru, seen: &[usize], next: &[usize], names: usize) -> f32 {
    let length = seen.len() / names;
    let mut memory = Array2::<f32>::zeros((names, WIDTH));
    let mut sum = 0.0;
    for t in 0..length {
        memory = read(gru, memory.view(), &seen[t * names..][..names]);
        sum += cross_entropy(gru_scores(gru, memory.view()), &next[t * names..][..names]);
    }
    sum / length as f32
}

impl Gru {
    pub fn new(random: &mut Random) -> Gru {
        Gru {
            letters: init::xavier_uniform((LETTERS, 3 * WIDTH), random),
            w: init::xavier_uniform((WIDTH, 3 * WIDTH), random),
            b: init::zeros(3 * WIDTH),
            out: init::xavier_uniform((WIDTH, LETTERS), random) * 0.1,
            bias: init::zeros(LETTERS),
        }
    }

    /// As that of the other one, from about 512 letters a step.
    fn train(train: &Names, test: &Names, epochs: u32, random: &mut Random, curves: &mut Curves) -> Gru {
        let mut gru = Gru::new(random);
        let (mut batches, tests) = (train.columns(512), test.columns(usize::MAX));
        let letters =
            |batches: &[Columns]| batches.iter().map(|batch| batch.next.len()).sum::<usize>() as f32;
        let steps = u64::from(epochs) * batches.len() as u64;
        let schedule = Schedule::cosine(0.005, steps).warm_up(steps / 20);
        let mut adam = AdamW::new(0.0).weight_decay(0.01);
        let (mut gradient, mut workspace) = (gru.zeros_like(), gru_loss::Workspace::default());
        let mut progress = Progress::new("step", steps);
        for epoch in 0..epochs {
            random.shuffle(&mut batches);
            let mut sum = 0.0;
            for Columns { seen, next, names } in &batches {
                let loss = gru_loss::value_and_gradient_into(
                    &gru,
                    seen,
                    next,
                    *names,
                    &mut gradient,
                    &mut workspace,
                );
                clip_norm(&mut gradient, 1.0);
                adam.set_learning_rate(schedule.rate(adam.steps()));
                adam.step(&mut gru, &gradient);
                progress.step(loss);
                sum += loss * next.len() as f32;
            }
            let test = tests.iter().map(|Columns { seen, next, names }| {
                gru_loss::value(&gru, seen, next, *names) * next.len() as f32
            });
            let test = test.sum::<f32>() / letters(&tests);
            progress.note(format!("{test:.3} in the test"));
            curves.push("GRU in training", epoch + 1, sum / letters(&batches));
            curves.push("GRU in the test", epoch + 1, test);
        }
        gru
    }

    fn invent(&self, random: &mut Random) -> String {
        draw(random, |letters| {
            let memory = [0]
                .iter()
                .chain(letters)
                .fold(Array2::zeros((1, WIDTH)), |memory, &letter| read(self, memory.view(), &[letter]));
            gru_scores(self, memory.view()).row(0).to_owned()
        })
    }
}

// ---- The data -------------------------------------------------------------------------------------------------------

/// Each name as its letters and the 0 that ends it.
pub struct Names(Vec<Vec<usize>>);

/// Names of one length: their first letters, then their second ones, and so on.
struct Columns {
    /// what comes before each letter
    seen: Vec<usize>,
    next: Vec<usize>,
    names: usize,
}

impl Names {
    fn new(names: &[&str]) -> Names {
        let numbers = |name: &&str| name.bytes().map(|b| usize::from(b - b'a' + 1)).chain([0]).collect();
        Names(names.iter().map(numbers).collect())
    }

    /// The `SEEN` letters before each letter, and the letters.
    fn windows(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut before, mut next) = (vec![], vec![]);
        for name in &self.0 {
            let mut seen = [0; SEEN];
            for &letter in name {
                before.extend(seen);
                next.push(letter);
                seen.rotate_left(1);
                seen[SEEN - 1] = letter;
            }
        }
        (before, next)
    }

    /// All names, in groups of one length that have about so many letters.
    fn columns(&self, letters: usize) -> Vec<Columns> {
        let mut sorted: Vec<&Vec<usize>> = self.0.iter().collect();
        sorted.sort_by_key(|name| name.len());
        let alike = sorted.chunk_by(|a, b| a.len() == b.len());
        let groups = alike.flat_map(|names| names.chunks((letters / names[0].len()).max(1)));
        let columns = groups.map(|names| {
            let next: Vec<usize> =
                (0..names[0].len()).flat_map(|t| names.iter().map(move |name| name[t])).collect();
            // no letter before the first ones
            let seen =
                std::iter::repeat_n(0, names.len()).chain(next.iter().copied()).take(next.len()).collect();
            Columns { seen, next, names: names.len() }
        });
        columns.collect()
    }
}

/// Draws one letter after the other until the name ends. `scores` has those for the letter that comes after these.
fn draw(random: &mut Random, scores: impl Fn(&[usize]) -> Array1<f32>) -> String {
    let mut letters = vec![];
    loop {
        let chances = softmax(scores(&letters).view());
        let mut rest = random.unit() as f32;
        let drawn = chances.iter().position(|chance| {
            rest -= chance;
            rest < 0.0
        });
        match drawn {
            Some(letter @ 1..) => letters.push(letter),
            _ => return letters.iter().map(|&letter| (b'a' + letter as u8 - 1) as char).collect(),
        }
    }
}

// ---- Training -------------------------------------------------------------------------------------------------------

/// What a run found; of two things, the first is that of the MLP and the second that of the GRU.
#[derive(Debug)]
pub struct Report {
    /// the mean losses of each epoch in training, and those after it on the names that they are tested on
    pub curves: Curves,
    /// the latter at the end
    pub tests: [f64; 2],
    /// names that they made up
    pub invented: [Vec<String>; 2],
    /// how long training took, with the tests between
    pub seconds: [f64; 2],
}

/// Lets both learn from the first `count` names, in a random order, but a tenth, which they are tested on.
pub fn run(count: usize, epochs: u32) -> Report {
    let mut random = Random::new(1);
    let mut names: Vec<&str> = include_str!("data/names.txt").lines().take(count).collect();
    random.shuffle(&mut names);
    let (test, train) = names.split_at(names.len() / 10);
    let (test, train) = (Names::new(test), Names::new(train));

    let mut curves = Curves::new("Learning what follows what: the loss", "epoch");
    let start = Instant::now();
    let mlp = Mlp::train(&train, &test, epochs, &mut random, &mut curves);
    let between = start.elapsed();
    let gru = Gru::train(&train, &test, epochs, &mut random, &mut curves);
    let seconds = [between, start.elapsed() - between].map(|time| time.as_secs_f64());

    let last = |name| curves.points(name).last().map_or(f64::NAN, |point| point.1);
    let tests = [last("MLP in the test"), last("GRU in the test")];
    let invented = [
        (0..20).map(|_| mlp.invent(&mut random)).collect(),
        (0..20).map(|_| gru.invent(&mut random)).collect(),
    ];
    Report { curves, tests, invented, seconds }
}

fn main() -> Result<(), Box<dyn Error>> {
    let report = run(usize::MAX, 10);
    for (k, name) in ["three letters", "a memory"].iter().enumerate() {
        let (test, seconds) = (report.tests[k], report.seconds[k]);
        println!("with {name}: loss {test:.3} on names that it never saw, after {seconds:.1} s; it invents");
        println!("  {}", report.invented[k].join(" "));
    }

    std::fs::create_dir_all("target")?;
    report.curves.save("target/names.svg")?;
    println!("see target/names.svg");
    Ok(())
}
