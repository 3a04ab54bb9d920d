//! `saddle`: where to begin.

use super::run::{read, run};
use super::Outcome;
use crate::descent::{argmin, Mode};
use crate::saddle::{ridge, summit};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    start: [f64; 2],
}

fn seek(input: &RawValue, outer: Mode, inner: Mode) -> Outcome {
    let seek = |Input { start }: &Input| {
        let x = argmin(|x| ridge(x, start, inner), |x| slope(x, start, outer, inner), *start);
        let y = summit(&x, start, inner);
        [x, y].concat()
    };
    run(input, read(input)?, seek, |place| place)
}

fn slope(x: &[f64; 2], start: &[f64; 2], outer: Mode, inner: Mode) -> [f64; 2] {
    match outer {
        Mode::Reverse => ridge::gradient(x, start, inner),
        Mode::Forward => [[1.0, 0.0], [0.0, 1.0]].map(|x_dot| ridge::jvp(x, start, inner, &x_dot).1),
    }
}

pub fn rr(input: &RawValue) -> Outcome {
    seek(input, Mode::Reverse, Mode::Reverse)
}

pub fn ff(input: &RawValue) -> Outcome {
    seek(input, Mode::Forward, Mode::Forward)
}

pub fn fr(input: &RawValue) -> Outcome {
    seek(input, Mode::Forward, Mode::Reverse)
}

pub fn rf(input: &RawValue) -> Outcome {
    seek(input, Mode::Reverse, Mode::Forward)
}
