//! Products of matrices, one by one.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array, Array3, ArrayD, Axis, Ix2, Ix3, Ix4};

use super::arrays::{narrow, wide};
use super::operand::{Operand, Tensor};
use crate::Real;

/// Matrices, or lists of them, that [`matmul`] multiplies with `B`.
#[diagnostic::on_unimplemented(
    message = "`matmul` does not take `{Self}` and `{B}`",
    label = "pass two matrices, two lists of matrices with equal leading axes, or a list and one matrix"
)]
pub trait Matrices<B>: Tensor {
    #[doc(hidden)]
    fn times(self, b: B) -> Self;
}

macro_rules! products {
    ($($A:ty, $B:ty);*) => {$(
        impl<T: Real> Matrices<Array<T, $B>> for Array<T, $A> {
            fn times(self, b: Array<T, $B>) -> Self {
                let product = product(wide(self).into_dyn(), wide(b).into_dyn());
                narrow(product.into_dimensionality::<$A>().expect("the axes of the left one"))
            }
        }
    )*};
}
products!(Ix2, Ix2; Ix3, Ix3; Ix3, Ix2; Ix4, Ix4; Ix4, Ix2);

fn product(a: ArrayD<f64>, b: ArrayD<f64>) -> ArrayD<f64> {
    let (shape, other) = (a.shape().to_vec(), b.shape().to_vec());
    let (lists, shared) = (shape.len() - 2, other.len() == 2);
    assert!(
        shared || shape[..lists] == other[..lists],
        "matmul: `a` has shape {shape:?}, but `b` has shape {other:?}: the axes before the last two differ",
    );
    let (rows, inner, columns) = (shape[lists], shape[lists + 1], other[other.len() - 1]);
    let below = other[other.len() - 2];
    assert!(
        inner == below,
        "matmul: the last axis of `a` of shape {shape:?} is {inner} long, but the last but one of `b` of shape {other:?} is {below}",
    );
    let count = shape[..lists].iter().product();
    let list = |x: ArrayD<f64>, shape| -> Array3<f64> {
        x.as_standard_layout().into_owned().into_shape_with_order(shape).expect("as many elements")
    };
    let a = list(a, (count, rows, inner));
    let b = list(b, (if shared { 1 } else { count }, inner, columns));
    let out = products(&a, &b);
    let mut shape = shape;
    shape[lists + 1] = columns;
    out.into_shape_with_order(shape).expect("as many elements")
}

/// Matrix by matrix; `b` may have one for all.
pub(super) fn products(a: &Array3<f64>, b: &Array3<f64>) -> Array3<f64> {
    let mut out = Array3::zeros((a.dim().0, a.dim().1, b.dim().2));
    for (k, mut place) in out.outer_iter_mut().enumerate() {
        general_mat_mul(
            1.0,
            &a.index_axis(Axis(0), k),
            &b.index_axis(Axis(0), k.min(b.dim().0 - 1)),
            0.0,
            &mut place,
        );
    }
    out
}

/// The product of each matrix of `a` with the matrix of `b` in the same place, or with the only one: out\[…, i, j\] = Σ over k of
/// a\[…, i, k\] · b\[…, k, j\].
///
/// *Shapes:* `a` is `[…, M, K]` with no, one or two axes before the last two, `b` is `[…, K, N]` with equal ones, or `[K, N]`; the result is
/// `[…, M, N]`. Nothing else stretches. *Panics* if the sizes differ.
///
/// *Source:* `torch.matmul`.
///
/// ```
/// use chainrule::nn::matmul;
/// use ndarray::array;
///
/// let a = array![[[1.0, 2.0]], [[3.0, 4.0]]];
/// assert_eq!(matmul(&a, array![[[1.0], [1.0]], [[1.0], [-1.0]]]), array![[[3.0]], [[-1.0]]]);
/// assert_eq!(matmul(a, array![[1.0], [10.0]]), array![[[21.0]], [[43.0]]]);
/// ```
pub fn matmul<A: Operand, B: Operand<Scalar = A::Scalar>>(a: A, b: B) -> A::Owned
where
    A::Owned: Matrices<B::Owned>,
{
    a.into_owned().times(b.into_owned())
}
