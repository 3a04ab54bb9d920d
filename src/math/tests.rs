//! The functions against std, at random arguments and at the edges, and at compile time against run time.
//!
//! Invariant: bounds stand in [`bounds`] alone; they hold the reference's own error, too. `dump` prints results for
//! `tests/data/math.py`, which finds the errors that the documentation states.

use super::*;
use crate::rt::simd::tests::Random;

/// A function with its reference, its largest error against it, and the range of its random arguments.
struct Line {
    name: &'static str,
    this: fn(f64) -> f64,
    reference: fn(f64) -> f64,
    bound: f64,
    range: f64,
}

macro_rules! lines {
    ($($name:ident, $reference:expr, $bound:literal, $range:literal;)*) => {
        [$(Line { name: stringify!($name), this: $name, reference: $reference, bound: $bound, range: $range }),*]
    };
}

/// `e^-|x|`
fn below(x: f64) -> f64 {
    (-x.abs()).exp()
}

/// std is off by up to one unit, and formulas of it by a few.
fn bounds() -> [Line; 16] {
    lines! {
        sqrt, f64::sqrt, 0.0, 1e6;
        exp, f64::exp, 2.0, 745.0;
        exp_m1, f64::exp_m1, 3.0, 40.0;
        ln, f64::ln, 2.0, 1e6;
        ln_1p, f64::ln_1p, 2.0, 10.0;
        sin, f64::sin, 2.0, 1e5;
        cos, f64::cos, 2.0, 1e5;
        tan, f64::tan, 2.5, 1e5;
        sinh, f64::sinh, 3.0, 711.0;
        cosh, f64::cosh, 3.0, 711.0;
        tanh, f64::tanh, 3.0, 20.0;
        tanh_slope, |x| 4.0 * below(2.0 * x) / (1.0 + below(2.0 * x)).powi(2), 7.0, 370.0;
        sigmoid, |x| if x < 0.0 { below(x) / (1.0 + below(x)) } else { 1.0 / (1.0 + below(x)) }, 4.0, 745.0;
        sigmoid_slope, |x| below(x) / (1.0 + below(x)).powi(2), 6.0, 745.0;
        softplus, |x| f64::max(x, 0.0) + below(x).ln_1p(), 4.0, 745.0;
        weight, |x| if x < -700.0 { 0.0 } else { x.exp() }, 2.0, 745.0;
    }
}

const EDGES: [f64; 24] = [
    0.0,
    f64::MIN_POSITIVE,
    5e-324,
    1e-310,
    1e-300,
    1e-17,
    1e-9,
    0.1,
    0.5,
    0.625,
    1.0,
    2.0,
    3.0,
    std::f64::consts::FRAC_PI_2,
    std::f64::consts::PI,
    10.0,
    700.1,
    709.782712893384,
    709.7827128933841,
    745.1332191019412,
    1e6,
    1e22,
    f64::MAX,
    f64::INFINITY,
];

/// How far apart two results are, in units in the last place of the second.
fn distance(a: f64, b: f64) -> f64 {
    let class = |x: f64| (x.is_nan(), x == 0.0, x.is_infinite());
    if class(a) == class(b) && (b.is_nan() || b == 0.0 || b.is_infinite()) {
        let same = b.is_nan() || a.is_sign_negative() == b.is_sign_negative();
        return if same { 0.0 } else { f64::INFINITY };
    }
    let exponent = (b.to_bits() >> 52 & 0x7ff).max(1);
    let unit = match exponent {
        53.. => f64::from_bits((exponent - 52) << 52),
        _ => f64::from_bits(1 << (exponent - 1)),
    };
    (a - b).abs() / unit
}

fn arguments(range: f64) -> Vec<f64> {
    let mut random = Random(11);
    let mut all: Vec<f64> = EDGES.iter().flat_map(|x| [*x, -x]).chain([f64::NAN]).collect();
    for k in 0..20_000 {
        let u = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let scale = [1.0, 0.01, 1e-6][k % 3] * range;
        all.push((2.0 * u - 1.0) * scale);
        all.push(f64::from_bits(random.next()));
    }
    all
}

#[test]
fn they_are_as_accurate_as_they_say() {
    for Line { name, this, reference, bound, range } in bounds() {
        let mut worst = (0.0, 0.0);
        for x in arguments(range) {
            // a weight is for x <= 0
            if name == "weight" && x > 0.0 {
                continue;
            }
            let off = distance(this(x), reference(x));
            if off > worst.0 {
                worst = (off, x);
            }
        }
        let (off, x) = worst;
        assert!(off <= bound, "{name}({x:e}) is {:e}, and not {:e}: {off} units", this(x), reference(x));
    }
}

#[test]
fn multiples_of_a_right_angle_that_are_hard_to_reduce() {
    // the double nearest to a multiple of π/2 (Muller, Elementary Functions, 11.2)
    let x = 6381956970095103.0 * 2f64.powi(797);
    assert_eq!(cos(x), -4.687165924254628e-19);
    assert_eq!(sin(x).abs(), 1.0);
    for k in [1e15, 1e18, 3e20, 1e300, 1.7e308] {
        assert!(distance(sin(k), k.sin()) <= 1.0 && distance(cos(k), k.cos()) <= 1.0, "{k}");
    }
}

#[test]
fn powers_and_lengths() {
    let mut random = Random(12);
    let mut pairs: Vec<(f64, f64)> = EDGES
        .iter()
        .flat_map(|a| EDGES.iter().flat_map(move |b| [(*a, *b), (-a, *b), (*a, -b), (-a, -b)]))
        .collect();
    pairs.extend([
        (f64::NAN, 0.0),
        (1.0, f64::NAN),
        (f64::NAN, 1.0),
        (2.0, f64::NAN),
        (-2.0, 3.0),
        (-2.0, 0.5),
    ]);
    for _ in 0..20_000 {
        let mut next = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        pairs.push((20.0 * next(), 40.0 * next() - 20.0));
        pairs.push((1e-3 * next() + 1.0, 1e5 * next()));
        pairs.push((f64::from_bits(random.next()), f64::from_bits(random.next())));
    }
    for (a, b) in pairs {
        assert!(
            distance(powf(a, b), a.powf(b)) <= 2.0,
            "powf({a:e}, {b:e}) is {:e}, and not {:e}",
            powf(a, b),
            a.powf(b)
        );
        assert!(distance(hypot(a, b), a.hypot(b)) <= 2.0, "hypot({a:e}, {b:e}) is {:e}", hypot(a, b));
        let (more, less) = (max(a, b), min(a, b));
        assert!(more == a.max(b) || more.is_nan(), "max({a}, {b})");
        assert!(less == a.min(b) || less.is_nan(), "min({a}, {b})");
        assert_eq!(more.is_nan(), a.is_nan() && b.is_nan());
        assert!(distance(rem_euclid(a, b), a.rem_euclid(b)) == 0.0, "rem_euclid({a:e}, {b:e})");
    }
    for n in -20..20 {
        assert!(distance(powi(1.1, n), 1.1f64.powi(n)) <= 8.0);
    }
    assert_eq!((powi(0.0, 0), powi(2.0, -1), powi(-2.0, 3), powi(2.0, i32::MIN)), (1.0, 0.5, -8.0, 0.0));
}

#[test]
fn single_precision_is_rounded_once_more() {
    let mut random = Random(13);
    for _ in 0..20_000 {
        let x = f32::from_bits(random.next() as u32);
        let near =
            |a: f32, b: f64| (a as f64 - b).abs() <= 0.51 * (b as f32).abs() as f64 * 1.2e-7 || a == b as f32;
        let same = |a: f32, b: f64| a.is_nan() && b.is_nan() || near(a, b) || b.abs() < 1e-37;
        assert!(same(single::exp(x), (x as f64).exp()), "exp {x}");
        assert!(same(single::tanh(x), (x as f64).tanh()), "tanh {x}");
        assert!(same(single::sin(x), (x as f64).sin()), "sin {x}");
        assert!(single::sqrt(x).to_bits() == x.sqrt().to_bits() || x.is_nan() || x < 0.0, "sqrt {x}");
    }
}

/// Everything at a few arguments.
const fn all(x: f64) -> [f64; 22] {
    [
        sqrt(x),
        exp(x),
        exp_m1(x),
        ln(x),
        ln_1p(x),
        sin(x),
        cos(x),
        tan(x),
        sinh(x),
        cosh(x),
        tanh(x),
        tanh_slope(x),
        sigmoid(x),
        sigmoid_slope(x),
        softplus(x),
        weight(-x),
        powf(x, 1.7),
        powi(x, -3),
        hypot(x, 0.3),
        rem_euclid(x, 0.7),
        xlogy(x, 0.2),
        fract(round(x) + floor(x) - ceil(x) + trunc(x) + signum(x) + copysign(abs(x), -x) + recip(x)),
    ]
}

#[test]
fn compile_time_and_run_time_give_the_same_bits() {
    const POINTS: [f64; 6] = [0.3, 1.25, 17.5, 5e-324, 1e15, 701.0];
    const AT_COMPILE_TIME: [[f64; 22]; 6] = {
        let mut out = [[0.0; 22]; 6];
        let mut k = 0;
        while k < 6 {
            out[k] = all(POINTS[k]);
            k += 1;
        }
        out
    };
    for (x, then) in POINTS.iter().zip(AT_COMPILE_TIME) {
        let now = all(std::hint::black_box(*x));
        // which NaN it is, is open
        let bits = |y: f64| if y.is_nan() { u64::MAX } else { y.to_bits() };
        assert_eq!(now.map(bits), then.map(bits), "{x}");
    }
}

/// For `tests/data/math.py`.
#[test]
#[ignore = "prints what a script reads"]
fn dump() {
    for Line { name, this, range, .. } in bounds() {
        for x in arguments(range).into_iter().filter(|x| x.is_finite()) {
            println!("{name} {:016x} {:016x}", x.to_bits(), this(x).to_bits());
        }
    }
}
