//! Hash tables for the compiler's own keys: the same order and the same speed in every process.
//!
//! The multiply-and-rotate of rustc's own tables (FxHash): a macro runs without optimisation, where SipHash, which
//! guards against hostile keys, is most of the time that hash-consing takes.
//!
//! Invariant: no output depends on the order of a table.

use std::hash::{BuildHasherDefault, Hasher};

/// A hash table whose hash function is a function of the key alone.
pub type FastMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Fast>>;

pub type FastSet<K> = std::collections::HashSet<K, BuildHasherDefault<Fast>>;

#[derive(Clone, Copy, Default)]
pub struct Fast(u64);

impl Fast {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x51_7c_c1_b7_27_22_0a_95);
    }
}

impl Hasher for Fast {
    fn finish(&self) -> u64 {
        // tables use the low bits, products have theirs at the top
        self.0.rotate_left(26)
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |w, b| w << 8 | u64::from(*b));
            self.mix(word);
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.mix(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        self.mix(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        self.mix(n);
    }
    fn write_i64(&mut self, n: i64) {
        self.mix(n as u64);
    }
    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.mix(n as u64);
    }
}
