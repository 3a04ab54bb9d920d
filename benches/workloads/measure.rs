//! Nanoseconds per evaluation of a workload: the generated gradient and the one by hand, in turns.

use super::cases::Case;
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
    pub by_hand: Time,
}

impl Row {
    /// One object of JSON.
    pub fn json(&self) -> String {
        format!(
            "{{\"workload\": \"{}\", \"generated_ns\": {:.1}, \"generated_median_ns\": {:.1}, \
             \"by_hand_ns\": {:.1}, \"by_hand_median_ns\": {:.1}}}",
            self.name, self.generated.least, self.generated.median, self.by_hand.least, self.by_hand.median
        )
    }

    /// A line of a table in Markdown.
    pub fn markdown(&self) -> String {
        format!(
            "| {} | {} | {} | {:.2} |",
            self.name,
            show(self.generated.least),
            show(self.by_hand.least),
            self.generated.least / self.by_hand.least
        )
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
    let mut both = [&mut case.generated, &mut case.by_hand];
    let mut times = [Vec::new(), Vec::new()];
    let inner = both.each_mut().map(|f| {
        // warm, then long enough to count
        for _ in 0..3 {
            black_box(f(None));
        }
        let start = Instant::now();
        black_box(f(None));
        (batch_us * 1000 / (start.elapsed().as_nanos() as u64).max(20)).max(1)
    });
    for _ in 0..batches {
        for ((f, times), inner) in both.iter_mut().zip(&mut times).zip(inner) {
            let start = Instant::now();
            for _ in 0..inner {
                black_box(f(None));
            }
            times.push(start.elapsed().as_nanos() as f64 / inner as f64);
        }
    }
    let [generated, by_hand] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        Time { least: times[0], median: times[times.len() / 2] }
    });
    Row { name: case.name, generated, by_hand }
}
