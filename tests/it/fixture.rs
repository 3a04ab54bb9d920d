//! A fixture as numbers: its arguments flat, its generated functions behind plain function pointers.
//!
//! Invariant: the elements of an argument come in row-major order, those of a gradient in the order of `wrt`.

use chainrule::{Differentiable, Real};
use std::ops::{Deref, Range};

/// One argument for each entry, flat.
pub type Point = Vec<Vec<f64>>;

/// What a fixture's argument is.
#[derive(Clone, Debug)]
pub struct Argument {
    pub name: &'static str,
    /// The path of each of its tensors, `layers[0].w`.
    pub paths: Vec<String>,
    /// The shapes of the same.
    pub shapes: Vec<Vec<usize>>,
    pub range: Range<f64>,
    pub whole: bool,
}

impl Argument {
    pub fn len(&self) -> usize {
        self.shapes.iter().map(|s| s.iter().product::<usize>()).sum()
    }
}

/// Reads and writes an argument as flat numbers.
pub trait Flat {
    const WHOLE: bool = false;
    fn paths(&self) -> Vec<String> {
        vec![String::new()]
    }
    fn shapes(&self) -> Vec<Vec<usize>>;
    fn read(&self) -> Vec<f64>;
    fn write(&mut self, from: &[f64]);
}

impl<T: Differentiable> Flat for T {
    fn paths(&self) -> Vec<String> {
        let mut out = vec![];
        self.visit(|part, _| {
            if part.start() == 0 {
                out.push(part.path().to_string());
            }
        });
        out
    }
    fn shapes(&self) -> Vec<Vec<usize>> {
        let mut out = vec![];
        self.visit(|part, _| {
            if part.start() == 0 {
                out.push(part.shape().to_vec());
            }
        });
        out
    }
    fn read(&self) -> Vec<f64> {
        self.flatten().into_iter().map(Real::to_f64).collect()
    }
    fn write(&mut self, from: &[f64]) {
        let from: Vec<T::Scalar> = from.iter().map(|x| T::Scalar::from_f64(*x)).collect();
        self.unflatten_from(&from);
    }
}

/// Integers, which carry no derivative.
#[derive(Clone)]
pub struct Whole<T>(pub T);
impl<T> Deref for Whole<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
impl Flat for Whole<Vec<usize>> {
    const WHOLE: bool = true;
    fn shapes(&self) -> Vec<Vec<usize>> {
        vec![vec![self.0.len()]]
    }
    fn read(&self) -> Vec<f64> {
        self.0.iter().map(|i| *i as f64).collect()
    }
    fn write(&mut self, from: &[f64]) {
        self.0 = from.iter().map(|x| *x as usize).collect();
    }
}
macro_rules! whole {
    ($($T:ty),+) => {$(
        impl Flat for Whole<$T> {
            const WHOLE: bool = true;
            fn shapes(&self) -> Vec<Vec<usize>> { vec![vec![]] }
            fn read(&self) -> Vec<f64> { vec![self.0 as f64] }
            fn write(&mut self, from: &[f64]) { self.0 = from[0] as $T; }
        }
    )+};
}
whole!(usize, i32);

pub fn is_whole<T: Flat>(_: &T) -> bool {
    T::WHOLE
}

type Reverse = fn(usize, &Point) -> (Vec<f64>, Vec<f64>);
type Pull = fn(usize, &Point, &[f64]) -> (Vec<f64>, Vec<f64>);
type Push = fn(usize, &Point, &Point) -> (Vec<f64>, Vec<f64>);

/// One fixture over one float type. The `usize` of each function is a size that the arguments are made of.
pub struct Fixture {
    pub name: &'static str,
    pub sizes: &'static [usize],
    /// The names of the differentiated arguments.
    pub wrt: &'static [&'static str],
    pub arguments: fn(usize) -> Vec<Argument>,
    pub primal: fn(usize, &Point) -> Vec<f64>,
    pub gradient: Option<Reverse>,
    /// One gradient and one workspace for all points, one after the other.
    pub into: Option<fn(&[(usize, Point)]) -> Vec<(Vec<f64>, Vec<f64>)>>,
    pub vjp: Option<Pull>,
    pub jvp: Option<Push>,
    /// Every bit of the value is kept.
    pub strict: bool,
    /// Values of inputs that are no arguments: constants and what inactive code computes.
    pub given: &'static [(&'static str, f64)],
    pub source: &'static str,
}

impl Fixture {
    /// A point of the ranges that depends on nothing but the names and the numbers given.
    pub fn sample(&self, n: usize, seed: u64) -> Point {
        let name = self.name.bytes().fold(seed, |h, b| hash(h ^ u64::from(b)));
        let arguments = (self.arguments)(n);
        let one = |(k, a): (usize, &Argument)| -> Vec<f64> {
            (0..a.len())
                .map(|i| {
                    let u = unit(hash(hash(name ^ n as u64) ^ ((k as u64) << 32) ^ i as u64));
                    let x = a.range.start + (a.range.end - a.range.start) * u;
                    if a.whole {
                        x.floor()
                    } else {
                        f64::from(x as f32)
                    }
                })
                .collect()
        };
        arguments.iter().enumerate().map(one).collect()
    }

    /// A direction: for each argument, zero where it is not differentiated.
    pub fn direction(&self, n: usize, seed: u64) -> Point {
        let one = |(k, a): (usize, &Argument)| -> Vec<f64> {
            let active = self.wrt.contains(&a.name);
            (0..a.len())
                .map(|i| {
                    let u = unit(hash(hash(seed ^ 77) ^ ((k as u64) << 32) ^ i as u64));
                    if active {
                        f64::from((2.0 * u - 1.0) as f32)
                    } else {
                        0.0
                    }
                })
                .collect()
        };
        (self.arguments)(n).iter().enumerate().map(one).collect()
    }

    /// The elements that belong to differentiated arguments, in the order of the gradient.
    pub fn active(&self, n: usize, point: &Point) -> Vec<f64> {
        let arguments = (self.arguments)(n);
        let of = |name: &&str| arguments.iter().position(|a| a.name == *name).expect("wrt names an argument");
        self.wrt.iter().flat_map(|name| point[of(name)].clone()).collect()
    }

    /// Value and gradient of the inner product of the result with weights, by whatever the fixture offers.
    pub fn reverse(&self, n: usize, point: &Point) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        match (self.gradient, self.vjp) {
            (Some(gradient), _) => {
                let (value, g) = gradient(n, point);
                (value, g, vec![1.0])
            }
            (None, Some(vjp)) => {
                let w = weights((self.primal)(n, point).len());
                let (value, g) = vjp(n, point, &w);
                (value, g, w)
            }
            (None, None) => panic!("{}: neither gradient nor vjp", self.name),
        }
    }
}

pub fn weights(len: usize) -> Vec<f64> {
    (0..len).map(|i| 0.5 + ((i * 7 + 3) % 5) as f64 * 0.25).collect()
}

pub fn hash(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

pub fn unit(h: u64) -> f64 {
    (h >> 11) as f64 / (1u64 << 53) as f64
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "inner product of vectors of different lengths");
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn dots(a: &Point, b: &Point) -> f64 {
    a.iter().zip(b).map(|(a, b)| dot(a, b)).sum()
}

/// `point + t * direction`
pub fn shifted(point: &Point, direction: &Point, t: f64) -> Point {
    let sum = |(p, d): (&Vec<f64>, &Vec<f64>)| p.iter().zip(d).map(|(p, d)| p + t * d).collect();
    point.iter().zip(direction).map(sum).collect()
}

macro_rules! bind {
    ($point:ident { $($arg:ident = $make:expr => $range:expr;)* }) => {
        let mut rest = $point.iter();
        $(
            #[allow(unused_mut)]
            let mut $arg = $make;
            $crate::fixture::Flat::write(&mut $arg, rest.next().expect("one vector for each argument"));
        )*
    };
}

/// What the primal gives: its result, or what an argument holds that it changes.
macro_rules! primal {
    ($f:path, $pass:tt, []) => {
        call!($f, $pass)
    };
    ($f:path, $pass:tt, [$changed:ident]) => {{
        call!($f, $pass);
        $changed
    }};
}

macro_rules! call {
    ($f:path, ($($pass:expr),*) $(, $extra:expr)*) => { $f($($pass,)* $($extra),*) };
}

macro_rules! flat_gradient {
    ($g:ident, [$one:ident]) => { $crate::fixture::Flat::read(&$g) };
    ($g:ident, [$($many:ident)+]) => {{
        let mut out = vec![];
        $( out.extend($crate::fixture::Flat::read(&$g.$many)); )+
        out
    }};
}

macro_rules! describe {
    ($({ $($arg:ident = $make:expr => $range:expr;)* })*) => {
        vec![$($(
            {
                let made = $make;
                $crate::fixture::Argument {
                    name: stringify!($arg),
                    paths: $crate::fixture::Flat::paths(&made),
                    shapes: $crate::fixture::Flat::shapes(&made),
                    range: $range,
                    whole: $crate::fixture::is_whole(&made),
                }
            }
        ),*)*]
    };
}

/// `fixture!(name |n| { x = a value of the argument's shape => a range; } (&x) wrt [x], …)`
macro_rules! fixture {
    ($name:ident |$n:ident| $args:tt $pass:tt wrt $wrt:tt sizes $sizes:expr, changes $changed:ident $($rest:tt)*) => {
        fixture!(@ [$changed] $name |$n| $args $pass wrt $wrt sizes $sizes $($rest)*)
    };
    ($name:ident $($rest:tt)*) => { fixture!(@ [] $name $($rest)*) };
    (
        @ $changed:tt $name:ident |$n:ident| $args:tt $pass:tt wrt $wrt:tt sizes $sizes:expr
        $(, gradient $g:tt)?
        $(, vjp ($w:pat => $($cot:expr),+))?
        $(, jvp [$($d:ident: $of:ident),+] ($($tan:expr),+))?
        $(, strict $s:tt)?
        $(, given $given:expr)?
    ) => {{
        use self::set::$name::$name as module;
        let gradient: Option<fn(usize, &$crate::fixture::Point) -> (Vec<f64>, Vec<f64>)> = None;
        let into: Option<fn(&[(usize, $crate::fixture::Point)]) -> Vec<(Vec<f64>, Vec<f64>)>> = None;
        let vjp: Option<fn(usize, &$crate::fixture::Point, &[f64]) -> (Vec<f64>, Vec<f64>)> = None;
        let jvp: Option<fn(usize, &$crate::fixture::Point, &$crate::fixture::Point) -> (Vec<f64>, Vec<f64>)> = None;
        $(
            let _ = stringify!($g);
            let _ = gradient;
            let gradient: Option<fn(usize, &$crate::fixture::Point) -> (Vec<f64>, Vec<f64>)> = Some(|$n, point| {
                bind!(point $args);
                let (value, g) = call!(module::value_and_gradient, $pass);
                let alone = call!(module::gradient, $pass);
                let (all, alone) = (flat_gradient!(g, $wrt), flat_gradient!(alone, $wrt));
                assert!($crate::fixture::same_bits(&all, &alone), "`gradient` differs from `value_and_gradient`");
                ($crate::fixture::Flat::read(&value), all)
            });
            let _ = into;
            let into: Option<fn(&[(usize, $crate::fixture::Point)]) -> Vec<(Vec<f64>, Vec<f64>)>> = Some(|points| {
                let mut workspace = module::Workspace::default();
                let mut memory = None;
                let mut out = vec![];
                for (n, point) in points {
                    let $n = *n;
                    bind!(point $args);
                    if memory.is_none() {
                        memory = Some(call!(module::gradient, $pass));
                    }
                    let Some(mut g) = memory.take() else { unreachable!() };
                    let value = call!(module::value_and_gradient_into, $pass, &mut g, &mut workspace);
                    out.push(($crate::fixture::Flat::read(&value), flat_gradient!(g, $wrt)));
                    memory = Some(g);
                }
                out
            });
        )?
        $(
            let _ = vjp;
            let vjp: Option<fn(usize, &$crate::fixture::Point, &[f64]) -> (Vec<f64>, Vec<f64>)> = Some(|$n, point, w| {
                bind!(point $args);
                let mut cotangent = primal!(module, $pass, $changed);
                $crate::fixture::Flat::write(&mut cotangent, w);
                let $w = cotangent;
                bind!(point $args);
                let (value, g) = call!(module::vjp, $pass, $($cot),+);
                ($crate::fixture::Flat::read(&value), flat_gradient!(g, $wrt))
            });
        )?
        $(
            let _ = jvp;
            let jvp: Option<fn(usize, &$crate::fixture::Point, &$crate::fixture::Point) -> (Vec<f64>, Vec<f64>)> =
                Some(|$n, point, direction| {
                    let names: Vec<&str> = describe!($args).iter().map(|a: &$crate::fixture::Argument| a.name).collect();
                    bind!(point $args);
                    $(
                        let mut $d = $of.clone();
                        let k = names.iter().position(|a| *a == stringify!($of)).expect("an argument");
                        $crate::fixture::Flat::write(&mut $d, &direction[k]);
                    )+
                    let (value, tangent) = call!(module::jvp, $pass, $($tan),+);
                    ($crate::fixture::Flat::read(&value), $crate::fixture::Flat::read(&tangent))
                });
        )?
        #[allow(unused_mut, unused_assignments)]
        let mut strict = false;
        $( strict = $s; )?
        #[allow(unused_mut, unused_assignments)]
        let mut given: &'static [(&'static str, f64)] = &[];
        $( given = $given; )?
        $crate::fixture::Fixture {
            name: stringify!($name),
            sizes: &$sizes,
            wrt: names!($wrt),
            arguments: |$n| { let _ = $n; describe!($args) },
            primal: |$n, point| {
                let _ = $n;
                bind!(point $args);
                $crate::fixture::Flat::read(&primal!(module, $pass, $changed))
            },
            gradient, into, vjp, jvp, strict, given,
            source: module::SOURCE,
        }
    }};
}

macro_rules! names {
    ([$($name:ident)+]) => { &[$(stringify!($name)),+] };
}

pub fn same_bits(a: &[f64], b: &[f64]) -> bool {
    let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// The fixtures over `f64`.
#[allow(unused_variables)]
pub mod double {
    use crate::fixtures as set;
    type F = f64;
    include!("list.rs");
}

/// The same over `f32`.
#[allow(unused_variables)]
pub mod single {
    use crate::fixtures::f32 as set;
    type F = f32;
    include!("list.rs");
}
