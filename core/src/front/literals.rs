//! Numbers that the source writes out: literals and named constants.
//!
//! Invariant: a number is read in both precisions, so that none is rounded twice.

use super::env::{Num, Value};
use crate::ir::{Op, Size};
use syn::Lit;

/// Both precisions of an operation on literals.
pub fn numbers(op: Op, args: &[Num]) -> Num {
    let v64: Vec<f64> = args.iter().map(|n| n.v64).collect();
    let v32: Vec<f32> = args.iter().map(|n| n.v32).collect();
    Num { v64: (op.info().eval64)(&v64), v32: (op.info().eval32)(&v32) }
}

/// A literal with the suffix `f32`.
pub fn single(lit: &Lit) -> bool {
    match lit {
        Lit::Float(f) => f.suffix() == "f32",
        Lit::Int(i) => i.suffix() == "f32",
        _ => false,
    }
}

pub fn literal(lit: &Lit) -> Option<Value> {
    let digits = match lit {
        Lit::Float(f) => f.base10_digits(),
        Lit::Int(i) if i.suffix().starts_with('f') => i.base10_digits(),
        Lit::Int(i) => return Some(Value::Int(Size::constant(i.base10_parse().ok()?))),
        _ => return None,
    };
    Some(Value::Num(Num { v64: digits.parse().ok()?, v32: digits.parse().ok()? }))
}

/// `f64::consts::PI`, `std::f32::EPSILON`, `f64::INFINITY`.
pub fn float_constant(segments: &[String]) -> Option<Value> {
    let name = segments.last()?;
    let single = segments.iter().any(|s| s == "f32");
    if !single && !segments.iter().any(|s| s == "f64") {
        return None;
    }
    // those of `chainrule::Real`
    match name.as_str() {
        "ZERO" => return Some(Value::Num(Num { v64: 0.0, v32: 0.0 })),
        "ONE" => return Some(Value::Num(Num { v64: 1.0, v32: 1.0 })),
        _ => {}
    }
    macro_rules! table {
        ($($name:ident),+ ; $($own:ident),+) => {
            match name.as_str() {
                $(stringify!($name) => (std::f64::consts::$name, std::f32::consts::$name),)+
                $(stringify!($own) => (f64::$own, f32::$own),)+
                _ => return None,
            }
        };
    }
    let (v64, v32) = table!(PI, TAU, E, FRAC_PI_2, FRAC_PI_3, FRAC_PI_4, FRAC_PI_6, FRAC_PI_8, FRAC_1_PI, FRAC_2_PI,
        FRAC_2_SQRT_PI, SQRT_2, FRAC_1_SQRT_2, LN_2, LN_10, LOG2_E, LOG10_E, LOG2_10, LOG10_2;
        EPSILON, MAX, MIN, MIN_POSITIVE, INFINITY, NEG_INFINITY, NAN);
    // mixing both types is rustc's to refuse; the unused one is never read
    Some(Value::Num(Num { v64: if single { f64::from(v32) } else { v64 }, v32 }))
}
