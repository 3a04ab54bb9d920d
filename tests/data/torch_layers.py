"""Writes torch_layers.txt: arguments, results and gradients of layers by PyTorch 2.15, in float64, for tests/torch.rs.

    pip install torch
    python tests/data/torch_layers.py

A line is `layer.tensor: shape: numbers` in row-major order. `out` is the layer's result and `out_bar` its cotangent; `x_bar` is the gradient of the
sum of `out * out_bar` for the argument `x`. Arguments are multiples of 1/32, so that their text is short and exact.
"""

import os

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
lines = []
draw = torch.Generator()


def data(*shape, low=-2.0, high=2.0):
    """Random multiples of 1/32."""
    x = low + (high - low) * torch.rand(shape, generator=draw)
    return torch.round(32 * x) / 32


def distinct(*shape):
    """Numbers no two of which are equal: where elements tie for the maximum, libraries differ."""
    count = torch.Size(shape).numel()
    return ((torch.randperm(count, generator=draw) - count // 2) / 32).reshape(shape)


def whole(below, *shape):
    return torch.randint(below, shape, generator=draw)


def write(layer, name, x):
    numbers = " ".join(repr(v) for v in x.detach().reshape(-1).tolist())
    lines.append(f"{layer}.{name}: {' '.join(map(str, x.shape))}: {numbers}\n")


def layer(name, f, given={}, more={}, **arguments):
    """Records f of all arguments and of what is given, with its gradients for the arguments; `more` gives further results."""
    draw.manual_seed(len(name) + sum(map(ord, name)))
    arguments = {k: (v() if callable(v) else v).requires_grad_() for k, v in arguments.items()}
    given = {k: v() if callable(v) else v for k, v in given.items()}
    out = f(*arguments.values(), *given.values())
    out_bar = data(*out.shape)
    (out * out_bar).sum().backward()
    for k, v in {**arguments, **given, "out_bar": out_bar, "out": out, **{k: g() for k, g in more.items()}}.items():
        write(name, k, v)
    for k, v in arguments.items():
        write(name, f"{k}_bar", v.grad)


def of(*shape, **range):
    return lambda: data(*shape, **range)


# convolutions

x, b = of(2, 4, 7), of(6)
layer("conv1d", lambda x, w, b: F.conv1d(x, w, b), x=x, w=of(6, 4, 3), b=b)
layer("conv1d_window", lambda x, w, b: F.conv1d(x, w, b, 2, 3, 2, 2), x=x, w=of(6, 2, 3), b=b)

x = of(2, 4, 5, 4)
layer("conv2d", lambda x, w, b: F.conv2d(x, w, b), x=x, w=of(3, 4, 2, 3), b=of(3))
layer("conv2d_stride", lambda x, w, b: F.conv2d(x, w, b, 3), x=x, w=of(3, 4, 2, 1), b=of(3))
layer("conv2d_padding", lambda x, w, b: F.conv2d(x, w, b, 1, 2), x=of(1, 2, 2, 3), w=of(3, 2, 3, 3), b=of(3))
layer("conv2d_dilation", lambda x, w, b: F.conv2d(x, w, b, 1, 0, 2), x=x, w=of(3, 4, 3, 2), b=of(3))
layer("conv2d_groups", lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2), x=x, w=of(6, 2, 3, 3), b=b)
layer("conv2d_depthwise", lambda x, w, b: F.conv2d(x, w, b, 2, 1, 3, 4), x=x, w=of(8, 1, 2, 2), b=of(8))

x = of(2, 3, 2, 3)
layer("conv_transpose2d", lambda x, w, b: F.conv_transpose2d(x, w, b), x=x, w=of(3, 2, 2, 3), b=of(2))
layer("conv_transpose2d_stride", lambda x, w, b: F.conv_transpose2d(x, w, b, 3), x=x, w=of(3, 2, 2, 1), b=of(2))
layer(
    "conv_transpose2d_window",
    lambda x, w, b: F.conv_transpose2d(x, w, b, stride=3, padding=1, dilation=2),
    x=x, w=of(3, 2, 3, 2), b=of(2),
)
layer(
    "conv_transpose2d_groups",
    lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, groups=2),
    x=of(2, 4, 2, 3), w=of(4, 3, 3, 2), b=of(6),
)

# pools

x = lambda: distinct(2, 2, 7, 5)
layer("max_pool2d", lambda x: F.max_pool2d(x, 2, 3), x=x)
layer("max_pool2d_overlap", lambda x: F.max_pool2d(x, 3, 2), x=x)
layer("max_pool2d_padding", lambda x: F.max_pool2d(x, 3, 2, 1), x=x)
layer("max_pool2d_dilation", lambda x: F.max_pool2d(x, 2, 2, 1, 3), x=x)
layer("avg_pool2d", lambda x: F.avg_pool2d(x, 2, 3), x=x)
layer("avg_pool2d_overlap", lambda x: F.avg_pool2d(x, 3, 2), x=x)
layer("avg_pool2d_padding", lambda x: F.avg_pool2d(x, 3, 2, 1), x=x)
layer("global_max_pool2d", lambda x: F.adaptive_max_pool2d(x, 1)[:, :, 0, 0], x=x)
layer("global_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0], x=x)

# norms

x, gain, bias = of(2, 3, 5), of(5), of(5)
layer("layer_norm", lambda x, gain, bias: F.layer_norm(x, (5,), gain, bias, 1e-5), x=x, gain=gain, bias=bias)
layer("rms_norm", lambda x, gain: F.rms_norm(x, (5,), gain, 1e-5), x=x, gain=gain)
x, gain, bias = of(2, 6, 3, 1), of(6), of(6)
layer("group_norm", lambda x, gain, bias: F.group_norm(x, 3, gain, bias, 1e-3), x=x, gain=gain, bias=bias)
layer("group_norm_rows", lambda x, gain, bias: F.group_norm(x, 2, gain, bias, 1e-3), x=of(3, 6), gain=gain, bias=bias)
layer(
    "batch_norm_rows",
    lambda x, gain, bias: F.batch_norm(x, None, None, gain, bias, True, 0.1, 1e-3),
    x=of(5, 6), gain=gain, bias=bias,
)
layer(
    "batch_norm_lines",
    lambda x, gain, bias: F.batch_norm(x, None, None, gain, bias, True, 0.1, 1e-3),
    x=of(2, 6, 3), gain=gain, bias=bias,
)
mean, var = torch.zeros(6), torch.ones(6)
layer(
    "batch_norm",
    lambda x, gain, bias: F.batch_norm(x, mean, var, gain, bias, True, 0.1, 1e-3),
    more={"running_mean": lambda: mean, "running_var": lambda: var},
    x=x, gain=gain, bias=bias,
)
layer(
    "batch_norm_with",
    lambda x, gain, bias, running: F.batch_norm(x, *running, gain, bias, False, 0.1, 1e-3),
    given={"running": of(2, 6, low=0.1)},
    x=x, gain=gain, bias=bias,
)

# sequences

layer("embedding", lambda table, indices: F.embedding(indices, table), given={"indices": lambda: whole(5, 7)}, table=of(5, 3))


def cell(name, step, gates, state):
    """The last state of a cell that has seen x[0], x[1], … one after the other; of the LSTM h and c, one behind the other."""

    def over_time(x, state, *weights):
        state = tuple(state) if name == "lstm_cell" else state
        for row in x:
            state = step(row, state, *weights)
        return torch.stack(state) if name == "lstm_cell" else state

    weights = {"w_ih": of(gates * 4, 3), "w_hh": of(gates * 4, 4), "b_ih": of(gates * 4), "b_hh": of(gates * 4)}
    layer(name, over_time, x=of(5, 2, 3), state=state, **weights)


cell("rnn_cell", torch.rnn_tanh_cell, 1, of(2, 4))
cell("gru_cell", torch.gru_cell, 3, of(2, 4))
cell("lstm_cell", torch.lstm_cell, 4, of(2, 2, 4))


def mask():
    mask = data(3, 5)
    mask[mask < -0.5] = -torch.inf
    assert mask.isinf().any() and not mask.isinf().all(1).any()
    return mask


q, k, v = of(2, 2, 3, 4), of(2, 2, 5, 4), of(2, 2, 5, 3)
attention = F.scaled_dot_product_attention
layer("attention", lambda q, k, v, mask: attention(q, k, v, mask), given={"mask": mask}, q=q, k=k, v=v)
layer("attention_bias", lambda q, k, v, mask: attention(q, k, v, mask), q=q, k=k, v=v, mask=of(3, 5))

def padding():
    """Some keys are hidden from the queries of one element of the batch."""
    mask = torch.zeros(2, 1, 1, 5)
    mask[1, 0, 0, 3:] = -torch.inf
    return mask.expand(2, 2, 3, 5).clone()


layer("attention_padding", lambda q, k, v, mask: attention(q, k, v, mask), given={"mask": padding}, q=q, k=k, v=v)
layer("attention_stretched", lambda q, k, v, mask: attention(q, k, v, mask), q=q, k=k, v=v, mask=of(1, 2, 1, 5))
layer("causal_attention", lambda q, k, v: attention(q, k, v, is_causal=True), q=k, k=k, v=v)


def rotary(x):
    """PyTorch has none: pairs as complex numbers times those of length 1, as in the weights' own code."""
    d = x.shape[3]
    angles = torch.outer(torch.arange(x.shape[2]), 100.0 ** (-torch.arange(0, d, 2) / d))
    turned = torch.view_as_complex(x.reshape(*x.shape[:3], -1, 2)) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).reshape(x.shape)


layer("rotary", rotary, x=of(1, 2, 5, 6))

# elements and rows

x = of(3, 5, low=-6, high=6)
layer("relu", F.relu, x=x)
layer("leaky_relu", lambda x: F.leaky_relu(x, 0.1), x=x)
layer("sigmoid", F.sigmoid, x=x)
layer("silu", F.silu, x=x)
layer("gelu", F.gelu, x=x)
layer("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), x=x)
layer("softplus", F.softplus, x=x)
layer("softmax", lambda x: F.softmax(x, -1), x=x)
layer("log_softmax", lambda x: F.log_softmax(x, -1), x=x)
layer("logsumexp", lambda x: torch.logsumexp(x, -1), x=x)
layer("xlogy", torch.special.xlogy, x=of(3, 5), y=of(3, 5, low=0.1))


def dropped(x):
    torch.manual_seed(1)
    return F.dropout(x, 0.25)


layer("dropout", lambda x, mask: dropped(x), given={"mask": lambda: dropped(torch.ones(3, 5))}, x=x)

# losses

y, positive = of(3, 5), of(3, 5, low=0.1)
layer("mse", F.mse_loss, x=x, y=y)
layer("l1", F.l1_loss, x=x, y=y)
layer("huber", lambda x, y: F.huber_loss(x, y, delta=1.5), x=x, y=y)
chances = of(3, 5, low=0.0, high=1.0)
layer("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, x=x, y=chances)
labels = {"labels": lambda: whole(5, 3)}
layer("cross_entropy", F.cross_entropy, given=labels, x=x)
layer("nll_loss", F.nll_loss, given=labels, x=x)
layer("kl_div", lambda log_p, q: F.kl_div(log_p, q, reduction="batchmean"), log_p=x, q=positive)
layer("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, -1), a=x, b=y)

# products

layer("matmul", torch.matmul, a=of(3, 4), b=of(4, 2))
layer("matmul_batch", torch.matmul, a=of(3, 2, 4), b=of(3, 4, 5))
layer("matmul_heads", torch.matmul, a=of(2, 3, 2, 4), b=of(2, 3, 4, 1))
layer("matmul_shared", torch.matmul, a=of(2, 3, 2, 4), b=of(4, 5))
for name, subscripts, *shapes in [
    ("batch", "bik,bkj->bij", (3, 2, 4), (3, 4, 5)),
    ("implied", "ij,jk", (2, 3), (3, 4)),
    ("diagonal", "ii->i", (4, 4)),
    ("trace", "ii", (4, 4)),
    ("transposed", "ijk->kij", (2, 3, 4)),
    ("total", "ij->", (3, 4)),
    ("outer", "i,j->ji", (3,), (4,)),
    ("bilinear", "bi,oij,bj->bo", (3, 2), (4, 2, 5), (3, 5)),
    ("chain", "ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("attended", "bhqk,bkhd->bqhd", (2, 2, 3, 4), (2, 4, 2, 3)),
]:
    layer(f"einsum_{name}", lambda *o: torch.einsum(subscripts, *o), **dict(zip("abc", [of(*s) for s in shapes])))

with open(os.path.join(os.path.dirname(__file__), "torch_layers.txt"), "w") as file:
    file.writelines(lines)
