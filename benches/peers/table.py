"""Result lines in, one table in Markdown out. usage: table.py DIRECTORY"""
import glob
import json
import os
import sys

NAMES = ["w1", "w2b1", "w2b32", "w3", "w3s", "w4", "w5", "w6", "w7", "w8"]
TITLES = {
    "w1": "Rosenbrock, 1,000 variables, f64",
    "w2b1": "network 2-16-16-1, batch 1",
    "w2b32": "network 2-16-16-1, batch 32",
    "w3": "network 784-128-64-10, batch 64",
    "w3s": "the same with a step of SGD",
    "w4": "8 layers of 64, tanh, batch 128",
    "w5": "LeNet, batch 32",
    "w6": "LSTM, 32 steps, batch 16",
    "w7": "block of a transformer, batch 8",
    "w8": "Gaussian mixture, f64",
}
GOALS = {"w1": 35, "w2b1": 12, "w2b32": 11, "w3": 1.25, "w3s": 1.3, "w4": 1.3, "w5": 2.5, "w6": 1.4, "w7": 1.3, "w8": 2}
PEERS = ["jax", "torch", "candle", "burn", "dfdx"]

# least nanoseconds by workload and column
best = {}


def note(workload, column, ns):
    key = (workload, column)
    best[key] = min(ns, best.get(key, float("inf")))


for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.jsonl"))):
    for line in open(path):
        if not line.startswith("{"):
            continue
        r = json.loads(line)
        if "generated_ns" in r:
            note(r["workload"], "generated", r["generated_ns"])
            if "by_hand_ns" in r:
                note(r["workload"], "by hand", r["by_hand_ns"])
        else:
            column = next((p for p in PEERS if r["framework"].startswith(p)), r["framework"])
            note(r["workload"], column, r["min_ms"] * 1e6)


def show(ns):
    if ns is None:
        return "–"
    for unit, scale in (("ms", 1e6), ("µs", 1e3)):
        if ns >= 0.0995 * scale and (unit == "µs" or ns >= 1e5):
            return f"{ns / scale:.3g} {unit}" if ns < 1000 * scale else f"{ns / scale:.0f} {unit}"
    return f"{ns:.0f} ns"


columns = ["generated", "by hand", *PEERS]
print("| workload | " + " | ".join(columns) + " | fastest peer ÷ generated | goal | by hand ÷ generated |")
print("|" + " --- |" * (len(columns) + 4))
for w in NAMES:
    at = {c: best.get((w, c)) for c in columns}
    ours = at["generated"]
    peers = [at[p] for p in PEERS if at[p]]
    ratio = f"{min(peers) / ours:.3g} ×" if ours and peers else "–"
    hand = f"{at['by hand'] / ours:.2f} ×" if ours and at["by hand"] else "–"
    cells = [f"{w}: {TITLES[w]}", *(show(at[c]) for c in columns), ratio, f"{GOALS[w]} ×", hand]
    print("| " + " | ".join(cells) + " |")
