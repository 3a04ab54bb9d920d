//! Attention and what goes with it: scaled dot products, rotary positions, and tables of embeddings.

use ndarray::{s, Array2, Array4, ArrayD, ArrayViewD, Axis};

use super::arrays::{narrow, wide};
use super::operand::{Operand, Rows, Tensor};
use super::rows::softmax_row;
use super::Labels;
use crate::Real;

/// What [`scaled_dot_product_attention`] takes for a mask: an array of two or four axes.
#[diagnostic::on_unimplemented(
    message = "a mask of attention is `[L, S]` or `[B, H, L, S]`, but not `{Self}`"
)]
pub trait Mask: Tensor {
    #[doc(hidden)]
    fn wide(self) -> ArrayD<f64>;
}
impl<T: Real> Mask for Array2<T> {
    fn wide(self) -> ArrayD<f64> {
        wide(self).into_dyn()
    }
}
impl<T: Real> Mask for Array4<T> {
    fn wide(self) -> ArrayD<f64> {
        wide(self).into_dyn()
    }
}

/// The attention of checked ranks, with the shapes checked here.
fn attend(
    function: &str,
    q: &Array4<f64>,
    k: &Array4<f64>,
    v: &Array4<f64>,
    mask: ArrayViewD<f64>,
) -> Array4<f64> {
    let ((batch, heads, queries, d), keys) = (q.dim(), k.dim().2);
    assert!(
        k.shape() == [batch, heads, keys, d],
        "{function}: `q` has shape {:?}, but `k` has shape {:?}: they may differ in axis 2 only",
        q.shape(),
        k.shape(),
    );
    assert!(
        v.shape()[..3] == [batch, heads, keys],
        "{function}: `k` has shape {:?}, but `v` has shape {:?}: they may differ in axis 3 only",
        k.shape(),
        v.shape(),
    );
    let mask = mask.broadcast((batch, heads, queries, keys)).unwrap_or_else(|| {
        panic!(
            "{function}: `mask` has shape {:?}, but there are {queries} queries and {keys} keys, in {batch} element(s) with {heads} head(s)",
            mask.shape(),
        )
    });
    let mut out = Array4::zeros((batch, heads, queries, v.dim().3));
    for (n, h) in ndarray::indices((batch, heads)) {
        let [q, k, v] = [q, k, v].map(|x| x.slice(s![n, h, .., ..]));
        let mut weights = q.dot(&k.t()) / (d as f64).sqrt() + mask.slice(s![n, h, .., ..]);
        weights.each_row(&mut softmax_row);
        out.slice_mut(s![n, h, .., ..]).assign(&weights.dot(&v));
    }
    out
}

/// Scaled dot-product attention: softmax(q kᵀ / √D + mask) v, for each element of the batch and each head.
///
/// The mask is added: 0 lets a query see a key, -inf hides it. One of two axes is the same for all; one of four axes may differ, and stretches
/// along axes of size 1, so that `[B, 1, 1, S]` hides other keys in each element of the batch. A query that sees no key (a fully masked row) gives
/// zeros, as [`softmax`](super::softmax) does. The product with v is an ordinary one: 0 · ∞ and 0 · NaN are NaN, so a
/// hidden key must have a finite value.
///
/// *Shapes:* `q` is `[B, H, L, D]`, `k` is `[B, H, S, D]`, `v` is `[B, H, S, E]`, `mask` is `[L, S]` or
/// `[B, H, L, S]`, where each size may be 1; the result is `[B, H, L, E]`. In a differentiable function, a size 1 of the mask is stated by
/// `#[dims(B, 1, 1, S)]`. *Panics* if the sizes differ.
///
/// *Source:* Vaswani et al., "Attention Is All You Need", arXiv:1706.03762, eq. 1.
///
/// ```
/// use chainrule::nn::scaled_dot_product_attention;
/// use ndarray::array;
///
/// let (q, k, v) = (array![[[[0.0], [1.0]]]], array![[[[1.0], [2.0]]]], array![[[[4.0], [8.0]]]]);
/// let mask = array![[0.0, 0.0], [0.0, f64::NEG_INFINITY]];
/// assert_eq!(scaled_dot_product_attention(q, k, v, mask), array![[[[6.0], [4.0]]]]);
/// ```
pub fn scaled_dot_product_attention<T: Real, Q, K, V, M>(q: Q, k: K, v: V, mask: M) -> Array4<T>
where
    Q: Operand<Scalar = T, Owned = Array4<T>>,
    K: Operand<Scalar = T, Owned = Array4<T>>,
    V: Operand<Scalar = T, Owned = Array4<T>>,
    M: Operand<Scalar = T>,
    M::Owned: Mask,
{
    let (q, k, v) = (wide(q), wide(k), wide(v));
    narrow(attend("scaled_dot_product_attention", &q, &k, &v, mask.into_owned().wide().view()))
}

/// Attention in which a query sees the keys up to its own position: [`scaled_dot_product_attention`] with a mask that
/// is -inf where the position of the key is greater than that of the query, and 0 elsewhere.
///
/// *Shapes:* `q` and `k` are `[B, H, L, D]`, `v` is `[B, H, L, E]`; the result is `[B, H, L, E]`. *Panics* if the sizes
/// differ.
///
/// *Source:* Vaswani et al., "Attention Is All You Need", arXiv:1706.03762, eq. 1 and section 3.2.3.
///
/// ```
/// use ndarray::array;
/// let (q, k, v) = (array![[[[0.0], [0.0]]]], array![[[[1.0], [2.0]]]], array![[[[4.0], [8.0]]]]);
/// assert_eq!(chainrule::nn::causal_attention(q, k, v), array![[[[4.0], [6.0]]]]);
/// ```
pub fn causal_attention<T: Real, Q, K, V>(q: Q, k: K, v: V) -> Array4<T>
where
    Q: Operand<Scalar = T, Owned = Array4<T>>,
    K: Operand<Scalar = T, Owned = Array4<T>>,
    V: Operand<Scalar = T, Owned = Array4<T>>,
{
    let (q, k, v) = (wide(q), wide(k), wide(v));
    let (queries, keys) = (q.dim().2, k.dim().2);
    assert!(queries == keys, "causal_attention: `q` has {queries} positions, but `k` has {keys}");
    let mask = Array2::from_shape_fn((queries, keys), |(i, j)| if j > i { f64::NEG_INFINITY } else { 0.0 });
    narrow(attend("causal_attention", &q, &k, &v, mask.view().into_dyn()))
}

/// Rotary position embedding: in each row, the pair (x\[2i\], x\[2i + 1\]) is rotated by the angle position · base^(-2i
/// / D). Positions count from 0 along the axis L.
///
/// *Shapes:* `x` is `[B, H, L, D]` with even D, `base` a scalar (10000 is usual); the result has the shape of `x`.
/// *Panics* if D is odd.
///
/// *Source:* Su et al., "RoFormer", arXiv:2104.09864, eq. 34, with the angles of section 3.2.2.
///
/// ```
/// use ndarray::array;
/// let x = array![[[[3.0, 4.0], [1.0, 0.0]]]];
/// let rotated = array![[[[3.0, 4.0], [1.0_f64.cos(), 1.0_f64.sin()]]]];
/// assert_eq!(chainrule::nn::rotary(x, 10000.0), rotated);
/// ```
pub fn rotary<T: Real, X>(x: X, base: T) -> Array4<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    let mut out = wide(x);
    let (shape, d) = (out.shape(), out.dim().3);
    assert!(d % 2 == 0, "rotary: the last axis of `x` of shape {shape:?} is {d} long, which is not even");
    let base = base.to_f64();
    for (position, mut rows) in out.axis_iter_mut(Axis(2)).enumerate() {
        for (i, mut pairs) in rows.axis_chunks_iter_mut(Axis(2), 2).enumerate() {
            let (sin, cos) = (position as f64 * base.powf(-2.0 * i as f64 / d as f64)).sin_cos();
            for mut pair in pairs.lanes_mut(Axis(2)) {
                let (a, b) = (pair[0], pair[1]);
                pair[0] = a * cos - b * sin;
                pair[1] = a * sin + b * cos;
            }
        }
    }
    narrow(out)
}

/// The rows of a table that have these numbers.
///
/// *Shapes:* `table` is `[V, D]`; there are N indices; the result is `[N, D]`. *Panics* if an index is not below V.
///
/// *Source:* Bengio et al., "A Neural Probabilistic Language Model", JMLR 3 (2003), section 2.
///
/// ```
/// use ndarray::array;
/// let table = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(chainrule::nn::embedding(&table, &[1, 1, 0]), array![[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]);
/// ```
pub fn embedding<T: Real, X>(table: X, indices: impl Labels) -> Array2<T>
where
    X: Operand<Scalar = T, Owned = Array2<T>>,
{
    let table = table.into_owned();
    let rows = table.dim().0;
    let indices: Vec<usize> = (0..indices.count()).map(|place| indices.get(place)).collect();
    for (place, &index) in indices.iter().enumerate() {
        assert!(
            index < rows,
            "embedding: index {index} in place {place} is out of range: `table` has {rows} rows"
        );
    }
    table.select(Axis(0), &indices)
}
