//! Convolutions and pools: functions of windows that slide over an array.
//!
//! Invariant: [`Window::place`] alone says which element a tap of the kernel meets; places outside of the array are left
//! out, which is the same as zeros there.

use ndarray::{s, Array, Array1, Array2, Array3, Array4, ArrayView2, Axis, Dimension};

use super::arrays::{narrow, wide};
use super::operand::Operand;
use crate::Real;

/// How the window of a convolution or a pool slides: its stride, the padding at both ends of each axis (with zeros, but for the greatest
/// element), the distance of neighbouring taps of the kernel (the dilation), and into how many groups the channels fall.
///
/// ```
/// use chainrule::nn::Window;
/// let window = Window::new().stride(2).padding(1);
/// assert_eq!(window, Window { stride: 2, padding: 1, dilation: 1, groups: 1 });
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The distance of neighbouring windows, at least 1.
    pub stride: usize,
    /// The number of places before the first and behind the last element of each axis.
    pub padding: usize,
    /// The distance of the elements that neighbouring taps of the kernel meet, at least 1.
    pub dilation: usize,
    /// The number of groups of channels, at least 1: the outputs of a group see the inputs of that group only.
    pub groups: usize,
}

impl Window {
    /// Stride 1, no padding, dilation 1, one group.
    pub const fn new() -> Self {
        Window { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
    /// The same window with this stride.
    pub const fn stride(self, stride: usize) -> Self {
        Window { stride, ..self }
    }
    /// The same window with this padding.
    pub const fn padding(self, padding: usize) -> Self {
        Window { padding, ..self }
    }
    /// The same window with this dilation.
    pub const fn dilation(self, dilation: usize) -> Self {
        Window { dilation, ..self }
    }
    /// The same window with this number of groups.
    pub const fn groups(self, groups: usize) -> Self {
        Window { groups, ..self }
    }

    /// Where tap `tap` of window `window` lies in an axis of `length` elements; `None` in the padding.
    fn place(self, window: usize, tap: usize, length: usize) -> Option<usize> {
        (window * self.stride + tap * self.dilation).checked_sub(self.padding).filter(|&place| place < length)
    }

    fn assert_valid(self, function: &str) {
        for (name, value) in [("stride", self.stride), ("dilation", self.dilation), ("groups", self.groups)] {
            assert!(value > 0, "{function}: the {name} of `window` is 0, but must be at least 1");
        }
    }
}

/// A number is a stride: `max_pool2d(x, 2, 2)`.
impl From<usize> for Window {
    fn from(stride: usize) -> Self {
        Window::new().stride(stride)
    }
}

impl Default for Window {
    /// The same as [`Window::new`].
    fn default() -> Self {
        Window::new()
    }
}

/// Checks the arguments of a convolution, and returns the length of each axis of its result behind the channels.
fn windows<D: Dimension>(
    function: &str,
    x: &Array<f64, D>,
    w: &Array<f64, D>,
    b: &Array1<f64>,
    window: Window,
) -> Vec<usize> {
    window.assert_valid(function);
    let (x, w, groups) = (x.shape(), w.shape(), window.groups);
    assert!(
        x[1] == w[1] * groups,
        "{function}: `x` of shape {x:?} has {} channel(s), but `w` of shape {w:?} takes {} in each of {groups} group(s)",
        x[1],
        w[1],
    );
    assert!(
        w[0] % groups == 0,
        "{function}: `w` of shape {w:?} has {} output channel(s), which {groups} group(s) do not divide",
        w[0],
    );
    assert_bias(function, b, w, w[0]);
    let lengths = x[2..].iter().zip(&w[2..]).enumerate().map(|(axis, (&length, &taps))| {
        assert!(taps > 0, "{function}: `w` of shape {w:?} has an empty kernel");
        let (padded, span) = (length + 2 * window.padding, window.dilation * (taps - 1) + 1);
        assert!(
            span <= padded,
            "{function}: axis {} of `x` of shape {x:?} is {padded} long with its padding, but the kernel of `w` of shape \
             {w:?} spans {span}",
            axis + 2,
        );
        (padded - span) / window.stride + 1
    });
    lengths.collect()
}

fn assert_bias(function: &str, b: &Array1<f64>, w: &[usize], channels: usize) {
    assert!(
        b.len() == channels,
        "{function}: `b` has {} element(s), but `w` of shape {w:?} has {channels} output channel(s)",
        b.len(),
    );
}

/// The convolution of checked arguments. `rows` and `columns` say how the window slides along either axis, the latter also
/// how the channels fall into groups.
fn correlate(
    x: &Array4<f64>,
    w: &Array4<f64>,
    b: &Array1<f64>,
    [rows, columns]: [Window; 2],
    [height, width]: [usize; 2],
) -> Array4<f64> {
    let (outputs, channels, taps_down, taps_across) = w.dim();
    let (batch, _, x_height, x_width) = x.dim();
    Array4::from_shape_fn((batch, outputs, height, width), |(n, o, i, j)| {
        // the first input of the group of output o
        let first = o / (outputs / columns.groups) * channels;
        let mut total = 0.0;
        for c in 0..channels {
            for (p, q) in ndarray::indices((taps_down, taps_across)) {
                if let (Some(y), Some(z)) = (rows.place(i, p, x_height), columns.place(j, q, x_width)) {
                    total += x[[n, first + c, y, z]] * w[[o, c, p, q]];
                }
            }
        }
        total + b[o]
    })
}

/// The convolution over one axis, as cross-correlation:
/// y\[n, o, i\] = b\[o\] + Σ over c, p of x\[n, c, i · stride + p · dilation - padding\] · w\[o, c, p\].
///
/// *Shapes:* `x` is `[B, C, L]`, `w` is `[O, C / groups, K]`, `b` is `[O]`; the result is `[B, O, L']` with L' = (L + 2
/// · padding - dilation · (K - 1) - 1) / stride + 1, rounded down. Places outside of `x` are left out. With groups, c
/// runs over the channels of the group of o: the outputs o fall into as many blocks of equal size as the inputs c.
/// *Panics* if the sizes differ, if groups do not divide the channels, if the kernel is empty or longer than the padded
/// `x`, or if stride, dilation or groups are 0.
///
/// *Source:* Goodfellow, Bengio, Courville, "Deep Learning" (2016), eq. 9.6 and section 9.5; the length by Dumoulin, Visin,
/// arXiv:1603.07285, relationships 6 and 15.
///
/// ```
/// use chainrule::nn::{conv1d, Window};
/// use ndarray::array;
///
/// let (x, w) = (array![[[1.0, 2.0, 4.0]]], array![[[-1.0, 1.0]]]);
/// assert_eq!(conv1d(&x, &w, array![0.0], Window::new()), array![[[1.0, 2.0]]]);
/// assert_eq!(conv1d(&x, &w, array![0.5], Window::new().padding(1).stride(3)), array![[[1.5, -3.5]]]);
/// ```
pub fn conv1d<T: Real, X, W, B>(x: X, w: W, b: B, window: Window) -> Array3<T>
where
    X: Operand<Scalar = T, Owned = Array3<T>>,
    W: Operand<Scalar = T, Owned = Array3<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
{
    let (x, w, b) = (wide(x), wide(w), wide(b));
    let length = windows("conv1d", &x, &w, &b, window)[0];
    // one row of one tap
    let (x, w) = (x.insert_axis(Axis(2)), w.insert_axis(Axis(2)));
    narrow(correlate(&x, &w, &b, [Window::new(), window], [1, length]).index_axis_move(Axis(2), 0))
}

/// The convolution over two axes, as cross-correlation:
/// y\[n, o, i, j\] = b\[o\] + Σ over c, p, q of
/// x\[n, c, i · stride + p · dilation - padding, j · stride + q · dilation - padding\] · w\[o, c, p, q\].
///
/// *Shapes:* `x` is `[B, C, H, W]`, `w` is `[O, C / groups, KH, KW]`, `b` is `[O]`; the result is `[B, O, H', W']` with
/// H' = (H + 2 · padding - dilation · (KH - 1) - 1) / stride + 1, rounded down, and W' likewise. The rest is as for
/// [`conv1d`]. *Panics* as that does.
///
/// *Source:* Goodfellow, Bengio, Courville, "Deep Learning" (2016), eq. 9.6 and section 9.5; the length by Dumoulin, Visin,
/// arXiv:1603.07285, relationships 6 and 15.
///
/// ```
/// use chainrule::nn::{conv2d, Window};
/// use ndarray::array;
///
/// let x = array![[[[1.0, 2.0], [3.0, 4.0]]]];
/// let w = array![[[[1.0, 10.0], [100.0, 1000.0]]]];
/// assert_eq!(conv2d(&x, &w, array![0.0], Window::new()), array![[[[4321.0]]]]);
/// assert_eq!(conv2d(x, w, array![0.0], Window::new().padding(1).stride(2)), array![[[[1000.0, 200.0], [30.0, 4.0]]]]);
/// ```
pub fn conv2d<T: Real, X, W, B>(x: X, w: W, b: B, window: Window) -> Array4<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
    W: Operand<Scalar = T, Owned = Array4<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
{
    let (x, w, b) = (wide(x), wide(w), wide(b));
    let lengths = windows("conv2d", &x, &w, &b, window);
    narrow(correlate(&x, &w, &b, [window; 2], [lengths[0], lengths[1]]))
}

/// The transposed convolution over two axes: the transpose of the linear map x ↦ [`conv2d`]\(x, w\), and a bias. Each
/// element x\[n, c, i, j\] adds its product with w\[c, o, p, q\] to y\[n, o, i · stride + p · dilation - padding, j ·
/// stride + q · dilation - padding\].
///
/// *Shapes:* `x` is `[B, C, H, W]`, `w` is `[C, O / groups, KH, KW]`, `b` is `[O]`; the result is `[B, O, H', W']` with
/// H' = (H - 1) · stride - 2 · padding + dilation · (KH - 1) + 1 and W' likewise. With groups, the channels of `x` fall into as many blocks as
/// those of the result, and the second axis of `w` counts within a block. *Panics* if the sizes differ, if groups do not divide C, if
/// `x` has no rows or columns, if the kernel is empty, if the padding leaves nothing, or if stride, dilation or groups are 0.
///
/// *Source:* Dumoulin, Visin, arXiv:1603.07285, section 4.2 and relationship 13.
///
/// ```
/// use chainrule::nn::{conv_transpose2d, Window};
/// use ndarray::array;
///
/// let (x, w) = (array![[[[1.0, 2.0]]]], array![[[[1.0, 10.0]]]]);
/// assert_eq!(conv_transpose2d(&x, &w, array![0.0], Window::new()), array![[[[1.0, 12.0, 20.0]]]]);
/// assert_eq!(conv_transpose2d(&x, &w, array![0.0], Window::new().stride(2)), array![[[[1.0, 10.0, 2.0, 20.0]]]]);
/// ```
pub fn conv_transpose2d<T: Real, X, W, B>(x: X, w: W, b: B, window: Window) -> Array4<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
    W: Operand<Scalar = T, Owned = Array4<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
{
    let (x, w, b) = (wide(x), wide(w), wide(b));
    let [height, width] = transposed_lengths(&x, &w, &b, window);
    let (inputs, outputs) = (w.dim().0 / window.groups, w.dim().1);
    let mut out = Array4::zeros((x.dim().0, outputs * window.groups, height, width));
    for ((n, c, i, j), &x) in x.indexed_iter() {
        // the first output of the group of input c
        let first = c / inputs * outputs;
        for ((o, p, q), &w) in w.index_axis(Axis(0), c).indexed_iter() {
            if let (Some(y), Some(z)) = (window.place(i, p, height), window.place(j, q, width)) {
                out[[n, first + o, y, z]] += x * w;
            }
        }
    }
    for (mut channel, &b) in out.axis_iter_mut(Axis(1)).zip(&b) {
        channel += b;
    }
    narrow(out)
}

fn transposed_lengths(x: &Array4<f64>, w: &Array4<f64>, b: &Array1<f64>, window: Window) -> [usize; 2] {
    const NAME: &str = "conv_transpose2d";
    window.assert_valid(NAME);
    let (x, w, groups) = (x.shape(), w.shape(), window.groups);
    assert!(
        x[1] == w[0],
        "{NAME}: `x` of shape {x:?} has {} channel(s), but `w` of shape {w:?} takes {}",
        x[1],
        w[0],
    );
    assert!(
        w[0] % groups == 0,
        "{NAME}: `w` of shape {w:?} has {} input channel(s), which {groups} group(s) do not divide",
        w[0],
    );
    assert_bias(NAME, b, w, w[1] * groups);
    [2, 3].map(|axis| {
        assert!(w[axis] > 0, "{NAME}: `w` of shape {w:?} has an empty kernel");
        assert!(x[axis] > 0, "{NAME}: axis {axis} of `x` of shape {x:?} is empty");
        let full = (x[axis] - 1) * window.stride + window.dilation * (w[axis] - 1) + 1;
        assert!(
            full > 2 * window.padding,
            "{NAME}: axis {axis} of the result is {full} long, of which a padding of {} at both ends leaves nothing",
            window.padding,
        );
        full - 2 * window.padding
    })
}

/// Folds the elements of each square window of each channel; places in the padding are left out.
fn pool<T: Real, X>(
    function: &str,
    x: X,
    size: usize,
    window: Window,
    start: f64,
    f: fn(f64, f64) -> f64,
) -> Array4<f64>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    let x = wide(x);
    assert!(size > 0, "{function}: `size` is 0, but must be at least 1");
    window.assert_valid(function);
    assert!(
        window.groups == 1,
        "{function}: `window` has {} groups, but a pool takes each channel by itself",
        window.groups,
    );
    let span = window.dilation * (size - 1) + 1;
    assert!(
        2 * window.padding <= span,
        "{function}: the padding of `window` is {}, but may be at most half of the {span} element(s) that it spans",
        window.padding,
    );
    let (batch, channels, rows, columns) = x.dim();
    let [height, width] = [2, 3].map(|axis| {
        let (shape, padded) = (x.shape(), x.shape()[axis] + 2 * window.padding);
        assert!(
            span <= padded,
            "{function}: axis {axis} of `x` of shape {shape:?} is {padded} long with its padding, but the window spans {span}"
        );
        (padded - span) / window.stride + 1
    });
    Array4::from_shape_fn((batch, channels, height, width), |(n, c, i, j)| {
        let taps = ndarray::indices((size, size)).into_iter();
        let place = |(p, q)| Some([n, c, window.place(i, p, rows)?, window.place(j, q, columns)?]);
        taps.filter_map(place).fold(start, |total, place| f(total, x[place]))
    })
}

/// One number for each channel of each element of the batch.
fn global_pool<T: Real, X>(x: X, f: impl Fn(ArrayView2<f64>) -> f64) -> Array2<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    let x = wide(x);
    narrow(Array2::from_shape_fn((x.dim().0, x.dim().1), |(n, c)| f(x.slice(s![n, c, .., ..]))))
}

fn mean(plane: ArrayView2<f64>) -> f64 {
    plane.sum() / plane.len() as f64
}

fn greatest(plane: ArrayView2<f64>) -> f64 {
    plane.fold(f64::NEG_INFINITY, |max, &x| max.max(x))
}

/// The greatest element of each square window, which slides as `window` says; a number is a stride.
///
/// *Shapes:* `x` is `[B, C, H, W]`; the result is `[B, C, H', W']` with H' = 1 + (H + 2 · padding - dilation · (size - 1) - 1) /
/// stride, rounded down, and W' likewise. Places in the padding are left out. A NaN is ignored, as by [`f64::max`]; a window of only
/// NaN, or without an element, gives -inf. Where several elements are the greatest, they share the derivative equally. *Panics* if
/// `size`, stride or dilation are 0, if the padding is more than half of what the window spans, if that is more than the padded `x`
/// has, or if groups is not 1.
///
/// *Source:* Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 9.3; `torch.nn.MaxPool2d` for the padding.
///
/// ```
/// use chainrule::nn::{max_pool2d, Window};
/// use ndarray::array;
///
/// let x = array![[[[-1.0, -2.0, -3.0], [-6.0, -5.0, -4.0]]]];
/// assert_eq!(max_pool2d(&x, 2, 1), array![[[[-1.0, -2.0]]]]);
/// assert_eq!(max_pool2d(&x, 2, Window::new().stride(2).padding(1)), array![[[[-1.0, -2.0], [-6.0, -4.0]]]]);
/// ```
pub fn max_pool2d<T: Real, X>(x: X, size: usize, window: impl Into<Window>) -> Array4<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    narrow(pool("max_pool2d", x, size, window.into(), f64::NEG_INFINITY, f64::max))
}

/// The mean of each square window, which slides as `window` says; a number is a stride.
///
/// *Shapes:* as of [`max_pool2d`]. Places in the padding count as zeros, so that each sum is divided by size². *Panics* as
/// [`max_pool2d`] does.
///
/// *Source:* Dumoulin, Visin, arXiv:1603.07285, section 3 and relationship 7; `torch.nn.AvgPool2d`, whose `count_include_pad` is
/// true, too, for the padding.
///
/// ```
/// use chainrule::nn::{avg_pool2d, Window};
/// use ndarray::array;
///
/// let x = array![[[[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]]]];
/// assert_eq!(avg_pool2d(&x, 2, 1), array![[[[3.5, 3.5]]]]);
/// assert_eq!(avg_pool2d(&x, 2, Window::new().stride(2).padding(1)), array![[[[0.25, 1.25], [1.5, 2.25]]]]);
/// ```
pub fn avg_pool2d<T: Real, X>(x: X, size: usize, window: impl Into<Window>) -> Array4<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    let sums = pool("avg_pool2d", x, size, window.into(), 0.0, |total, x| total + x);
    narrow(sums / (size * size) as f64)
}

/// The greatest element of each channel.
///
/// *Shapes:* `x` is `[B, C, H, W]`; the result is `[B, C]`. A NaN is ignored, as by [`f64::max`]; a channel of only NaN, or
/// without elements, gives -inf. Where several elements are the greatest, they share the derivative equally.
///
/// ```
/// use ndarray::array;
/// assert_eq!(chainrule::nn::global_max_pool2d(array![[[[1.0, 2.0], [6.0, 5.0]]]]), array![[6.0]]);
/// ```
pub fn global_max_pool2d<T: Real, X>(x: X) -> Array2<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    global_pool(x, greatest)
}

/// The mean of each channel.
///
/// *Shapes:* `x` is `[B, C, H, W]`; the result is `[B, C]`. The mean of a channel without elements is NaN.
///
/// *Source:* Lin, Chen, Yan, "Network In Network", arXiv:1312.4400, section 3.2.
///
/// ```
/// use ndarray::array;
/// assert_eq!(chainrule::nn::global_avg_pool2d(array![[[[1.0, 2.0], [6.0, 5.0]]]]), array![[3.5]]);
/// ```
pub fn global_avg_pool2d<T: Real, X>(x: X) -> Array2<T>
where
    X: Operand<Scalar = T, Owned = Array4<T>>,
{
    global_pool(x, mean)
}
