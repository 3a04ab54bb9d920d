//! Random numbers from a seed, for shuffling and for initial parameters.
//!
//! Invariant: the numbers depend on the seed and the calls alone; they are the same on every platform and in every run.

/// A generator of random numbers, made from a seed. Not for secrets.
///
/// *Source:* SplitMix64 of Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014), figure 19, with the
/// constants of its `java.util.SplittableRandom`. Its period is 2⁶⁴.
///
/// ```
/// use chainrule::random::Random;
///
/// let (mut one, mut two) = (Random::new(7), Random::new(7));
/// assert_eq!(one.next_u64(), two.next_u64());
/// assert!((0.0..1.0).contains(&one.unit()) && one.below(6) < 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// The generator number `k` of a family, whose sequences have nothing to do with each other: one for each epoch, say.
    pub fn nth(seed: u64, k: u64) -> Self {
        Random::new(mix(mix(seed).wrapping_add(k)))
    }

    /// What [`new`](Self::new) makes a generator of that goes on as this one would.
    pub fn state(&self) -> u64 {
        self.state
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number in [0, 1): a multiple of 2⁻⁵³, each as likely.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `n`, each as likely. *Panics* if `n` is 0.
    ///
    /// *Source:* Lemire, "Fast Random Integer Generation in an Interval", arXiv:1805.10941, algorithm 5.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "Random::below: there is no number below 0");
        // what lies below 2⁶⁴ mod n would make some numbers more likely
        let biased = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= biased {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number from the normal distribution of mean 0 and variance 1.
    ///
    /// *Source:* the polar method of Marsaglia, Bray, "A Convenient Method for Generating Normal Variables" (1964); one of its two
    /// numbers is dropped.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                // `libm` has the same bits everywhere, `f64::ln` has not
                return x * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Brings the items into a random order, each as likely.
    ///
    /// *Source:* Durstenfeld, "Algorithm 235: Random permutation" (1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// The finaliser of SplitMix64: a permutation of the 64-bit numbers.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
