"""The three matrix products of a large dense layer in NumPy (OpenBLAS) and PyTorch, and PyTorch's own layer: best GFLOP/s, one thread.
usage: dense.py [SECONDS PER FIGURE]"""
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
import json

import numpy as np
import torch

torch.set_num_threads(1)
budget = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5


def best(f):
    least, end = 1e9, time.perf_counter() + budget
    while time.perf_counter() < end:
        start = time.perf_counter()
        f()
        least = min(least, time.perf_counter() - start)
    return least


for rows, inputs, outputs in [(512, 1024, 1024), (256, 2048, 2048), (128, 4096, 1024)]:
    random = np.random.default_rng(1)
    make = lambda n, m: random.uniform(-1, 1, (n, m)).astype(np.float32)
    x, w, y = make(rows, inputs), make(inputs, outputs), make(rows, outputs)
    h, x_bar, w_bar = np.empty_like(y), np.empty_like(x), np.empty_like(w)

    def numpy_products():
        np.matmul(x, w, out=h)
        np.matmul(x.T, y, out=w_bar)
        np.matmul(y, w.T, out=x_bar)

    tx, tw, ty = map(torch.from_numpy, (x, w, y))
    th, tx_bar, tw_bar = map(torch.from_numpy, (h, x_bar, w_bar))

    def torch_products():
        torch.mm(tx, tw, out=th)
        torch.mm(tx.T, ty, out=tw_bar)
        torch.mm(ty, tw.T, out=tx_bar)

    px, pb = tx.clone().requires_grad_(), torch.zeros(outputs, requires_grad=True)
    pw = tw.T.contiguous().requires_grad_()

    def torch_layer():
        px.grad = pw.grad = pb.grad = None
        torch.nn.functional.mse_loss(torch.relu(torch.nn.functional.linear(px, pw, pb)), ty).backward()

    rate = lambda f: round(6e-9 * rows * inputs * outputs / best(f), 1)
    figures = {"numpy": rate(numpy_products), "torch": rate(torch_products), "torch layer": rate(torch_layer)}
    print(json.dumps({"shape": [rows, inputs, outputs], **figures}), flush=True)
