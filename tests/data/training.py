"""Writes training.rs: what optimisers and schedules of PyTorch and optax make of the same gradients.

    pip install torch optax
    python tests/data/training.py > tests/data/training.rs
"""

import math

import jax
import optax
import torch

jax.config.update("jax_enable_x64", True)

START = [1.0, -2.0, 0.5]
GRADIENTS = [[0.1, -0.2, 0.3], [0.4, 0.5, -0.6], [-0.7, 0.8, 0.0], [1e-3, -10.0, 0.25], [0.5, 0.5, -0.125]]


def by_torch(make):
    weight = torch.tensor(START[:2], dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(START[2:], dtype=torch.float64, requires_grad=True)
    optimiser = make(weight, bias)
    for g in GRADIENTS:
        weight.grad = torch.tensor(g[:2], dtype=torch.float64)
        bias.grad = torch.tensor(g[2:], dtype=torch.float64)
        optimiser.step()
    return weight.tolist() + bias.tolist()


def by_optax(rule):
    tree = lambda numbers: {"weight": jax.numpy.array(numbers[:2]), "bias": jax.numpy.array(numbers[2:])}
    params = tree(START)
    state = rule.init(params)
    for g in GRADIENTS:
        updates, state = rule.update(tree(g), state, params)
        params = optax.apply_updates(params, updates)
    return params["weight"].tolist() + params["bias"].tolist()


def all_alike(kind, **options):
    return by_torch(lambda weight, bias: kind([weight, bias], **options))


def bias_kept(kind, **options):
    """The weight decay does not act on the bias."""
    groups = lambda weight, bias: [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    return by_torch(lambda weight, bias: kind(groups(weight, bias), **options))


sgd, adam, adamw, rmsprop = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop
RUNS = {
    "Sgd": all_alike(sgd, lr=0.1),
    "Sgd, decay": all_alike(sgd, lr=0.1, weight_decay=0.1),
    "Sgd, momentum": all_alike(sgd, lr=0.1, momentum=0.9),
    "Sgd, Nesterov, decay": all_alike(sgd, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Sgd, decay, bias kept": bias_kept(sgd, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": all_alike(adam, lr=0.1),
    "Adam, all": all_alike(adam, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "Adam, decay, bias kept": bias_kept(adam, lr=0.1, weight_decay=0.1),
    "AdamW": all_alike(adamw, lr=0.1),
    "AdamW, all": all_alike(adamw, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.5),
    "AdamW, decay, bias kept": bias_kept(adamw, lr=0.1, weight_decay=0.5),
    "RmsProp": all_alike(rmsprop),
    "RmsProp, decay": all_alike(rmsprop, lr=0.1, alpha=0.9, eps=1e-3, weight_decay=0.1),
    "RmsProp, momentum": all_alike(rmsprop, lr=0.1, momentum=0.9),
    "RmsProp, centered": all_alike(rmsprop, lr=0.1, centered=True),
    "RmsProp, all": all_alike(rmsprop, lr=0.1, alpha=0.8, momentum=0.5, centered=True, weight_decay=0.1),
    "RmsProp, decay, bias kept": bias_kept(rmsprop, lr=0.1, weight_decay=0.1),
    "Lion": by_optax(optax.lion(0.1, weight_decay=0.0)),
    "Lion, all": by_optax(optax.lion(0.1, b1=0.8, b2=0.95, weight_decay=0.5)),
    "Lion, decay, bias kept": by_optax(
        optax.lion(0.1, b1=0.8, b2=0.95, weight_decay=0.5, mask={"weight": True, "bias": False})
    ),
}


def rates(make, count):
    parameter = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.SGD([parameter], lr=0.5)
    schedule = make(optimiser)
    found = []
    for _ in range(count):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


lr = torch.optim.lr_scheduler
SCHEDULES = {
    "constant": rates(lambda o: lr.ConstantLR(o, factor=1.0), 4),
    "step decay": rates(lambda o: lr.StepLR(o, step_size=3, gamma=0.5), 10),
    "cosine": rates(lambda o: lr.CosineAnnealingLR(o, T_max=7, eta_min=0.01), 8),
    "warm-up, cosine": rates(
        lambda o: lr.SequentialLR(
            o,
            [lr.LinearLR(o, start_factor=0.25, total_iters=3), lr.CosineAnnealingLR(o, T_max=6)],
            milestones=[4],
        ),
        11,
    ),
}


def rust(numbers):
    return "[" + ", ".join(repr(x) for x in numbers) + "]"


print(f"//! Written by training.py with PyTorch {torch.__version__.split('+')[0]} and optax {optax.__version__}.\n")
print(f"pub const START: [f64; 3] = {rust(START)};\n")
print(f"pub const GRADIENTS: [[f64; 3]; {len(GRADIENTS)}] = [")
for g in GRADIENTS:
    print(f"    {rust(g)},")
print("];\n")
print("/// The parameters after these gradients.")
print("pub const OPTIMISERS: &[(&str, [f64; 3])] = &[")
for name, found in RUNS.items():
    assert all(map(math.isfinite, found)), name
    print(f'    ("{name}", {rust(found)}),')
print("];\n")
print("/// The learning rates of the first steps.")
print("pub const SCHEDULES: &[(&str, &[f64])] = &[")
for name, found in SCHEDULES.items():
    print(f'    ("{name}", &{rust(found)}),')
print("];")
