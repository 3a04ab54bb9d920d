//! Cells of recurrent networks: one step in time, for a batch of rows.
//!
//! Invariant: the weights have the layout of PyTorch's cells, one block of rows for each gate, so that its files load as they are.

use ndarray::{s, Array1, Array2};

use super::arrays::{narrow, wide};
use super::assert_same_shape;
use super::elementwise::sigmoid_f64;
use super::operand::Operand;
use crate::Real;

/// The argument of a cell with its name.
type Named<'a, A> = (&'static str, &'a A);

/// x · wᵀ + b, after a check of the shapes.
fn gates(
    function: &str,
    (gates, units): (usize, usize),
    (x_name, x): Named<Array2<f64>>,
    (w_name, w): Named<Array2<f64>>,
    (b_name, b): Named<Array1<f64>>,
) -> Array2<f64> {
    let expected = [gates * units, x.dim().1];
    assert!(
        w.shape() == expected,
        "{function}: `{w_name}` has shape {:?}, but {gates} gate(s) of {units} unit(s) for `{x_name}` of shape {:?} need {expected:?}",
        w.shape(),
        x.shape(),
    );
    assert!(
        b.len() == w.dim().0,
        "{function}: `{b_name}` has {} element(s), but `{w_name}` of shape {:?} has {} row(s)",
        b.len(),
        w.shape(),
        w.dim().0,
    );
    x.dot(&w.t()) + b
}

fn assert_rows(function: &str, x: &Array2<f64>, h: &Array2<f64>) {
    let (rows, others) = (x.dim().0, h.dim().0);
    assert!(
        rows == others,
        "{function}: `x` of shape {:?} has {rows} row(s), but `h` of shape {:?} has {others}",
        x.shape(),
        h.shape(),
    );
}

/// A step of a simple recurrent network: tanh(x w_ihᵀ + b_ih + h w_hhᵀ + b_hh).
///
/// *Shapes:* `x` is `[B, I]`, `h` is `[B, H]`, `w_ih` is `[H, I]`, `w_hh` is `[H, H]`, `b_ih` and `b_hh` are `[H]`; the result,
/// the next `h`, is `[B, H]`. These are the weights of PyTorch's `RNNCell`. *Panics* if the sizes differ.
///
/// *Source:* Elman, "Finding Structure in Time" (1990); `torch.nn.RNNCell`.
///
/// ```
/// use chainrule::nn::rnn_cell;
/// use ndarray::array;
///
/// let (w_ih, w_hh, zero) = (array![[0.0, 1.0]], array![[2.0]], array![0.0]);
/// let mut h = array![[0.0]];
/// for x in [array![[7.0, 0.5]], array![[9.0, 0.0]]] {
///     h = rnn_cell(x, h, &w_ih, &w_hh, &zero, &zero);
/// }
/// assert_eq!(h, array![[(2.0 * 0.5_f64.tanh()).tanh()]]);
/// ```
pub fn rnn_cell<T: Real, X, H, U, V, B, C>(x: X, h: H, w_ih: U, w_hh: V, b_ih: B, b_hh: C) -> Array2<T>
where
    X: Operand<Scalar = T, Owned = Array2<T>>,
    H: Operand<Scalar = T, Owned = Array2<T>>,
    U: Operand<Scalar = T, Owned = Array2<T>>,
    V: Operand<Scalar = T, Owned = Array2<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
    C: Operand<Scalar = T, Owned = Array1<T>>,
{
    const NAME: &str = "rnn_cell";
    let (x, h) = (wide(x), wide(h));
    let (w_ih, w_hh, b_ih, b_hh) = (wide(w_ih), wide(w_hh), wide(b_ih), wide(b_hh));
    assert_rows(NAME, &x, &h);
    let size = (1, h.dim().1);
    let from_x = gates(NAME, size, ("x", &x), ("w_ih", &w_ih), ("b_ih", &b_ih));
    let from_h = gates(NAME, size, ("h", &h), ("w_hh", &w_hh), ("b_hh", &b_hh));
    narrow((from_x + from_h).mapv(f64::tanh))
}

/// A step of a gated recurrent unit. With a = x w_ihᵀ + b_ih and u = h w_hhᵀ + b_hh, each cut into three blocks of columns:
/// r = σ(a₀ + u₀), z = σ(a₁ + u₁), n = tanh(a₂ + r u₂); the result is (1 - z) n + z h.
///
/// *Shapes:* `x` is `[B, I]`, `h` is `[B, H]`, `w_ih` is `[3 H, I]`, `w_hh` is `[3 H, H]`, `b_ih` and `b_hh` are `[3 H]`, their rows
/// in the order r, z, n; the result, the next `h`, is `[B, H]`. These are the weights of PyTorch's `GRUCell`, where r is multiplied
/// with the product of `h`, not with `h` itself. *Panics* if the sizes differ.
///
/// *Source:* Cho et al., arXiv:1406.1078, eq. 5 to 8; `torch.nn.GRUCell` for the place of r.
///
/// ```
/// use ndarray::{array, Array1, Array2};
/// let (w, b) = (Array2::zeros((3, 1)), Array1::zeros(3));
/// let h = chainrule::nn::gru_cell(array![[5.0]], array![[0.5]], &w, &w, &b, &b);
/// assert_eq!(h, array![[0.25]]); // half of `h` is kept, and n is 0
/// ```
pub fn gru_cell<T: Real, X, H, U, V, B, C>(x: X, h: H, w_ih: U, w_hh: V, b_ih: B, b_hh: C) -> Array2<T>
where
    X: Operand<Scalar = T, Owned = Array2<T>>,
    H: Operand<Scalar = T, Owned = Array2<T>>,
    U: Operand<Scalar = T, Owned = Array2<T>>,
    V: Operand<Scalar = T, Owned = Array2<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
    C: Operand<Scalar = T, Owned = Array1<T>>,
{
    const NAME: &str = "gru_cell";
    let (x, h) = (wide(x), wide(h));
    let (w_ih, w_hh, b_ih, b_hh) = (wide(w_ih), wide(w_hh), wide(b_ih), wide(b_hh));
    assert_rows(NAME, &x, &h);
    let n = h.dim().1;
    let from_x = gates(NAME, (3, n), ("x", &x), ("w_ih", &w_ih), ("b_ih", &b_ih));
    let from_h = gates(NAME, (3, n), ("h", &h), ("w_hh", &w_hh), ("b_hh", &b_hh));
    narrow(Array2::from_shape_fn(h.dim(), |(row, k)| {
        let [r, z] = [k, n + k].map(|at| sigmoid_f64(from_x[[row, at]] + from_h[[row, at]]));
        let new = (from_x[[row, 2 * n + k]] + r * from_h[[row, 2 * n + k]]).tanh();
        (1.0 - z) * new + z * h[[row, k]]
    }))
}

/// A step of a long short-term memory, from the state (h, c) to the next (h, c). With x w_ihᵀ + b_ih + h w_hhᵀ + b_hh cut into
/// four blocks of columns, i, f and o are σ of the first, second and fourth, and g is tanh of the third; the next c is f c + i g, and
/// the next h is o tanh(c).
///
/// *Shapes:* `x` is `[B, I]`, `h` and `c` are `[B, H]`, `w_ih` is `[4 H, I]`, `w_hh` is `[4 H, H]`, `b_ih` and `b_hh` are `[4 H]`,
/// their rows in the order i, f, g, o; both results are `[B, H]`. These are the weights of PyTorch's `LSTMCell`. *Panics* if the
/// sizes differ.
///
/// *Source:* Hochreiter, Schmidhuber, "Long Short-Term Memory" (1997); Gers, Schmidhuber, Cummins, "Learning to Forget" (2000), for
/// the gate f; `torch.nn.LSTMCell`.
///
/// ```
/// use ndarray::{array, Array1, Array2};
/// let (w, b) = (Array2::zeros((4, 1)), Array1::zeros(4));
/// let state = (array![[3.0]], array![[2.0]]);
/// let (h, c) = chainrule::nn::lstm_cell(array![[5.0]], state, &w, &w, &b, &b);
/// assert_eq!((h, c), (array![[0.5 * 1.0_f64.tanh()]], array![[1.0]])); // half of `c` is kept, and g is 0
/// ```
pub fn lstm_cell<T: Real, X, H, S, U, V, B, C>(
    x: X,
    (h, c): (H, S),
    w_ih: U,
    w_hh: V,
    b_ih: B,
    b_hh: C,
) -> (Array2<T>, Array2<T>)
where
    X: Operand<Scalar = T, Owned = Array2<T>>,
    H: Operand<Scalar = T, Owned = Array2<T>>,
    S: Operand<Scalar = T, Owned = Array2<T>>,
    U: Operand<Scalar = T, Owned = Array2<T>>,
    V: Operand<Scalar = T, Owned = Array2<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
    C: Operand<Scalar = T, Owned = Array1<T>>,
{
    const NAME: &str = "lstm_cell";
    let (x, h, c) = (wide(x), wide(h), wide(c));
    let (w_ih, w_hh, b_ih, b_hh) = (wide(w_ih), wide(w_hh), wide(b_ih), wide(b_hh));
    assert_rows(NAME, &x, &h);
    assert_same_shape(NAME, ["h", "c"], [h.shape(), c.shape()]);
    let n = h.dim().1;
    let from_x = gates(NAME, (4, n), ("x", &x), ("w_ih", &w_ih), ("b_ih", &b_ih));
    let z = from_x + gates(NAME, (4, n), ("h", &h), ("w_hh", &w_hh), ("b_hh", &b_hh));
    let [i, f, o] = [0, 1, 3].map(|k| z.slice(s![.., k * n..(k + 1) * n]).mapv(sigmoid_f64));
    let g = z.slice(s![.., 2 * n..3 * n]).mapv(f64::tanh);
    let c = f * c + i * g;
    let h = o * c.mapv(f64::tanh);
    (narrow(h), narrow(c))
}
