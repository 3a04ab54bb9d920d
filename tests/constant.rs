//! Derivatives at compile time: the same numbers as the ordinary ones, the same bits as when the program runs.
//!
//! Each function is differentiated twice, in the modules `ordinary` and `constant`. Invariant: every gradient is evaluated in a
//! `const` and when the program runs, and is held against differences.

use chainrule::{check_gradient, differentiable, math, Differentiable};
use std::hint::black_box;

#[macro_use]
#[path = "constant/twice.rs"]
mod twice;
#[path = "constant/long.rs"]
mod long;

use long::{wide_constant, wide_ordinary, TABLE};
use twice::{constant, ordinary, Deep, Layer, Net};

const NET: Net = Net {
    w1: [[0.5, -0.3], [0.7, 0.2], [-0.4, 0.6]],
    b1: [0.1, -0.2, 0.05],
    w2: [0.3, -0.6, 0.5],
    b2: 0.1,
    scale: 1.5,
};
const X: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const Y: [f64; 4] = [0.0, 1.0, 1.0, 0.0];
const W: [[f64; 3]; 2] = [[0.1, -0.4, 0.3], [0.2, 0.5, -0.7]];
const B: [f64; 3] = [0.05, 0.0, -0.1];
const DATA: [[f64; 2]; 5] = [[0.5, 1.0], [-1.5, 0.3], [2.0, -0.4], [0.0, 0.9], [1.1, 1.2]];
const LABELS: [usize; 5] = [0, 2, 1, 1, 0];
const MATRIX: [[f64; 6]; 6] = {
    let mut a = [[0.0; 6]; 6];
    let mut k = 0;
    while k < 36 {
        a[k / 6][k % 6] = math::sin(k as f64 + 0.5);
        k += 1;
    }
    a
};
const R: [[f64; 3]; 3] = [[0.5, -0.2, 0.1], [0.3, 0.4, -0.6], [-0.1, 0.7, 0.2]];
const SIGNAL: [f64; 20] = {
    let mut x = [0.0; 20];
    let mut k = 0;
    while k < 20 {
        x[k] = math::cos(0.7 * k as f64);
        k += 1;
    }
    x
};
const DEEP: Deep = Deep {
    layers: [Layer([[0.5, 0.2], [-0.3, 0.8]], [0.1, -0.1]), Layer([[0.9, -0.4], [0.6, 0.3]], [0.0, 0.2])],
    unused: [7.0, 8.0],
};

/// The parameters of two gradients are equal but for a few rounding errors.
fn near<G: chainrule::Differentiable<Scalar = f64>>(a: &G, b: &G) {
    for (a, b) in a.flatten().into_iter().zip(b.flatten()) {
        assert!((a - b).abs() <= 1e-13 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

macro_rules! agree {
    (wide $function:ident, $($rest:tt)*) => {{
        use {wide_constant as constant, wide_ordinary as ordinary};
        agree!($function, $($rest)*)
    }};
    ($function:ident, ($($arg:expr),*), |$x:ident| ($($at:expr),*), $point:expr, $part:expr) => {{
        let part = $part;
        const AT_COMPILE_TIME: (f64, constant::$function::Gradient) = constant::$function::value_and_gradient($($arg),*);
        let (then, then_gradient) = AT_COMPILE_TIME;
        let (now, now_gradient) = constant::$function::value_and_gradient($(black_box($arg)),*);
        assert_eq!(then.to_bits(), now.to_bits());
        let bits = |g: &_| part(g).flatten().into_iter().map(f64::to_bits).collect::<Vec<u64>>();
        assert_eq!(bits(&then_gradient), bits(&now_gradient));
        let (value, _) = ordinary::$function::value_and_gradient($($arg),*);
        assert!((value - then).abs() <= 1e-13 * (1.0 + value.abs()), "{value} is not {then}");
        assert!((constant::$function($($arg),*) - then).abs() <= 1e-13 * (1.0 + then.abs()));
        check_gradient(
            |$x| constant::$function($($at),*),
            |$x| part(&constant::$function::gradient($($at),*)),
            &$point,
        )
        .expect("differences");
        then_gradient
    }};
}

#[test]
fn numbers() {
    let g =
        agree!(mixed, (0.7, 0.4), |x| (x[0], x[1]), [0.7, 0.4], |g: &constant::mixed::Gradient| [g.x, g.y]);
    let other = ordinary::mixed::gradient(0.7, 0.4);
    near(&[g.x, g.y], &[other.x, other.y]);
    let g = agree!(logistic, (3.7, 0.4), |x| (x[0], x[1]), [3.7, 0.4], |g: &constant::logistic::Gradient| [
        g.r, g.x
    ]);
    let other = ordinary::logistic::gradient(3.7, 0.4);
    near(&[g.r, g.x], &[other.r, other.x]);
}

#[test]
fn structs() {
    let g = agree!(xor, (&NET, &X, &Y), |net| (net, &X, &Y), NET, |g: &Net| *g);
    near(&g, &ordinary::xor::gradient(&NET, &X, &Y));
    assert_eq!(g.scale, 1.5);
    let g = agree!(layers, (&DEEP, &[0.4, -0.9]), |deep| (deep, &[0.4, -0.9]), DEEP, |g: &Deep| *g);
    near(&g, &ordinary::layers::gradient(&DEEP, &[0.4, -0.9]));
    assert_eq!(g.unused, [0.0; 2]);
}

#[test]
fn labels_choose() {
    let g = agree!(
        classifier,
        (&W, &B, &DATA, &LABELS),
        |w| (w, &B, &DATA, &LABELS),
        W,
        |g: &constant::classifier::Gradient| g.w
    );
    let other = ordinary::classifier::gradient(&W, &B, &DATA, &LABELS);
    near(&g.w, &other.w);
    near(&g.b, &other.b);
    agree!(
        classifier,
        (&W, &B, &DATA, &LABELS),
        |b| (&W, b, &DATA, &LABELS),
        B,
        |g: &constant::classifier::Gradient| g.b
    );
}

#[test]
#[should_panic(expected = "classifier: `labels` is out of range")]
fn a_label_that_is_none() {
    constant::classifier::gradient(&W, &B, &DATA, &black_box([0, 2, 3, 1, 0]));
}

#[test]
fn early_ends() {
    for (x, long, n) in [(-0.7, true, 2), (0.6, false, 2), (0.6, true, 2), (2.5, true, 1)] {
        let g = constant::early::gradient(x, long, n);
        near(&g, &ordinary::early::gradient(x, long, n));
        check_gradient(|x| constant::early(*x, long, n), |x| constant::early::gradient(*x, long, n), &x)
            .expect("differences");
    }
    agree!(early, (2.5, true, 1), |x| (*x, true, 1), 2.5, |g: &f64| *g);
}

#[test]
fn nested_loops() {
    let g = agree!(nested, (&MATRIX), |a| (a), MATRIX, |g: &[[f64; 6]; 6]| *g);
    near(&g, &ordinary::nested::gradient(&MATRIX));
}

#[test]
fn loops_that_end() {
    const TERMS: [f64; 6] = [0.5, 0.25, 1.0, -0.3, 0.7, 0.2];
    for most in [0.4, 2.0, 5.0, 100.0] {
        let g = constant::until::gradient(&TERMS, most);
        near(&g, &ordinary::until::gradient(&TERMS, most));
    }
    agree!(until, (&TERMS, 5.0), |x| (x, 5.0), TERMS, |g: &[f64; 6]| *g);
}

#[test]
fn recurrences() {
    let (u, h) = ([0.3, -0.5, 0.8], [0.1, 0.0, -0.2]);
    const U: [f64; 3] = [0.3, -0.5, 0.8];
    const H: [f64; 3] = [0.1, 0.0, -0.2];
    let g = agree!(
        recurrent,
        (&R, &U, H, &SIGNAL),
        |w| (w, &U, H, &SIGNAL),
        R,
        |g: &constant::recurrent::Gradient| g.w
    );
    let other = ordinary::recurrent::gradient(&R, &u, h, &SIGNAL);
    near(&g.w, &other.w);
    near(&g.u, &other.u);
    near(&g.h, &other.h);
    agree!(
        recurrent,
        (&R, &U, H, &SIGNAL),
        |u| (&R, u, H, &SIGNAL),
        U,
        |g: &constant::recurrent::Gradient| g.u
    );
    agree!(
        recurrent,
        (&R, &U, H, &SIGNAL),
        |h| (&R, &U, *h, &SIGNAL),
        H,
        |g: &constant::recurrent::Gradient| g.h
    );
}

#[test]
fn long_dimensions() {
    const LINE: [f64; 20] = {
        let mut x = [0.0; 20];
        let mut k = 0;
        while k < 20 {
            x[k] = math::sin(2.3 * k as f64 + 0.4);
            k += 1;
        }
        x
    };
    let g = agree!(wide smooth, (&LINE), |x| (x), LINE, |g: &[f64; 20]| *g);
    near(&g, &wide_ordinary::smooth::gradient(&LINE));
    const WIDE: [[f64; 20]; 17] = {
        let mut w = [[0.0; 20]; 17];
        let mut k = 0;
        while k < 340 {
            w[k / 20][k % 20] = math::cos(0.9 * (k * k) as f64);
            k += 1;
        }
        w
    };
    const ROWS: [[f64; 17]; 3] = [TABLE[2], TABLE[7], TABLE[11]];
    let g = agree!(wide wide, (&WIDE, &ROWS, &[3, 19, 0]), |w| (w, &ROWS, &[3, 19, 0]), WIDE, |g: &[[f64; 20]; 17]| *g);
    near(&g, &wide_ordinary::wide::gradient(&WIDE, &ROWS, &[3, 19, 0]));
    const MASK: [bool; 20] = {
        let mut mask = [false; 20];
        let mut k = 0;
        while k < 20 {
            mask[k] = k % 3 == 1;
            k += 1;
        }
        mask
    };
    let g = agree!(wide chosen, (&LINE, &MASK, 5), |x| (x, &MASK, 5), LINE, |g: &[f64; 20]| *g);
    near(&g, &wide_ordinary::chosen::gradient(&LINE, &MASK, 5));
    const SQUARE: [[f64; 17]; 17] = {
        let mut w = [[0.0; 17]; 17];
        let mut k = 0;
        while k < 289 {
            w[k / 17][k % 17] = 0.2 * math::cos(0.7 * (k * k) as f64);
            k += 1;
        }
        w
    };
    let part = |g: &wide_constant::long::Gradient| g.w;
    let g = agree!(wide long, (&SQUARE, &TABLE[0]), |w| (w, &TABLE[0]), SQUARE, part);
    let other = wide_ordinary::long::gradient(&SQUARE, &TABLE[0]);
    near(&g.w, &other.w);
    near(&g.h, &other.h);
}

#[test]
fn lengths_that_are_generic() {
    const A: [f64; 5] = constant::generic::gradient(&[0.1, 0.2, 0.3, 0.4, 0.5], &[1.0, -1.0, 2.0, 0.5, 0.0]);
    let (x, y) = ([0.1, 0.2, 0.3, 0.4, 0.5], [1.0, -1.0, 2.0, 0.5, 0.0]);
    near(&A, &ordinary::generic::gradient(&x, &y));
    assert_eq!(A, constant::generic::gradient(&black_box(x), &black_box(y)));
    check_gradient(|x| constant::generic(x, &y), |x| constant::generic::gradient(x, &y), &x)
        .expect("differences");
    assert_eq!(constant::generic::gradient(&[0.5], &[0.0]), [1.0]);
}

#[test]
fn single_precision() {
    const G: constant::single::Gradient = constant::single::gradient(0.5, &[0.1, -1.0, 2.0]);
    let other = ordinary::single::gradient(0.5, &[0.1, -1.0, 2.0]);
    assert!((G.x - other.x).abs() < 1e-6);
    G.y.iter().zip(other.y).for_each(|(a, b)| assert!((a - b).abs() < 1e-6));
    let now = constant::single::gradient(black_box(0.5), &black_box([0.1, -1.0, 2.0]));
    assert_eq!((G.x, G.y), (now.x, now.y));
}

#[test]
fn every_bit_is_kept_where_that_is_asked_for() {
    let x = [0.3, -0.7, 1.9, 1e-3];
    const G: (f64, [f64; 4]) = constant::strict::value_and_gradient(&[0.3, -0.7, 1.9, 1e-3]);
    assert_eq!(G, ordinary::strict::value_and_gradient(&x));
    assert_eq!(G.0.to_bits(), constant::strict(&x).to_bits());
    let infinite = constant::strict::gradient(&[f64::INFINITY; 4]);
    assert!(infinite[0].is_nan());
}

#[test]
fn memory_of_the_caller_is_overwritten() {
    const G: Net = {
        let mut gradient = NET;
        constant::xor::value_and_gradient_into(&NET, &X, &Y, &mut gradient);
        constant::xor::value_and_gradient_into(&NET, &X, &Y, &mut gradient);
        gradient
    };
    assert_eq!(G, constant::xor::gradient(&NET, &X, &Y));
    let mut nested = [[9.0; 6]; 6];
    constant::nested::value_and_gradient_into(&MATRIX, &mut nested);
    assert_eq!(nested, constant::nested::gradient(&MATRIX));
}

#[test]
fn the_source_is_plain() {
    let source = constant::xor::SOURCE;
    assert!(source.contains("pub const fn value_and_gradient_into("), "{source}");
    for word in [" in 0..", "Vec", "Workspace", "dispatch", "S64"] {
        assert!(!source.contains(word), "`{word}` in {source}");
    }
}

/// Functions of another module, which read what is around them.
mod elsewhere {
    use super::{differentiable, math};
    const SCALE: f64 = 2.5;
    const COUNT: usize = 3;
    pub(crate) const POWERS: [f64; COUNT] = [1.0, 2.0, 3.0];

    #[differentiable]
    pub const fn powers(x: f64) -> f64 {
        let mut sum = 0.0;
        let mut i = 0;
        while i < COUNT {
            sum += math::powf(x, POWERS[i]) * SCALE;
            i += 1;
        }
        sum
    }

    #[differentiable(const)]
    pub const fn scaled(x: f64) -> f64 {
        SCALE * x * x
    }
}
use elsewhere::{powers, scaled};

/// Inactive code of many kinds beside what is differentiated.
#[differentiable(const, wrt(x))]
const fn beside(x: &[f64; 4], k: usize, deep: bool) -> f64 {
    assert!(k < 4, "there are four");
    let scale = 1.0 / (k as f64 + 1.0);
    let mut count = 0;
    let mut odd = 0;
    while count < k {
        if count % 2 == 1 {
            odd += 1;
        }
        count += 1;
    }
    let mut s = powers(x[0]) * scale + odd as f64 * x[1];
    match k {
        0 => s += x[2],
        1 | 2 => s -= x[3],
        _ => s *= x[2],
    }
    if deep {
        s += scaled(x[k]);
    } else if x[1] > 0.1 {
        s -= x[1];
    } else {
        s += math::exp(x[1]);
    }
    let (a, b) = (s * x[2], s + x[3]);
    a * b.max(0.1)
}

#[test]
fn inactive_code() {
    const AT: [f64; 4] = [0.5, 0.2, 0.7, 0.3];
    const G: [f64; 4] = beside::gradient(&AT, 2, true);
    assert_eq!(G, beside::gradient(&black_box(AT), black_box(2), black_box(true)));
    for (k, deep) in (0..4).flat_map(|k| [(k, false), (k, true)]) {
        let (value, _) = beside::value_and_gradient(&AT, k, deep);
        assert!((value - beside(&AT, k, deep)).abs() <= 1e-13 * (1.0 + value.abs()));
        check_gradient(|x| beside(x, k, deep), |x| beside::gradient(x, k, deep), &AT).expect("differences");
    }
}

/// A method, whose derivative is a `const fn` beside it.
#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Line {
    slope: f64,
    offset: f64,
}

#[differentiable]
impl Line {
    #[differentiable(const)]
    pub const fn square(&self, x: f64) -> f64 {
        self.at(x) * self.at(x)
    }

    const fn at(&self, x: f64) -> f64 {
        self.slope * x + self.offset
    }
}

#[test]
fn methods() {
    const LINE: Line = Line { slope: 1.0, offset: 2.0 };
    const G: line_square::Gradient = LINE.square_gradient(3.0);
    assert_eq!((G.this.slope, G.this.offset, G.x), (30.0, 10.0, 10.0));
}

/// Arguments by value, labels of another type, lengths that are generic in two dimensions.
#[differentiable(const, wrt(line, q))]
const fn by_value(line: Line, q: [f64; 3], labels: [u8; 4], signs: [bool; 4], at: i32) -> f64 {
    let mut s = line.offset;
    let mut i = 0;
    while i < 4 {
        let z = line.slope * q[labels[i] as usize] * q[i % 3];
        s = if signs[i] { s + math::exp(z) } else { s - math::sin(z) };
        i += 1;
    }
    s * q[at as usize]
}

#[differentiable(const, wrt(w))]
const fn rows<const N: usize, const M: usize>(w: &[[f64; M]; N], x: &[f64; M]) -> f64 {
    let (mut sum, mut top) = (0.0, w[0][0]);
    let mut i = 0;
    while i < N {
        let mut z = 0.0;
        let mut j = 0;
        while j < M {
            z += w[i][j] * x[j];
            j += 1;
        }
        sum += math::tanh(z) * math::tanh(z);
        top = math::max(top, w[i][0]);
        i += 1;
    }
    sum * top
}

#[test]
fn arguments_of_many_types() {
    const LINE: Line = Line { slope: 0.5, offset: 1.0 };
    const Q: [f64; 3] = [0.5, -0.6, 0.7];
    const LABELS: [u8; 4] = [0, 2, 1, 2];
    const SIGNS: [bool; 4] = [true, false, true, true];
    const G: by_value::Gradient = by_value::gradient(LINE, Q, LABELS, SIGNS, 1);
    let now = by_value::gradient(black_box(LINE), Q, LABELS, SIGNS, 1);
    assert_eq!((G.line, G.q), (now.line, now.q));
    let gradient = |line: &Line, q: &[f64; 3]| by_value::gradient(*line, *q, LABELS, SIGNS, 1);
    check_gradient(|line| by_value(*line, Q, LABELS, SIGNS, 1), |line| gradient(line, &Q).line, &LINE)
        .expect("line");
    check_gradient(|q| by_value(LINE, *q, LABELS, SIGNS, 1), |q| gradient(&LINE, q).q, &Q).expect("q");
    const W: [[f64; 2]; 3] = [[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]];
    const H: [[f64; 2]; 3] = rows::gradient(&W, &[1.0, -2.0]);
    assert_eq!(H, rows::gradient(&black_box(W), &[1.0, -2.0]));
    check_gradient(|w| rows(w, &[1.0, -2.0]), |w| rows::gradient(w, &[1.0, -2.0]), &W).expect("rows");
}

#[test]
fn every_operation_is_a_function_or_refused() {
    let double = [
        include_str!("../src/math/exp.rs"),
        include_str!("../src/math/log.rs"),
        include_str!("../src/math/plain.rs"),
        include_str!("../src/math/pow.rs"),
        include_str!("../src/math/trig.rs"),
    ];
    let (double, single) = (double.concat(), include_str!("../src/math/single.rs"));
    let functions = chainrule_core::ir::Op::ALL
        .iter()
        .filter_map(|op| chainrule_core::emit::function_at_compile_time(*op));
    let functions: Vec<&str> = functions.collect();
    assert!(functions.len() > 25, "{functions:?}");
    for name in functions {
        let function = format!("pub const fn {name}(");
        assert!(double.contains(&function), "no `math::{name}`");
        assert!(
            single.contains(&function) || single.contains(&format!(" {name}(")),
            "no `math::single::{name}`"
        );
    }
}
