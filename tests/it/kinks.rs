//! Values and gradients at hard points: one table, tested in both modes of differentiation and of mathematics, and
//! printed as `docs/kinks.md`.
//!
//! Invariant: a change of a number here is a breaking change.

use crate::fixture::Flat;
use crate::source::root;
use chainrule::differentiable;
use chainrule::nn::{leaky_relu, logsumexp, relu, sigmoid, softplus, xlogy};
use ndarray::{array, Array1};
use std::f64::consts::PI;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

struct Row {
    case: &'static str,
    code: &'static str,
    at: String,
    /// Value and gradient where rewriting over the reals is allowed.
    real: (f64, Vec<f64>),
    /// Value and gradient of the operations as they are written.
    strict: (f64, Vec<f64>),
    check: fn(&Row, &mut Vec<String>),
}

/// Equal numbers, NaN included; signs of zeros do not count.
fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 4e-15 * b.abs()
}

fn compare(
    row: &Row,
    mode: &str,
    found: (f64, Vec<f64>),
    wanted: &(f64, Vec<f64>),
    failed: &mut Vec<String>,
) {
    let gradient =
        found.1.len() == wanted.1.len() && found.1.iter().zip(&wanted.1).all(|(a, b)| same(*a, *b));
    if !same(found.0, wanted.0) || !gradient {
        let text = |r: &(f64, Vec<f64>)| format!("{}, d {}", number(r.0), list(&r.1));
        failed.push(format!("{} ({mode}): {} instead of {}", row.case, text(&found), text(wanted)));
    }
}

/// The tangents along the axes: inner products with the gradient, in which 0 · ∞ is NaN.
fn along_axes(row: &(f64, Vec<f64>)) -> (f64, Vec<f64>) {
    let along = |i: usize| row.1.iter().enumerate().map(|(k, g)| if k == i { *g } else { 0.0 * g }).sum();
    (row.0, (0..row.1.len()).map(along).collect())
}

macro_rules! rows {
    ($($name:ident $case:literal ($($arg:ident $dot:ident: $ty:ty = $at:expr),+) ($($pass:expr),+) ($($tangent:expr),+) $body:tt
        => $value:expr, [$($g:expr),*] $(, strict $sv:expr, [$($sg:expr),*])?;)+) => {
        mod real {
            use super::*;
            $(#[differentiable(jvp)] pub fn $name($($arg: $ty),+) -> f64 $body)+
        }
        mod strict {
            use super::*;
            $(#[differentiable(jvp, math = "strict")] pub fn $name($($arg: $ty),+) -> f64 $body)+
        }
        fn rows() -> Vec<Row> {
            vec![$({
                let real = ($value, vec![$($g),*]);
                #[allow(unused_mut, unused_assignments)]
                let mut strict = real.clone();
                $(strict = ($sv, vec![$($sg),*]);)?
                Row {
                    case: $case,
                    code: stringify!($body),
                    at: {
                        let parts: Vec<String> = vec![$(list(&Flat::read(&$at))),+];
                        parts.join("; ")
                    },
                    real,
                    strict,
                    check: |row, failed| {
                        $(let $arg = $at;)+
                        let (value, g) = real::$name::value_and_gradient($($pass),+);
                        compare(row, "reverse, real", (value, flat_gradient!(g, [$($arg)+])), &row.real, failed);
                        let (value, g) = strict::$name::value_and_gradient($($pass),+);
                        compare(row, "reverse, strict", (value, flat_gradient!(g, [$($arg)+])), &row.strict, failed);
                        // the primal itself gives the strict value
                        if !same(real::$name($($pass),+), row.strict.0) {
                            failed.push(format!("{}: the function gives {}", row.case, real::$name($($pass),+)));
                        }
                        let total = row.real.1.len();
                        let (mut a, mut b) = ((NAN, vec![]), (NAN, vec![]));
                        for i in 0..total {
                            let mut start = 0;
                            $(
                                let mut $dot = $at;
                                let len = $dot.read().len();
                                $dot.write(&(0..len).map(|k| if start + k == i { 1.0 } else { 0.0 }).collect::<Vec<_>>());
                                start += len;
                            )+
                            let _ = start;
                            let (value, tangent) = real::$name::jvp($($pass,)+ $($tangent),+);
                            a.0 = value;
                            a.1.push(tangent);
                            let (value, tangent) = strict::$name::jvp($($pass,)+ $($tangent),+);
                            b.0 = value;
                            b.1.push(tangent);
                        }
                        compare(row, "forward, real", a, &along_axes(&row.real), failed);
                        compare(row, "forward, strict", b, &along_axes(&row.strict), failed);
                    },
                }
            }),+]
        }
    };
}

rows! {
    relu_0 "relu(0)" (x x_dot: f64 = 0.0) (x) (x_dot) { relu(x) } => 0.0, [0.0];
    relu_nan "relu(NaN)" (x x_dot: f64 = NAN) (x) (x_dot) { relu(x) } => 0.0, [0.0];
    max_constant "max(x, 0) at 0" (x x_dot: f64 = 0.0) (x) (x_dot) { x.max(0.0) } => 0.0, [0.0];
    max_constant_nan "max(x, 0) at NaN" (x x_dot: f64 = NAN) (x) (x_dot) { x.max(0.0) } => 0.0, [0.0];
    max_tie "max(a, a)" (x x_dot: f64 = 1.0, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { x.max(y) } => 1.0, [0.5, 0.5];
    min_tie "min(a, a)" (x x_dot: f64 = 1.0, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { x.min(y) } => 1.0, [0.5, 0.5];
    max_nan "max(NaN, 1)" (x x_dot: f64 = NAN, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { x.max(y) } => 1.0, [0.0, 1.0];
    min_nan "min(1, NaN)" (x x_dot: f64 = 1.0, y y_dot: f64 = NAN) (x, y) (x_dot, y_dot) { x.min(y) } => 1.0, [1.0, 0.0];
    reduce_max "greatest of [1, 1, 0]" (x x_dot: &Array1<f64> = array![1.0, 1.0, 0.0]) (&x) (&x_dot) { x.fold(f64::NEG_INFINITY, |a, b| a.max(*b)) } => 1.0, [0.5, 0.5, 0.0];
    reduce_min "least of [1, 0, 0]" (x x_dot: &Array1<f64> = array![1.0, 0.0, 0.0]) (&x) (&x_dot) { x.fold(f64::INFINITY, |a, b| a.min(*b)) } => 0.0, [0.0, 0.5, 0.5];
    leaky_relu_0 "leaky_relu(0)" (x x_dot: f64 = 0.0) (x) (x_dot) { leaky_relu(x, 0.01) } => 0.0, [0.01];
    abs_0 "abs(0)" (x x_dot: f64 = 0.0) (x) (x_dot) { x.abs() } => 0.0, [0.0];
    abs_negative_0 "abs(-0)" (x x_dot: f64 = -0.0) (x) (x_dot) { x.abs() } => 0.0, [0.0];
    clamp_bound "clamp at a constant bound" (x x_dot: f64 = 1.0) (x) (x_dot) { x.clamp(-1.0, 1.0) } => 1.0, [0.0];
    hardtanh_1 "hardtanh(1)" (x x_dot: f64 = 1.0) (x) (x_dot) { x.max(-1.0).min(1.0) } => 1.0, [0.0];
    sqrt_0 "sqrt(0)" (x x_dot: f64 = 0.0) (x) (x_dot) { x.sqrt() } => 0.0, [INF];
    sqrt_square_0 "sqrt(x²) at 0" (x x_dot: f64 = 0.0) (x) (x_dot) { (x * x).sqrt() } => 0.0, [0.0], strict 0.0, [NAN];
    sqrt_square "sqrt(x²) at -3" (x x_dot: f64 = -3.0) (x) (x_dot) { (x * x).sqrt() } => 3.0, [-1.0];
    norm2_0 "norm2([0, 0])" (x x_dot: &Array1<f64> = array![0.0, 0.0]) (&x) (&x_dot) { x.dot(x).sqrt() } => 0.0, [0.0, 0.0];
    norm2_squared_0 "norm2(v)² at 0" (x x_dot: &Array1<f64> = array![0.0, 0.0]) (&x) (&x_dot) { x.dot(x).sqrt().powi(2) } => 0.0, [0.0, 0.0];
    hypot_0 "hypot(0, 0)" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x.hypot(y) } => 0.0, [0.0, 0.0];
    unit_0 "x / norm(x) at 0" (x x_dot: &Array1<f64> = array![0.0, 0.0]) (&x) (&x_dot) { (x / x.dot(x).sqrt()).sum() } => NAN, [NAN, NAN];
    unit_1_0 "x / sqrt(x²) at 0" (x x_dot: f64 = 0.0) (x) (x_dot) { x / (x * x).sqrt() } => NAN, [NAN];
    unit_abs_0 "x / |x| at 0" (x x_dot: f64 = 0.0) (x) (x_dot) { x / x.abs() } => NAN, [NAN];
    unit_hypot_0 "x / hypot(x, y) at 0" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x / x.hypot(y) } => NAN, [NAN, NAN];
    abs_nan "abs(NaN)" (x x_dot: f64 = NAN) (x) (x_dot) { x.abs() } => NAN, [NAN];
    norm1 "norm1([0, 1])" (x x_dot: &Array1<f64> = array![0.0, 1.0]) (&x) (&x_dot) { x.mapv(f64::abs).sum() } => 1.0, [0.0, 1.0];
    pow_0_0 "pow(0, 0)" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x.powf(y) } => 1.0, [0.0, 0.0];
    powf_0 "x.powf(0.0) at 0" (x x_dot: f64 = 0.0) (x) (x_dot) { x.powf(0.0) } => 1.0, [0.0];
    pow_0_2 "pow(0, 2)" (x x_dot: f64 = 0.0, y y_dot: f64 = 2.0) (x, y) (x_dot, y_dot) { x.powf(y) } => 0.0, [0.0, 0.0];
    pow_0_1 "pow(0, 1)" (x x_dot: f64 = 0.0, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { x.powf(y) } => 0.0, [1.0, 0.0];
    pow_0_half "pow(0, 0.5)" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.5) (x, y) (x_dot, y_dot) { x.powf(y) } => 0.0, [INF, 0.0];
    pow_0_negative "pow(0, -1)" (x x_dot: f64 = 0.0, y y_dot: f64 = -1.0) (x, y) (x_dot, y_dot) { x.powf(y) } => INF, [-INF, NAN];
    pow_negative_2 "pow(-2, 2)" (x x_dot: f64 = -2.0, y y_dot: f64 = 2.0) (x, y) (x_dot, y_dot) { x.powf(y) } => 4.0, [-4.0, NAN];
    powi_negative_2 "powi(-2, 2)" (x x_dot: f64 = -2.0) (x) (x_dot) { x.powi(2) } => 4.0, [-4.0];
    pow_negative_half "pow(-2, 0.5)" (x x_dot: f64 = -2.0, y y_dot: f64 = 0.5) (x, y) (x_dot, y_dot) { x.powf(y) } => NAN, [NAN, NAN];
    atan2_0_0 "atan2(0, 0)" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x.atan2(y) } => 0.0, [NAN, NAN];
    atan2_0_negative "atan2(0, -1)" (x x_dot: f64 = 0.0, y y_dot: f64 = -1.0) (x, y) (x_dot, y_dot) { x.atan2(y) } => PI, [-1.0, 0.0];
    logsumexp_masked "logsumexp(-∞, -∞)" (x x_dot: &Array1<f64> = array![-INF, -INF]) (&x) (&x_dot) { logsumexp(x) } => -INF, [0.0, 0.0];
    logsumexp_one "logsumexp(-∞, 0)" (x x_dot: &Array1<f64> = array![-INF, 0.0]) (&x) (&x_dot) { logsumexp(x) } => 0.0, [0.0, 1.0];
    logsumexp_inf "logsumexp(∞, 0)" (x x_dot: &Array1<f64> = array![INF, 0.0]) (&x) (&x_dot) { logsumexp(x) } => INF, [1.0, 0.0];
    logsumexp_infs "logsumexp(∞, ∞)" (x x_dot: &Array1<f64> = array![INF, INF]) (&x) (&x_dot) { logsumexp(x) } => INF, [0.5, 0.5];
    softplus_1000 "softplus(1000)" (x x_dot: f64 = 1000.0) (x) (x_dot) { softplus(x) } => 1000.0, [1.0];
    softplus_minus_1000 "softplus(-1000)" (x x_dot: f64 = -1000.0) (x) (x_dot) { softplus(x) } => 0.0, [0.0];
    softplus_minus_40 "softplus(-40)" (x x_dot: f64 = -40.0) (x) (x_dot) { softplus(x) } => 4.248_354_255_291_589e-18, [4.248_354_255_291_589e-18];
    softplus_21 "softplus(21)" (x x_dot: f64 = 21.0) (x) (x_dot) { softplus(x) } => 21.000_000_000_758_256, [0.999_999_999_241_744];
    softplus_naive "ln(1 + exp(1000))" (x x_dot: f64 = 1000.0) (x) (x_dot) { (1.0 + x.exp()).ln() } => 1000.0, [1.0], strict INF, [NAN];
    sigmoid_naive "1 / (1 + exp(-x)) at -1000" (x x_dot: f64 = -1000.0) (x) (x_dot) { 1.0 / (1.0 + (-x).exp()) } => 0.0, [0.0], strict 0.0, [NAN];
    ln_sigmoid "ln(sigmoid(-1000))" (x x_dot: f64 = -1000.0) (x) (x_dot) { sigmoid(x).ln() } => -1000.0, [1.0], strict -INF, [NAN];
    div_1_0 "1 / 0" (x x_dot: f64 = 1.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x / y } => INF, [INF, -INF];
    div_0_0 "0 / 0" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x / y } => NAN, [INF, NAN];
    div_tiny "a / b at 1e-200, 1e-200" (x x_dot: f64 = 1e-200, y y_dot: f64 = 1e-200) (x, y) (x_dot, y_dot) { x / y } => 1.0, [1e200, -1e200];
    ln_0 "ln(0)" (x x_dot: f64 = 0.0) (x) (x_dot) { x.ln() } => -INF, [INF];
    ln_negative "ln(-1)" (x x_dot: f64 = -1.0) (x) (x_dot) { x.ln() } => NAN, [NAN];
    entropy_0 "x ln x at 0" (x x_dot: f64 = 0.0) (x) (x_dot) { x * x.ln() } => 0.0, [-INF], strict NAN, [NAN];
    xlogy_0_0 "xlogy(0, 0)" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { xlogy(x, y) } => 0.0, [-INF, 0.0];
    xlogy_zero_one "xlogy(0, 1)" (x x_dot: f64 = 0.0, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { xlogy(x, y) } => 0.0, [0.0, 0.0];
    x_ln_y_0_0 "x ln y at 0, 0" (x x_dot: f64 = 0.0, y y_dot: f64 = 0.0) (x, y) (x_dot, y_dot) { x * y.ln() } => NAN, [-INF, NAN];
    xlogy_0_1 "x ln y at 0, 1" (x x_dot: f64 = 0.0, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { x * y.ln() } => 0.0, [0.0, 0.0];
    asin_1 "asin(1)" (x x_dot: f64 = 1.0) (x) (x_dot) { x.asin() } => PI / 2.0, [INF];
    acos_1 "acos(1)" (x x_dot: f64 = 1.0) (x) (x_dot) { x.acos() } => 0.0, [-INF];
    acosh_1 "acosh(1)" (x x_dot: f64 = 1.0) (x) (x_dot) { x.acosh() } => 0.0, [INF];
    atanh_1 "atanh(1)" (x x_dot: f64 = 1.0) (x) (x_dot) { x.atanh() } => INF, [INF];
    floor "floor(2.5)" (x x_dot: f64 = 2.5) (x) (x_dot) { x.floor() } => 2.0, [0.0];
    ceil "ceil(2.5)" (x x_dot: f64 = 2.5) (x) (x_dot) { x.ceil() } => 3.0, [0.0];
    round "round(2.5)" (x x_dot: f64 = 2.5) (x) (x_dot) { x.round() } => 3.0, [0.0];
    trunc "trunc(2.5)" (x x_dot: f64 = 2.5) (x) (x_dot) { x.trunc() } => 2.0, [0.0];
    signum "signum(2.5)" (x x_dot: f64 = 2.5) (x) (x_dot) { x.signum() } => 1.0, [0.0];
    rem "5 % 3" (x x_dot: f64 = 5.0, y y_dot: f64 = 3.0) (x, y) (x_dot, y_dot) { x % y } => 2.0, [1.0, -1.0];
    rem_euclid "rem_euclid(-5, 3)" (x x_dot: f64 = -5.0, y y_dot: f64 = 3.0) (x, y) (x_dot, y_dot) { x.rem_euclid(y) } => 1.0, [1.0, 2.0];
    product_one_zero "product of [0, 2]" (x x_dot: &Array1<f64> = array![0.0, 2.0]) (&x) (&x_dot) { x.product() } => 0.0, [2.0, 0.0];
    product_two_zeros "product of [0, 0]" (x x_dot: &Array1<f64> = array![0.0, 0.0]) (&x) (&x_dot) { x.product() } => 0.0, [0.0, 0.0];
    copysign_0 "copysign(0, 1)" (x x_dot: f64 = 0.0, y y_dot: f64 = 1.0) (x, y) (x_dot, y_dot) { x.copysign(y) } => 0.0, [0.0, 0.0];
    zero_times_overflow "0 · exp(1000)" (x x_dot: f64 = 1000.0) (x) (x_dot) { x.exp() * 0.0 } => NAN, [NAN];
    ln_exp_overflow "ln(exp(1000))" (x x_dot: f64 = 1000.0) (x) (x_dot) { x.exp().ln() } => 1000.0, [1.0], strict INF, [NAN];
}

fn number(x: f64) -> String {
    match x {
        x if x.is_nan() => "NaN".into(),
        x if x == f64::INFINITY => "∞".into(),
        x if x == f64::NEG_INFINITY => "-∞".into(),
        x if x != 0.0 && (x.abs() >= 1e6 || x.abs() < 1e-4) => format!("{x:e}"),
        x => format!("{x}"),
    }
}

fn list(x: &[f64]) -> String {
    x.iter().map(|x| number(*x)).collect::<Vec<_>>().join(", ")
}

#[test]
fn values_and_gradients_are_those_of_the_table() {
    let mut failed = vec![];
    rows().iter().for_each(|row| (row.check)(row, &mut failed));
    assert!(failed.is_empty(), "{} differences\n{}", failed.len(), failed.join("\n"));
}

/// `UPDATE=1 cargo test kinks` writes the page.
#[test]
fn the_documentation_is_the_table() {
    let mut text = String::from(
        "# Values and gradients at hard points\n\n\
         Where a function is not smooth, overflows or loses digits, these are the value and the gradient. They are pinned: \
         a change of one is a major version.\nThis page is written from the table in `tests/it/kinks.rs`, which is tested in \
         reverse and forward mode, with `math = \"real\"` and `math = \"strict\"`.\n\n\
         | case | code | at | value | gradient | strict |\n|---|---|---|---|---|---|\n",
    );
    for row in rows() {
        let strict = match same(row.real.0, row.strict.0)
            && row.real.1.iter().zip(&row.strict.1).all(|(a, b)| same(*a, *b))
        {
            true => "the same".into(),
            false => format!("{}; {}", number(row.strict.0), list(&row.strict.1)),
        };
        let code = row.code.replace('\n', " ").replace('|', "\\|");
        let code = code.trim_start_matches('{').trim_end_matches('}').trim();
        text.push_str(&format!(
            "| {} | `{code}` | {} | {} | {} | {strict} |\n",
            row.case,
            row.at,
            number(row.real.0),
            list(&row.real.1)
        ));
    }
    let path = root("docs/kinks.md");
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&path, &text).expect("docs/kinks.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/kinks.md is not up to date: UPDATE=1 cargo test --test it kinks");
}
