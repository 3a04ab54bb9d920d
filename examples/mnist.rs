//! A convolutional network like LeNet-5 (LeCun et al., 1998) learns to read handwritten digits.
//!
//! ```text
//! cargo run --release --example mnist -- t10k-images-idx3-ubyte t10k-labels-idx1-ubyte
//! ```
//!
//! The two files are the test set of MNIST, 10,000 pictures of 28 × 28 pixels and their digits, from
//! <http://yann.lecun.com/exdb/mnist>, unpacked. 8,500 pictures train the network; it is tested on the others, which it
//! never sees in training. The learning curve is written to `target/`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use chainrule::nn::{conv2d, cross_entropy, max_pool2d, relu, Window};
use chainrule::optim::{Adam, Schedule};
use chainrule::random::Random;
use chainrule::train::{Batches, Curves, Progress};
use chainrule::{differentiable, init, Differentiable};
use ndarray::{Array1, Array2, Array4, ArrayView4, Axis};

// ---- The model ------------------------------------------------------------------------------------------------------

/// A convolution with kernels of 5 × 5. The sizes let the compiler know how far the pools slide.
#[derive(Clone, Differentiable)]
pub struct Conv<const FROM: usize, const TO: usize> {
    #[dims(TO, FROM, 5, 5)]
    w: Array4<f32>,
    b: Array1<f32>,
}

#[derive(Clone, Differentiable)]
pub struct Linear {
    w: Array2<f32>,
    b: Array1<f32>,
}

#[derive(Clone, Differentiable)]
pub struct LeNet {
    conv1: Conv<1, 6>,
    conv2: Conv<6, 16>,
    linear1: Linear,
    linear2: Linear,
    linear3: Linear,
}

/// Ten scores for each picture; the highest is the network's answer.
#[differentiable(wrt(net), value, vjp)]
pub fn scores(net: &LeNet, #[dims(B, 1, 28, 28)] x: ArrayView4<f32>) -> Array2<f32> {
    let h = relu(conv2d(x, &net.conv1.w, &net.conv1.b, Window::new().padding(2)));
    let h = max_pool2d(h, 2, 2);
    let h = relu(conv2d(h, &net.conv2.w, &net.conv2.b, Window::new()));
    let h = max_pool2d(h, 2, 2);
    let h = h.into_shape_with_order((x.dim().0, 400)).unwrap();
    let h = relu(h.dot(&net.linear1.w) + &net.linear1.b);
    let h = relu(h.dot(&net.linear2.w) + &net.linear2.b);
    h.dot(&net.linear3.w) + &net.linear3.b
}

/// How wrong the scores are.
#[differentiable(wrt(net))]
pub fn loss(net: &LeNet, x: ArrayView4<f32>, labels: &[usize]) -> f32 {
    cross_entropy(scores(net, x), labels)
}

impl<const FROM: usize, const TO: usize> Conv<FROM, TO> {
    fn new(random: &mut Random) -> Self {
        Conv { w: init::he_normal((TO, FROM, 5, 5), random), b: init::zeros(TO) }
    }
}

impl Linear {
    fn new(from: usize, to: usize, random: &mut Random) -> Linear {
        Linear { w: init::he_normal((from, to), random), b: init::zeros(to) }
    }
}

impl LeNet {
    fn new(random: &mut Random) -> LeNet {
        LeNet {
            conv1: Conv::new(random),
            conv2: Conv::new(random),
            linear1: Linear::new(400, 120, random),
            linear2: Linear::new(120, 84, random),
            linear3: Linear::new(84, 10, random),
        }
    }

    /// The share of pictures whose digit has the highest score.
    fn accuracy(&self, pictures: &Pictures) -> f64 {
        let scores = scores::value(self, pictures.x.view());
        let right = scores.rows().into_iter().zip(&pictures.labels).filter(|(row, &label)| {
            row.iter().enumerate().all(|(digit, &score)| digit == label || score < row[label])
        });
        right.count() as f64 / pictures.labels.len() as f64
    }
}

// ---- The data -------------------------------------------------------------------------------------------------------

/// Pictures of one channel, and the digits that they show.
pub struct Pictures {
    x: Array4<f32>,
    labels: Vec<usize>,
}

impl Pictures {
    /// Reads a file of pictures and the file of their digits.
    pub fn load(images: &Path, labels: &Path) -> Result<Pictures, Box<dyn Error>> {
        let ([count, height, width], pixels) = read_idx(images)?;
        let ([digits], labels_read) = read_idx(labels)?;
        if (height, width) != (28, 28) {
            return Err(
                format!("{}: pictures of {height} × {width} pixels, not 28 × 28", images.display()).into()
            );
        }
        if digits != count {
            return Err(format!("{}: {digits} digits for {count} pictures", labels.display()).into());
        }
        if let Some(digit) = labels_read.iter().find(|&&digit| digit > 9) {
            return Err(format!("{}: holds {digit}, which is no digit", labels.display()).into());
        }
        let pixels = pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let x = Array4::from_shape_vec((count, 1, height, width), pixels)?;
        Ok(Pictures { x, labels: labels_read.into_iter().map(usize::from).collect() })
    }

    /// The pictures with these numbers.
    fn select(&self, rows: &[usize]) -> Pictures {
        Pictures {
            x: self.x.select(Axis(0), rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
        }
    }
}

/// The shape and the bytes of an IDX file: 0, 0, 8 for bytes, the number of axes, the length of each as four bytes, then
/// the data.
fn read_idx<const AXES: usize>(path: &Path) -> Result<([usize; AXES], Vec<u8>), Box<dyn Error>> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let mut bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let magic = [0, 0, 8, AXES as u8];
    if !bytes.starts_with(&magic) {
        let found = &bytes[..bytes.len().min(4)];
        return Err(
            wrong(format!("begins with {found:?}, but an IDX file of this kind with {magic:?}")).into()
        );
    }
    let header = 4 + 4 * AXES;
    if bytes.len() < header {
        return Err(wrong("ends within its header".into()).into());
    }
    let data = bytes.split_off(header);
    let shape: [usize; AXES] = std::array::from_fn(|axis| {
        u32::from_be_bytes(std::array::from_fn(|k| bytes[4 + 4 * axis + k])) as usize
    });
    let expected = shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length));
    if expected != Some(data.len()) {
        return Err(
            wrong(format!("holds {} bytes of data, but its header says {shape:?}", data.len())).into()
        );
    }
    Ok((shape, data))
}

// ---- Training -------------------------------------------------------------------------------------------------------

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// the mean loss of each epoch, and the accuracy on the test pictures after it
    pub curves: Curves,
    /// the accuracy at the end
    pub accuracy: f64,
    /// how long training took, without the tests between
    pub seconds: f64,
}

/// Trains on all pictures but `test` of them, for `epochs` rounds.
pub fn run(all: &Pictures, test: usize, epochs: u32) -> Report {
    let mut random = Random::new(1);
    let mut order: Vec<usize> = (0..all.labels.len()).collect();
    random.shuffle(&mut order);
    let (test, train) = order.split_at(test);
    let (test, train) = (all.select(test), all.select(train));

    let mut net = LeNet::new(&mut random);
    let batches = Batches::new(train.labels.len(), 50).shuffled(1);
    let schedule = Schedule::cosine(0.002, u64::from(epochs) * batches.len() as u64);
    let mut adam = Adam::new(0.0);
    let (mut gradient, mut workspace) = (net.zeros_like(), loss::Workspace::default());

    let mut progress = Progress::new("step", u64::from(epochs) * batches.len() as u64);
    let curves = Curves::new("Learning to read the digits of MNIST", "epoch");
    let mut report = Report { curves, accuracy: 0.0, seconds: 0.0 };
    for epoch in 0..epochs {
        let start = Instant::now();
        let mut sum = 0.0;
        for batch in &batches.epoch(u64::from(epoch)) {
            let Pictures { x, labels } = train.select(batch);
            let value = loss::value_and_gradient_into(&net, x.view(), &labels, &mut gradient, &mut workspace);
            adam.set_learning_rate(schedule.rate(adam.steps()));
            adam.step(&mut net, &gradient);
            sum += value * batch.len() as f32;
            progress.step(value);
        }
        report.seconds += start.elapsed().as_secs_f64();

        report.accuracy = net.accuracy(&test);
        progress.note(format!("accuracy {:.2} %", 100.0 * report.accuracy));
        report.curves.push("loss in training", epoch + 1, sum / train.labels.len() as f32);
        report.curves.push("accuracy in the test", epoch + 1, report.accuracy);
    }
    report
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [images, labels] = &arguments[..] else {
        return Err("give the paths of two files: the pictures and their digits".into());
    };
    let pictures = Pictures::load(images.as_ref(), labels.as_ref())?;
    let Report { curves, accuracy, seconds } = run(&pictures, 1500, 6);
    println!("accuracy {:.2} % after {seconds:.1} s of training", 100.0 * accuracy);

    std::fs::create_dir_all("target")?;
    curves.save("target/mnist.svg")?;
    println!("see target/mnist.svg");
    Ok(())
}
