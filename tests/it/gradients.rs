//! The relations that every fixture is held to, at every size (DESIGN §7).

use crate::fixture::{dot, dots, double, same_bits, shifted, single, Fixture, Point};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs a check over every fixture, size and seed; says all that failed.
pub fn each(fixtures: Vec<Fixture>, check: impl Fn(&Fixture, usize, &Point) -> Result<(), String>) {
    let only = std::env::var("FIXTURE").ok();
    let mut failed = vec![];
    for f in fixtures.iter().filter(|f| only.as_ref().is_none_or(|o| o == f.name)) {
        for n in f.sizes {
            for seed in 0..2 {
                let point = f.sample(*n, seed);
                let said = match catch_unwind(AssertUnwindSafe(|| check(f, *n, &point))) {
                    Ok(Ok(())) => continue,
                    Ok(Err(said)) => said,
                    Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
                        (Some(text), _) => format!("panic: {text}"),
                        (_, text) => format!("panic: {}", text.unwrap_or(&"")),
                    },
                };
                failed.push(format!("{} at size {n}, seed {seed}: {said}", f.name));
                break;
            }
        }
    }
    assert!(failed.is_empty(), "{} failures\n{}", failed.len(), failed.join("\n"));
}

/// Equal up to rounding errors of `tolerance` relative to the greatest element.
pub fn near(what: &str, a: &[f64], b: &[f64], tolerance: f64) -> Result<(), String> {
    if a.len() != b.len() {
        return Err(format!("{what}: {} elements against {}", a.len(), b.len()));
    }
    let scale = b.iter().filter(|b| b.is_finite()).fold(1.0f64, |m, b| m.max(b.abs()));
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        let same = (x - y).abs() <= tolerance * scale || x == y || (x.is_nan() && y.is_nan());
        if !same {
            return Err(format!("{what}[{i}]: {x:e} against {y:e}"));
        }
    }
    Ok(())
}

/// The objective whose gradient [`Fixture::reverse`] gives, from the primal alone.
fn objective(f: &Fixture, n: usize, point: &Point, w: &[f64]) -> f64 {
    dot(&(f.primal)(n, point), w)
}

#[test]
fn values_are_those_of_the_function() {
    each(double::all(), |f, n, point| {
        let primal = (f.primal)(n, point);
        near("reverse", &f.reverse(n, point).0, &primal, 1e-12)?;
        if let Some(jvp) = f.jvp {
            near("jvp", &jvp(n, point, &f.direction(n, 1)).0, &primal, 1e-12)?;
        }
        if let Some(vjp) = f.vjp {
            near("vjp", &vjp(n, point, &crate::fixture::weights(primal.len())).0, &primal, 1e-12)?;
        }
        Ok(())
    });
}

#[test]
fn gradients_are_central_differences() {
    each(double::all(), |f, n, point| {
        let (_, g, w) = f.reverse(n, point);
        for seed in 0..3 {
            let v = f.direction(n, seed);
            let h = 1e-5;
            let numeric = (objective(f, n, &shifted(point, &v, h), &w)
                - objective(f, n, &shifted(point, &v, -h), &w))
                / (2.0 * h);
            let exact = dot(&g, &f.active(n, &v));
            let scale = 1.0 + objective(f, n, point, &w).abs();
            near("along a direction", &[exact / scale], &[numeric / scale], 1e-7)?;
        }
        Ok(())
    });
}

#[test]
fn jvp_and_vjp_are_adjoint() {
    each(double::all(), |f, n, point| {
        let (Some(jvp), Some(vjp)) = (f.jvp, f.vjp) else { return Ok(()) };
        let v = f.direction(n, 3);
        let w = crate::fixture::weights((f.primal)(n, point).len());
        let left = dot(&w, &jvp(n, point, &v).1);
        let g = vjp(n, point, &w).1;
        let right = dot(&g, &f.active(n, &v));
        let scale = 1.0 + dots(&v, &v).sqrt() * dot(&g, &g).sqrt();
        near("<w, J v>", &[left / scale], &[right / scale], 1e-12)
    });
}

#[test]
fn vjp_of_a_scalar_is_its_gradient() {
    each(double::all(), |f, n, point| {
        let (Some(gradient), Some(vjp)) = (f.gradient, f.vjp) else { return Ok(()) };
        near("vjp", &vjp(n, point, &[1.0]).1, &gradient(n, point).1, 1e-13)?;
        let twice: Vec<f64> = gradient(n, point).1.iter().map(|g| -2.0 * g).collect();
        near("vjp of -2", &vjp(n, point, &[-2.0]).1, &twice, 1e-12)
    });
}

#[test]
fn single_precision_agrees_with_double() {
    let doubles = double::all();
    each(single::all(), |f, n, point| {
        let d = doubles.iter().find(|d| d.name == f.name).expect("a twin");
        let (value, g, _) = f.reverse(n, point);
        let (value64, g64, _) = d.reverse(n, point);
        near("value", &value, &value64, 1e-5)?;
        near("gradient", &g, &g64, 1e-5)?;
        let (Some(jvp), Some(jvp64)) = (f.jvp, d.jvp) else { return Ok(()) };
        let v = f.direction(n, 5);
        near("tangent", &jvp(n, point, &v).1, &jvp64(n, point, &v).1, 1e-5)
    });
}

#[test]
fn memory_that_is_used_again_changes_nothing() {
    for fixtures in [double::all(), single::all()] {
        each(fixtures, |f, n, point| {
            let (Some(into), Some(gradient)) = (f.into, f.gradient) else { return Ok(()) };
            // larger and smaller shapes before, and the same one twice
            let others = f.sizes.iter().map(|m| (*m, f.sample(*m, 9)));
            let mut points: Vec<(usize, Point)> = others.collect();
            points.extend([(n, point.clone()), (n, point.clone())]);
            let (value, g) = gradient(n, point);
            for (v, again) in into(&points).into_iter().skip(points.len() - 2) {
                if !same_bits(&v, &value) || !same_bits(&again, &g) {
                    return Err(format!("{again:?} instead of {g:?}"));
                }
            }
            Ok(())
        });
    }
}

#[test]
fn strict_values_keep_every_bit() {
    for fixtures in [double::all(), single::all()] {
        assert!(fixtures.iter().any(|f| f.strict));
        each(fixtures.into_iter().filter(|f| f.strict).collect(), |f, n, point| {
            let primal = (f.primal)(n, point);
            let value = f.reverse(n, point).0;
            match same_bits(&value, &primal) {
                true => Ok(()),
                false => Err(format!("{value:?} instead of {primal:?}")),
            }
        });
    }
}

#[test]
fn every_fixture_is_called() {
    let mut called: Vec<String> = double::all().iter().map(|f| f.name.to_string()).collect();
    called.sort();
    assert_eq!(called, crate::source::names());
    for f in double::all() {
        assert!(f.source.contains(&format!("pub mod {}", f.name)), "{}", f.name);
    }
}

/// `FIXTURE=name cargo test --test it show -- --ignored --nocapture` prints what was generated.
#[test]
#[ignore = "prints"]
fn show() {
    let name = std::env::var("FIXTURE").unwrap_or_default();
    for f in double::all().iter().filter(|f| f.name == name) {
        println!("{}", f.source);
    }
}
