//! Every vector operation at every level against the scalar of std, on random and edge values.

use super::*;

/// A small generator: splitmix64.
pub(crate) struct Random(pub u64);
impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Edge values and random ones: any bits, and moderate numbers with and without halves.
fn values<T: Float>() -> Vec<T> {
    let mut values: Vec<T> =
        [0.0, 1.0, 0.5, 1.5, 2.5, 0.1, 3.0, 1e30, 4194304.5, 8388609.0, 2e-45, 1e-39, 1e-300, 5e-324]
            .iter()
            .chain(&[
                f64::INFINITY,
                f64::NAN,
                f64::MAX,
                f64::MIN_POSITIVE,
                0.49999999999999994,
                0.499999970198,
            ])
            .flat_map(|x| [T::of(*x), T::of(-*x)])
            .collect();
    let mut random = Random(1);
    for _ in 0..200 {
        values.push(T::from_raw(random.next()));
        values.push(T::of((random.next() as i64 as f64) / 2f64.powi(60)));
        values.push(T::of((random.next() as i64 >> 58) as f64 * 0.5));
    }
    values
}

fn same<T: Float>(a: T, b: T) -> bool {
    a.to_raw() == b.to_raw() || (a.to_f64().is_nan() && b.to_f64().is_nan())
}

/// Like `same`, but either zero will do.
fn like<T: Float>(a: T, b: T) -> bool {
    same(a, b) || a == b
}

struct Ops<T>(std::marker::PhantomData<T>);

impl<T: Float> Kernel for Ops<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        ops::<T, T::Wide<S>>(S::NAME, S::FMA);
        ops::<T, T::One<S>>(S::NAME, S::FMA);
        ops::<T, Wide<T::Wide<S>, 3>>(S::NAME, S::FMA);
        ops::<T, T::Wide<S>>(S::NAME, S::FMA);
    }
}

#[inline(always)]
fn ops<T: Float, V: Vector<Elem = T>>(name: &str, fma: bool) {
    let values = values::<T>();
    let n = V::LEN;
    let ones = |x: &[T], f: &dyn Fn(V) -> V, g: &dyn Fn(T) -> T, eq: fn(T, T) -> bool, op: &str| {
        let y = f(V::load(x));
        for (i, x) in x.iter().enumerate() {
            assert!(eq(y.lane(i), g(*x)), "{name} {op} {x:?}: {:?} not {:?}", y.lane(i), g(*x));
        }
    };
    for x in values.chunks_exact(n) {
        ones(x, &|x| -x, &|x| -x, same, "neg");
        ones(x, &V::abs, &|x| if x.to_raw() >> (T::WIDTH - 1) == 1 { -x } else { x }, same, "abs");
        ones(x, &V::sqrt, &T::root, same, "sqrt");
        ones(x, &V::floor, &|x| x.std1(Std1::Floor), same, "floor");
        ones(x, &V::ceil, &|x| x.std1(Std1::Ceil), same, "ceil");
        ones(x, &V::trunc, &|x| x.std1(Std1::Trunc), same, "trunc");
        ones(x, &V::round, &|x| x.std1(Std1::Round), same, "round");
        ones(x, &|x| x.shl(3), &|x| T::from_raw(x.to_raw() << 3), same, "shl");
        ones(x, &|x| x.shr(5), &|x| T::from_raw(x.to_raw() >> 5), same, "shr");
        ones(x, &|x| x.map(|x| x + x), &|x| x + x, same, "map");
    }
    for (k, x) in values.chunks_exact(n).enumerate() {
        for y in values.chunks_exact(n).skip(k % 5).step_by(5) {
            pair::<T, V>(name, fma, x, y);
        }
    }
    tails::<T, V>(name, &values);
}

#[inline(always)]
fn pair<T: Float, V: Vector<Elem = T>>(name: &str, fma: bool, x: &[T], y: &[T]) {
    let (a, b) = (V::load(x), V::load(y));
    let check = |z: V, g: &dyn Fn(T, T) -> T, eq: fn(T, T) -> bool, op: &str| {
        for i in 0..V::LEN {
            let (got, want) = (z.lane(i), g(x[i], y[i]));
            assert!(eq(got, want), "{name} {op} {:?} {:?}: {got:?} not {want:?}", x[i], y[i]);
        }
    };
    let truth = |m: V::Mask, g: &dyn Fn(&T, &T) -> bool, op: &str| {
        let z = V::select(m, V::of(1.0), V::of(2.0));
        check(z, &|a, b| T::of(if g(&a, &b) { 1.0 } else { 2.0 }), same, op);
        let wants: Vec<bool> = (0..V::LEN).map(|i| g(&x[i], &y[i])).collect();
        assert_eq!(m.any(), wants.contains(&true), "{name} any {op}");
        assert_eq!(m.all(), !wants.contains(&false), "{name} all {op}");
    };
    let slid = a.slide(b);
    for i in 0..V::LEN {
        let want = if i == 0 { y[V::LEN - 1] } else { x[i - 1] };
        assert!(same(slid.lane(i), want), "{name} slide {i}: {:?} not {want:?}", slid.lane(i));
    }
    check(a + b, &|a, b| a + b, same, "add");
    check(a - b, &|a, b| a - b, same, "sub");
    check(a * b, &|a, b| a * b, same, "mul");
    check(a / b, &|a, b| a / b, same, "div");
    check(a.min(b), &|a, b| a.std2(b, Std2::Min), like, "min");
    check(a.max(b), &|a, b| a.std2(b, Std2::Max), like, "max");
    check(a.lesser(b), &|a, b| if a < b { a } else { b }, same, "lesser");
    check(a.greater(b), &|a, b| if a > b { a } else { b }, same, "greater");
    check(a.bit_and(b), &|a, b| T::from_raw(a.to_raw() & b.to_raw()), same, "bit_and");
    check(a.bit_or(b), &|a, b| T::from_raw(a.to_raw() | b.to_raw()), same, "bit_or");
    check(a.bit_xor(b), &|a, b| T::from_raw(a.to_raw() ^ b.to_raw()), same, "bit_xor");
    check(a.int_add(b), &|a, b| T::from_raw(a.to_raw().wrapping_add(b.to_raw())), same, "int_add");
    check(a.int_sub(b), &|a, b| T::from_raw(a.to_raw().wrapping_sub(b.to_raw())), same, "int_sub");
    let top = 1u64 << (T::WIDTH - 1);
    let sign = |a: T, b: T| T::from_raw((a.to_raw() & (top - 1)) | (b.to_raw() & top));
    check(a.copysign(b), &sign, same, "copysign");
    let fused = |a: T, b: T| if fma { a.fused(b, a) } else { a * b + a };
    check(a.mul_add(b, a), &fused, same, "mul_add");
    truth(a.lt(b), &T::lt, "lt");
    truth(a.le(b), &T::le, "le");
    truth(a.gt(b), &T::gt, "gt");
    truth(a.ge(b), &T::ge, "ge");
    truth(a.eq(b), &T::eq, "eq");
    truth(a.ne(b), &T::ne, "ne");
    truth(a.lt(b) | a.eq(b), &T::le, "or");
    truth(a.le(b) & b.le(a), &T::eq, "and");
    truth(!a.lt(b), &|a, b| !a.lt(b), "not");
}

#[inline(always)]
fn tails<T: Float, V: Vector<Elem = T>>(name: &str, values: &[T]) {
    let n = V::LEN;
    let (x, y) = (V::load(values), V::load(&values[n..]));
    let fill = T::of(7.0);
    for k in 0..=n + 1 {
        // Exact boxes, so that a checker of memory sees any access past the end.
        let from: Box<[T]> = values[..k].into();
        let mut to: Box<[T]> = vec![fill; k].into();
        let part = V::load_part(&from);
        x.store_part(&mut to);
        let (kept, other) = (x.keep(k), x.keep_or(k, y));
        let strided = V::load_strided_part(&values[..(k.min(n).max(1) - 1) * 3 + 1], 3, k);
        for i in 0..n {
            let want = if i < k { values[i] } else { T::of(0.0) };
            assert!(same(part.lane(i), want), "{name} load_part {k} {i}");
            assert!(same(kept.lane(i), want), "{name} keep {k} {i}");
            assert!(
                same(other.lane(i), if i < k { values[i] } else { values[n + i] }),
                "{name} keep_or {k} {i}"
            );
            let want = if i < k { values[3 * i] } else { T::of(0.0) };
            assert!(same(strided.lane(i), want), "{name} load_strided_part {k} {i}");
        }
        for i in 0..k {
            assert!(same(to[i], if i < n { values[i] } else { fill }), "{name} store_part {k} {i}");
        }
    }
    assert!((0..n).all(|i| V::iota().lane(i) == T::of_usize(i)), "{name} iota");
    let strided = V::load_strided(&values[..2 * n], 2);
    assert!((0..n).all(|i| same(strided.lane(i), values[2 * i])), "{name} load_strided");
    assert!((0..n).all(|i| same(V::load_strided(values, 0).lane(i), values[0])), "{name} stride 0");

    // Small integers: any order gives the same sum.
    let m = V::from_fn(|i| T::of_usize((i * 5) % 7 + 1));
    let lanes = || (0..n).map(|i| m.lane(i).to_f64());
    assert_eq!(m.reduce_sum().to_f64(), lanes().sum::<f64>(), "{name} sum");
    assert_eq!(m.reduce_min().to_f64(), lanes().fold(9.0, f64::min), "{name} min");
    assert_eq!(m.reduce_max().to_f64(), lanes().fold(0.0, f64::max), "{name} max");
    let p = V::from_fn(|i| T::of(if i % 3 == 0 { 2.0 } else { 1.0 }));
    assert_eq!(p.reduce_prod().to_f64(), 2f64.powi(n.div_ceil(3) as i32), "{name} prod");

    for k in -140..=127 {
        let want = 2f64.powi(k);
        assert_eq!(
            V::of(1.0).scale2(V::magic() + V::of(k as f64)).lane(0).to_f64(),
            T::of(want).to_f64(),
            "{name} scale2 {k}"
        );
    }
    assert_eq!(
        V::of(1.5).scale2(V::magic() + V::of(T::BIAS as f64)).lane(0),
        T::of(0.75) * T::of(2f64.powi(T::BIAS as i32 - 1)) * T::of(4.0),
        "{name} scale2"
    );
}

/// Runs a kernel at every level of this machine.
#[test]
fn ops_agree_with_std() {
    for level in available() {
        dispatch_at(*level, Ops::<f32>(Default::default())).unwrap();
        dispatch_at(*level, Ops::<f64>(Default::default())).unwrap();
    }
    ops::<f32, f32>("plain", cfg!(target_feature = "fma"));
    ops::<f64, f64>("plain", cfg!(target_feature = "fma"));
}

struct Short(usize);
impl Kernel for Short {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut x = vec![1f32; S::F32::LEN];
        if self.0 == 0 {
            S::F32::load(&x[1..]);
        } else {
            S::F32::of(1.0).store(&mut x[1..]);
        }
    }
}

#[test]
fn whole_loads_and_stores_refuse_short_slices() {
    for level in available() {
        for what in 0..2 {
            let caught = std::panic::catch_unwind(|| dispatch_at(*level, Short(what)));
            assert!(caught.is_err(), "{level:?}");
        }
    }
}
