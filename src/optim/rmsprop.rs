//! RMSprop.
//!
//! Invariant: the moments of momentum and of centring are held only where they are used.

use super::state::{optimiser, Moment, Pieces, State};
use super::{assert_fraction, assert_not_negative};
use crate::Real;

/// RMSprop, as `torch.optim.RMSprop`.
///
/// With learning rate γ, g ← ∇ + λ θ: v ← α v + (1-α) g²; d ← √v + ε; b ← μ b + g / d; θ ← θ - γ b. If it is centered, with
/// a ← α a + (1-α) g and d ← √(v - a²) + ε; a difference below zero, which rounding may leave, counts as zero.
///
/// *Source:* Tieleman, Hinton, "Lecture 6.5: rmsprop" (2012); centring by Graves, arXiv:1308.0850, section 4.2; where ε stands,
/// momentum, weight decay and defaults (α = 0.99, ε = 10⁻⁸, μ = 0, λ = 0) by the algorithm box of `torch.optim.RMSprop`.
///
/// ```
/// use chainrule::optim::RmsProp;
/// let (mut x, mut rms) = ([1.0_f64, 2.0], RmsProp::new(0.01).momentum(0.9).centered(true));
/// rms.step(&mut x, &[1000.0, -0.001]);
/// assert!(x[0] < 1.0 && x[1] > 2.0);
/// ```
#[derive(Clone, Debug)]
pub struct RmsProp<T> {
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    centered: bool,
    state: State<T, 3>,
}

impl<T: Real> RmsProp<T> {
    /// The optimiser with this learning rate and otherwise the defaults. *Panics* if it is negative or NaN.
    pub fn new(learning_rate: f64) -> Self {
        let names = [("square_avg", true), ("momentum_buffer", false), ("grad_avg", false)];
        let moments = names.map(|(name, used)| Moment::new(name, used));
        let state = State::new("RmsProp", learning_rate, 0.0, moments);
        RmsProp { alpha: 0.99, epsilon: 1e-8, momentum: 0.0, centered: false, state }
    }

    /// Sets the decay rate α of the averages. *Panics* unless it lies in [0, 1).
    pub fn alpha(mut self, alpha: f64) -> Self {
        assert_fraction("RmsProp", "alpha", alpha);
        self.alpha = alpha;
        self
    }

    /// Sets what is added to the root in the denominator. *Panics* if it is negative or NaN.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        assert_not_negative("RmsProp", "epsilon", epsilon);
        self.epsilon = epsilon;
        self
    }

    /// Sets the momentum μ (default 0). *Panics* if it is negative or NaN.
    pub fn momentum(mut self, momentum: f64) -> Self {
        assert_not_negative("RmsProp", "momentum", momentum);
        self.momentum = momentum;
        self.state.moments[1].used = momentum != 0.0;
        self
    }

    /// Divides by the deviation of the gradient from its average, rather than by its root mean square (default: no).
    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self.state.moments[2].used = centered;
        self
    }

    fn rule(&mut self, pieces: impl Pieces<T>) {
        let real = T::from_f64;
        let (keep, take, epsilon) = (real(self.alpha), real(1.0 - self.alpha), real(self.epsilon));
        let (rate, mu) = (real(self.state.learning_rate), real(self.momentum));
        let (momentum, centered) = (self.momentum != 0.0, self.centered);
        self.state.step(pieces, |params, gradient, [square, velocity, average], decay| {
            let decay = real(decay);
            for (i, ((p, &g), v)) in params.iter_mut().zip(gradient).zip(square).enumerate() {
                let g = g + decay * *p;
                *v = keep * *v + take * g * g;
                let mut variance = *v;
                if centered {
                    let a = &mut average[i];
                    *a = keep * *a + take * g;
                    variance -= *a * *a;
                    // `max` would hide a NaN
                    variance = if variance < T::ZERO { T::ZERO } else { variance };
                }
                let mut update = g / (variance.sqrt() + epsilon);
                if momentum {
                    let b = &mut velocity[i];
                    *b = mu * *b + update;
                    update = *b;
                }
                *p -= rate * update;
            }
        });
    }
}

optimiser!(RmsProp);
