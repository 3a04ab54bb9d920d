//! Stochastic gradient descent.
//!
//! Invariant: without momentum it holds no state.

use super::{assert_not_negative, prepare, update};
use crate::{Differentiable, Real};

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
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    velocity: Vec<T>,
    started: bool,
}

impl<T: Real> Sgd<T> {
    /// Plain gradient descent with this learning rate. *Panics* if it is negative or NaN.
    pub fn new(learning_rate: f64) -> Self {
        let mut sgd = Sgd {
            learning_rate: 0.0,
            momentum: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            velocity: Vec::new(),
            started: false,
        };
        sgd.set_learning_rate(learning_rate);
        sgd
    }

    /// Sets the momentum μ (default 0). *Panics* if it is negative or NaN.
    pub fn momentum(mut self, momentum: f64) -> Self {
        assert_not_negative("Sgd", "momentum", momentum);
        self.momentum = momentum;
        self
    }

    /// Uses Nesterov's form of momentum (default: no).
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// Sets the weight decay λ (default 0), which adds λ θ to the gradient. *Panics* if it is negative or NaN.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        assert_not_negative("Sgd", "weight_decay", weight_decay);
        self.weight_decay = weight_decay;
        self
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Changes the learning rate from the next step on. *Panics* if it is negative or NaN.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        assert_not_negative("Sgd", "learning_rate", learning_rate);
        self.learning_rate = learning_rate;
    }

    /// Forgets the velocity, as if no step had been made.
    pub fn reset(&mut self) {
        self.started = false;
    }

    /// Moves the parameters one step against the gradient.
    ///
    /// *Shapes:* those of `gradient` are those of `params`. *Panics* if they differ, naming the parameter and both
    /// shapes, or if the number of parameters changed since the first step with momentum; nothing is written then.
    pub fn step<P: Differentiable<Scalar = T>>(&mut self, params: &mut P, gradient: &P) {
        let (rate, mu) = (T::from_f64(self.learning_rate), T::from_f64(self.momentum));
        let decay = T::from_f64(self.weight_decay);
        if self.momentum == 0.0 {
            return update("Sgd", params, gradient, |_, params, gradient| {
                for (p, &g) in params.iter_mut().zip(gradient) {
                    *p -= rate * (g + decay * *p);
                }
            });
        }
        prepare("Sgd", &mut self.velocity, params, !self.started);
        self.started = true;
        let (velocity, nesterov) = (&mut self.velocity, self.nesterov);
        update("Sgd", params, gradient, |start, params, gradient| {
            let velocity = &mut velocity[start..start + params.len()];
            for ((p, &g), b) in params.iter_mut().zip(gradient).zip(velocity) {
                let g = g + decay * *p;
                *b = mu * *b + g;
                *p -= rate * if nesterov { g + mu * *b } else { *b };
            }
        });
    }
}
