"""How much memory PyTorch's evaluations of one workload take, eager, in KiB (Linux): the peak of its tensors' bytes beyond
parameters and data (gradients included), what becomes resident in the first call (the library's own memory included), and the
peak of the whole process.
usage: memory.py WORKLOAD, in the directory of the peers' Python files"""
import json
import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
sys.path.insert(0, os.getcwd())
import numpy as np
import torch
import torch_models as M
import workloads as W

torch.set_num_threads(1)


def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))


def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


name = sys.argv[1]
make, _ = W.ALL[name]
parameters, data = make()
turned = M.TRANSPOSED.get(name, ())
p = {k: torch.from_numpy(np.ascontiguousarray(v.T if k in turned else v)).clone() for k, v in parameters.items()}
d = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in data.items()}
loss = M.MODELS[name][0][1]
for t in p.values():
    t.requires_grad_()


def run():
    for t in p.values():
        t.grad = None
    loss(p, d).backward()


resident = status("VmRSS:")
forget_peak()
for _ in range(10):
    run()
process = status("VmHWM:")
for t in p.values():
    t.grad = None
with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as trace:
    run()
changes = sorted((e.start_ns(), e.nbytes()) for e in trace.profiler.kineto_results.events() if e.name() == "[memory]")
tensors = max(np.cumsum([bytes for _, bytes in changes]))
print(json.dumps({"workload": name, "tensors": round(tensors / 1024), "resident": process - resident, "process": process}))
