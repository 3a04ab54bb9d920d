"""Writes layers.txt: what JAX 0.10.2 and SciPy 1.17.1 give, in float64, for the calls in tests/layers.rs.

Each line is a name, a shape and the numbers of an array in row-major order. Run: python tests/data/layers.py
"""

import os

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import scipy.spatial.distance
import scipy.special
from jax import lax


def data(seed, *shape):
    """The same numbers between -1 and 1 as `data` in tests/layers.rs."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64) + seed
    return (((i * i * 7919 + i * 104729) % 1009) / 504.5 - 1.0).reshape(shape)


def conv(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    axes = x.ndim - 2
    y = lax.conv_general_dilated(
        x, w, (stride,) * axes, [(padding, padding)] * axes, rhs_dilation=(dilation,) * axes, feature_group_count=groups
    )
    return y + b.reshape((1, -1) + (1,) * axes)


def conv_transpose(x, w, b, stride=1, padding=0, dilation=1):
    lengths = [(n - 1) * stride - 2 * padding + dilation * (k - 1) + 1 for n, k in zip(x.shape[2:], w.shape[2:])]
    zeros = jnp.zeros((x.shape[0], w.shape[1], *lengths))
    forward = lambda y: conv(y, w, jnp.zeros(w.shape[0]), stride, padding, dilation)
    return jax.vjp(forward, zeros)[1](x)[0] + b.reshape((1, -1, 1, 1))


def pool(x, size, stride, start, op):
    return lax.reduce_window(x, start, op, (1, 1, size, size), (1, 1, stride, stride), "VALID")


def group_norm(x, groups, gain, bias, eps):
    blocks = x.reshape(x.shape[0], groups, -1)
    y = jax.nn.standardize(blocks, axis=-1, epsilon=eps).reshape(x.shape)
    return y * gain.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


def batch_norm(x, gain, bias, eps):
    y = jax.nn.standardize(x, axis=(0, 2, 3), epsilon=eps)
    return y * gain.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


def attention(q, k, v, mask):
    y = jax.nn.softmax(jnp.einsum("bhld,bhsd->bhls", q, k) / np.sqrt(q.shape[3]) + mask) @ v
    # the library's own computes the softmax in float32, and wants values as wide as the keys
    wide = np.concatenate([v, np.zeros((*v.shape[:3], k.shape[3] - v.shape[3]))], -1)
    theirs = jax.nn.dot_product_attention(*[jnp.swapaxes(x, 1, 2) for x in (q, k, wide)], bias=mask[None, None])
    assert np.allclose(y, jnp.swapaxes(theirs, 1, 2)[..., : v.shape[3]], rtol=1e-5, atol=1e-5)
    return y


def rotary(x, base):
    """By complex numbers."""
    z = x[..., 0::2] + 1j * x[..., 1::2]
    positions, d = np.arange(x.shape[2]), x.shape[3]
    z = z * np.exp(1j * np.outer(positions, base ** (-np.arange(0, d, 2) / d)))
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


out = {}

x, b = data(1, 2, 4, 7), data(3, 6)
out["conv1d"] = conv(x, data(2, 6, 4, 3), b)
out["conv1d_window"] = conv(x, data(2, 6, 2, 3), b, stride=2, padding=3, dilation=2, groups=2)

x, b = data(4, 2, 4, 5, 6), data(6, 6)
out["conv2d"] = conv(x[:, :, :3], data(5, 6, 4, 2, 3), b)
out["conv2d_stride"] = conv(x, data(5, 6, 4, 2, 3), b, stride=3)
out["conv2d_padding"] = conv(x[:1, :, :2, :2], data(5, 6, 4, 3, 3), b, padding=2)
out["conv2d_dilation"] = conv(x, data(5, 6, 4, 3, 2), b, dilation=2)
out["conv2d_groups"] = conv(x, data(5, 6, 2, 3, 3), b, stride=2, padding=1, groups=2)
out["conv2d_depthwise"] = conv(x, data(5, 8, 1, 2, 2), data(6, 8), stride=2, padding=1, dilation=3, groups=4)

x, b = data(7, 2, 3, 2, 3), data(9, 2)
out["conv_transpose2d"] = conv_transpose(x, data(8, 3, 2, 2, 3), b)
out["conv_transpose2d_stride"] = conv_transpose(x, data(8, 3, 2, 2, 1), b, stride=3)
out["conv_transpose2d_window"] = conv_transpose(x, data(8, 3, 2, 3, 2), b, stride=3, padding=1, dilation=2)

x = data(10, 2, 2, 7, 5)
out["max_pool2d"] = pool(x, 2, 3, -jnp.inf, lax.max)
out["max_pool2d_overlap"] = pool(x, 3, 2, -jnp.inf, lax.max)
out["avg_pool2d"] = pool(x, 2, 3, 0.0, lax.add) / 4
out["avg_pool2d_overlap"] = pool(x, 3, 2, 0.0, lax.add) / 9
out["global_max_pool2d"] = x.max((2, 3))
out["global_avg_pool2d"] = x.mean((2, 3))

x, gain, bias = data(11, 2, 3, 5), data(12, 5), data(13, 5)
out["layer_norm"] = jax.nn.standardize(x, epsilon=1e-5) * gain + bias
out["rms_norm"] = x * lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) * gain
x, gain, bias = data(14, 2, 6, 3, 2), data(15, 6), data(16, 6)
out["group_norm"] = group_norm(x, 3, gain, bias, 1e-3)
out["batch_norm"] = batch_norm(x, gain, bias, 1e-3)
out["batch_norm_mean"] = jnp.mean(x, (0, 2, 3))
out["batch_norm_var"] = jnp.var(x, (0, 2, 3))
mean, var = data(17, 6), data(18, 6) ** 2
channels = lambda a: a.reshape(1, -1, 1, 1)
out["batch_norm_with"] = (x - channels(mean)) * lax.rsqrt(channels(var) + 1e-3) * channels(gain) + channels(bias)

q, k, v = 3 * data(19, 2, 2, 3, 4), 3 * data(20, 2, 2, 5, 4), data(21, 2, 2, 5, 3)
mask = data(22, 3, 5)
mask[mask < -0.5] = -np.inf
assert np.isinf(mask).any() and not np.isinf(mask).all(1).any()
out["attention"] = attention(q, k, v, mask)
causal = np.triu(np.full((3, 3), -np.inf), 1)
out["causal_attention"] = attention(q, k[:, :, :3], v[:, :, :3], causal)
out["rotary"] = rotary(data(23, 1, 2, 4, 6), 100.0)

x, y = 6 * data(24, 3, 4), data(25, 3, 4) / 2 + 0.5
out["binary_cross_entropy_with_logits"] = -jnp.mean(y * jax.nn.log_sigmoid(x) + (1 - y) * jax.nn.log_sigmoid(-x))
out["nll_loss"] = -np.mean(x[np.arange(3), [3, 0, 2]])
out["huber"] = np.mean(scipy.special.huber(1.5, x - y))
out["l1"] = np.mean(np.abs(x - y))
q = np.array(jax.nn.softmax(data(26, 3, 4)))
out["kl_div"] = np.sum(scipy.special.rel_entr(q, np.array(jax.nn.softmax(x)))) / 3
out["cosine_similarity"] = np.array([1 - scipy.spatial.distance.cosine(a, b) for a, b in zip(x, y)])

with open(os.path.join(os.path.dirname(__file__), "layers.txt"), "w") as file:
    for name, array in out.items():
        array = np.asarray(array, dtype=np.float64)
        shape = " ".join(map(str, array.shape))
        file.write(f"{name}: {shape}: {' '.join(repr(float(a)) for a in array.ravel())}\n")
