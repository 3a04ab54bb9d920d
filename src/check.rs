//! Gradients against central differences, for tests.
//!
//! Invariant: the directions are the same in every run.

use crate::{Differentiable, Real};
use std::fmt;

/// How many directions are tried.
const DIRECTIONS: u64 = 5;

/// A derivative along a direction that differs from the differences of the values.
#[derive(Clone, PartialEq)]
pub struct Disagreement {
    /// Along `direction`, by the gradient.
    pub exact: f64,
    /// The same, by central differences.
    pub numeric: f64,
    /// What they may differ by here.
    pub tolerance: f64,
    /// The direction, flat.
    pub direction: Vec<f64>,
    /// The element whose own partial derivative is wrong by most: its path, its number, by the gradient and by differences.
    pub worst: (String, usize, f64, f64),
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (path, k, exact, numeric) = &self.worst;
        let name = if path.is_empty() { "the argument" } else { path };
        write!(
            f,
            "the gradient says {:e} along a random direction, central differences {:e} (tolerance {:e}); \
             most of it at element {k} of {name}: {exact:e} against {numeric:e}",
            self.exact, self.numeric, self.tolerance
        )
    }
}
/// The same text, so that `unwrap` in a test says it.
impl fmt::Debug for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::error::Error for Disagreement {}

/// Holds a gradient against central differences of the value along random directions, the same ones in every run.
///
/// For a function of several arguments, one call for each: `|x| f(x, y)` with `|x| f::gradient(x, y).x`. Away from kinks;
/// in `f64` about six digits are compared, in `f32` two.
///
/// ```
/// use chainrule::{check_gradient, differentiable};
///
/// #[differentiable]
/// fn energy(x: &[f64]) -> f64 {
///     x.windows(2).map(|w| (w[1] - w[0] * w[0]).powi(2)).sum()
/// }
///
/// # fn main() {
/// let at = vec![0.3, -0.7, 1.2];
/// check_gradient(|x| energy(x), |x| energy::gradient(x), &at).unwrap();
///
/// let wrong = check_gradient(|x| energy(x), |x| vec![0.0; x.len()], &at).unwrap_err();
/// assert!(wrong.to_string().starts_with("the gradient says 0e0 along a random direction"));
/// # }
/// ```
///
/// # Errors
///
/// The first direction along which both differ by more than rounding and truncation explain, with the element that differs
/// most; and a gradient that is not finite where the differences are, or has another shape than its argument.
pub fn check_gradient<P: Differentiable + Clone>(
    value: impl Fn(&P) -> P::Scalar,
    gradient: impl Fn(&P) -> P,
    at: &P,
) -> Result<(), Disagreement> {
    let point: Vec<f64> = at.flatten().into_iter().map(Real::to_f64).collect();
    let exact: Vec<f64> = gradient(at).flatten().into_iter().map(Real::to_f64).collect();
    let along = |direction: &[f64], step: f64| -> f64 {
        let mut moved = at.clone();
        let mut of = |t: f64| {
            let shifted: Vec<P::Scalar> =
                point.iter().zip(direction).map(|(p, d)| P::Scalar::from_f64(p + t * d)).collect();
            moved.unflatten_from(&shifted);
            value(&moved).to_f64()
        };
        (of(step) - of(-step)) / (2.0 * step)
    };
    // one unit in the last place of 1
    let epsilon = (1..60).map(|k| 0.5f64.powi(k)).find(|e| P::Scalar::from_f64(1.0 + e).to_f64() == 1.0);
    let epsilon = epsilon.unwrap_or(f64::EPSILON);
    let scale = point.iter().fold(1.0f64, |m, p| m.max(p.abs()));
    let step = epsilon.cbrt() * scale;
    let height = value(at).to_f64().abs();
    // two steps: their difference says how far the function is from its parabola
    let numeric = |direction: &[f64]| {
        let (long, short) = (along(direction, 2.0 * step), along(direction, step));
        let rounding = 8.0 * epsilon * (1.0 + height) / step;
        ((4.0 * short - long) / 3.0, (long - short).abs() + rounding)
    };
    for seed in 0..DIRECTIONS {
        let direction: Vec<f64> = (0..point.len() as u64).map(|i| unit(seed, i)).collect();
        let (found, error) = numeric(&direction);
        let said = match exact.len() == point.len() {
            true => exact.iter().zip(&direction).map(|(g, d)| g * d).sum(),
            false => f64::NAN,
        };
        let sum: f64 = exact.iter().zip(&direction).map(|(g, d)| (g * d).abs()).sum();
        let tolerance = error + 64.0 * epsilon.powf(2.0 / 3.0) * (sum + found.abs());
        if (said - found).abs() <= tolerance || (said.is_nan() && found.is_nan()) {
            continue;
        }
        let worst = worst(at, &exact, &numeric);
        return Err(Disagreement { exact: said, numeric: found, tolerance, direction, worst });
    }
    Ok(())
}

/// The element whose partial derivative differs most.
fn worst<P: Differentiable>(
    at: &P,
    exact: &[f64],
    numeric: &dyn Fn(&[f64]) -> (f64, f64),
) -> (String, usize, f64, f64) {
    let mut places: Vec<(String, usize)> = vec![];
    at.visit(|part, numbers| {
        let path = part.path().to_string();
        places.extend((0..numbers.len()).map(|k| (path.clone(), part.start() + k)));
    });
    let mut worst = (String::new(), 0, f64::NAN, f64::NAN);
    let mut most = -1.0;
    let count = places.len();
    for (k, (path, at)) in places.into_iter().enumerate() {
        let direction: Vec<f64> = (0..count).map(|i| f64::from(u8::from(i == k))).collect();
        let (said, found) = (exact.get(k).copied().unwrap_or(f64::NAN), numeric(&direction).0);
        let off = (said - found).abs();
        if off > most || off.is_nan() {
            (worst, most) = ((path, at, said, found), if off.is_nan() { f64::INFINITY } else { off });
        }
    }
    worst
}

/// A number between -1 and 1 that depends on nothing but its arguments (SplitMix64).
fn unit(seed: u64, k: u64) -> f64 {
    let x = (seed << 32 ^ k).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
