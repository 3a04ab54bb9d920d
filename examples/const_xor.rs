//! Two networks that the compiler trains: XOR, and benign or malignant tissue. The program holds the trained weights.
//!
//! ```text
//! cargo run --release --example const_xor
//! ```
//!
//! `#[differentiable(const)]` makes the gradient a `const fn`, and a `const` whose value is a training is trained by rustc. That
//! the networks learned is checked before there is a program at all: `const _: () = assert!(…)`. The program trains them once
//! more when it runs, and gets the same bits.

// rustc warns of constants that take long
#![allow(long_running_const_eval)]

use std::time::Instant;

use chainrule::{differentiable, math, Differentiable};

// ---- XOR: two inputs, four hidden units -----------------------------------------------------------------------------

/// A struct is copied to become its own gradient.
#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Xor {
    w1: [[f64; 2]; 4],
    b1: [f64; 4],
    w2: [f64; 4],
    b2: f64,
}

/// How likely the network takes one input, and not both, to be 1.
#[differentiable(const)]
pub const fn answer(net: &Xor, x: &[f64; 2]) -> f64 {
    let mut out = net.b2;
    let mut j = 0;
    while j < 4 {
        out += net.w2[j] * math::tanh(net.w1[j][0] * x[0] + net.w1[j][1] * x[1] + net.b1[j]);
        j += 1;
    }
    math::sigmoid(out)
}

/// The mean of the squared errors over the table of XOR.
#[differentiable(const, wrt(net))]
pub const fn loss(net: &Xor, x: &[[f64; 2]; 4], y: &[f64; 4]) -> f64 {
    let mut sum = 0.0;
    let mut n = 0;
    while n < 4 {
        let error = answer(net, &x[n]) - y[n];
        sum += error * error;
        n += 1;
    }
    sum / 4.0
}

const INPUTS: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const OUTPUTS: [f64; 4] = [0.0, 1.0, 1.0, 0.0];

/// Gradient descent from fixed weights.
pub const fn train_xor(steps: usize) -> Xor {
    let mut net = Xor {
        w1: [[0.5, -0.3], [0.7, 0.2], [-0.4, 0.6], [0.1, -0.8]],
        b1: [0.1, -0.2, 0.05, 0.0],
        w2: [0.3, -0.6, 0.5, 0.2],
        b2: 0.0,
    };
    let rate = 2.0;
    let mut step = 0;
    while step < steps {
        let gradient = loss::gradient(&net, &INPUTS, &OUTPUTS);
        let mut j = 0;
        while j < 4 {
            net.w1[j][0] -= rate * gradient.w1[j][0];
            net.w1[j][1] -= rate * gradient.w1[j][1];
            net.b1[j] -= rate * gradient.b1[j];
            net.w2[j] -= rate * gradient.w2[j];
            j += 1;
        }
        net.b2 -= rate * gradient.b2;
        step += 1;
    }
    net
}

pub const XOR_STEPS: usize = 400;
/// Trained by the compiler.
pub const XOR: Xor = train_xor(XOR_STEPS);
const _: () = assert!(loss(&XOR, &INPUTS, &OUTPUTS) < 0.005, "the network did not learn XOR");

// ---- Tissue: ten measures of cells, six hidden units, one answer ----------------------------------------------------

const SAMPLES: usize = 569;

/// Measures of tissue under the microscope, each with mean 0 and variance 1, and whether the tissue was benign.
pub struct Tissue {
    measures: [[f64; 10]; SAMPLES],
    benign: [bool; SAMPLES],
}

/// The compiler reads the file, too.
pub static TISSUE: Tissue = read(include_bytes!("data/tissue.csv"));

const fn read(csv: &[u8]) -> Tissue {
    let mut tissue = Tissue { measures: [[0.0; 10]; SAMPLES], benign: [false; SAMPLES] };
    let mut at = 0;
    while csv[at] != b'\n' {
        at += 1;
    }
    let mut n = 0;
    while n < SAMPLES {
        let mut k = 0;
        while k < 11 {
            // the digits, and how many of them stand behind the point
            let (mut digits, mut scale, mut point) = (0.0, 1.0, false);
            at += 1;
            while csv[at] != b',' && csv[at] != b'\n' {
                if csv[at] == b'.' {
                    point = true;
                } else {
                    digits = 10.0 * digits + (csv[at] - b'0') as f64;
                    scale *= if point { 10.0 } else { 1.0 };
                }
                at += 1;
            }
            match k {
                10 => tissue.benign[n] = digits == 1.0,
                _ => tissue.measures[n][k] = digits / scale,
            }
            k += 1;
        }
        n += 1;
    }
    let mut k = 0;
    while k < 10 {
        let (mut sum, mut squares, mut n) = (0.0, 0.0, 0);
        while n < SAMPLES {
            sum += tissue.measures[n][k];
            squares += tissue.measures[n][k] * tissue.measures[n][k];
            n += 1;
        }
        let mean = sum / SAMPLES as f64;
        let deviation = math::sqrt(squares / SAMPLES as f64 - mean * mean);
        let mut n = 0;
        while n < SAMPLES {
            tissue.measures[n][k] = (tissue.measures[n][k] - mean) / deviation;
            n += 1;
        }
        k += 1;
    }
    tissue
}

#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Judge {
    w1: [[f64; 10]; 6],
    b1: [f64; 6],
    w2: [f64; 6],
    b2: f64,
}

/// Positive for tissue that looks benign.
#[differentiable(const)]
pub const fn judgement(net: &Judge, x: &[f64; 10]) -> f64 {
    let mut out = net.b2;
    let mut j = 0;
    while j < 6 {
        let mut sum = net.b1[j];
        let mut i = 0;
        while i < 10 {
            sum += net.w1[j][i] * x[i];
            i += 1;
        }
        out += net.w2[j] * math::tanh(sum);
        j += 1;
    }
    out
}

/// The cross entropy of the judgement with what was found.
#[differentiable(const, wrt(net))]
pub const fn surprise(net: &Judge, x: &[f64; 10], benign: bool) -> f64 {
    let z = judgement(net, x);
    math::softplus(if benign { -z } else { z })
}

/// Gradient descent, one sample at a time; each third sample is left out.
pub const fn train_judge(tissue: &Tissue, steps: usize) -> Judge {
    let mut net = Judge { w1: [[0.0; 10]; 6], b1: [0.0; 6], w2: [0.0; 6], b2: 0.0 };
    let mut k = 0;
    while k < 60 {
        net.w1[k / 10][k % 10] = 0.3 * math::sin((k * k) as f64);
        net.w2[k / 10] = 0.3 * math::cos(k as f64);
        k += 1;
    }
    let mut gradient = net;
    let mut step = 0;
    while step < steps {
        let n = step / 2 % UNSEEN * 3 + step % 2;
        let rate = 0.2 * (1.0 - step as f64 / steps as f64);
        surprise::value_and_gradient_into(&net, &tissue.measures[n], tissue.benign[n], &mut gradient);
        let mut j = 0;
        while j < 6 {
            let mut i = 0;
            while i < 10 {
                net.w1[j][i] -= rate * gradient.w1[j][i];
                i += 1;
            }
            net.b1[j] -= rate * gradient.b1[j];
            net.w2[j] -= rate * gradient.w2[j];
            j += 1;
        }
        net.b2 -= rate * gradient.b2;
        step += 1;
    }
    net
}

/// How many of the samples that training left out the network judges as was found.
pub const fn judged_right(net: &Judge, tissue: &Tissue) -> usize {
    let (mut right, mut n) = (0, 2);
    while n < 3 * UNSEEN {
        if (judgement(net, &tissue.measures[n]) > 0.0) == tissue.benign[n] {
            right += 1;
        }
        n += 3;
    }
    right
}

/// The samples that training leaves out.
pub const UNSEEN: usize = SAMPLES / 3;
pub const JUDGE_STEPS: usize = 2000;
/// Trained by the compiler.
pub static JUDGE: Judge = train_judge(&TISSUE, JUDGE_STEPS);
pub const RIGHT: usize = judged_right(&JUDGE, &TISSUE);
const _: () = assert!(RIGHT * 100 >= 93 * UNSEEN, "the network did not learn to tell benign tissue");

// ---- When the program runs ------------------------------------------------------------------------------------------

/// What XOR's network answers between the corners, darker where it says yes.
fn map() -> String {
    let mut text = String::new();
    for row in 0..9 {
        for column in 0..17 {
            let x = [f64::from(column) / 16.0, 1.0 - f64::from(row) / 8.0];
            text.push([' ', '.', ':', '+', '#'][(answer(&XOR, &x) * 4.99) as usize]);
        }
        text.push('\n');
    }
    text
}

/// Trains both networks again: whether that gives the same bits, and the seconds that it took.
pub fn again() -> (bool, f64) {
    let start = Instant::now();
    let same_xor = train_xor(std::hint::black_box(XOR_STEPS)) == XOR;
    let same_judge = train_judge(std::hint::black_box(&TISSUE), JUDGE_STEPS) == JUDGE;
    (same_xor && same_judge, start.elapsed().as_secs_f64())
}

#[allow(dead_code)]
fn main() {
    println!(
        "XOR, trained in {XOR_STEPS} steps by the compiler (right and up: the inputs from 0 to 1):\n\n{}",
        map()
    );
    for (x, y) in INPUTS.iter().zip(OUTPUTS) {
        println!("{x:?}: {:.3}, should be {y}", answer(&XOR, x));
    }
    let percent = 100.0 * RIGHT as f64 / UNSEEN as f64;
    println!("\nTissue, trained in {JUDGE_STEPS} steps: {RIGHT} of {UNSEEN} unseen samples ({percent:.1} %) are judged right.");
    let (same, seconds) = again();
    assert!(same, "the same training gave other weights");
    let each = 1e6 * seconds / (XOR_STEPS + JUDGE_STEPS) as f64;
    println!("The same trainings when the program runs give the same bits; a step takes {each:.2} µs.");
}
