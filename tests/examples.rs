//! Runs the examples, small.

use std::path::Path;

#[allow(dead_code)]
#[path = "../examples/chain_rule.rs"]
mod chain_rule;
#[allow(dead_code)]
#[path = "../examples/digits.rs"]
mod digits;
#[allow(dead_code)]
#[path = "../examples/linear_regression.rs"]
mod linear_regression;

#[test]
fn chain_rule_shares_the_outer_partial() {
    for (a, b) in [(0.5, 2.0), (-1.0, 0.25), (0.0, 0.0), (3.0, -4.0)] {
        let [generated, by_hand] = chain_rule::run(a, b);
        for (g, h) in [(generated.0, by_hand.0), (generated.1, by_hand.1)] {
            assert!(
                (g - h).abs() <= 1e-12 * (1.0 + h.abs()),
                "at ({a}, {b}): {generated:?}, by hand {by_hand:?}"
            );
        }
    }
    assert_eq!(chain_rule::calls("tanh"), 1, "{}", chain_rule::y::SOURCE);
    assert_eq!(chain_rule::calls("sin"), 1, "{}", chain_rule::y::SOURCE);
    assert_eq!(chain_rule::calls("cos"), 1, "{}", chain_rule::y::SOURCE);
}

#[test]
fn linear_regression_explains_the_data() {
    let report = linear_regression::run(400, 200);
    assert!(report.last < 0.1 * report.first && report.explained > 0.9, "{report:?}");
}

#[test]
fn digits_learns_and_keeps_its_parameters() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let report = digits::run(1797, 8, folder).expect("the run succeeds");
    let (first, last) = (report.losses[0], report.losses[7]);
    assert!(last < 0.1 * first && report.accuracies[7] >= 0.97, "{report:?}");
    assert_eq!(report.reloaded, report.accuracies[7]);
    let curve = std::fs::read_to_string(folder.join("digits.svg")).expect("the learning curve is there");
    assert!(curve.starts_with("<svg") && curve.matches("<polyline").count() >= 2);
}
