//! The workloads: generated gradients beside gradients by hand, on one thread, in one run.
//!
//! `cargo bench --bench workloads [-- [--json] name…]`; each line is the least of many runs. With `--memory` and one name, memory instead of
//! time (Linux).

#[path = "workloads/mod.rs"]
mod workloads;

use workloads::cases::{case, NAMES};
use workloads::measure::measure;
use workloads::memory::memory;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let json = asked.iter().any(|a| a == "--json");
    let names: Vec<&str> = asked.iter().map(|a| &a[..]).filter(|a| !a.starts_with("--")).collect();
    if asked.iter().any(|a| a == "--memory") {
        let [name] = names[..] else { panic!("memory is measured of one workload in a process of its own") };
        println!("{}", memory(case(name)));
        return;
    }
    if !json {
        println!("| workload | generated | by hand | ratio |\n| --- | --- | --- | --- |");
    }
    for name in NAMES.into_iter().filter(|n| names.is_empty() || names.contains(n)) {
        let row = measure(case(name), 1000, 500);
        println!("{}", if json { row.json() } else { row.markdown() });
    }
}
