//! Nanoseconds per element of each function at each level, beside std. `cargo bench --bench math [filter]`.
//!
//! Invariant: the arrays fit the first-level cache, so that arithmetic is measured and not memory.

use chainrule::rt::simd::{available, dispatch_at, Float, Kernel, Simd, Vector};
use std::hint::black_box;
use std::time::Instant;

/// A function of one argument, generic over vectors.
trait Unary {
    const RANGE: (f64, f64);
    fn std(x: f64) -> f64;
    fn std_single(x: f32) -> f32;
    fn apply<V: Vector>(x: V) -> V;
}

macro_rules! unary {
    ($($name:ident $low:literal $high:literal: $std:expr;)*) => {
        $(
            #[allow(non_camel_case_types)]
            pub struct $name;
            impl Unary for $name {
                const RANGE: (f64, f64) = ($low, $high);
                fn std(x: f64) -> f64 {
                    type F = f64;
                    let f: fn(F) -> F = $std;
                    f(x)
                }
                fn std_single(x: f32) -> f32 {
                    type F = f32;
                    let f: fn(F) -> F = $std;
                    f(x)
                }
                #[inline(always)]
                fn apply<V: Vector>(x: V) -> V {
                    functions::$name(x)
                }
            }
        )*
        fn all(row: &mut dyn FnMut(&str, Vec<f64>), filter: &str) {
            $(if stringify!($name).contains(filter) {
                row(concat!(stringify!($name), " f32"), measure::<f32, $name>());
                row(concat!(stringify!($name), " f64"), measure::<f64, $name>());
            })*
        }
    };
}

unary! {
    exp -20.0 20.0: |x| x.exp();
    exp2 -20.0 20.0: |x| x.exp2();
    exp_m1 -2.0 2.0: |x| x.exp_m1();
    ln 0.01 100.0: |x| x.ln();
    ln_1p -0.9 10.0: |x| x.ln_1p();
    log2 0.01 100.0: |x| x.log2();
    log10 0.01 100.0: |x| x.log10();
    tanh -3.0 3.0: |x| x.tanh();
    sigmoid -10.0 10.0: |x| 1.0 / (1.0 + (-x).exp());
    softplus -10.0 10.0: |x| x.max(0.0) + (-x.abs()).exp().ln_1p();
    sin -10.0 10.0: |x| x.sin();
    cos -10.0 10.0: |x| x.cos();
    tan -10.0 10.0: |x| x.tan();
    sinh -3.0 3.0: |x| x.sinh();
    cosh -3.0 3.0: |x| x.cosh();
    erf -3.0 3.0: |_| 0.0;
    self_power 0.1 10.0: |x| x.powf(x);
}

mod functions {
    pub use chainrule::rt::math::*;
    /// `x^x`, so that `powf` has one argument like the others.
    #[inline(always)]
    pub fn self_power<V: chainrule::rt::simd::Vector>(x: V) -> V {
        powf(x, x)
    }
}

struct Map<'a, T, U> {
    from: &'a [T],
    to: &'a mut [T],
    wide: bool,
    of: std::marker::PhantomData<U>,
}

impl<T: Float, U: Unary> Kernel for Map<'_, T, U> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.wide {
            map::<T, T::Wide<S>, U>(self.from, self.to);
        } else {
            map::<T, T::One<S>, U>(self.from, self.to);
        }
    }
}

#[inline(always)]
fn map<T: Float, V: Vector<Elem = T>, U: Unary>(from: &[T], to: &mut [T]) {
    for (from, to) in from.chunks_exact(V::LEN).zip(to.chunks_exact_mut(V::LEN)) {
        U::apply(V::load(from)).store(to);
    }
}

/// The least of several timings, in ns per element.
fn time(n: usize, mut f: impl FnMut()) -> f64 {
    f();
    (0..15)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..20 {
                f();
            }
            start.elapsed().as_secs_f64() * 1e9 / (20 * n) as f64
        })
        .fold(f64::INFINITY, f64::min)
}

/// std, then each level as vectors, then the best level one by one.
fn measure<T: Float, U: Unary>() -> Vec<f64> {
    let n = 1024;
    let (low, high) = U::RANGE;
    let from: Vec<T> =
        (0..n).map(|i| T::of(low + (high - low) * ((i * 617) % n) as f64 / n as f64)).collect();
    let mut to = from.clone();
    let mut row = vec![time(n, || {
        for (x, y) in black_box(&from).iter().zip(&mut to) {
            *y = T::of(if T::IS_F32 { U::std_single(x.to_f64() as f32) as f64 } else { U::std(x.to_f64()) });
        }
        black_box(&to);
    })];
    let mut run = |level, wide| {
        time(n, || {
            let of = std::marker::PhantomData::<U>;
            dispatch_at(level, Map { from: black_box(&from), to: &mut to, wide, of }).unwrap();
            black_box(&to);
        })
    };
    row.extend(available().iter().map(|level| run(*level, true)));
    row.push(run(available()[available().len() - 1], false));
    row
}

fn main() {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    print!("{:12} {:>8}", "ns/element", "std");
    available().iter().for_each(|level| print!(" {:>8}", format!("{level:?}")));
    println!(" {:>8}", "scalar");
    all(
        &mut |name, row| {
            print!("{name:12}");
            row.iter().for_each(|x| print!(" {x:8.3}"));
            println!();
        },
        &filter,
    );
}
