//! Objectives, derivatives by hand, and generated ones, on one thread, in one run.
//!
//! `cargo bench -p gradbench [-- [--adbench DIRECTORY] name…]`: the workloads whose names contain one of these. With a
//! directory, the files of ADBench in it instead of the workloads of GradBench. Each number is the least of many runs; the
//! peers' were published for a machine of this kind, and are the best of all tools.

mod by_hand;
mod cases;

use cases::peers::{Peer, ADBENCH, GRADBENCH};
use cases::{adbench, gradbench, Evaluate};
use std::time::{Duration, Instant};

/// How long each function is measured.
const BUDGET: Duration = Duration::from_millis(400);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench").peekable();
    let directory = arguments.next_if(|a| a == "--adbench").map(|_| arguments.next().expect("a directory"));
    let names: Vec<String> = arguments.collect();
    let peers = if directory.is_some() { ADBENCH } else { GRADBENCH };
    println!("| workload | objective | by hand | generated | peers' objective | peers' derivative |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for peer in peers.iter().filter(|p| names.is_empty() || names.iter().any(|n| p.name.contains(n))) {
        let case = match &directory {
            Some(directory) => adbench(directory.as_ref(), peer.name),
            None => gradbench(peer.name),
        };
        let Some(mut case) = case else {
            println!("| {} | not there | | | | |", peer.name);
            continue;
        };
        let show = |ns: f64| match ns {
            ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
            ns => format!("{:.2} ms", ns / 1e6),
        };
        let measured = |f: &mut Option<Evaluate>| f.as_mut().map_or("–".into(), |f| show(least(f)));
        let (objective, by_hand) = (measured(&mut case.objective), measured(&mut case.by_hand));
        let generated = measured(&mut case.generated);
        let Peer { name, objective: theirs, derivative, .. } = peer;
        let theirs = theirs.map_or("–".into(), |us| show(us * 1e3));
        let derivative = show(derivative * 1e3);
        println!(
            "| {name} | {objective} | {by_hand} | {generated} | {theirs} | {derivative} ({}) |",
            peer.by
        );
    }
}

/// The least time of a run in nanoseconds.
fn least(f: &mut Evaluate) -> f64 {
    f();
    let mut least = f64::INFINITY;
    let end = Instant::now() + BUDGET;
    while Instant::now() < end {
        let start = Instant::now();
        f();
        least = least.min(start.elapsed().as_nanos() as f64);
    }
    least
}
