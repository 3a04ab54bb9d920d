//! The derivatives as a careful programmer writes them, without a macro: they are what generated ones are measured by.
//!
//! They run behind the same dispatch and call the same mathematics as generated code does: what is compared is the
//! arrangement. No answer of the program comes from here.

// several lists are walked by one index
#![allow(clippy::needless_range_loop)]

mod ba;
mod det;
mod gmm;
mod ht;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod ode;

pub use ba::jacobian;
pub use det::determinant;
pub use gmm::Gmm;
pub use ht::hand;
pub use kmeans::Kmeans;
pub use llsq::Llsq;
pub use lse::logsumexp;
pub use lstm::Lstm;
pub use ode::Ode;

use chainrule::rt::simd::{dispatch, Kernel, Simd};

/// Runs a closure that is compiled for the widest vectors of this machine.
fn wide<T>(f: impl FnOnce() -> T) -> T {
    struct Run<F>(F);
    impl<T, F: FnOnce() -> T> Kernel for Run<F> {
        type Output = T;
        #[inline(always)]
        fn run<S: Simd>(self) -> T {
            (self.0)()
        }
    }
    dispatch(Run(f))
}

/// A multiple of `lanes`.
fn padded(len: usize, lanes: usize) -> usize {
    len.next_multiple_of(lanes)
}
