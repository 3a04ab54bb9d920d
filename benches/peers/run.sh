#!/usr/bin/env bash
# Measures the generated gradients beside other frameworks, one after the other on one core, and prints one table.
# See README.md for what it needs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${PEERS:?set PEERS to the directory of the peers}"
peers=$(cd "$PEERS" && pwd)
target="${PEERS_TARGET:-$here/../../target/peers}"
out="${PEERS_OUT:-$target/out}"
core="${PEERS_CORE:-1}"
workloads="w1 w2b1 w2b32 w3 w3s w4 w5 w6 w7 w8"
export PEERS_BUDGET_S="${PEERS_BUDGET_S:-1}" PYTHONDONTWRITEBYTECODE=1
export OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$target" "$out"
rm -f "$out"/*.jsonl

# build TARGET-DIRECTORY DIRECTORY ARGUMENTS...
build() {
  local to=$1 from=$2
  shift 2
  (cd "$peers/rust/$from" && RUSTFLAGS="-C target-cpu=native" cargo build --release --locked -q --target-dir "$to" "$@")
}

# measure NAME COMMAND...
measure() {
  local name=$1
  shift
  echo "measuring $name" >&2
  taskset -c "$core" "$@" >"$out/$name.jsonl" 2>"$out/$name.err" || echo "$name failed: see $out/$name.err" >&2
}

build "$target/dfdx" dfdx
build "$target/candle" . -p peers-candle --features x86-v4
for p in candle burn reference; do
  build "$target/native" . -p "peers-$p"
done
(cd "$here/../.." && cargo bench -q --bench workloads --no-run)

ours() {
  (cd "$here/../.." && taskset -c "$core" cargo bench -q --bench workloads -- --json 2>/dev/null) >"$out/$1.jsonl"
}

ours ours
if [ -n "${PEERS_VENV:-}" ]; then
  cd "$peers/python"
  export TORCHINDUCTOR_CACHE_DIR="$out/inductor"
  measure jax "$PEERS_VENV/bin/python" bench_jax.py 1 $workloads
  for mode in eager compile compile-grad; do
    measure "torch-$mode" "$PEERS_VENV/bin/python" bench_torch.py $mode 1 $workloads
  done
fi
measure candle "$target/native/release/peers-candle" 1 $workloads
measure candle-v4 "$target/candle/release/peers-candle" 1 $workloads
measure burn-flex "$target/native/release/peers-burn" flex 1 $workloads
measure burn-ndarray "$target/native/release/peers-burn" ndarray 1 $workloads
measure dfdx "$target/dfdx/release/peers-dfdx" 1 $workloads
measure reference "$target/native/release/peers-reference" 1 $workloads
# a second time: the machine may have been busy the first
ours ours-again
python3 "$here/table.py" "$out"
