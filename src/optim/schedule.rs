//! Learning rates over the steps of a training.
//!
//! Invariant: a rate depends on the schedule and the number of the step alone, and is the same on every platform, so a training
//! that is resumed goes on with the rates that it would have had.

use super::assert_not_negative;

/// A learning rate for each step, counted from 0: [`rate`](Self::rate).
///
/// ```
/// use chainrule::optim::{AdamW, Schedule};
///
/// let schedule = Schedule::cosine(0.1, 100).warm_up(10);
/// let (mut x, mut adam) = (1.0_f64, AdamW::new(0.0));
/// for _ in 0..100 {
///     adam.set_learning_rate(schedule.rate(adam.steps()));
///     let gradient = 2.0 * x;
///     adam.step(&mut x, &gradient);
/// }
/// assert_eq!((schedule.rate(4), schedule.rate(9), schedule.rate(100)), (0.05, 0.1, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    peak: f64,
    warm_up: u64,
    shape: Shape,
}

/// What happens after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Constant,
    Cosine { total: u64, floor: f64 },
    Steps { every: u64, factor: f64 },
}

impl Schedule {
    fn new(peak: f64, shape: Shape) -> Self {
        assert_not_negative("Schedule", "rate", peak);
        Schedule { peak, warm_up: 0, shape }
    }

    /// `rate` at every step. *Panics* if it is negative or NaN.
    pub fn constant(rate: f64) -> Self {
        Schedule::new(rate, Shape::Constant)
    }

    /// Half a period of a cosine, from `rate` down to 0 at step `total` and 0 ever after. *Panics* if `rate` is negative or NaN.
    ///
    /// *Source:* Loshchilov, Hutter, arXiv:1608.03983, equation 5, without restarts.
    pub fn cosine(rate: f64, total: u64) -> Self {
        Schedule::new(rate, Shape::Cosine { total, floor: 0.0 })
    }

    /// `rate`, multiplied by `factor` after each `every` steps. *Panics* if `rate` or `factor` is negative or NaN, or if `every`
    /// is 0.
    pub fn step_decay(rate: f64, every: u64, factor: f64) -> Self {
        assert_not_negative("Schedule", "factor", factor);
        assert!(every > 0, "Schedule: `every` must be at least 1");
        Schedule::new(rate, Shape::Steps { every, factor })
    }

    /// Lets a cosine end at `floor` instead of 0. *Panics* if `floor` is negative, NaN or above the rate, or if the schedule is no
    /// cosine.
    pub fn floor(mut self, lowest: f64) -> Self {
        assert_not_negative("Schedule", "floor", lowest);
        assert!(lowest <= self.peak, "Schedule: `floor` is {lowest}, above the rate, {}", self.peak);
        match &mut self.shape {
            Shape::Cosine { floor, .. } => *floor = lowest,
            shape => panic!("Schedule: only a cosine has a floor, but this is {shape:?}"),
        }
        self
    }

    /// Puts `steps` steps before the schedule, in which the rate grows linearly: (s + 1) / `steps` of the rate at step s. The total
    /// of a cosine includes them. *Panics* if it is smaller.
    ///
    /// *Source:* Goyal et al., arXiv:1706.02677, section 2.2.
    pub fn warm_up(mut self, steps: u64) -> Self {
        if let Shape::Cosine { total, .. } = self.shape {
            assert!(steps <= total, "Schedule: a warm-up of {steps} steps is longer than the total, {total}");
        }
        self.warm_up = steps;
        self
    }

    /// The learning rate of step `step`.
    pub fn rate(&self, step: u64) -> f64 {
        let Schedule { peak, warm_up, shape } = *self;
        if step < warm_up {
            return peak * ((step + 1) as f64 / warm_up as f64);
        }
        match shape {
            Shape::Constant => peak,
            Shape::Cosine { total, floor } if step >= total => floor,
            Shape::Cosine { total, floor } => {
                let done = (step - warm_up) as f64 / (total - warm_up) as f64;
                // `libm` has the same bits everywhere, `f64::cos` has not
                floor + 0.5 * (peak - floor) * (1.0 + libm::cos(std::f64::consts::PI * done))
            }
            Shape::Steps { every, factor } => peak * libm::pow(factor, ((step - warm_up) / every) as f64),
        }
    }
}
