//! What all optimisers share: learning rate, weight decay, moments, and the walk of a step.
//!
//! Invariant: a moment is empty until the first step that uses it, and has one element per parameter ever after.

use std::fmt;
use std::sync::Arc;

use super::assert_not_negative;
use crate::params::{Part, Path, ShapeMismatch};
use crate::{Differentiable, Real};

/// One number per parameter that an optimiser remembers, in the order of the parameters' walk.
#[derive(Clone, Debug)]
pub struct Moment<T> {
    /// its name in a checkpoint
    #[cfg_attr(not(feature = "safetensors"), allow(dead_code))]
    pub(crate) name: &'static str,
    pub(crate) used: bool,
    pub(crate) values: Vec<T>,
}

impl<T> Moment<T> {
    pub(super) fn new(name: &'static str, used: bool) -> Self {
        Moment { name, used, values: Vec::new() }
    }
}

/// Tells by a parameter's path whether weight decay spares it.
#[derive(Clone)]
struct Spared(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl fmt::Debug for Spared {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Spared(…)")
    }
}

/// The shared part of an optimiser with up to `K` moments.
#[derive(Clone, Debug)]
pub(super) struct State<T, const K: usize> {
    pub name: &'static str,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub moments: [Moment<T>; K],
    pub steps: u64,
    spared: Option<Spared>,
    /// the path of the leaf that is visited, kept for its memory
    path: String,
}

impl<T: Real, const K: usize> State<T, K> {
    pub fn new(name: &'static str, learning_rate: f64, weight_decay: f64, moments: [Moment<T>; K]) -> Self {
        assert_not_negative(name, "learning_rate", learning_rate);
        State { name, learning_rate, weight_decay, moments, steps: 0, spared: None, path: String::new() }
    }

    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        assert_not_negative(self.name, "learning_rate", learning_rate);
        self.learning_rate = learning_rate;
    }

    pub fn set_weight_decay(&mut self, weight_decay: f64) {
        assert_not_negative(self.name, "weight_decay", weight_decay);
        self.weight_decay = weight_decay;
    }

    pub fn spare(&mut self, spared: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.spared = Some(Spared(Arc::new(spared)));
    }

    pub fn reset(&mut self) {
        self.steps = 0;
        self.moments.iter_mut().for_each(|m| m.values.clear());
    }

    /// Calls `rule(params, gradient, moments, weight_decay)` for each of the pieces. A moment that is not used has no
    /// elements.
    pub fn step(&mut self, pieces: impl Pieces<T>, mut rule: impl FnMut(&mut [T], &[T], [&mut [T]; K], f64)) {
        if let Some(count) = pieces.whole(self.name) {
            self.begin(count);
        }
        let State { weight_decay, moments, spared, path, .. } = self;
        let mut decay = *weight_decay;
        let whole = pieces.each(|from, place, params, gradient| {
            if let (Some(Spared(spared)), Some(place)) = (&*spared, place) {
                use fmt::Write;
                path.clear();
                write!(path, "{place}").expect("a String takes any text");
                decay = if spared(path) { 0.0 } else { *weight_decay };
            }
            let moments = moments.each_mut().map(|m| {
                if m.used {
                    &mut m.values[from..][..params.len()]
                } else {
                    Default::default()
                }
            });
            rule(params, gradient, moments, decay);
        });
        if whole {
            self.finish();
        }
    }

    /// Moments for `count` parameters. *Panics* if the steps before had another number of them.
    pub fn begin(&mut self, count: usize) {
        for moment in self.moments.iter_mut().filter(|m| m.used) {
            if moment.values.is_empty() {
                moment.values.resize(count, T::ZERO);
            }
            moment.assert_fits(format_args!("{}::step", self.name), count);
        }
    }

    /// Counts a step.
    pub fn finish(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }
}

/// Parameters with their gradient, as a rule takes them: all of them, or one piece of a step.
pub(super) trait Pieces<T> {
    /// How many parameters there are, where these are all. *Panics* if a gradient has another shape than its parameter.
    fn whole(&self, name: &str) -> Option<usize>;
    /// Calls `visit(start, path where a parameter begins, params, gradient)`. Gives whether these are all.
    fn each(self, visit: impl FnMut(usize, Option<&dyn fmt::Display>, &mut [T], &[T])) -> bool;
}

/// All parameters.
impl<P: Differentiable> Pieces<P::Scalar> for (&mut P, &P) {
    fn whole(&self, name: &str) -> Option<usize> {
        if let Err(ShapeMismatch { parameter, left, right }) = self.0.same_shape(self.1) {
            panic!("{name}::step: parameter `{parameter}` has shape {left:?}, but its gradient has shape {right:?}");
        }
        Some(self.0.count())
    }

    fn each(
        self,
        mut visit: impl FnMut(usize, Option<&dyn fmt::Display>, &mut [P::Scalar], &[P::Scalar]),
    ) -> bool {
        let mut start = 0;
        let mut piece = |part: &Part, [params]: [&mut [P::Scalar]; 1], [gradient]: [&[P::Scalar]; 1]| {
            let path = part.path();
            visit(start, (part.start() == 0).then_some(&path as &dyn fmt::Display), params, gradient);
            start += params.len();
        };
        P::walk([self.0], [self.1], &Path::Root, &mut piece).expect("the shapes are equal");
        true
    }
}

/// One parameter of a step that another hand began.
pub(super) struct Piece<'a, T> {
    pub start: usize,
    pub path: &'a str,
    pub params: &'a mut [T],
    pub gradient: &'a [T],
}

impl<T> Pieces<T> for Piece<'_, T> {
    fn whole(&self, _: &str) -> Option<usize> {
        None
    }

    fn each(self, mut visit: impl FnMut(usize, Option<&dyn fmt::Display>, &mut [T], &[T])) -> bool {
        visit(self.start, Some(&self.path), self.params, self.gradient);
        false
    }
}

impl<T: Real> Moment<T> {
    /// Panics unless the moment belongs to a value of `count` parameters.
    pub(crate) fn assert_fits(&self, caller: impl fmt::Display, count: usize) {
        assert!(
            self.values.len() == count,
            "{caller}: `params` has {count} parameters, but the steps before had {}; call `reset` for another model",
            self.values.len(),
        );
    }
}

/// What a checkpoint holds of an optimiser: its name, how many steps it made, and its moments, used or not; and a step in
/// pieces, as generated code makes it.
pub trait Stateful<T> {
    #[doc(hidden)]
    fn saved(&self) -> (&'static str, u64, &[Moment<T>]);
    #[doc(hidden)]
    fn saved_mut(&mut self) -> (&'static str, &mut u64, &mut [Moment<T>]);
    /// Begins a step over `count` parameters, which come one after the other.
    #[doc(hidden)]
    fn begin(&mut self, count: usize);
    /// Moves one parameter, whose first number is the one at `start` of all.
    #[doc(hidden)]
    fn update(&mut self, start: usize, path: &str, params: &mut [T], gradient: &[T]);
    /// Ends the step.
    #[doc(hidden)]
    fn finish(&mut self);
}

/// An optimiser of parameters of type `T`, for training loops that leave the choice open.
///
/// Each optimiser of this module has these methods itself, too, so a loop with a known optimiser does not need the trait. It is
/// sealed.
///
/// ```
/// use chainrule::optim::{Adam, Optimiser, Sgd};
///
/// fn train(mut optimiser: impl Optimiser<f64>) -> f64 {
///     let mut x = 1.0;
///     for _ in 0..500 {
///         let gradient = 2.0 * x;
///         optimiser.step(&mut x, &gradient);
///     }
///     x
/// }
/// assert!(train(Sgd::new(0.1)).abs() < 1e-6 && train(Adam::new(0.1)).abs() < 1e-6);
/// ```
pub trait Optimiser<T: Real>: Stateful<T> {
    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;
    /// Changes the learning rate from the next step on. *Panics* if it is negative or NaN.
    fn set_learning_rate(&mut self, learning_rate: f64);
    /// How many steps were made since the beginning or the last `reset`.
    fn steps(&self) -> u64;
    /// Forgets the state, as if no step had been made.
    fn reset(&mut self);
    /// Moves the parameters one step.
    ///
    /// *Shapes:* those of `gradient` are those of `params`. *Panics* if they differ, naming the parameter and both shapes, or
    /// if the number of parameters changed since the first step; nothing is written then.
    fn step<P: Differentiable<Scalar = T>>(&mut self, params: &mut P, gradient: &P);
}

/// Writes what is the same for all optimisers: a struct with a field `state: State` and a method `rule`, the step.
macro_rules! optimiser {
    ($Optimiser:ident) => {
        impl<T: Real> $Optimiser<T> {
            /// Sets the weight decay λ. *Panics* if it is negative or NaN.
            pub fn weight_decay(mut self, weight_decay: f64) -> Self {
                self.state.set_weight_decay(weight_decay);
                self
            }

            /// Spares parameters from weight decay: those for whose [`Path`](crate::params::Path), printed as
            /// `layers[0].bias`, `spared` says `true`.
            pub fn no_decay(mut self, spared: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
                self.state.spare(spared);
                self
            }

            /// The learning rate of the next step.
            pub fn learning_rate(&self) -> f64 {
                self.state.learning_rate
            }

            /// Changes the learning rate from the next step on. *Panics* if it is negative or NaN.
            pub fn set_learning_rate(&mut self, learning_rate: f64) {
                self.state.set_learning_rate(learning_rate);
            }

            /// How many steps were made since the beginning or the last [`reset`](Self::reset).
            pub fn steps(&self) -> u64 {
                self.state.steps
            }

            /// Forgets the state, as if no step had been made.
            pub fn reset(&mut self) {
                self.state.reset();
            }

            /// Moves the parameters one step.
            ///
            /// *Shapes:* those of `gradient` are those of `params`. *Panics* if they differ, naming the parameter and
            /// both shapes, or if the number of parameters changed since the first step; nothing is written then.
            pub fn step<P: $crate::Differentiable<Scalar = T>>(&mut self, params: &mut P, gradient: &P) {
                self.rule((params, gradient));
            }
        }

        impl<T: Real> $crate::optim::state::Stateful<T> for $Optimiser<T> {
            fn saved(&self) -> (&'static str, u64, &[$crate::optim::state::Moment<T>]) {
                (self.state.name, self.state.steps, &self.state.moments)
            }
            fn saved_mut(&mut self) -> (&'static str, &mut u64, &mut [$crate::optim::state::Moment<T>]) {
                (self.state.name, &mut self.state.steps, &mut self.state.moments)
            }
            fn begin(&mut self, count: usize) {
                self.state.begin(count);
            }
            fn update(&mut self, start: usize, path: &str, params: &mut [T], gradient: &[T]) {
                self.rule($crate::optim::state::Piece { start, path, params, gradient });
            }
            fn finish(&mut self) {
                self.state.finish();
            }
        }

        impl<T: Real> $crate::optim::Optimiser<T> for $Optimiser<T> {
            fn learning_rate(&self) -> f64 {
                self.learning_rate()
            }
            fn set_learning_rate(&mut self, learning_rate: f64) {
                self.set_learning_rate(learning_rate);
            }
            fn steps(&self) -> u64 {
                self.steps()
            }
            fn reset(&mut self) {
                self.reset();
            }
            fn step<P: $crate::Differentiable<Scalar = T>>(&mut self, params: &mut P, gradient: &P) {
                self.step(params, gradient);
            }
        }
    };
}
pub(super) use optimiser;
