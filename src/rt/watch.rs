//! Watches of `debug_nans`: what a value holds that is no number, for values of any type.
//!
//! `non_finite` of a [`Probe`] is found by the number of references in front of it: numbers and arrays first, then structs of
//! parameters, then those behind a reference, then whatever else, which is passed over.
//!
//! Invariant: only what is found first is kept.

use crate::params::Differentiable;
use crate::train::{check_finite, NonFinite};
use crate::Real;
use std::sync::OnceLock;

/// A borrowed value.
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// Where something was found, and what.
pub type Element = (Vec<usize>, f64);

/// The same, with the path of the parameter that it lies in.
pub type Finding = (String, Element);

/// Numbers, and what is made of them.
pub trait Numbers {
    /// The first number that is NaN or infinite.
    fn search(&self) -> Option<Element>;
}

macro_rules! numbers {
    ($($float:ident)+; $($whole:ident)+) => {
        $(impl Numbers for $float {
            fn search(&self) -> Option<Element> {
                let value = Real::to_f64(*self);
                (!value.is_finite()).then(|| (vec![], value))
            }
        })+
        $(impl Numbers for $whole {
            fn search(&self) -> Option<Element> {
                None
            }
        })+
    };
}

numbers!(f32 f64; i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool);

/// The first of some parts, each with its position.
fn among<'a, T: Numbers + ?Sized + 'a>(
    parts: impl IntoIterator<Item = &'a T>,
    position: impl Fn(usize) -> Vec<usize>,
) -> Option<Element> {
    parts.into_iter().enumerate().find_map(|(k, part)| {
        let (rest, value) = part.search()?;
        let mut whole = position(k);
        whole.extend(rest);
        Some((whole, value))
    })
}

impl<T: Numbers + ?Sized> Numbers for &T {
    fn search(&self) -> Option<Element> {
        (**self).search()
    }
}

impl<T: Numbers + ?Sized> Numbers for &mut T {
    fn search(&self) -> Option<Element> {
        (**self).search()
    }
}

impl<T: Numbers> Numbers for [T] {
    fn search(&self) -> Option<Element> {
        among(self, |k| vec![k])
    }
}

impl<T: Numbers, const N: usize> Numbers for [T; N] {
    fn search(&self) -> Option<Element> {
        self[..].search()
    }
}

impl<T: Numbers> Numbers for Vec<T> {
    fn search(&self) -> Option<Element> {
        self[..].search()
    }
}

macro_rules! tuples {
    ($(($($T:ident $field:tt),+))+) => {$(
        impl<$($T: Numbers),+> Numbers for ($($T,)+) {
            fn search(&self) -> Option<Element> {
                let parts: &[&dyn Numbers] = &[$(&self.$field),+];
                among(parts, |k| vec![k])
            }
        }
    )+};
}

tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

#[cfg(feature = "ndarray")]
impl<S: ndarray::Data<Elem: Numbers>, D: ndarray::Dimension> Numbers for ndarray::ArrayBase<S, D> {
    fn search(&self) -> Option<Element> {
        among(self, |k| crate::train::index(k, self.shape()))
    }
}

/// What a struct of parameters holds, with the path of the parameter.
fn parameter<T: Differentiable>(value: &T) -> Option<Finding> {
    let found = check_finite(value).err()?;
    let path = match found.parameter.as_str() {
        "value" => String::new(),
        path if path.starts_with('[') => path.to_string(),
        path => format!(".{path}"),
    };
    Some((path, (found.position, found.value)))
}

macro_rules! watches {
    ($($(#[$doc:meta])* $Watch:ident [$($generics:tt)*] $Probe:ty => $found:expr;)+) => {$(
        $(#[$doc])*
        pub trait $Watch {
            fn non_finite(&self) -> Option<Finding>;
        }

        impl<$($generics)*> $Watch for $Probe {
            fn non_finite(&self) -> Option<Finding> {
                $found(self.0)
            }
        }
    )+};
}

watches! {
    WatchNumbers [T: Numbers + ?Sized] &&&Probe<'_, T> => |value: &T| Some((String::new(), value.search()?));
    WatchParameters [T: Differentiable] &&Probe<'_, T> => parameter;
    WatchBorrowed [T: Differentiable] &Probe<'_, &T> => |value: &&T| parameter(*value);
    WatchNothing [T: ?Sized] Probe<'_, T> => |_| None;
}

/// Notes what a value holds, where nothing was found before.
pub fn watch(
    found: &OnceLock<NonFinite>,
    value: impl FnOnce() -> Option<Finding>,
    (text, file, line, column): (&str, &'static str, u32, u32),
) {
    if found.get().is_some() {
        return;
    }
    if let Some((path, (position, value))) = value() {
        let expression = format!("{text}{path}");
        // another thread may have been faster
        let _ = found.set(NonFinite { file, line, column, expression, position, value });
    }
}
