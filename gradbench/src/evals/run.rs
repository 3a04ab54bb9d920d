//! Inputs read and checked, functions run and timed, outputs written.

use super::Outcome;
use crate::protocol::{Answer, Timing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use serde_json::value::RawValue;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

/// How often a function is to be run: at least once, and until both bounds are met.
#[derive(Clone, Copy, Default, Deserialize)]
struct Bounds {
    min_runs: u64,
    min_seconds: f64,
}

/// Reads an input.
pub fn read<T: DeserializeOwned>(input: &RawValue) -> Result<T, String> {
    serde_json::from_str(input.get()).map_err(|e| format!("`input`: {e}"))
}

/// Runs a function as often as the input demands, and writes its last result.
pub fn run<A, T, O: Serialize>(
    input: &RawValue,
    arguments: A,
    function: impl Fn(&A) -> T,
    write: impl Fn(T) -> O,
) -> Outcome {
    let write = |result: Option<T>| result.map(&write);
    repeat(read(input)?, arguments, None, |a, result| *result = Some(function(a)), write)
}

/// The same for a function that puts its result into `memory`, which is used again by the next run.
pub fn run_into<A, T, O: Serialize>(
    input: &RawValue,
    arguments: A,
    memory: T,
    function: impl Fn(&A, &mut T),
    write: impl Fn(T) -> O,
) -> Outcome {
    repeat(read(input)?, arguments, memory, function, write)
}

/// Runs a function once.
pub fn run_once<A, T: Serialize>(arguments: A, function: impl Fn(&A) -> T) -> Outcome {
    let function = |a: &A, result: &mut Option<T>| *result = Some(function(a));
    repeat(Bounds::default(), arguments, None, function, |result| result)
}

fn repeat<A, T, O: Serialize>(
    bounds: Bounds,
    arguments: A,
    mut memory: T,
    function: impl Fn(&A, &mut T),
    write: impl Fn(T) -> O,
) -> Outcome {
    let mut timings = vec![];
    let mut total = Duration::ZERO;
    loop {
        let start = Instant::now();
        function(black_box(&arguments), black_box(&mut memory));
        let time = start.elapsed();
        total += time;
        timings.push(Timing { name: "evaluate", nanoseconds: time.as_nanos() as u64 });
        if timings.len() as u64 >= bounds.min_runs && total.as_secs_f64() >= bounds.min_seconds {
            return Ok(Answer { output: json(&write(memory))?, timings });
        }
    }
}

/// JSON without `null`, which stands for numbers that JSON has no words for.
struct Finite;

impl Formatter for Finite {
    fn write_null<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        Err(io::Error::other("a number of the result is infinite, or none"))
    }
}

fn json(output: &impl Serialize) -> Result<Box<RawValue>, String> {
    let mut text = vec![];
    let written = output.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Finite));
    written.map_err(|e| e.to_string())?;
    let text = String::from_utf8(text).map_err(|e| e.to_string())?;
    RawValue::from_string(text).map_err(|e| e.to_string())
}

/// That a condition holds which the input must meet.
pub fn require(condition: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    condition.then_some(()).ok_or_else(what)
}

/// That a list is as long as it must be.
pub fn length<T>(name: &str, list: &[T], expected: usize) -> Result<(), String> {
    require(list.len() == expected, || format!("`{name}` has {} elements instead of {expected}", list.len()))
}

/// The rows of a matrix one after another, if they are that many and that long.
pub fn matrix(name: &str, rows: Vec<Vec<f64>>, height: usize, width: usize) -> Result<Vec<f64>, String> {
    length(name, &rows, height)?;
    for (k, row) in rows.iter().enumerate() {
        require(row.len() == width, || {
            format!("row {k} of `{name}` has {} elements instead of {width}", row.len())
        })?;
    }
    Ok(rows.concat())
}

/// The rows of a matrix of `width` columns; for no columns, `height` empty ones.
pub fn rows_of(values: &[f64], height: usize, width: usize) -> Vec<&[f64]> {
    (0..height).map(|k| &values[k * width..][..width]).collect()
}

/// That an index points into a list.
pub fn within(name: &str, index: usize, length: usize) -> Result<(), String> {
    require(index < length, || format!("{index} in `{name}` is out of range: there are {length}"))
}
