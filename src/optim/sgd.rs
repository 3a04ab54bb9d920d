//! Stochastic gradient descent.
//!
//! Invariant: without momentum it holds no moment.

use super::assert_not_negative;
use super::state::{optimiser, Moment, Pieces, State};
use crate::Real;

/// Stochastic gradient descent, optionally with momentum and weight decay, as `torch.optim.SGD` without dampening.
///
/// With learning rate γ, momentum μ, weight decay λ: g ← ∇ + λ θ; b ← μ b + g; then θ ← θ - γ b, or with
/// Nesterov's momentum θ ← θ - γ (g + μ b).
///
/// *Source:* the algorithm box of `torch.optim.SGD`; Sutskever et al., "On the importance of initialization and
/// momentum in deep learning" (2013), up to where γ is multiplied in.
///
/// ```
/// use chainrule::optim::Sgd;
/// let mut x = 1.0_f32;
/// Sgd::new(0.5).step(&mut x, &1.0);
/// assert_eq!(x, 0.5);
///
/// let mut sgd = Sgd::new(0.1).momentum(0.9).weight_decay(1e-4);
/// sgd.step(&mut x, &1.0);
/// sgd.set_learning_rate(0.01);
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T> {
    momentum: f64,
    nesterov: bool,
    state: State<T, 1>,
}

impl<T: Real> Sgd<T> {
    /// Plain gradient descent with this learning rate. *Panics* if it is negative or NaN.
    pub fn new(learning_rate: f64) -> Self {
        let state = State::new("Sgd", learning_rate, 0.0, [Moment::new("momentum_buffer", false)]);
        Sgd { momentum: 0.0, nesterov: false, state }
    }

    /// Sets the momentum μ (default 0). *Panics* if it is negative or NaN.
    pub fn momentum(mut self, momentum: f64) -> Self {
        assert_not_negative("Sgd", "momentum", momentum);
        self.momentum = momentum;
        self.state.moments[0].used = momentum != 0.0;
        self
    }

    /// Uses Nesterov's form of momentum (default: no).
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    fn rule(&mut self, pieces: impl Pieces<T>) {
        let (rate, mu) = (T::from_f64(self.state.learning_rate), T::from_f64(self.momentum));
        let (momentum, nesterov) = (self.momentum != 0.0, self.nesterov);
        self.state.step(pieces, |params, gradient, [velocity], decay| {
            let decay = T::from_f64(decay);
            let gradient = gradient.iter().copied();
            if !momentum {
                for (p, g) in params.iter_mut().zip(gradient) {
                    *p -= rate * (g + decay * *p);
                }
                return;
            }
            for ((p, g), b) in params.iter_mut().zip(gradient).zip(velocity) {
                let g = g + decay * *p;
                *b = mu * *b + g;
                *p -= rate * if nesterov { g + mu * *b } else { *b };
            }
        });
    }
}

optimiser!(Sgd);
