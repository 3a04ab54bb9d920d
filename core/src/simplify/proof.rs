//! Tests that are generated from the rule table: each rule has its class, and not the next stricter one.

use super::facts::Facts;
use super::pattern::Pat;
use super::table::{all, rejected, Class, Rule};
use crate::ir::{Op, RedOp};

/// Elements along the axis that rules reduce over.
const LANES: usize = 3;
type Lanes = [f64; LANES];

/// Values of all entries of a pattern, and a bound of the rounding error of the last one.
struct Run {
    values: Vec<Lanes>,
    error: Lanes,
}

fn eval(op: Op, v: &[f64], narrow: bool) -> f64 {
    // either zero may be the result by the documentation of std; the two types stand for the two
    if matches!(op, Op::Max | Op::Min) && v[0] == 0.0 && v[1] == 0.0 && same_bits(v[0], -v[1]) {
        return if narrow { -0.0 } else { 0.0 };
    }
    if narrow {
        let v: Vec<f32> = v.iter().map(|x| *x as f32).collect();
        f64::from((op.info().eval32)(&v))
    } else {
        (op.info().eval64)(v)
    }
}

fn reduce(op: RedOp, v: &Lanes, narrow: bool) -> f64 {
    let r = |x: f64| if narrow { f64::from(x as f32) } else { x };
    match op {
        RedOp::Sum => v.iter().fold(-0.0, |s, x| r(s + x)),
        RedOp::Prod => v.iter().fold(1.0, |s, x| r(s * x)),
        RedOp::Max => v.iter().fold(f64::NEG_INFINITY, |s, x| s.max(*x)),
        RedOp::Min => v.iter().fold(f64::INFINITY, |s, x| s.min(*x)),
        RedOp::LogSumExp => {
            let m = v.iter().fold(f64::NEG_INFINITY, |s, x| s.max(*x));
            let s: f64 = v.iter().map(|x| if *x == m { 1.0 } else { r((x - m).exp()) }).sum();
            r(m + r(s.ln()))
        }
    }
}

/// Evaluates a pattern and, by the partials of the op table, how rounding may have changed the result.
fn run(pats: &[Pat], vars: &[Lanes], narrow: bool) -> Run {
    let eps = if narrow { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let mut values: Vec<Lanes> = Vec::new();
    let mut errors: Vec<Lanes> = Vec::new();
    for pat in pats {
        let (mut value, mut error) = ([0.0; LANES], [0.0; LANES]);
        match pat {
            Pat::Var(v) => value = vars[*v],
            Pat::Const(c) => value = [*c; LANES],
            Pat::Apply(op, args) => {
                for l in 0..LANES {
                    let v: Vec<f64> = args.iter().map(|a| values[*a][l]).collect();
                    value[l] = eval(*op, &v, narrow);
                    error[l] = if op.is_bool() { 0.0 } else { 2.0 * eps * value[l].abs() + 5e-324 };
                    for (i, a) in args.iter().enumerate().filter(|(_, a)| errors[**a][l] > 0.0) {
                        let pull = (op.info().pull64)(&v, value[l], 1.0, 0.5)[i].unwrap_or(0.0);
                        error[l] += (pull * errors[*a][l]).abs();
                    }
                }
            }
            Pat::Reduce(op, x) => {
                value = [reduce(*op, &values[*x], narrow); LANES];
                let weight = match op {
                    RedOp::Prod => f64::INFINITY,
                    _ => 1.0,
                };
                let largest = values[*x].iter().fold(value[0].abs(), |m, v| m.max(v.abs()));
                error = [weight * errors[*x].iter().sum::<f64>() + 4.0 * eps * largest; LANES];
            }
        }
        values.push(value);
        errors.push(error);
    }
    Run { error: errors.last().copied().unwrap_or([f64::NAN; LANES]), values }
}

impl Run {
    fn result(&self) -> Lanes {
        self.values.last().copied().unwrap_or([f64::NAN; LANES])
    }
    fn finite(&self) -> bool {
        self.values.iter().flatten().all(|v| v.is_finite())
    }
}

const EDGES: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    -3.0,
    1.7,
    0.1,
    1e-3,
    -1e-3,
    20.0,
    -20.0,
    100.0,
    -1000.0,
    1e-9,
    1e30,
    -1e30,
    1e-30,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MIN_POSITIVE / 4.0,
    1e300,
    1e-300,
];
const EDGES32: &[f64] = &[1e-40, 3e38, -3e38, 1.5, -0.75];

/// A deterministic stream of numbers in 0..1.
struct Stream(u64);
impl Stream {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn truth_values(rule: &Rule) -> Vec<bool> {
    let mut truth = vec![false; rule.line.vars.len()];
    for pat in rule.left.iter().chain(&rule.right) {
        if let Pat::Apply(op, args) = pat {
            let logical = match op {
                Op::Select => &args[..1],
                Op::And | Op::Or | Op::Not => &args[..],
                _ => &[],
            };
            for a in logical {
                // the lists of both sides have their own numbers; variables are looked up in each
                for side in [&rule.left, &rule.right] {
                    if side.contains(pat) {
                        if let Some(Pat::Var(v)) = side.get(*a) {
                            truth[*v] = true;
                        }
                    }
                }
            }
        }
    }
    truth
}

/// Points at which the rule's condition holds: all edge values, and random ones.
fn points(rule: &Rule, narrow: bool, count: usize) -> Vec<Vec<Lanes>> {
    let truth = truth_values(rule);
    let vars = rule.line.vars.len();
    let reduces = rule.left.iter().any(|p| matches!(p, Pat::Reduce(..)));
    let mut stream = Stream(0x5eed ^ rule.line.name.len() as u64);
    let round = |x: f64| if narrow { f64::from(x as f32) } else { x };
    let mut raw: Vec<Vec<f64>> = Vec::new();
    let edges: Vec<f64> =
        if narrow { EDGES.iter().chain(EDGES32).copied().collect() } else { EDGES.to_vec() };
    let total = edges.len().pow(vars.min(3) as u32);
    let step = (total / 2000).max(1) | 1;
    for flat in (0..total).step_by(step) {
        let mut rest = flat;
        raw.push(
            (0..vars)
                .map(|_| {
                    let e = edges[rest % edges.len()];
                    rest /= edges.len();
                    e
                })
                .collect(),
        );
    }
    for k in 0..count {
        let scale = [3.0, 1.0, 30.0, 0.01, 300.0, 4.0][k % 6];
        raw.push(
            (0..vars)
                .map(|_| match k % 5 {
                    0 => (stream.next() * 2.0 - 1.0) * scale,
                    1 => (stream.next() * 8.0 - 4.0).exp2().round(),
                    2 => (stream.next() * 2.0 - 1.0).signum() * (stream.next() * 40.0 - 20.0).exp2(),
                    3 => (stream.next() * 10.0 - 5.0).round().exp2(),
                    _ => stream.next() * scale,
                })
                .collect(),
        );
    }
    let mut out = Vec::new();
    for point in raw {
        let lanes = |fixed: bool, stream: &mut Stream| -> Vec<Lanes> {
            point
                .iter()
                .enumerate()
                .map(|(i, x)| {
                    let x = if truth[i] { f64::from(u8::from(*x > 0.5)) } else { round(*x) };
                    let mut lanes = [x; LANES];
                    if reduces && !fixed {
                        for lane in &mut lanes[1..] {
                            let other = x * (1.0 + stream.next()) - stream.next();
                            *lane = if stream.next() < 0.2 || truth[i] { x } else { round(other) };
                        }
                    }
                    lanes
                })
                .collect()
        };
        for mut vars in [lanes(false, &mut stream), lanes(true, &mut stream)] {
            for k in 0..vars.len() {
                // a variable that must not depend on the axis takes one value
                let facts = |vars: &[Lanes]| -> Vec<Facts> {
                    vars.iter()
                        .map(|v| {
                            let fixed = v.iter().all(|x| x.to_bits() == v[0].to_bits());
                            let (lo, hi) = v.iter().fold((v[0], v[0]), |(l, h), x| (l.min(*x), h.max(*x)));
                            let exact = if v.iter().any(|x| x.is_nan()) {
                                Facts::UNKNOWN
                            } else {
                                Facts { int: fixed && lo.fract() == 0.0, ..Facts::range(lo, hi) }
                            };
                            Facts { fixed, alone: true, ..exact }
                        })
                        .collect()
                };
                if k == 0 && (rule.line.holds)(&facts(&vars)) {
                    out.push(vars.clone());
                }
                if reduces {
                    let mut some = vars.clone();
                    some[k] = [some[k][0]; LANES];
                    if (rule.line.holds)(&facts(&some)) {
                        out.push(some);
                    }
                }
            }
            vars.clear();
        }
    }
    out
}

fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// A point at which the rule does not have the class; the number of points that said something.
fn counterexample(rule: &Rule, class: Class, count: usize) -> (Option<String>, usize) {
    let mut informative = 0;
    for narrow in [false, true] {
        for vars in points(rule, narrow, count) {
            let (left, right) = (run(&rule.left, &vars, narrow), run(&rule.right, &vars, narrow));
            let (l, r) = (left.result(), right.result());
            let fine = |k: usize| -> Option<bool> {
                match class {
                    Class::Exact => Some(same_bits(l[k], r[k])),
                    Class::Finite => (left.finite() && right.finite()).then(|| l[k] == r[k]),
                    Class::Real => {
                        // no number on the right, and not for overflow: outside of its domain
                        if !narrow
                            && left.finite()
                            && right.values.iter().all(|v| !v[k].is_infinite())
                            && r[k].is_nan()
                        {
                            return Some(false);
                        }
                        if narrow || !left.finite() || !right.finite() {
                            return None;
                        }
                        let room = 8.0 * (left.error[k] + right.error[k]) + 1e-300;
                        // where rounding decides, the point says nothing
                        let size = l[k].abs().max(r[k].abs());
                        if room.is_nan() || room > 1e-3 * size && size > 1e-290 {
                            return None;
                        }
                        Some((l[k] - r[k]).abs() <= room)
                    }
                    Class::Stable => {
                        if !narrow {
                            return None;
                        }
                        // f32 against f64: the right side is as near, but for a few roundings
                        let (a, b) = (run(&rule.left, &vars, false), run(&rule.right, &vars, false));
                        let (wide_l, wide_r) = (a.result()[k], b.result()[k]);
                        let unit = f64::from(f32::EPSILON);
                        // the better conditioned side is the reference
                        let exact =
                            if a.error[k] < b.error[k] || b.error[k].is_nan() { wide_l } else { wide_r };
                        let doubt = a.error[k].min(b.error[k]);
                        if !exact.is_finite()
                            || doubt.is_nan()
                            || doubt > 0.01 * unit * exact.abs()
                            || exact.abs() > 1e37
                        {
                            return None;
                        }
                        let (el, er) = ((l[k] - exact).abs(), (r[k] - exact).abs());
                        let el = if el.is_nan() { f64::INFINITY } else { el };
                        Some(er <= el + 4.0 * unit * exact.abs() + 1e-44)
                    }
                }
            };
            for k in 0..LANES {
                match fine(k) {
                    Some(true) => informative += 1,
                    Some(false) => {
                        let at: Vec<f64> = vars.iter().map(|v| v[k]).collect();
                        return (
                            Some(format!("f32 {narrow}, {at:?}: {:?} is not {:?}", l[k], r[k])),
                            informative,
                        );
                    }
                    None => {}
                }
            }
        }
    }
    (None, informative)
}

#[test]
fn every_rule_has_its_class_and_no_stricter_one() {
    let mut wrong = Vec::new();
    for rule in all() {
        let (class, name) = (rule.line.class, rule.line.name);
        let mut say = |text: String| wrong.push(format!("{class:?} {name}: {text}"));
        let real = [Class::Real];
        let proven: &[Class] = match class {
            Class::Stable => &[Class::Real, Class::Stable],
            Class::Real => &real,
            Class::Finite => &[Class::Finite],
            Class::Exact => &[Class::Exact],
        };
        for c in proven {
            let (counter, informative) = counterexample(rule, *c, 1200);
            match counter {
                Some(text) => say(format!("not {c:?}: {text}")),
                None if informative < 20 => say(format!("{c:?}: only {informative} points")),
                None => {}
            }
        }
        let stricter = match class {
            Class::Exact => continue,
            Class::Finite => Class::Exact,
            Class::Real | Class::Stable => Class::Finite,
        };
        // rounding of a good library shows rarely
        if [300, 60_000].iter().all(|n| counterexample(rule, stricter, *n).0.is_none()) {
            say(format!("is {stricter:?} too"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn rejected_rules_have_counterexamples() {
    for rule in rejected() {
        let (counter, _) = counterexample(rule, rule.line.class, 1200);
        assert!(counter.is_some(), "{} may be accepted", rule.line.name);
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = all().iter().chain(rejected()).map(|r| r.line.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn conditions_on_unknown_facts_are_false() {
    for rule in all() {
        let unknown = vec![Facts::UNKNOWN; rule.line.vars.len()];
        let free = vec![Facts { lo: f64::NAN, hi: f64::NAN, ..Facts::UNKNOWN }; rule.line.vars.len()];
        // a condition that holds for what is unknown is none
        assert!(!(rule.line.holds)(&unknown) || (rule.line.holds)(&free), "{}", rule.line.name);
    }
}
