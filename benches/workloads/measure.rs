//! Nanoseconds per evaluation of a workload: the generated gradient and the one by hand, in turns.

use super::cases::{Case, Evaluate};
use std::hint::black_box;
use std::time::Instant;

/// Nanoseconds per evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    pub least: f64,
    pub median: f64,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub name: &'static str,
    pub generated: Time,
    pub by_hand: Option<Time>,
}

impl Row {
    /// One object of JSON.
    pub fn json(&self) -> String {
        let (name, time) = (self.name, self.generated);
        let by_hand = self.by_hand.map_or(String::new(), |t| {
            format!(", \"by_hand_ns\": {:.1}, \"by_hand_median_ns\": {:.1}", t.least, t.median)
        });
        let own = format!("\"generated_ns\": {:.1}, \"generated_median_ns\": {:.1}", time.least, time.median);
        format!("{{\"workload\": \"{name}\", {own}{by_hand}}}")
    }

    /// A line of a table in Markdown.
    pub fn markdown(&self) -> String {
        let (least, ratio) = match self.by_hand {
            Some(t) => (show(t.least), format!("{:.2}", self.generated.least / t.least)),
            None => ("–".into(), "–".into()),
        };
        format!("| {} | {} | {least} | {ratio} |", self.name, show(self.generated.least))
    }
}

/// Three digits with a unit.
pub fn show(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e4 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e5 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e6 => format!("{:.3} ms", ns / 1e6),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// Batches of about `batch_us` microseconds, `batches` of each of the two.
pub fn measure(mut case: Case, batch_us: u64, batches: usize) -> Row {
    let mut all: Vec<&mut Evaluate> =
        [Some(&mut case.generated), case.by_hand.as_mut()].into_iter().flatten().collect();
    let mut times = vec![Vec::new(); all.len()];
    let inner: Vec<u64> = all
        .iter_mut()
        .map(|f| {
            // warm, then long enough to count
            for _ in 0..3 {
                black_box(f(None));
            }
            let start = Instant::now();
            black_box(f(None));
            (batch_us * 1000 / (start.elapsed().as_nanos() as u64).max(20)).max(1)
        })
        .collect();
    for _ in 0..batches {
        for ((f, times), inner) in all.iter_mut().zip(&mut times).zip(&inner) {
            let start = Instant::now();
            for _ in 0..*inner {
                black_box(f(None));
            }
            times.push(start.elapsed().as_nanos() as f64 / *inner as f64);
        }
    }
    let mut found = times.into_iter().map(|mut times| {
        times.sort_by(f64::total_cmp);
        Time { least: times[0], median: times[times.len() / 2] }
    });
    let generated = found.next().expect("the generated gradient was measured");
    Row { name: case.name, generated, by_hand: found.next() }
}
