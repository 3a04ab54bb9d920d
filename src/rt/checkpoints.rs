//! Which states of a long recurrence are kept while its adjoint goes back: those that halve what is left.
//!
//! Invariant: the segments that go back follow one another from the last position to the first, and each state is kept
//! before something starts from it.

/// The way back through `n` iterations, at most `length` at a time, from as few states as there are halvings.
///
/// Slot `k` holds a state; the first one is that before the first iteration. A turn either goes ahead from the last slot
/// that is in use to the next slot, or goes back through what follows the last slot, which is free then.
pub struct Halves {
    /// The position of the state in each slot in use.
    kept: [usize; usize::BITS as usize + 1],
    used: usize,
    /// What lies behind has gone back.
    end: usize,
    length: usize,
    slots: usize,
    ahead: bool,
}

impl Halves {
    #[inline]
    pub fn new(n: usize, length: usize) -> Self {
        let length = length.max(1);
        // each halving takes a slot
        let halvings = n.div_ceil(length).max(1).next_power_of_two().trailing_zeros();
        let kept = [0; usize::BITS as usize + 1];
        Halves { kept, used: (n > 0) as usize, end: n, length, slots: halvings as usize + 1, ahead: false }
    }

    /// How many states are kept at most.
    #[inline]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The next turn goes from a slot, ahead or back, through the positions from a start to an end.
    #[inline]
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<(usize, usize, usize)> {
        let slot = self.used.checked_sub(1)?;
        let start = self.kept[slot];
        let segments = (self.end - start).div_ceil(self.length);
        self.ahead = segments > 1;
        if self.ahead {
            // whole segments behind the middle, no more than before it
            let middle = start + segments.div_ceil(2) * self.length;
            self.kept[self.used] = middle;
            self.used += 1;
            return Some((slot, start, middle));
        }
        let end = std::mem::replace(&mut self.end, start);
        self.used = slot;
        Some((slot, start, end))
    }

    /// Whether the last turn goes ahead.
    #[inline]
    pub fn ahead(&self) -> bool {
        self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::Halves;

    /// Follows the turns as generated code does.
    fn follow(n: usize, length: usize) -> (usize, usize) {
        let mut halves = Halves::new(n, length);
        let mut states = vec![None; halves.slots()];
        states[0] = Some(0);
        let (mut left, mut steps, mut most) = (n, 0, 0);
        while let Some((slot, start, end)) = halves.next() {
            assert_eq!(states[slot], Some(start), "the state is there");
            if halves.ahead() {
                assert!(start < end && end < left);
                states[slot + 1] = Some(end);
                steps += end - start;
            } else {
                assert_eq!(end, left, "segments follow one another");
                assert!(0 < end - start && end - start <= length);
                left = start;
                steps += end - start;
            }
            most = most.max(slot + 1);
        }
        assert_eq!(left, 0, "all iterations went back");
        (steps, most)
    }

    #[test]
    fn every_iteration_goes_back_once() {
        for length in [1, 2, 3, 32] {
            for n in (0..200).chain([255, 256, 257, 1000]) {
                follow(n, length);
            }
        }
    }

    #[test]
    fn states_are_few_and_steps_are_not_many_more() {
        for n in [1_000, 10_000, 100_000, 1_000_000] {
            let (steps, most) = follow(n, 32);
            let log = (n.div_ceil(32) as f64).log2().ceil() as usize;
            assert!(most <= log + 1, "{most} states for {n}");
            assert_eq!(Halves::new(n, 32).slots(), log + 1);
            assert!(steps <= n * (log + 2) / 2 + n, "{steps} steps for {n}");
        }
    }
}
