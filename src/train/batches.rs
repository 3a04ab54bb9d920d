//! Mini-batches: the numbers of the examples, in batches, in an order for each epoch.
//!
//! Invariant: an epoch's order depends on the seed and the number of the epoch alone, so a training can be resumed at any epoch.

use crate::random::Random;

/// The numbers `0..count` in batches of one size.
///
/// ```
/// use chainrule::train::Batches;
///
/// let batches = Batches::new(5, 2);
/// let epoch = batches.epoch(0);
/// assert_eq!(epoch.iter().collect::<Vec<_>>(), [&[0, 1][..], &[2, 3], &[4]]);
///
/// let batches = Batches::new(5, 2).shuffled(7).drop_last();
/// assert_eq!(batches.len(), 2);
/// for batch in &batches.epoch(3) {
///     assert_eq!(batch.len(), 2);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    count: usize,
    size: usize,
    seed: Option<u64>,
    drop_last: bool,
}

impl Batches {
    /// Batches of `size` numbers below `count`, in order; the last may be smaller. *Panics* if `size` is 0.
    pub fn new(count: usize, size: usize) -> Self {
        assert!(size > 0, "Batches: `size` must be at least 1");
        Batches { count, size, seed: None, drop_last: false }
    }

    /// Brings each epoch into another order.
    pub fn shuffled(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Leaves out a last batch that is smaller than the others. Fewer numbers than one batch make no batch at all then.
    pub fn drop_last(mut self) -> Self {
        self.drop_last = true;
        self
    }

    /// How many batches an epoch has.
    pub fn len(&self) -> usize {
        match self.drop_last {
            true => self.count / self.size,
            false => self.count.div_ceil(self.size),
        }
    }

    /// Whether an epoch has no batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches of epoch number `epoch`.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        let mut order: Vec<usize> = (0..self.count).collect();
        if let Some(seed) = self.seed {
            Random::nth(seed, epoch).shuffle(&mut order);
        }
        order.truncate(self.len().saturating_mul(self.size));
        Epoch { order, size: self.size }
    }
}

/// The batches of one epoch: iterate over `&epoch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    order: Vec<usize>,
    size: usize,
}

impl Epoch {
    /// The batches, one after the other.
    pub fn iter(&self) -> std::slice::Chunks<'_, usize> {
        self.order.chunks(self.size)
    }
}

impl<'a> IntoIterator for &'a Epoch {
    type Item = &'a [usize];
    type IntoIter = std::slice::Chunks<'a, usize>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
