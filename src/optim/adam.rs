//! Adam and AdamW.
//!
//! Invariant: the two differ only in how the weight decay enters; both are one [`Moments`] with two faces.

use super::{assert_fraction, assert_not_negative, prepare, update};
use crate::{Differentiable, Real};

/// Hyperparameters and state of both optimisers.
#[derive(Clone, Debug)]
struct Moments<T> {
    name: &'static str,
    learning_rate: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    /// whether the weight decay shrinks the parameters (AdamW) or is added to the gradient (Adam)
    decoupled: bool,
    first: Vec<T>,
    second: Vec<T>,
    steps: u64,
}

impl<T: Real> Moments<T> {
    fn new(name: &'static str, learning_rate: f64, weight_decay: f64, decoupled: bool) -> Self {
        let mut moments = Moments {
            name,
            learning_rate: 0.0,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            weight_decay,
            decoupled,
            first: Vec::new(),
            second: Vec::new(),
            steps: 0,
        };
        moments.set_learning_rate(learning_rate);
        moments
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        assert_not_negative(self.name, "learning_rate", learning_rate);
        self.learning_rate = learning_rate;
    }

    fn set_betas(&mut self, beta1: f64, beta2: f64) {
        assert_fraction(self.name, "beta1", beta1);
        assert_fraction(self.name, "beta2", beta2);
        self.betas = (beta1, beta2);
    }

    fn set_epsilon(&mut self, epsilon: f64) {
        assert_not_negative(self.name, "epsilon", epsilon);
        self.epsilon = epsilon;
    }

    fn set_weight_decay(&mut self, weight_decay: f64) {
        assert_not_negative(self.name, "weight_decay", weight_decay);
        self.weight_decay = weight_decay;
    }

    fn step<P: Differentiable<Scalar = T>>(&mut self, params: &mut P, gradient: &P) {
        prepare(self.name, &mut self.first, params, self.steps == 0);
        prepare(self.name, &mut self.second, params, self.steps == 0);
        let (beta1, beta2) = self.betas;
        let exponent = (self.steps + 1) as f64;
        let correction1 = 1.0 - beta1.powf(exponent);
        let correction2 = 1.0 - beta2.powf(exponent);

        let real = T::from_f64;
        let rate = real(self.learning_rate / correction1);
        let root = real(correction2.sqrt());
        let (keep1, take1, keep2, take2) = (real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2));
        let epsilon = real(self.epsilon);
        let (shrink, decay) = match self.decoupled {
            true => (real(1.0 - self.learning_rate * self.weight_decay), T::ZERO),
            false => (T::ONE, real(self.weight_decay)),
        };
        let (first, second) = (&mut self.first, &mut self.second);
        update(self.name, params, gradient, |start, params, gradient| {
            let range = start..start + params.len();
            let moments = first[range.clone()].iter_mut().zip(&mut second[range]);
            for ((p, &g), (m, v)) in params.iter_mut().zip(gradient).zip(moments) {
                let g = g + decay * *p;
                *m = keep1 * *m + take1 * g;
                *v = keep2 * *v + take2 * g * g;
                *p = shrink * *p - rate * *m / (v.sqrt() / root + epsilon);
            }
        });
        self.steps += 1;
    }
}

/// Adam, as `torch.optim.Adam`.
///
/// With learning rate γ, g ← ∇ + λ θ at step t: m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²;
/// θ ← θ - γ m̂ / (√v̂ + ε) with m̂ = m / (1-β₁ᵗ), v̂ = v / (1-β₂ᵗ).
///
/// *Source:* Kingma, Ba, arXiv:1412.6980, algorithm 1; weight decay and defaults (β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸,
/// λ = 0) by the algorithm box of `torch.optim.Adam`.
///
/// ```
/// use chainrule::optim::Adam;
/// let (mut x, mut adam) = ([1.0_f64, 2.0], Adam::new(0.01));
/// adam.step(&mut x, &[1000.0, -0.001]);
/// assert!((x[0] - 0.99).abs() < 1e-6 && (x[1] - 2.01).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T> {
    moments: Moments<T>,
}

/// Adam with decoupled weight decay, as `torch.optim.AdamW`.
///
/// First θ ← (1 - γ λ) θ, then a step of [`Adam`] without weight decay.
///
/// *Source:* Loshchilov, Hutter, arXiv:1711.05101, algorithm 2; defaults (β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, λ = 0.01) by the
/// algorithm box of `torch.optim.AdamW`.
///
/// ```
/// use chainrule::optim::AdamW;
/// let (mut x, mut adam) = (1.0_f64, AdamW::new(0.1).weight_decay(0.5));
/// adam.step(&mut x, &0.0);
/// assert_eq!(x, 0.95);
/// ```
#[derive(Clone, Debug)]
pub struct AdamW<T> {
    moments: Moments<T>,
}

macro_rules! adam {
    ($Adam:ident, $decay:literal, $decoupled:literal) => {
        impl<T: Real> $Adam<T> {
            /// The optimiser with this learning rate and otherwise the defaults. *Panics* if it is negative or NaN.
            pub fn new(learning_rate: f64) -> Self {
                $Adam { moments: Moments::new(stringify!($Adam), learning_rate, $decay, $decoupled) }
            }

            /// Sets the decay rates of the two moments. *Panics* unless both lie in [0, 1).
            pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
                self.moments.set_betas(beta1, beta2);
                self
            }

            /// Sets what is added to the root in the denominator. *Panics* if it is negative or NaN.
            pub fn epsilon(mut self, epsilon: f64) -> Self {
                self.moments.set_epsilon(epsilon);
                self
            }

            /// Sets the weight decay. *Panics* if it is negative or NaN.
            pub fn weight_decay(mut self, weight_decay: f64) -> Self {
                self.moments.set_weight_decay(weight_decay);
                self
            }

            /// The learning rate of the next step.
            pub fn learning_rate(&self) -> f64 {
                self.moments.learning_rate
            }

            /// Changes the learning rate from the next step on. *Panics* if it is negative or NaN.
            pub fn set_learning_rate(&mut self, learning_rate: f64) {
                self.moments.set_learning_rate(learning_rate);
            }

            /// Forgets the moments, as if no step had been made.
            pub fn reset(&mut self) {
                self.moments.steps = 0;
            }

            /// Moves the parameters one step.
            ///
            /// *Shapes:* those of `gradient` are those of `params`. *Panics* if they differ, naming the parameter and
            /// both shapes, or if the number of parameters changed since the first step; nothing is written then.
            pub fn step<P: Differentiable<Scalar = T>>(&mut self, params: &mut P, gradient: &P) {
                self.moments.step(params, gradient);
            }
        }
    };
}

adam!(Adam, 0.0, false);
adam!(AdamW, 0.01, true);
