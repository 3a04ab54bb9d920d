//! Derivatives at compile time: the same numbers as the ordinary ones, the same bits as when the program runs.
//!
//! Each function is differentiated twice, in the modules `ordinary` and `constant`. Invariant: every gradient is evaluated in a
//! `const` and when the program runs, and is held against differences.

use chainrule::{check_gradient, differentiable, math, Differentiable};
use std::hint::black_box;

macro_rules! twice {
    (mod $ordinary:ident, mod $constant:ident; $([$($options:tt)*] { $($item:tt)* })*) => {
        mod $ordinary {
            use super::*;
            $(#[differentiable($($options)*)] $($item)*)*
        }
        mod $constant {
            use super::*;
            $(#[differentiable(const, $($options)*)] $($item)*)*
        }
    };
}

/// Two layers, whose gradient is made by copying the struct.
#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Net {
    pub w1: [[f64; 2]; 3],
    pub b1: [f64; 3],
    pub w2: [f64; 3],
    pub b2: f64,
    #[constant]
    pub scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Layer([[f64; 2]; 2], pub [f64; 2]);

#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
pub struct Deep {
    pub layers: [Layer; 2],
    pub unused: [f64; 2],
}

const POINTS: usize = 4;

twice! {
    mod ordinary, mod constant;
    [] {
        pub const fn mixed(x: f64, y: f64) -> f64 {
            let s = math::sin(x) * math::cos(y) + math::exp(x * y) - math::ln(x + 2.0 * y);
            let t = math::sqrt(x * x + y) * math::tanh(x - y) + math::powf(y, 1.7) / math::powi(x, 3);
            let u = math::sigmoid(x) - math::softplus(y) + math::hypot(x, y) + math::tan(0.3 * x);
            s + t * u + math::max(x, y) + math::min(x, 0.5) + math::abs(x - 2.0 * y) + x.max(0.1)
                + math::exp_m1(0.1 * x) + math::ln_1p(y) + math::sinh(x) + math::cosh(y) + math::copysign(x, y)
        }
    }
    [wrt(net)] {
        pub const fn xor(net: &Net, x: &[[f64; 2]; POINTS], y: &[f64; POINTS]) -> f64 {
            let mut total = 0.0;
            let mut n = 0;
            while n < POINTS {
                let mut out = net.b2;
                let mut j = 0;
                while j < 3 {
                    let mut h = net.b1[j];
                    let mut i = 0;
                    while i < 2 {
                        h += net.w1[j][i] * x[n][i];
                        i += 1;
                    }
                    out += net.scale * net.w2[j] * math::tanh(h);
                    j += 1;
                }
                let d = math::sigmoid(out) - y[n];
                total += d * d;
                n += 1;
            }
            total / POINTS as f64
        }
    }
    [wrt(w, b)] {
        /// Cross entropy of a linear classifier, with the greatest logit subtracted.
        pub const fn classifier(
            w: &[[f64; 3]; 2],
            b: &[f64; 3],
            x: &[[f64; 2]; 5],
            labels: &[usize; 5],
        ) -> f64 {
            let mut total = 0.0;
            let mut n = 0;
            while n < 5 {
                let mut z = *b;
                let mut k = 0;
                while k < 3 {
                    z[k] += w[0][k] * x[n][0] + w[1][k] * x[n][1];
                    k += 1;
                }
                let top = math::max(math::max(z[0], z[1]), z[2]);
                let mut sum = 0.0;
                let mut k = 0;
                while k < 3 {
                    sum += math::exp(z[k] - top);
                    k += 1;
                }
                total += math::ln(sum) + top - z[labels[n]];
                n += 1;
            }
            total
        }
    }
    [wrt(x)] {
        pub const fn early(x: f64, long: bool, n: usize) -> f64 {
            if x < 0.0 {
                return -x * math::exp(x);
            }
            let mut y = x;
            if long {
                let mut i = 0;
                while i < 6 {
                    if y > 40.0 {
                        return y + x;
                    }
                    y = y * y + 0.1 * n as f64;
                    i += 1;
                }
            }
            math::ln(1.0 + y)
        }
    }
    [wrt(a)] {
        /// Triangles, steps and loops that run backwards.
        pub const fn nested(a: &[[f64; 6]; 6]) -> f64 {
            let mut total = 0.0;
            let mut i = 0;
            while i < 6 {
                let mut row = 1.0;
                let mut j = 1;
                while j < 6 {
                    row *= 1.0 + 0.1 * a[i][j];
                    j += 2;
                }
                while j > i {
                    j -= 1;
                    row += a[if j < 6 { j } else { 5 }][i];
                }
                let mut k = 6;
                while k > i {
                    k -= 1;
                    total = 0.5 * total + a[k][i] * row;
                }
                i += 1;
            }
            total
        }
    }
    [wrt(w, u, h)] {
        /// A recurrent network: the state is an array that each step makes anew.
        pub const fn recurrent(w: &[[f64; 3]; 3], u: &[f64; 3], h: [f64; 3], x: &[f64; 20]) -> f64 {
            let mut state = h;
            let mut t = 0;
            while t < 20 {
                let mut next = [0.0; 3];
                let mut i = 0;
                while i < 3 {
                    let mut s = u[i] * x[t];
                    let mut j = 0;
                    while j < 3 {
                        s += w[i][j] * state[j];
                        j += 1;
                    }
                    next[i] = math::tanh(s);
                    i += 1;
                }
                state = next;
                t += 1;
            }
            state[0] + 2.0 * state[1] - state[2]
        }
    }
    [wrt(x)] {
        /// A loop that ends early, and one with a `break` in a branch of another.
        pub const fn until(x: &[f64; 6], most: f64) -> f64 {
            let mut sum = 0.0;
            let mut n = 0;
            while n < 6 {
                if sum > most {
                    break;
                }
                let mut k = 0;
                while k <= n {
                    if x[k] < 0.0 {
                        break;
                    }
                    sum += math::exp(x[k]) * x[n];
                    k += 1;
                }
                n += 1;
            }
            sum * sum
        }
    }
    [] {
        pub const fn logistic(r: f64, x: f64) -> f64 {
            let mut y = x;
            let mut i = 0;
            while i < 10 {
                y = r * y * (1.0 - y);
                i += 1;
            }
            y
        }
    }
    [wrt(x)] {
        pub const fn generic<const N: usize>(x: &[f64; N], y: &[f64; N]) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < N {
                sum += math::exp(-x[i] * y[i]) * square(x[N - 1]);
                i += 1;
            }
            sum / N as f64
        }
    }
    [] {
        pub const fn square(x: f64) -> f64 {
            x * x
        }
    }
    [wrt(deep)] {
        pub const fn layers(deep: &Deep, x: &[f64; 2]) -> f64 {
            let mut h = *x;
            let mut l = 0;
            while l < 2 {
                let layer = &deep.layers[l];
                let mut next = layer.1;
                let mut i = 0;
                while i < 2 {
                    next[i] += layer.0[i][0] * h[0] + layer.0[i][1] * h[1];
                    i += 1;
                }
                h = [math::tanh(next[0]), math::tanh(next[1])];
                l += 1;
            }
            h[0] * h[1]
        }
    }
    [] {
        pub const fn single(x: f32, y: &[f32; 3]) -> f32 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 3 {
                sum += math::single::tanh(x * y[i]) + math::single::exp(-y[i] * y[i]);
                i += 1;
            }
            sum
        }
    }
    [math = "strict"] {
        pub const fn strict(x: &[f64; 4]) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 4 {
                sum += x[i] * x[i] / (x[i] + 0.1) + 0.0 * x[i];
                i += 1;
            }
            sum
        }
    }
}

const TABLE: [[f64; 17]; 19] = {
    let mut a = [[0.0; 17]; 19];
    let mut k = 0;
    while k < 17 * 19 {
        a[k / 17][k % 17] = math::sin(1.7 * k as f64);
        k += 1;
    }
    a
};

// dimensions that are too long to be written out
twice! {
    mod wide_ordinary, mod wide_constant;
    [] {
        /// Each element with its neighbour.
        pub const fn smooth(x: &[f64; 20]) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 19 {
                let step = x[i + 1] - x[i];
                sum += step * step * math::exp(-x[i]);
                i += 1;
            }
            sum
        }
    }
    [wrt(w)] {
        /// Cross entropies of products.
        pub const fn wide(w: &[[f64; 20]; 17], x: &[[f64; 17]; 3], labels: &[usize; 3]) -> f64 {
            let mut total = 0.0;
            let mut n = 0;
            while n < 3 {
                let mut z = [0.0; 20];
                let mut k = 0;
                while k < 20 {
                    let mut i = 0;
                    while i < 17 {
                        z[k] += w[i][k] * x[n][i];
                        i += 1;
                    }
                    k += 1;
                }
                let mut top = z[0];
                let mut k = 1;
                while k < 20 {
                    top = math::max(top, z[k]);
                    k += 1;
                }
                let mut sum = 0.0;
                let mut k = 0;
                while k < 20 {
                    sum += math::exp(z[k] - top);
                    k += 1;
                }
                total += math::ln(sum) + top - z[labels[n]];
                n += 1;
            }
            total
        }
    }
    [wrt(x)] {
        /// Branches, triangles, positions that are computed, data of the module, truth values.
        pub const fn chosen(x: &[f64; 20], mask: &[bool; 20], shift: usize) -> f64 {
            let mut sum = 0.0;
            let mut i = 0;
            while i < 20 {
                if mask[i] {
                    sum += math::exp(x[i]) * x[(i * 7 + shift) % 20];
                } else if x[i] > 0.0 {
                    sum -= math::sqrt(x[i]) * TABLE[i % 19][shift];
                }
                let mut j = 0;
                while j < i {
                    sum += 0.01 * x[i] * x[j] * TABLE[j][i / 2];
                    j += 1;
                }
                i += 1;
            }
            sum
        }
    }
    [wrt(w, h)] {
        pub const fn long(w: &[[f64; 17]; 17], h: &[f64; 17]) -> f64 {
            let mut state = *h;
            let mut t = 0;
            while t < 19 {
                let mut next: [f64; 17] = TABLE[t];
                let mut i = 0;
                while i < 17 {
                    let mut j = 0;
                    while j < 17 {
                        next[i] += w[i][j] * state[j];
                        j += 1;
                    }
                    next[i] = math::tanh(next[i]);
                    i += 1;
                }
                state = next;
                t += 1;
            }
            let mut sum = 0.0;
            let mut i = 0;
            while i < 17 {
                sum += state[i] * (i as f64 + 1.0);
                i += 1;
            }
            sum
        }
    }
}

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
