//! Methods in `impl` blocks, and functions that call them.

use chainrule::nn::{cross_entropy, relu};
use chainrule::{differentiable, Differentiable};
use ndarray::{array, Array1, Array2, ArrayView1, ArrayView2};

mod model {
    use super::*;

    const SCALE: f64 = 0.5;

    #[derive(Clone, Debug, PartialEq, Differentiable)]
    pub struct Mlp {
        pub w1: Array2<f64>,
        pub b1: Array1<f64>,
        pub w2: Array2<f64>,
        #[constant]
        pub rate: f64,
    }

    #[differentiable]
    impl Mlp {
        pub const HALF: f64 = 0.5;

        pub fn new() -> Self {
            Mlp {
                w1: array![[0.5, -0.25, 1.0], [0.125, 0.75, -0.5]],
                b1: array![0.1, -0.2, 0.3],
                w2: array![[1.0, -1.0], [0.5, 0.25], [-0.75, 0.5]],
                rate: 2.0,
            }
        }

        /// The mean loss of a batch.
        #[differentiable(wrt(self), hvp)]
        pub fn loss(&self, x: ArrayView2<f64>, labels: &[usize]) -> f64 {
            cross_entropy(self.scores(x), labels) + self.penalty() * Self::HALF
        }

        /// Without the attribute: it has no derivatives of its own.
        fn scores(&self, x: ArrayView2<f64>) -> Array2<f64> {
            let hidden = relu(x.dot(&self.w1) + &self.b1);
            Self::scaled(hidden.dot(&self.w2))
        }

        fn scaled(x: Array2<f64>) -> Array2<f64> {
            x * SCALE
        }

        #[differentiable]
        pub fn penalty(&self) -> f64 {
            let n = self.size() as f64;
            self.rate * (self.b1.mapv(|b| b * b).sum() / n)
        }

        fn size(&self) -> usize {
            self.b1.len()
        }

        /// Both are differentiated.
        #[differentiable(vjp, jvp)]
        pub(crate) fn shifted(&self, by: f64) -> Array1<f64> {
            &self.b1 * by
        }

        /// Nothing that could be differentiated.
        pub fn describe(&self) -> String {
            format!("{} parameters", self.w1.len())
        }
    }

    #[differentiable]
    pub fn penalties(net: &Mlp, by: f64) -> f64 {
        net.penalty() * by + Mlp::penalty(net)
    }
}

use model::{mlp_penalty, Mlp};

#[test]
fn derivatives_stand_beside_the_method() {
    let net = Mlp::new();
    let (x, labels) = (array![[1.0, 2.0], [-1.0, 0.5], [0.25, -2.0]], [0, 1, 1]);
    let (value, g) = net.loss_value_and_gradient(x.view(), &labels);
    assert!((value - net.loss(x.view(), &labels)).abs() < 1e-14);
    assert_eq!(g, net.loss_gradient(x.view(), &labels));
    let (mut into, mut workspace) = (net.clone(), model::mlp_loss::Workspace::default());
    let again = net.loss_value_and_gradient_into(x.view(), &labels, &mut into, &mut workspace);
    assert_eq!((again, &into), (value, &g));
    assert_eq!(g, model::mlp_loss::gradient(&net, x.view(), &labels));
    assert!(Mlp::LOSS_SOURCE.contains("pub fn value_and_gradient_into"));
    // central differences
    let h = 1e-6;
    for k in 0..3 {
        let at = |d: f64| {
            let mut net = net.clone();
            net.b1[k] += d;
            net.loss(x.view(), &labels)
        };
        assert!((g.b1[k] - (at(h) - at(-h)) / (2.0 * h)).abs() < 1e-8);
    }
    let mut along = net.clone();
    along.w1.fill(0.0);
    along.w2.fill(0.0);
    along.b1 = array![0.0, 1.0, 0.0];
    let (_, _, product) = net.loss_hvp(x.view(), &labels, &along);
    let at = |d: f64| {
        let mut net = net.clone();
        net.b1[1] += d;
        net.loss_gradient(x.view(), &labels)
    };
    let (after, before) = (at(h), at(-h));
    for ((p, a), b) in product.w2.iter().zip(&after.w2).zip(&before.w2) {
        assert!((p - (a - b) / (2.0 * h)).abs() < 1e-7);
    }
    assert_eq!(net.describe(), "6 parameters");
}

#[test]
fn a_receiver_is_an_argument_like_others() {
    let net = Mlp::new();
    let (value, g) = net.shifted_vjp(2.0, &array![1.0, 10.0, 100.0]);
    assert_eq!(value, net.shifted(2.0));
    assert_eq!(g.this.b1, array![2.0, 20.0, 200.0]);
    assert!((g.by - (0.1 - 2.0 + 30.0)).abs() < 1e-14);
    let (_, tangent) = net.shifted_jvp(2.0, &net, 1.0);
    assert_eq!(tangent, &net.b1 * 3.0);
}

#[test]
fn functions_call_methods() {
    let net = Mlp::new();
    let g = model::penalties::gradient(&net, 3.0);
    let one = net.penalty_gradient();
    assert_eq!(g.by, net.penalty());
    for (all, one) in g.net.b1.iter().zip(&one.b1) {
        assert!((all - 4.0 * one).abs() < 1e-14);
    }
}

/// A function of another module: the method's function is in scope.
#[differentiable(wrt(net))]
fn doubled(net: &Mlp, x: f64) -> f64 {
    net.penalty() * 2.0 * x
}

#[test]
fn functions_of_other_modules_call_methods() {
    let net = Mlp::new();
    let (value, g) = doubled::value_and_gradient(&net, 1.5);
    assert!((value - 3.0 * mlp_penalty(&net)).abs() < 1e-14);
    assert!((g.b1[0] - 3.0 * net.penalty_gradient().b1[0]).abs() < 1e-14);
}

/// Parameters by value, constants of the block, lengths of the block, functions without a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
struct Taps<const N: usize> {
    w: [f64; N],
}

#[differentiable]
impl<const N: usize> Taps<N> {
    const GAIN: f64 = 3.0;

    #[differentiable]
    fn energy(self, by: f64) -> f64 {
        let mut sum = 0.0;
        for k in 0..N {
            sum += self.one(k) * by;
        }
        sum
    }

    fn one(&self, k: usize) -> f64 {
        Self::square(self.w[k]) * Self::GAIN
    }

    #[differentiable]
    fn square(x: f64) -> f64 {
        x * x
    }
}

#[test]
fn blocks_may_be_generic_over_lengths() {
    let taps = Taps { w: [1.0, 2.0, 3.0] };
    let (value, g) = taps.energy_value_and_gradient(0.5);
    assert_eq!((value, value), (21.0, taps.energy(0.5)));
    assert_eq!((g.this, g.by), (Taps { w: [3.0, 6.0, 9.0] }, 42.0));
    assert_eq!(Taps::<3>::square_gradient(3.0), 6.0);
}

#[differentiable]
fn through_a_view(x: ArrayView1<f64>) -> f64 {
    let taps = Taps { w: [x[0], x[1]] };
    Taps::<2>::energy(taps, x[0])
}

#[test]
fn structs_of_the_body_have_methods_by_their_path() {
    let (value, g) = through_a_view::value_and_gradient(array![2.0, 1.0].view());
    // 3 x0 (x0² + x1²)
    assert_eq!((value, g), (30.0, array![3.0 * 5.0 + 24.0, 12.0]));
}

/// A block in another module than its struct; patterns, lifetimes and lengths of a method's own; a Jacobian.
mod elsewhere {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Differentiable)]
    pub(super) struct Turn {
        pub(super) angle: f64,
    }

    /// What is visible here only.
    pub(super) fn by(turn: Turn, x: f64) -> (f64, f64) {
        let g = turn.by_gradient(x);
        (g.x, g.this.angle)
    }

    pub(super) mod blocks {
        use chainrule::differentiable;

        #[differentiable]
        impl super::Turn {
            #[differentiable(jvp)]
            pub(in super::super) fn turned(&self, p: &[f64; 2]) -> [f64; 2] {
                let (s, c) = self.angle.sin_cos();
                [self.dot([c, -s], p), self.dot([s, c], p)]
            }

            #[differentiable]
            pub(super) fn by(self, x: f64) -> f64 {
                self.angle * x
            }

            fn dot<const N: usize>(&self, [a, b]: [f64; 2], p: &[f64; N]) -> f64 {
                a * p[0] + b * p[N - 1]
            }

            #[differentiable]
            pub fn first<'a>(&'a self, p: &'a [f64; 2], kind: usize) -> f64 {
                self.turned(p)[kind]
            }
        }
    }
}

#[test]
fn blocks_stand_anywhere() {
    let (turn, p) = (elsewhere::Turn { angle: 0.3 }, [2.0, 5.0]);
    let (s, c) = 0.3f64.sin_cos();
    assert_eq!(turn.first_gradient(&p, 1).p, [s, c]);
    assert_eq!(turn.first(&p, 0), turn.turned(&p)[0]);
    assert_eq!(elsewhere::blocks::turn_first::gradient(&turn, &p, 0).p, [c, -s]);
    assert_eq!(elsewhere::by(turn, 2.0), (0.3, 2.0));
}
