//! Adam and AdamW.
//!
//! Invariant: the two differ only in how the weight decay enters; both are one rule with two faces.

use super::state::{optimiser, Moment, Pieces, State};
use super::{assert_fraction, assert_not_negative};
use crate::Real;

/// Hyperparameters of both optimisers.
#[derive(Clone, Debug)]
struct Hyper {
    betas: (f64, f64),
    epsilon: f64,
    /// whether the weight decay shrinks the parameters (AdamW) or is added to the gradient (Adam)
    decoupled: bool,
}

impl Hyper {
    fn step<T: Real>(&self, state: &mut State<T, 2>, pieces: impl Pieces<T>) {
        let (beta1, beta2) = self.betas;
        let exponent = state.steps as f64 + 1.0;
        let correction1 = 1.0 - beta1.powf(exponent);
        let correction2 = 1.0 - beta2.powf(exponent);

        let real = T::from_f64;
        let learning_rate = state.learning_rate;
        let rate = real(learning_rate / correction1);
        let root = real(correction2.sqrt());
        let (keep1, take1, keep2, take2) = (real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2));
        let (epsilon, decoupled) = (real(self.epsilon), self.decoupled);
        state.step(pieces, |params, gradient, [first, second], decay| {
            let (shrink, decay) = match decoupled {
                true => (real(1.0 - learning_rate * decay), T::ZERO),
                false => (T::ONE, real(decay)),
            };
            let moments = first.iter_mut().zip(second);
            for ((p, &g), (m, v)) in params.iter_mut().zip(gradient).zip(moments) {
                let g = g + decay * *p;
                *m = keep1 * *m + take1 * g;
                *v = keep2 * *v + take2 * g * g;
                *p = shrink * *p - rate * *m / (v.sqrt() / root + epsilon);
            }
        });
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
    hyper: Hyper,
    state: State<T, 2>,
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
    hyper: Hyper,
    state: State<T, 2>,
}

macro_rules! adam {
    ($Adam:ident, $decay:literal, $decoupled:literal) => {
        impl<T: Real> $Adam<T> {
            /// The optimiser with this learning rate and otherwise the defaults. *Panics* if it is negative or NaN.
            pub fn new(learning_rate: f64) -> Self {
                let hyper = Hyper { betas: (0.9, 0.999), epsilon: 1e-8, decoupled: $decoupled };
                let moments = [Moment::new("exp_avg", true), Moment::new("exp_avg_sq", true)];
                $Adam { hyper, state: State::new(stringify!($Adam), learning_rate, $decay, moments) }
            }

            /// Sets the decay rates of the two moments. *Panics* unless both lie in [0, 1).
            pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
                assert_fraction(self.state.name, "beta1", beta1);
                assert_fraction(self.state.name, "beta2", beta2);
                self.hyper.betas = (beta1, beta2);
                self
            }

            /// Sets what is added to the root in the denominator. *Panics* if it is negative or NaN.
            pub fn epsilon(mut self, epsilon: f64) -> Self {
                assert_not_negative(self.state.name, "epsilon", epsilon);
                self.hyper.epsilon = epsilon;
                self
            }

            fn rule(&mut self, pieces: impl Pieces<T>) {
                self.hyper.step(&mut self.state, pieces);
            }
        }

        optimiser!($Adam);
    };
}

adam!(Adam, 0.0, false);
adam!(AdamW, 0.01, true);
