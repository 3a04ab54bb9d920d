//! Values and gradients at hard points: one table, tested in both modes of differentiation and of mathematics, and
//! printed as `docs/kinks.md`.
//!
//! Invariant: a change of a number here is a breaking change.

use crate::fixture::Flat;
use crate::source::root;
use chainrule::differentiable;
use chainrule::nn::{leaky_relu, logsumexp, relu, sigmoid, softplus};
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

fn compare(row: &Row, mode: &str, found: (f64, Vec<f64>), wanted: &(f64, Vec<f64>), failed: &mut Vec<String>) {
    let gradient = found.1.len() == wanted.1.len() && found.1.iter().zip(&wanted.1).all(|(a, b)| same(*a, *b));
    if !same(found.0, wanted.0) || !gradient {
        let text = |r: &(f64, Vec<f64>)| format!("{}, d {}", number(r.0), list(&r.1));
        failed.push(format!("{} ({mode}): {} instead of {}", row.case, text(&found), text(wanted)));
    }
}

macro_rules! rows {
    ($($name:ident $case:literal ($($arg:ident: $ty:ty = $at:expr),+) ($($pass:expr),+) ($($dot:expr),+) $body:tt
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
                                let mut dot = $at;
                                let len = dot.read().len();
                                dot.write(&(0..len).map(|k| if start + k == i { 1.0 } else { 0.0 }).collect::<Vec<_>>());
                                start += len;
                                let dots!($arg) = dot;
                            )+
                            let _ = start;
                            let (value, tangent) = rows!(@jvp real::$name::jvp ($($pass),+) ($($dot),+));
                            a.0 = value;
                            a.1.push(tangent);
                            let (value, tangent) = rows!(@jvp strict::$name::jvp ($($pass),+) ($($dot),+));
                            b.0 = value;
                            b.1.push(tangent);
                        }
                        compare(row, "forward, real", a, &row.real, failed);
                        compare(row, "forward, strict", b, &row.strict, failed);
                    },
                }
            }),+]
        }
    };
    (@jvp $f:path, ($($pass:expr),+) ($($dot:expr),+)) => { $f($($pass,)+ $($dot),+) };
}
