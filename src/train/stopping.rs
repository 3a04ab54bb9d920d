//! When to stop a training.
//!
//! Invariant: a loss that is NaN is never an improvement.

/// Watches a loss, and says when it has not become better for a while.
///
/// *Source:* Prechelt, "Early Stopping – But When?" (1998), the third class of criteria, with a least improvement.
///
/// ```
/// use chainrule::train::{EarlyStopping, Verdict};
///
/// let mut stopping = EarlyStopping::new(2).min_delta(0.1);
/// assert_eq!(stopping.observe(1.0), Verdict::Better); // keep these parameters
/// assert_eq!(stopping.observe(0.95), Verdict::Wait); // not better by 0.1
/// assert_eq!(stopping.observe(0.85), Verdict::Better);
/// assert_eq!(stopping.observe(0.9), Verdict::Wait);
/// assert_eq!(stopping.observe(f64::NAN), Verdict::Stop);
/// assert_eq!(stopping.best(), Some(0.85));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStopping {
    patience: u64,
    min_delta: f64,
    best: Option<f64>,
    waited: u64,
}

/// What a loss means for the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the best so far.
    Better,
    /// It is not, but there is patience left.
    Wait,
    /// Patience is at its end.
    Stop,
}

impl EarlyStopping {
    /// Stops after `patience` losses in a row that are not better than the best. *Panics* if `patience` is 0.
    pub fn new(patience: u64) -> Self {
        assert!(patience > 0, "EarlyStopping: `patience` must be at least 1");
        EarlyStopping { patience, min_delta: 0.0, best: None, waited: 0 }
    }

    /// Counts a loss as better only if it is below the best by more than this (default 0). *Panics* if it is negative or NaN.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        assert!(min_delta >= 0.0, "EarlyStopping: `min_delta` must not be negative, but is {min_delta}");
        self.min_delta = min_delta;
        self
    }

    /// Takes the next loss.
    pub fn observe(&mut self, loss: f64) -> Verdict {
        let better = self.best.map_or(!loss.is_nan(), |best| loss < best - self.min_delta);
        if better {
            (self.best, self.waited) = (Some(loss), 0);
            return Verdict::Better;
        }
        self.waited = self.waited.saturating_add(1);
        if self.waited >= self.patience {
            Verdict::Stop
        } else {
            Verdict::Wait
        }
    }

    /// The best loss so far; none before the first that is a number.
    pub fn best(&self) -> Option<f64> {
        self.best
    }
}
