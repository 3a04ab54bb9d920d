//! `debug_nans`: the first value that is no number, with the line that computed it.

use chainrule::train::NonFinite;
use chainrule::{differentiable, Differentiable};
use ndarray::{array, Array1, Array2, ArrayView2, ArrayViewMut1};

#[derive(Clone, Debug, PartialEq, Differentiable)]
pub struct Dense {
    w: Array2<f64>,
    b: Array1<f64>,
}

#[derive(Clone, Debug, PartialEq, Differentiable)]
pub struct Net {
    layers: Vec<Dense>,
    gain: f64,
}

const NETWORK: u32 = line!();

#[differentiable(wrt(net), debug_nans)]
pub fn network(net: &Net, x: ArrayView2<f64>) -> f64 {
    let mut h = x.to_owned();
    for layer in &net.layers {
        h = h.dot(&layer.w) + &layer.b;
        let logs = h.mapv(|v| v.ln());
        h = logs * net.gain;
    }
    h.sum()
}

fn net() -> Net {
    let layer = |b: Array1<f64>| Dense { w: array![[1.0, 0.5], [0.5, 1.0]], b };
    Net { layers: vec![layer(array![2.0, 2.0]), layer(array![3.0, -9.0])], gain: 1.0 }
}

/// What is said of a line of this file.
fn said(found: Option<NonFinite>, line: u32, column: u32, rest: &str) {
    let found = found.expect("something is not finite");
    assert_eq!(found.to_string(), format!("{}:{line}:{column}: {rest}", file!()));
}

#[test]
fn a_network_names_the_line() {
    let x = array![[1.0, 2.0], [0.0, 1.0]];
    let mut net = net();
    said(network::debug_nans(&net, x.view()), NETWORK + 7, 20, "`h.mapv(|v| v.ln())` is NaN at [0, 1]");
    net.layers[1].b[1] = 1.0;
    assert_eq!(network::debug_nans(&net, x.view()), None);
    assert!(network(&net, x.view()).is_finite());
}

#[test]
fn arguments_are_named_before_anything_is_computed() {
    let mut x = array![[1.0, 2.0], [0.0, 1.0]];
    x[[1, 0]] = f64::INFINITY;
    said(network::debug_nans(&net(), x.view()), NETWORK + 3, 27, "`x` is inf at [1, 0]");
    let mut net = net();
    net.layers[1].w[[1, 0]] = f64::NAN;
    said(network::debug_nans(&net, x.view()), NETWORK + 3, 16, "`net.layers[1].w` is NaN at [1, 0]");
    net.layers[0].b[1] = f64::NEG_INFINITY;
    said(network::debug_nans(&net, x.view()), NETWORK + 3, 16, "`net.layers[0].b` is -inf at [1]");
}

const GROWTH: u32 = line!();

#[differentiable(debug_nans)]
fn growth(x: f32, times: usize) -> f32 {
    let mut y = x;
    for _ in 0..times {
        y *= y;
    }
    1.0 / y
}

#[test]
fn an_overflow_in_a_loop() {
    assert_eq!(growth::debug_nans(10.0, 5), None);
    said(growth::debug_nans(10.0, 6), GROWTH + 6, 9, "`y *= y` is inf");
    // the function's value alone says nothing
    assert_eq!(growth(10.0, 6), 0.0);
    said(growth::debug_nans(0.0, 2), GROWTH + 8, 5, "`1.0 / y` is inf");
}

const ELEMENTS: u32 = line!();

#[differentiable(debug_nans)]
fn elements(x: &[f64]) -> f64 {
    let n = x.len();
    let mut table = vec![[0.0; 2]; n];
    for i in 0..n {
        table[i][0] = x[i];
        table[i][1] = x[i].sqrt();
    }
    let (first, last) = (table[0][1], table[n - 1][0].recip());
    if first > 2.0 {
        return first.acosh() - (last - 0.5).ln();
    }
    let total = table.iter().map(|row| row[0] * row[1]).sum::<f64>();
    total * last
}

#[test]
fn elements_parts_and_returns() {
    said(
        elements::debug_nans(&[1.0, 4.0, -1.0]),
        ELEMENTS + 8,
        9,
        "`table[i][1] = x[i].sqrt()` is NaN at [2, 1]",
    );
    said(elements::debug_nans(&[1.0, 0.0]), ELEMENTS + 10, 39, "`table[n - 1][0].recip()` is inf");
    said(elements::debug_nans(&[9.0, 4.0]), ELEMENTS + 12, 16, "`first.acosh() - (last - 0.5).ln()` is NaN");
    assert_eq!(elements::debug_nans(&[9.0, 1.0]), None);
    assert_eq!(elements::debug_nans(&[1.0, 2.0, 3.0]), None);
}

#[differentiable(debug_nans)]
fn lowest(x: &[f64]) -> f64 {
    let mut best = f64::INFINITY;
    for v in x {
        best = best.min(v.sqrt());
    }
    best
}

#[test]
fn an_infinity_that_is_written_down_is_meant() {
    assert_eq!(lowest::debug_nans(&[4.0, 9.0]), None);
    // `min` drops the NaN of the square root, as the function does
    assert_eq!(lowest::debug_nans(&[4.0, -9.0]), None);
    assert_eq!(lowest::debug_nans(&[]).map(|found| found.expression), Some(String::from("best")));
}

/// Values that are no numbers, and closures that move what they take.
mod others {
    use super::*;

    fn measure(x: f64) -> f64 {
        x.ln()
    }

    pub const LINE: u32 = line!();

    #[differentiable(wrt(x), value, debug_nans)]
    pub fn labelled(x: &[f64; 3], name: &str, of: super::others::Kind) -> f64 {
        let title = name.to_string();
        let found = title.len();
        let scale = move |v: f64| {
            let half = v / 2.0;
            half.sqrt()
        };
        let Kind { factor, .. } = of;
        let start = if found > 3 { measure(factor) } else { 0.0 };
        match found {
            0 => x[0],
            _ => {
                let [a, b, c] = *x;
                scale(a) + b / c + start
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    #[allow(dead_code)]
    pub struct Kind {
        pub factor: f64,
        pub odd: Option<bool>,
    }
}

#[test]
fn what_is_no_number_is_passed_over() {
    use others::{labelled, Kind, LINE};
    let kind = |factor| Kind { factor, odd: None };
    assert_eq!(labelled::debug_nans(&[1.0, 2.0, 3.0], "name", kind(2.0)), None);
    let last = "`scale(a) + b / c + start` is NaN";
    said(labelled::debug_nans(&[-1.0, 2.0, 3.0], "name", kind(2.0)), LINE + 16, 17, last);
    let start = "`if found > 3 { measure(factor) } else { 0.0 }` is -inf";
    said(labelled::debug_nans(&[1.0, 2.0, 3.0], "name", kind(0.0)), LINE + 11, 21, start);
    said(labelled::debug_nans(&[1.0, 2.0, 3.0], "", kind(f64::NAN)), LINE + 10, 20, "`factor` is NaN");
}

const STEP: u32 = line!();

#[differentiable(vjp, debug_nans)]
fn decay<const N: usize>(mut y: ArrayViewMut1<f64>, rates: &[f64; N], h: f64) {
    for (y, rate) in y.iter_mut().zip(rates) {
        *y -= h / rate;
    }
    for v in y.iter_mut() {
        *v = 1.0 / *v;
    }
}

#[test]
fn changed_arguments_are_changed() {
    let mut y = array![1.0, 2.0];
    assert_eq!(decay::debug_nans(y.view_mut(), &[1.0, 2.0], 0.5), None);
    assert_eq!(y, array![2.0, 1.0 / 1.75]);
    said(decay::debug_nans(y.view_mut(), &[1.0, 0.0], 0.5), STEP + 5, 9, "`*y -= h / rate` is -inf");
    let mut y = array![2.0, 1.0];
    said(decay::debug_nans(y.view_mut(), &[1.0, 1.0], 1.0), STEP + 8, 9, "`*v = 1.0 / *v` is inf");
}

#[differentiable]
fn log_of_half(x: f64) -> f64 {
    let half = x / 2.0;
    half.ln()
}

const CALLER: u32 = line!();

/// Asks for the definition of another function before it is expanded.
#[differentiable(debug_nans)]
fn caller(x: f64, y: f64) -> f64 {
    let early = match x < y {
        true => log_of_half(x),
        false => 0.0,
    };
    if early < -2.0 {
        return early / (x - 0.125);
    }
    log_of_half(y) + early
}

#[test]
fn calls_are_calls() {
    let early = "`match x < y { true => log_of_half(x), false => 0.0 }` is NaN";
    said(caller::debug_nans(-1.0, 1.0), CALLER + 5, 17, early);
    said(caller::debug_nans(0.125, 1.0), CALLER + 10, 16, "`early / (x - 0.125)` is -inf");
    said(caller::debug_nans(1.0, 0.0), CALLER + 12, 5, "`log_of_half(y) + early` is -inf");
    assert_eq!(caller::debug_nans(1.0, 2.0), None);
}

const METHOD: u32 = line!();

#[differentiable]
impl Net {
    #[differentiable(debug_nans)]
    fn gained(&self, x: f64) -> f64 {
        let y = self.shifted(x);
        y.ln() * self.gain
    }

    fn shifted(&self, x: f64) -> f64 {
        x - 1.0
    }
}

#[test]
fn methods() {
    assert_eq!(net().gained_debug_nans(2.0), None);
    said(net().gained_debug_nans(1.0), METHOD + 7, 9, "`y.ln() * this.gain` is -inf");
    let net = Net { gain: f64::NAN, ..net() };
    said(net.gained_debug_nans(2.0), METHOD + 5, 16, "`this.gain` is NaN");
}
