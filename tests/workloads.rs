//! The workloads of the benchmarks against values that JAX computed, and the benchmarks themselves, briefly.

#[path = "../benches/workloads/mod.rs"]
mod workloads;

#[path = "data/workloads.rs"]
mod expected;

use expected::{Expected, EXPECTED};
use workloads::cases::{case, Evaluate};
use workloads::{data, measure};

#[test]
fn the_generator_makes_the_same_numbers_everywhere() {
    let mut stream = data::Stream::start(1);
    assert_eq!([stream.next(), stream.next(), stream.next()], [14088266, 3329271, 12511875]);
    let uniform: Vec<f64> = data::uniform(1, 3, 1.0).into_iter().map(f64::from).collect();
    assert_eq!(uniform, [0.6794521808624268, -0.603119969367981, 0.49153172969818115]);
    let unit: Vec<f64> = data::unit(1, 3).into_iter().map(f64::from).collect();
    assert_eq!(unit, [0.8397260904312134, 0.19844001531600952, 0.7457658648490906]);
    assert_eq!(data::labels(3008, 8, 10), [1, 0, 9, 4, 0, 0, 1, 2]);
}

/// Value and gradient of the first evaluation, and the values of those that follow.
fn check(who: &str, e: &Expected, mut evaluate: Evaluate) {
    let name = format!("{who} {}", e.workload);
    let near = |what: &str, ours: f64, theirs: f64, scale: f64| {
        assert!((ours - theirs).abs() <= e.tolerance * scale, "{name}: {what} is {ours} instead of {theirs}");
    };
    let mut all = Vec::new();
    let first = evaluate(Some(&mut all));
    near("the value", first, e.losses[0], e.losses[0].abs());
    let mut rest = &all[..];
    for p in e.parameters {
        let (g, others) = rest.split_at(p.len);
        rest = others;
        let norm = g.iter().map(|x| x * x).sum::<f64>().sqrt();
        near(&format!("the norm of {}", p.name), norm, p.norm, p.norm);
        // terms of a sum may cancel: its error is measured by theirs
        let magnitude = g.iter().map(|x| x.abs()).sum::<f64>();
        near(&format!("the sum of {}", p.name), g.iter().sum(), p.sum, magnitude);
        let root_mean_square = norm / (p.len as f64).sqrt();
        for (i, (x, y)) in g.iter().zip(p.first).enumerate() {
            near(&format!("{}[{i}]", p.name), *x, *y, y.abs().max(root_mean_square));
        }
    }
    assert!(rest.is_empty(), "{name}: {} elements too many", rest.len());
    for (step, loss) in e.losses.iter().enumerate().skip(1) {
        near(&format!("the value of step {step}"), evaluate(None), *loss, loss.abs());
    }
}

#[test]
fn the_functions_themselves_agree_with_jax() {
    for e in &EXPECTED {
        let value = (case(e.workload).primal)();
        let error = (value - e.losses[0]).abs() / e.losses[0].abs();
        assert!(error <= e.tolerance, "{}: {value} instead of {}", e.workload, e.losses[0]);
    }
}

#[test]
fn generated_gradients_agree_with_jax() {
    for e in &EXPECTED {
        check("generated", e, case(e.workload).generated);
    }
}

#[test]
fn gradients_by_hand_agree_with_jax() {
    for e in &EXPECTED {
        case(e.workload).by_hand.into_iter().for_each(|by_hand| check("by hand", e, by_hand));
    }
}

#[test]
fn the_benchmark_runs() {
    for e in &EXPECTED {
        let row = measure::measure(case(e.workload), 1, 1);
        assert!(row.generated.least > 0.0 && row.by_hand.is_none_or(|t| t.least > 0.0));
    }
}

/// Only that it runs: other tests allocate at the same time.
#[test]
#[cfg(target_os = "linux")]
fn memory_is_measured() {
    let said = workloads::memory::memory(case("w2b1"));
    let numbers: Vec<usize> =
        said.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let [2, 1, _, resident, process] = numbers[..] else { panic!("{said}") };
    assert!(process > resident && process > 1000, "{said}");
}
