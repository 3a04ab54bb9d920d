//! `hello`: a number for a number.

use super::run::{read, run_once};
use super::Outcome;
use crate::hello;
use serde_json::value::RawValue;

pub fn square(input: &RawValue) -> Outcome {
    run_once(read::<f64>(input)?, |x| hello::square(*x))
}

pub fn double(input: &RawValue) -> Outcome {
    run_once(read::<f64>(input)?, |x| hello::square::gradient(*x))
}
