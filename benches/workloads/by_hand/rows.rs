//! Loops over rows that several of the gradients share.

use chainrule::rt::math;
use chainrule::rt::simd::Vector;

/// Each row of `to` becomes `row`.
#[inline(always)]
pub fn repeat<T: Copy>(to: &mut [T], row: &[T]) {
    for to in to.chunks_exact_mut(row.len()) {
        to.copy_from_slice(row);
    }
}

/// `tanh` in place.
#[inline(always)]
pub fn tanh<V: Vector>(x: &mut [V::Elem]) {
    for x in x.chunks_exact_mut(V::LEN) {
        math::tanh(V::load(x)).store(x);
    }
}

/// `max(x, 0)` in place.
#[inline(always)]
pub fn relu<V: Vector>(x: &mut [V::Elem]) {
    for x in x.chunks_exact_mut(V::LEN) {
        V::load(x).greater(V::of(0.0)).store(x);
    }
}

/// `d *= 1 - h²`, and the sum of the rows of `d`.
#[inline(always)]
pub fn tanh_back<V: Vector>(d: &mut [V::Elem], h: &[V::Elem], sums: &mut [V::Elem]) {
    sums.fill(V::Elem::default());
    let width = sums.len();
    for (d, h) in d.chunks_exact_mut(width).zip(h.chunks_exact(width)) {
        let columns =
            d.chunks_exact_mut(V::LEN).zip(h.chunks_exact(V::LEN)).zip(sums.chunks_exact_mut(V::LEN));
        for ((d, h), sum) in columns {
            let h = V::load(h);
            let x = V::load(d) * (V::of(1.0) - h * h);
            x.store(d);
            (V::load(sum) + x).store(sum);
        }
    }
}

/// `d` becomes 0 where `h` is, and the sum of the rows of `d`.
#[inline(always)]
pub fn relu_back<V: Vector>(d: &mut [V::Elem], h: &[V::Elem], sums: &mut [V::Elem]) {
    sums.fill(V::Elem::default());
    let width = sums.len();
    for (d, h) in d.chunks_exact_mut(width).zip(h.chunks_exact(width)) {
        let columns =
            d.chunks_exact_mut(V::LEN).zip(h.chunks_exact(V::LEN)).zip(sums.chunks_exact_mut(V::LEN));
        for ((d, h), sum) in columns {
            let x = V::select(V::load(h).gt(V::of(0.0)), V::load(d), V::of(0.0));
            x.store(d);
            (V::load(sum) + x).store(sum);
        }
    }
}
