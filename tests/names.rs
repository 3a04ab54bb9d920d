//! Whatever users name, and wherever their names come from: generated code means the same by it.

use chainrule::{check_gradient, differentiable, Differentiable};

/// Another one than that of `layers`.
const SCALE: f64 = 100.0;
const WIDTH: usize = 7;

/// Another one than that of `layers`.
fn weight(_: usize) -> f64 {
    f64::NAN
}

mod layers {
    use super::units::shifted;
    use chainrule::{differentiable, Differentiable};

    const SCALE: f64 = 0.5;
    const OFFSET: i32 = -2;
    const WIDTH: usize = 2;
    pub(super) const STEP: usize = 3;
    static TABLE: [f64; 2] = [1.0, 4.0];

    fn weight(k: usize) -> f64 {
        k as f64
    }

    #[derive(Clone, Differentiable)]
    pub struct Layer {
        pub w: [f64; WIDTH],
    }

    #[differentiable]
    pub fn scaled(x: f64) -> f64 {
        x * SCALE + x * weight(3) + x * OFFSET as f64 + x.powi(OFFSET) + x * self::TABLE[1] + x * super::TOP
    }

    #[differentiable]
    pub fn with_lets(x: f64) -> f64 {
        use std::f64::consts::PI;
        let k = SCALE * 2.0;
        let n = STEP + 1;
        x * k * n as f64 * PI + shifted(x)
    }

    #[differentiable]
    pub fn with_argument(x: f64, n: usize) -> f64 {
        x * (n + STEP) as f64 * [1.0, 2.0].iter().map(|v| v * n as f64).sum::<f64>()
    }

    #[differentiable]
    pub fn norm(layer: &Layer) -> f64 {
        layer.w.iter().map(|v| v * v).sum::<f64>() * WIDTH as f64
    }

    pub mod deeper {
        use chainrule::differentiable;
        const SCALE: f64 = 9.0;

        #[differentiable]
        pub fn both(x: f64) -> f64 {
            x * SCALE + super::scaled(x) * super::SCALE
        }
    }
}

const TOP: f64 = 11.0;

mod units {
    use chainrule::differentiable;
    const EPSILON: f64 = 0.25;

    #[differentiable]
    pub fn shifted(x: f64) -> f64 {
        (x * x + EPSILON).sqrt()
    }
}

use layers::scaled as renamed;

#[differentiable]
fn calls(x: f64, n: usize) -> f64 {
    renamed(x) + layers::with_lets(x) + layers::with_argument(x, n) + crate::layers::deeper::both(x)
}

#[differentiable]
fn of_a_struct(layer: &layers::Layer) -> f64 {
    layers::norm(layer)
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-8 * (1.0 + a.abs()), "{a} is not {b}");
}

/// The gradient of a function of one number is the slope of its value.
fn slope(f: impl Fn(f64) -> f64, at: f64, gradient: f64) {
    close(gradient, (f(at + 1e-5) - f(at - 1e-5)) / 2e-5);
}

#[test]
fn a_callee_keeps_to_its_own_module() {
    assert!(weight(WIDTH).is_nan() && SCALE > 1.0);
    let (value, gradient) = calls::value_and_gradient(0.7, 5);
    close(value, calls(0.7, 5));
    slope(|x| calls(x, 5), 0.7, gradient);
    let layer = layers::Layer { w: [1.0, 3.0] };
    assert_eq!(of_a_struct::gradient(&layer).w, [4.0, 12.0]);
}

#[differentiable(jvp, vjp)]
fn of_locals(
    gradient: &[f64],
    workspace: f64,
    value_0: f64,
    shape_0: f64,
    spare: &[f64],
    order: f64,
) -> Vec<f64> {
    gradient.iter().zip(spare).map(|(g, s)| g * s * workspace * value_0 * shape_0 * order).collect()
}

#[differentiable]
fn of_fields(
    gradient: f64,
    workspace: f64,
    results: f64,
    lifetime: f64,
    made: f64,
    x_dot: f64,
    x: f64,
) -> f64 {
    gradient * workspace * results * lifetime * made * x_dot * x
}

#[differentiable]
#[allow(non_snake_case)]
fn of_cases(S: f64, s: f64, S64: &[f64], s64: &[f64]) -> f64 {
    S * S * s + S64.iter().sum::<f64>() * s64.iter().product::<f64>()
}

#[differentiable(wrt(x))]
fn of_lengths(x: &[f64], x_len: f32) -> f64 {
    x.iter().sum::<f64>() * x_len as f64 / x.len() as f64
}

#[differentiable]
fn of_levels<const S: usize>(x: &[f64; S]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>() * S as f64
}

#[differentiable]
fn r#loop(r#type: f64, r#match: f64) -> f64 {
    r#type * r#match * r#match
}

#[test]
fn arguments_have_any_name() {
    let (x, y) = ([0.5, 2.0], [3.0, 0.25]);
    let (value, gradient) = of_locals::vjp(&x, 2.0, 3.0, 5.0, &y, 7.0, &[1.0, 1.0]);
    assert_eq!(value, of_locals(&x, 2.0, 3.0, 5.0, &y, 7.0));
    assert_eq!((gradient.gradient, gradient.order), (vec![630.0, 52.5], 60.0));
    let (_, tangent) = of_locals::jvp(&x, 2.0, 3.0, 5.0, &y, 7.0, &x, 0.0, 0.0, 0.0, &[0.0, 0.0], 0.0);
    assert_eq!(tangent, value);

    let g = of_fields::gradient(1.0, 2.0, 3.0, 5.0, 7.0, 11.0, 13.0);
    assert_eq!((g.gradient, g.lifetime, g.x_dot), (30030.0, 6006.0, 2730.0));
    let g = of_cases::gradient(2.0, 3.0, &[1.0, 4.0], &[5.0, 6.0]);
    assert_eq!((g.S, g.s, g.S64[0], g.s64[0]), (12.0, 4.0, 30.0, 30.0));
    assert_eq!(of_lengths::gradient(&[1.0, 2.0], 8.0), [4.0, 4.0]);
    assert_eq!(of_levels::gradient(&[1.0, 2.0, 4.0]), [6.0, 12.0, 24.0]);
    assert_eq!(r#loop::gradient(2.0, 3.0).r#type, 9.0);
}

#[differentiable]
fn of_integers(x: f64, k: i32, list: &[i64]) -> f64 {
    let listed: f64 = list.iter().map(|i| *i as f64 * x.sin()).sum();
    x * (k - 5) as f64 + x * x * (k / 2) as f64 + x * (k % 3) as f64 + x.powi(k) + listed
}

#[differentiable]
fn squared(x: f64) -> f64 {
    x * x
}

/// A call asks for the definition of `squared`, which a macro answers.
#[differentiable]
fn of_integers_beside_a_call(x: f64, n: usize) -> f64 {
    squared(x) * n as f64 * (n / 2) as f64
}

#[derive(Clone, Differentiable)]
struct Marked {
    a: f64,
    #[constant]
    name: String,
    #[constant]
    power: i32,
}

#[differentiable]
fn of_constants(p: &Marked) -> f64 {
    let letters = p.name.len();
    let Marked { a, .. } = p;
    a.powi(p.power) * letters as f64 * if p.power > 0 { 1.0 } else { 2.0 }
}

#[test]
fn integers_keep_their_sign() {
    for k in [-7, -2, 0, 5] {
        let (value, gradient) = of_integers::value_and_gradient(0.7, k, &[-3, 2, -9]);
        close(value, of_integers(0.7, k, &[-3, 2, -9]));
        slope(|x| of_integers(x, k, &[-3, 2, -9]), 0.7, gradient);
    }
    assert_eq!(of_integers_beside_a_call::gradient(0.5, 5), 10.0);
    let p = Marked { a: 0.5, name: "abc".into(), power: -2 };
    assert_eq!(of_constants::value_and_gradient(&p).0, of_constants(&p));
    assert_eq!(of_constants::gradient(&p).a, -96.0);
}

#[differentiable]
fn of_single_literals(x: f64) -> f64 {
    x * 0.1f32 as f64 + x * x * (1.0f32 / 3.0) as f64
}

#[test]
fn suffixes_round() {
    assert_eq!(of_single_literals::value_and_gradient(0.7).0, of_single_literals(0.7));
    assert_eq!(of_single_literals::gradient(0.0), f64::from(0.1f32));
}

mod below {
    use chainrule::{differentiable, Differentiable};
    const K: f64 = 0.5;

    #[derive(Clone, Differentiable)]
    pub struct Outer {
        pub a: f64,
    }

    pub mod further {
        use chainrule::{differentiable, Differentiable};

        #[derive(Clone, Differentiable)]
        pub struct Own {
            pub b: f64,
        }

        #[differentiable]
        pub fn product(p: &super::Outer, q: &self::Own) -> f64 {
            p.a * q.b * super::K * super::super::TOP + super::doubled(p.a)
        }
    }

    #[differentiable]
    pub fn doubled(x: f64) -> f64 {
        x / K
    }
}

#[test]
fn paths_of_a_function_are_those_of_its_module() {
    let g = below::further::product::gradient(&below::Outer { a: 2.0 }, &below::further::Own { b: 3.0 });
    assert_eq!((g.p.a, g.q.b), (18.5, 11.0));
}

macro_rules! written {
    ($name:ident, $factor:expr) => {
        #[differentiable]
        fn $name(x: f64, n: usize) -> f64 {
            let k = 2.0;
            squared(x) * n as f64 + $factor * k * -$factor * x
        }
    };
}
written!(by_a_macro, 2.0 + 1.0);

#[test]
fn what_a_macro_is_given_is_one_operand() {
    assert_eq!(by_a_macro(1.0, 4), -14.0);
    assert_eq!(by_a_macro::value_and_gradient(1.0, 4), (-14.0, -10.0));
}

mod filters {
    use chainrule::{differentiable, Differentiable};

    #[derive(Clone, Differentiable)]
    pub struct Filter {
        pub taps: Vec<f64>,
        pub gain: f64,
        /// Whoever calls `filter` does not see it.
        history: Vec<f64>,
    }

    impl Filter {
        pub fn new(taps: &[f64], gain: f64) -> Filter {
            Filter { taps: taps.to_vec(), gain, history: vec![] }
        }
        pub fn memory(&self) -> usize {
            self.history.len()
        }
    }

    #[differentiable]
    pub fn filter(filter: &Filter, x: &[f64]) -> f64 {
        filter.taps.iter().zip(x).map(|(tap, x)| (tap * x).sin()).sum::<f64>() * filter.gain
    }

    #[differentiable(wrt(x), jvp)]
    pub fn of_x(f: &Filter, x: &[f64]) -> f64 {
        filter(f, x) + filter(f, x).powi(2)
    }

    /// The derivative for `x`, which has derivatives for the fields.
    #[differentiable]
    pub fn along(f: &Filter, x: &[f64]) -> f64 {
        let ones = vec![1.0; x.len()];
        let (_, slope) = of_x::jvp(f, x, &ones);
        slope
    }
}
use filters::{along, filter, Filter};

/// The type of `f` is not looked up, because nothing is differentiated for it.
#[differentiable(wrt(x))]
fn of_an_inactive_struct(f: &Filter, x: &[f64]) -> f64 {
    let doubled = Filter::new(&f.taps, 2.0 * f.gain);
    filter(f, x) + filter(&doubled, x) * f.memory() as f64 + filter(f, x).powi(2)
}

#[test]
fn structs_that_only_the_callee_differentiates() {
    let (f, x) = (Filter::new(&[0.5, -1.0, 2.0], 1.5), vec![0.3, 0.7, -0.4]);
    check_gradient(|x| of_an_inactive_struct(&f, x), |x| of_an_inactive_struct::gradient(&f, x), &x).unwrap();
    check_gradient(|f| along(f, &x), |f| along::gradient(f, &x).f, &f).unwrap();
    check_gradient(|x| along(&f, x), |x| along::gradient(&f, x).x, &x).unwrap();
}
