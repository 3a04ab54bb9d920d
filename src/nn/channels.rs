//! Normalisation of channels, which are axis 1: group norm and batch norm.

use ndarray::{Array, Array1, ArrayViewMut, Axis, Dimension, RemoveAxis};

use super::arrays::{narrow, wide};
use super::norms::deviation;
use super::operand::Operand;
use crate::Real;

/// The number of channels.
fn channels<D: Dimension>(function: &str, x: &Array<f64, D>) -> usize {
    assert!(x.ndim() > 1, "{function}: `x` of shape {:?} has no channels, which are axis 1", x.shape());
    x.shape()[1]
}

/// Checks an argument that has one number for each channel of `x`.
fn assert_channels<D: Dimension>(function: &str, name: &str, argument: &Array1<f64>, x: &Array<f64, D>) {
    let (length, shape, channels) = (argument.len(), x.shape(), channels(function, x));
    assert!(
        length == channels,
        "{function}: `{name}` has {length} element(s), but `x` of shape {shape:?} has {channels} channel(s)"
    );
}

/// Multiplies each channel with its gain, and adds its bias.
fn scale<D: RemoveAxis>(x: &mut Array<f64, D>, gain: &Array1<f64>, bias: &Array1<f64>) {
    for ((mut channel, gain), bias) in x.axis_iter_mut(Axis(1)).zip(gain).zip(bias) {
        channel.mapv_inplace(|x| x * gain + bias);
    }
}

/// Subtracts the mean; the mean.
fn centre<D: Dimension>(x: &mut ArrayViewMut<f64, D>) -> f64 {
    let mean = x.sum() / x.len() as f64;
    x.mapv_inplace(|x| x - mean);
    mean
}

/// Group normalisation: (x - mean) / √(variance + eps) · gain + bias, with the mean and the (biased) variance over the
/// channels of a group and all axes behind the channels, for each element of the batch.
///
/// *Shapes:* `x` is `[B, C, …]`, its channels fall into `groups` blocks of equal size, `gain` and `bias` are `[C]`,
/// `eps` is a scalar; the result has the shape of `x`. With an `eps` of 0 a group of equal elements gives NaN; so does
/// an infinite element for its group. *Panics* if `groups` is 0 or does not divide C, or if `gain` or `bias` differ in
/// length from C.
///
/// *Source:* Wu, He, "Group Normalization", arXiv:1803.08494, eq. 1, 2, 6 and 7.
///
/// ```
/// use ndarray::array;
/// let x = array![[[[1.0]], [[3.0]], [[7.0]], [[3.0]]]];
/// let y = chainrule::nn::group_norm(x, 2, array![1.0, 1.0, 1.0, 2.0], array![0.0, 0.0, 0.0, 0.5], 0.0);
/// assert_eq!(y, array![[[[-1.0]], [[1.0]], [[1.0]], [[-1.5]]]]);
/// ```
pub fn group_norm<T: Real, D: RemoveAxis, X, G, B>(
    x: X,
    groups: usize,
    gain: G,
    bias: B,
    eps: T,
) -> Array<T, D>
where
    X: Operand<Scalar = T, Owned = Array<T, D>>,
    G: Operand<Scalar = T, Owned = Array1<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
{
    let (mut out, gain, bias) = (wide(x), wide(gain), wide(bias));
    assert!(groups > 0, "group_norm: `groups` is 0, but must be at least 1");
    let channels = channels("group_norm", &out);
    assert!(
        channels % groups == 0,
        "group_norm: `x` of shape {:?} has {channels} channel(s), which {groups} groups do not divide",
        out.shape(),
    );
    assert_channels("group_norm", "gain", &gain, &out);
    assert_channels("group_norm", "bias", &bias, &out);
    let size = (channels / groups).max(1); // of no channels there are no chunks
    for mut image in out.outer_iter_mut() {
        for mut group in image.axis_chunks_iter_mut(Axis(0), size) {
            centre(&mut group);
            let deviation = deviation(group.iter().copied(), eps.to_f64());
            group.mapv_inplace(|x| x / deviation);
        }
    }
    scale(&mut out, &gain, &bias);
    narrow(out)
}

/// Batch normalisation as in training: (x - mean) / √(variance + eps) · gain + bias, with the mean and the (biased)
/// variance of each channel over the batch and all axes behind the channels. The result, the means and the variances.
///
/// The means and variances are returned so that the caller can keep running ones for [`batch_norm_with`]: the function has
/// no hidden state. PyTorch's running variance takes the unbiased one, which is n / (n - 1) of this one with n = B · H · W.
///
/// *Shapes:* `x` is `[B, C, …]`, such as `[B, C]` or `[B, C, H, W]`, `gain` and `bias` are `[C]`, `eps` is a scalar; the results have the shape of `x`,
/// `[C]` and `[C]`. With an `eps` of 0 a channel of equal elements gives NaN; so does an infinite element for its
/// channel. The mean and the variance of a channel without elements are NaN. *Panics* if `gain` or `bias` differ in
/// length from C.
///
/// *Source:* Ioffe, Szegedy, "Batch Normalization", arXiv:1502.03167, algorithm 1 and section 3.2.
///
/// ```
/// use ndarray::array;
/// let x = array![[[[1.0, 3.0]]], [[[1.0, 3.0]]]];
/// let (y, mean, var) = chainrule::nn::batch_norm(x, array![2.0], array![0.5], 0.0);
/// assert_eq!(y, array![[[[-1.5, 2.5]]], [[[-1.5, 2.5]]]]);
/// assert_eq!((mean, var), (array![2.0], array![1.0]));
/// ```
pub fn batch_norm<T: Real, D: RemoveAxis, X, G, B>(
    x: X,
    gain: G,
    bias: B,
    eps: T,
) -> (Array<T, D>, Array1<T>, Array1<T>)
where
    X: Operand<Scalar = T, Owned = Array<T, D>>,
    G: Operand<Scalar = T, Owned = Array1<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
{
    let (mut out, gain, bias) = (wide(x), wide(gain), wide(bias));
    assert_channels("batch_norm", "gain", &gain, &out);
    assert_channels("batch_norm", "bias", &bias, &out);
    let (mut means, mut variances) = (Array1::zeros(gain.len()), Array1::zeros(gain.len()));
    for (c, mut channel) in out.axis_iter_mut(Axis(1)).enumerate() {
        means[c] = centre(&mut channel);
        variances[c] = channel.fold(0.0, |total, x| total + x * x) / channel.len() as f64;
        let deviation = deviation(channel.iter().copied(), eps.to_f64());
        channel.mapv_inplace(|x| x / deviation);
    }
    scale(&mut out, &gain, &bias);
    (narrow(out), narrow(means), narrow(variances))
}

/// Batch normalisation as in inference, with means and variances that are given: (x - mean) / √(var + eps) · gain + bias.
///
/// *Shapes:* `x` is `[B, C, …]`, `mean`, `var`, `gain` and `bias` are `[C]`, `eps` is a scalar; the result has the
/// shape of `x`. *Panics* if one of them differs in length from C.
///
/// *Source:* Ioffe, Szegedy, "Batch Normalization", arXiv:1502.03167, algorithm 2 and section 3.2.
///
/// ```
/// use ndarray::array;
/// let x = array![[[[1.0, 3.0]]]];
/// let y = chainrule::nn::batch_norm_with(x, array![1.0], array![4.0], array![2.0], array![0.5], 0.0);
/// assert_eq!(y, array![[[[0.5, 2.5]]]]);
/// ```
pub fn batch_norm_with<T: Real, D: RemoveAxis, X, M, V, G, B>(
    x: X,
    mean: M,
    var: V,
    gain: G,
    bias: B,
    eps: T,
) -> Array<T, D>
where
    X: Operand<Scalar = T, Owned = Array<T, D>>,
    M: Operand<Scalar = T, Owned = Array1<T>>,
    V: Operand<Scalar = T, Owned = Array1<T>>,
    G: Operand<Scalar = T, Owned = Array1<T>>,
    B: Operand<Scalar = T, Owned = Array1<T>>,
{
    let (mut out, mean, var, gain, bias) = (wide(x), wide(mean), wide(var), wide(gain), wide(bias));
    for (name, argument) in [("mean", &mean), ("var", &var), ("gain", &gain), ("bias", &bias)] {
        assert_channels("batch_norm_with", name, argument, &out);
    }
    for ((mut channel, mean), var) in out.axis_iter_mut(Axis(1)).zip(&mean).zip(&var) {
        let deviation = (var + eps.to_f64()).sqrt();
        channel.mapv_inplace(|x| (x - mean) / deviation);
    }
    scale(&mut out, &gain, &bias);
    narrow(out)
}
