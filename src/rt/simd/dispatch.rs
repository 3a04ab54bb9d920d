//! Picks the level: detection once, then one `#[target_feature]` entry per level, into which the kernel inlines.
//!
//! Invariant: an entry is called only for a level that [`available`] lists.

use super::portable::Portable;
use super::Simd;
#[cfg(target_arch = "x86_64")]
use super::{v1::V1, v3::V3, v4::V4};
use std::sync::atomic::{AtomicU8, Ordering};

/// Code that is compiled for every level. Implementors mark [`run`](Kernel::run) `#[inline(always)]`, and everything generic it
/// calls too: what is not inlined into the entry is compiled without its features.
pub trait Kernel {
    /// What the kernel returns.
    type Output;
    /// The body.
    fn run<S: Simd>(self) -> Self::Output;
}

/// The levels, from the least to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Plain Rust on arrays; the reference of the tests.
    Portable = 1,
    /// What every machine of the architecture has: SSE2 on x86-64, [`Level::Portable`] code elsewhere.
    Baseline,
    /// AVX2 with FMA.
    V3,
    /// AVX-512 (F, BW, DQ, VL).
    V4,
}

const ALL: [Level; 4] = [Level::Portable, Level::Baseline, Level::V3, Level::V4];

/// The levels that this machine can run, from the least to the best.
pub fn available() -> &'static [Level] {
    &ALL[..best() as usize]
}

/// The best level of this machine; detected once.
#[inline]
pub fn best() -> Level {
    // Relaxed: every thread that detects stores the same value.
    static BEST: AtomicU8 = AtomicU8::new(0);
    match BEST.load(Ordering::Relaxed) {
        2 => Level::Baseline,
        3 => Level::V3,
        4 => Level::V4,
        _ => {
            let level = detect();
            BEST.store(level as u8, Ordering::Relaxed);
            level
        }
    }
}

#[cold]
fn detect() -> Level {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        return if wide { Level::V4 } else { Level::V3 };
    }
    Level::Baseline
}

/// Runs `k` at the best level.
#[inline]
pub fn dispatch<K: Kernel>(k: K) -> K::Output {
    run_at(best(), k)
}

/// Runs `k` at `level`, or returns `None` where the machine lacks it.
#[inline]
pub fn dispatch_at<K: Kernel>(level: Level, k: K) -> Option<K::Output> {
    (level <= best()).then(|| run_at(level, k))
}

#[inline]
fn run_at<K: Kernel>(level: Level, k: K) -> K::Output {
    debug_assert!(level <= best());
    match level {
        Level::Portable => run_plain::<Portable, K>(k),
        #[cfg(target_arch = "x86_64")]
        Level::Baseline => run_plain::<V1, K>(k),
        // SAFETY: both callers pass a level that `best` allows, which `detect` grants only with these features.
        #[cfg(target_arch = "x86_64")]
        Level::V3 => unsafe { run_v3(k) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::V4 => unsafe { run_v4(k) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => run_plain::<Portable, K>(k),
    }
}

/// A function of its own: a kernel that does not run takes no stack. Without optimisation, that of a transformer is a megabyte.
fn run_plain<S: Simd, K: Kernel>(k: K) -> K::Output {
    k.run::<S>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_v3<K: Kernel>(k: K) -> K::Output {
    k.run::<V3>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_v4<K: Kernel>(k: K) -> K::Output {
    k.run::<V4>()
}
