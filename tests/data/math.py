"""The errors of chainrule::math in units in the last place, against 80-digit arithmetic.

    cargo test -p chainrule --lib math::tests::dump -- --ignored --nocapture | python3 tests/data/math.py

prints for each function the largest error found, and where.
"""
import struct
import sys

import mpmath as mp

mp.mp.dps = 80
below = lambda x: mp.exp(-abs(x))
FUNCTIONS = {
    "sqrt": mp.sqrt,
    "exp": mp.exp,
    "exp_m1": mp.expm1,
    "ln": mp.log,
    "ln_1p": mp.log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "tanh_slope": lambda x: 4 * below(2 * x) / (1 + below(2 * x)) ** 2,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "sigmoid_slope": lambda x: below(x) / (1 + below(x)) ** 2,
    "softplus": lambda x: mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x)),
}


def number(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


worst = {}
for line in sys.stdin:
    parts = line.split()
    if len(parts) != 3 or parts[0] not in FUNCTIONS:
        continue
    name, x, y = parts[0], number(parts[1]), number(parts[2])
    # where the results of interest are finite numbers
    if name in ("sqrt", "ln") and x <= 0 or name == "ln_1p" and x <= -1 or y != y or abs(y) == float("inf"):
        continue
    # 80 digits more for each that cancels
    mp.mp.dps = 400 if name in ("sin", "cos", "tan") and abs(x) > 1e6 else 80
    exact = FUNCTIONS[name](mp.mpf(x))
    if exact == 0:
        continue
    exponent = max(int(mp.floor(mp.log(abs(exact), 2))), -1022)
    error = float(abs(mp.mpf(y) - exact) / mp.mpf(2) ** (exponent - 52))
    if error > worst.get(name, (-1, 0))[0]:
        worst[name] = (error, x)
for name, (error, x) in worst.items():
    print(f"{name:14} {error:.3f} at {x!r}")
