//! A small transformer learns to write like Shakespeare, character by character.
//!
//! ```text
//! cargo run --release --example shakespeare -- tinyshakespeare.txt
//! ```
//!
//! The file is <https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt>, a million
//! characters of the plays; any other text will do. The model is a GPT (Radford et al., 2018) of two blocks that sees the
//! last 64 characters. It learns from the first nine tenths of the text and is tested on the rest. The learning curve is
//! written to `target/`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use chainrule::nn::{causal_attention, cross_entropy, embedding, gelu_tanh, layer_norm, softmax};
use chainrule::optim::{AdamW, Schedule};
use chainrule::random::Random;
use chainrule::train::{clip_norm, Curves, Progress};
use chainrule::{differentiable, init, Differentiable};
use ndarray::{s, Array1, Array2, Array4, ArrayView2};

/// How many characters the model sees.
const CONTEXT: usize = 64;

/// How many numbers stand for a character in its context.
const WIDTH: usize = 64;

/// How many things a block can look for at a time.
const HEADS: usize = 4;

// ---- The model ------------------------------------------------------------------------------------------------------

#[derive(Clone, Differentiable)]
pub struct Linear {
    w: Array2<f32>,
    b: Array1<f32>,
}

#[derive(Clone, Differentiable)]
pub struct Norm {
    gain: Array1<f32>,
    bias: Array1<f32>,
}

/// Lets each character look at those before it, then think about what it saw.
#[derive(Clone, Differentiable)]
pub struct Block {
    norm1: Norm,
    /// queries, keys and values side by side, each with all its heads
    look: Linear,
    join: Linear,
    norm2: Norm,
    widen: Linear,
    narrow: Linear,
}

#[derive(Clone, Differentiable)]
pub struct Gpt {
    /// the vector of each character of the alphabet
    characters: Array2<f32>,
    /// the vector of each position
    positions: Array2<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

#[differentiable(vjp)]
pub fn linear(layer: &Linear, x: ArrayView2<f32>) -> Array2<f32> {
    x.dot(&layer.w) + &layer.b
}

#[differentiable(vjp)]
pub fn normalised(norm: &Norm, x: ArrayView2<f32>) -> Array2<f32> {
    layer_norm(x, &norm.gain, &norm.bias, 1e-5)
}

/// Columns as heads: pieces of text of `length` rows become `[pieces, HEADS, length, WIDTH / HEADS]`.
#[differentiable(vjp)]
pub fn heads(x: ArrayView2<f32>, length: usize) -> Array4<f32> {
    let x = x.to_owned().into_shape_with_order((x.nrows() / length, length, HEADS, WIDTH / HEADS)).unwrap();
    x.permuted_axes([0, 2, 1, 3])
}

/// What a block makes of pieces of text of `length` rows.
#[differentiable(vjp)]
pub fn transformed(block: &Block, x: ArrayView2<f32>, length: usize) -> Array2<f32> {
    let qkv = linear(&block.look, normalised(&block.norm1, x).view());
    let q = heads(qkv.slice(s![.., ..WIDTH]), length);
    let k = heads(qkv.slice(s![.., WIDTH..2 * WIDTH]), length);
    let v = heads(qkv.slice(s![.., 2 * WIDTH..]), length);
    let seen = causal_attention(q, k, v).permuted_axes([0, 2, 1, 3]).as_standard_layout().into_owned();
    let seen = seen.into_shape_with_order((x.nrows(), WIDTH)).unwrap();
    let x = &x + &linear(&block.join, seen.view());

    let thought = gelu_tanh(linear(&block.widen, normalised(&block.norm2, x.view()).view()));
    &x + &linear(&block.narrow, thought.view())
}

/// Scores for the character that follows each token. The tokens are pieces of text of `length`, one after the other.
#[differentiable(wrt(model), value, vjp)]
pub fn scores(model: &Gpt, tokens: &[usize], length: usize) -> Array2<f32> {
    let x = embedding(&model.characters, tokens);
    let x = x.into_shape_with_order((tokens.len() / length, length, WIDTH)).unwrap();
    let x = x + &model.positions.slice(s![..length, ..]);
    let mut x = x.into_shape_with_order((tokens.len(), WIDTH)).unwrap();
    for block in &model.blocks {
        x = transformed(block, x.view(), length);
    }
    linear(&model.head, normalised(&model.norm, x.view()).view())
}

/// How much the characters that follow surprise the model: the mean of -ln of their probabilities.
#[differentiable(wrt(model), value)]
pub fn loss(model: &Gpt, tokens: &[usize], next: &[usize], length: usize) -> f32 {
    cross_entropy(scores(model, tokens, length), next)
}

impl Linear {
    fn new(from: usize, to: usize, random: &mut Random) -> Linear {
        Linear { w: init::xavier_normal((from, to), random), b: init::zeros(to) }
    }
}

impl Norm {
    fn new() -> Norm {
        Norm { gain: init::constant(WIDTH, 1.0), bias: init::zeros(WIDTH) }
    }
}

impl Block {
    fn new(random: &mut Random) -> Block {
        Block {
            norm1: Norm::new(),
            look: Linear::new(WIDTH, 3 * WIDTH, random),
            join: Linear::new(WIDTH, WIDTH, random),
            norm2: Norm::new(),
            widen: Linear::new(WIDTH, 4 * WIDTH, random),
            narrow: Linear::new(4 * WIDTH, WIDTH, random),
        }
    }
}

impl Gpt {
    pub fn new(alphabet: usize, random: &mut Random) -> Gpt {
        let mut vectors = |count| Array2::from_shape_fn((count, WIDTH), |_| 0.1 * random.normal() as f32);
        Gpt {
            characters: vectors(alphabet),
            positions: vectors(CONTEXT),
            blocks: vec![Block::new(random), Block::new(random)],
            norm: Norm::new(),
            head: Linear::new(WIDTH, alphabet, random),
        }
    }

    /// The mean loss over a text, cut into pieces of `CONTEXT`.
    fn test(&self, tokens: &[usize]) -> f32 {
        let starts: Vec<usize> = (0..tokens.len() - CONTEXT).step_by(CONTEXT).collect();
        let sums = starts.chunks(32).map(|starts| {
            let (seen, next) = pieces(tokens, starts);
            loss::value(self, &seen, &next, CONTEXT) * starts.len() as f32
        });
        sums.sum::<f32>() / starts.len() as f32
    }

    /// Draws `count` tokens, one after the other.
    fn write(&self, count: usize, random: &mut Random) -> Vec<usize> {
        // a new line, in most texts the first character of the alphabet, comes before
        let mut written = vec![0];
        while written.len() <= count {
            let seen = &written[written.len().saturating_sub(CONTEXT)..];
            let scores = scores::value(self, seen, seen.len());
            let chances = softmax(scores.row(seen.len() - 1));
            let mut rest = random.unit() as f32;
            let drawn = chances.iter().position(|chance| {
                rest -= chance;
                rest < 0.0
            });
            // rounding may leave a little
            written.push(drawn.unwrap_or(0));
        }
        written.split_off(1)
    }
}

// ---- The data -------------------------------------------------------------------------------------------------------

/// A text, each character a token: its number in the alphabet.
pub struct Text {
    alphabet: Vec<char>,
    tokens: Vec<usize>,
}

impl Text {
    pub fn new(text: &str) -> Result<Text, String> {
        let (count, least) = (text.chars().count(), 10 * (CONTEXT + 1));
        if count < least {
            return Err(format!("holds {count} characters, but {least} are the least to learn from"));
        }
        let mut alphabet: Vec<char> = text.chars().collect();
        alphabet.sort_unstable();
        alphabet.dedup();
        let tokens = text.chars().map(|c| alphabet.partition_point(|&a| a < c)).collect();
        Ok(Text { alphabet, tokens })
    }

    pub fn load(path: &Path) -> Result<Text, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        text.and_then(|text| Text::new(&text)).map_err(|what| format!("{}: {what}", path.display()))
    }
}

fn random_starts(tokens: &[usize], count: usize, random: &mut Random) -> Vec<usize> {
    (0..count).map(|_| random.below((tokens.len() - CONTEXT) as u64) as usize).collect()
}

/// The pieces of `CONTEXT` tokens that start there, one after the other, and what follows each token.
fn pieces(tokens: &[usize], starts: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let from = |shift: usize| starts.iter().flat_map(|s| &tokens[s + shift..][..CONTEXT]).copied().collect();
    (from(0), from(1))
}

// ---- Training -------------------------------------------------------------------------------------------------------

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// the mean loss of each fiftieth of the steps
    pub curves: Curves,
    /// the loss on the text that it was tested on
    pub test: f32,
    /// what the model wrote
    pub written: String,
    /// how long training took
    pub seconds: f64,
    /// how many tokens it learned from in a second
    pub speed: f64,
}

/// Learns from nine tenths of a text, in steps of `size` pieces that start anywhere, and then writes so many letters.
pub fn run(text: &Text, steps: u32, size: usize, letters: usize) -> Report {
    let mut random = Random::new(1);
    let (train, test) = text.tokens.split_at(text.tokens.len() / 10 * 9);
    let mut model = Gpt::new(text.alphabet.len(), &mut random);
    let schedule = Schedule::cosine(0.003, u64::from(steps)).warm_up(u64::from(steps) / 20);
    // matrices decay; vectors of characters and positions, gains and biases do not
    let mut adam = AdamW::new(0.0).betas(0.9, 0.99).weight_decay(0.1).no_decay(|path| !path.ends_with(".w"));
    let (mut gradient, mut workspace) = (model.zeros_like(), loss::Workspace::default());

    let mut progress = Progress::new("step", u64::from(steps));
    let mut curves = Curves::new("Learning to write like a text", "step");
    let (mut sum, fiftieth, start) = (0.0, steps.div_ceil(50), Instant::now());
    for step in 1..=steps {
        let starts = random_starts(train, size, &mut random);
        let (seen, next) = pieces(train, &starts);
        let value =
            loss::value_and_gradient_into(&model, &seen, &next, CONTEXT, &mut gradient, &mut workspace);
        clip_norm(&mut gradient, 1.0);
        adam.set_learning_rate(schedule.rate(adam.steps()));
        adam.step(&mut model, &gradient);
        progress.step(value);
        sum += value;
        if step % fiftieth == 0 {
            curves.push("loss in training", step, sum / fiftieth as f32);
            sum = 0.0;
        }
    }
    let seconds = start.elapsed().as_secs_f64();

    let written = model.write(letters, &mut random).iter().map(|&token| text.alphabet[token]).collect();
    let speed = f64::from(steps) * (size * CONTEXT) as f64 / seconds;
    Report { curves, test: model.test(test), written, seconds, speed }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = &arguments[..] else {
        return Err("give the path of a text".into());
    };
    let report = run(&Text::load(path.as_ref())?, 4000, 16, 300);
    println!(
        "loss {:.3} on text that it never saw, after {:.1} s of training, {:.0} characters a second",
        report.test, report.seconds, report.speed
    );
    println!("{}", report.written);

    std::fs::create_dir_all("target")?;
    report.curves.save("target/shakespeare.svg")?;
    println!("see target/shakespeare.svg");
    Ok(())
}
