//! Lion.
//!
//! Invariant: every parameter whose direction is not zero moves by the learning rate exactly, up to weight decay.

use super::assert_fraction;
use super::state::{optimiser, Moment, Pieces, State};
use crate::Real;

/// Lion: the sign of a momentum as the direction.
///
/// With learning rate γ and weight decay λ: c ← β₁ m + (1-β₁) ∇; θ ← (1 - γ λ) θ - γ sign(c); m ← β₂ m + (1-β₂) ∇. The sign of
/// zero is zero, and that of NaN is NaN. Its authors advise a learning rate that is 3 to 10 times smaller than AdamW's, and a
/// weight decay that is as many times larger.
///
/// *Source:* Chen et al., "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675, algorithm 2, with its defaults
/// β₁ = 0.9, β₂ = 0.99; λ = 0.
///
/// ```
/// use chainrule::optim::Lion;
/// let (mut x, mut lion) = ([1.0_f64, 2.0], Lion::new(0.5));
/// lion.step(&mut x, &[1000.0, -0.001]);
/// assert_eq!(x, [0.5, 2.5]);
/// ```
#[derive(Clone, Debug)]
pub struct Lion<T> {
    betas: (f64, f64),
    state: State<T, 1>,
}

impl<T: Real> Lion<T> {
    /// The optimiser with this learning rate and otherwise the defaults. *Panics* if it is negative or NaN.
    pub fn new(learning_rate: f64) -> Self {
        let state = State::new("Lion", learning_rate, 0.0, [Moment::new("exp_avg", true)]);
        Lion { betas: (0.9, 0.99), state }
    }

    /// Sets the decay rates of the direction and of the moment. *Panics* unless both lie in [0, 1).
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        assert_fraction("Lion", "beta1", beta1);
        assert_fraction("Lion", "beta2", beta2);
        self.betas = (beta1, beta2);
        self
    }

    fn rule(&mut self, pieces: impl Pieces<T>) {
        let (beta1, beta2) = self.betas;
        let real = T::from_f64;
        let (keep1, take1, keep2, take2) = (real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2));
        let learning_rate = self.state.learning_rate;
        let rate = real(learning_rate);
        self.state.step(pieces, |params, gradient, [moment], decay| {
            let shrink = real(1.0 - learning_rate * decay);
            for ((p, &g), m) in params.iter_mut().zip(gradient).zip(moment) {
                let direction = keep1 * *m + take1 * g;
                *p = shrink * *p - rate * sign(direction);
                *m = keep2 * *m + take2 * g;
            }
        });
    }
}

/// 1, -1, or `x` itself, where it is zero or NaN.
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

optimiser!(Lion);
