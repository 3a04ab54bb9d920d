//! `particle`: where to begin.

use super::run::{read, run};
use super::Outcome;
use crate::descent::{argmin, Mode};
use crate::particle::miss;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    w: f64,
}

fn steer(input: &RawValue, outer: Mode, inner: Mode) -> Outcome {
    let steer = |a: &Input| {
        let [w] = argmin(|w| miss(w[0], inner), |w| [slope(w[0], outer, inner)], [a.w]);
        w
    };
    run(input, read(input)?, steer, |w| w)
}

fn slope(w: f64, outer: Mode, inner: Mode) -> f64 {
    match outer {
        Mode::Reverse => miss::gradient(w, inner),
        Mode::Forward => miss::jvp(w, inner, 1.0).1,
    }
}

pub fn rr(input: &RawValue) -> Outcome {
    steer(input, Mode::Reverse, Mode::Reverse)
}

pub fn ff(input: &RawValue) -> Outcome {
    steer(input, Mode::Forward, Mode::Forward)
}

pub fn fr(input: &RawValue) -> Outcome {
    steer(input, Mode::Forward, Mode::Reverse)
}

pub fn rf(input: &RawValue) -> Outcome {
    steer(input, Mode::Reverse, Mode::Forward)
}
