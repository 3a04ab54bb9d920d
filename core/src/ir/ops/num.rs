//! The helpers of the op table on numbers.
//!
//! Invariant: each is computed in `f64` and rounded once.

pub use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LOG10_E, LOG2_E};

pub trait Real: Copy + PartialOrd + Into<f64> {
    fn of(x: f64) -> Self;
}
impl Real for f64 {
    fn of(x: f64) -> f64 {
        x
    }
}
impl Real for f32 {
    fn of(x: f64) -> f32 {
        x as f32
    }
}
pub fn lt<T: PartialOrd>(a: T, b: T) -> bool {
    a < b
}
pub fn le<T: PartialOrd>(a: T, b: T) -> bool {
    a <= b
}
pub fn gt<T: PartialOrd>(a: T, b: T) -> bool {
    a > b
}
pub fn ge<T: PartialOrd>(a: T, b: T) -> bool {
    a >= b
}
pub fn eq<T: PartialOrd>(a: T, b: T) -> bool {
    a == b
}
pub fn ne<T: PartialOrd>(a: T, b: T) -> bool {
    a != b
}
pub fn and(a: bool, b: bool) -> bool {
    a && b
}
pub fn or(a: bool, b: bool) -> bool {
    a || b
}
pub fn truth(a: f64) -> bool {
    a != 0.0
}
pub fn share(g: f64, tie: f64) -> f64 {
    g * tie
}
pub fn when<T>(_: bool, x: T) -> T {
    x
}
pub fn same<T, U>(x: T, _: U) -> T {
    x
}
pub fn select<T>(c: bool, a: T, b: T) -> T {
    if c {
        a
    } else {
        b
    }
}
pub trait Method {
    fn sigmoid(self) -> Self;
    fn sigmoid_slope(self) -> Self;
    fn tanh_slope(self) -> Self;
}
impl Method for f64 {
    fn sigmoid(self) -> f64 {
        sigmoid(self)
    }
    fn sigmoid_slope(self) -> f64 {
        sigmoid_slope(self)
    }
    fn tanh_slope(self) -> f64 {
        tanh_slope(self)
    }
}
pub fn powi<T: Real>(x: T, n: T) -> T {
    T::of(x.into().powi(n.into() as i32))
}
pub fn sigmoid<T: Real>(x: T) -> T {
    let x: f64 = x.into();
    let e = (-x.abs()).exp();
    T::of(if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) })
}
pub fn sigmoid_slope<T: Real>(x: T) -> T {
    let e = (-x.into().abs()).exp();
    T::of(e / (1.0 + e) / (1.0 + e))
}
pub fn tanh_slope<T: Real>(x: T) -> T {
    let e = (-2.0 * x.into().abs()).exp();
    T::of(4.0 * e / (1.0 + e) / (1.0 + e))
}
pub fn softplus<T: Real>(x: T) -> T {
    let x: f64 = x.into();
    T::of(x.max(0.0) + (-x.abs()).exp().ln_1p())
}
pub fn xlogy<T: Real>(x: T, y: T) -> T {
    let (x, y): (f64, f64) = (x.into(), y.into());
    T::of(if x == 0.0 && !y.is_nan() { 0.0 } else { x * y.ln() })
}
pub fn diff<T: Real>(a: T, b: T) -> T {
    T::of(if a == b { 0.0 } else { a.into() - b.into() })
}
pub fn weight<T: Real>(x: T) -> T {
    let least = if size_of::<T>() == 4 { -80.0 } else { -700.0 };
    T::of(if x.into() < least { 0.0 } else { x.into().exp() })
}
/// Series for small, continued fraction for large arguments (DLMF 7.6.2, 7.9.3).
pub fn erf<T: Real>(x: T) -> T {
    let x: f64 = x.into();
    let a = x.abs();
    if a.is_nan() || a > 6.0 {
        return T::of(if a.is_nan() { a } else { x.signum() });
    }
    let tail = (-a * a).exp() / std::f64::consts::PI.sqrt();
    let value = if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..100 {
            term *= 2.0 * a * a / (2 * n + 1) as f64;
            sum += term;
        }
        2.0 * tail * sum
    } else {
        let mut f = a;
        for n in (1..120).rev() {
            f = a + (n as f64 / 2.0) / f;
        }
        1.0 - tail / f
    };
    T::of(value.copysign(x))
}
