#!/usr/bin/env bash
# What a user pays: seconds and crates of a clean build of a small crate with one differentiable function.
# Dependencies are downloaded before the clock starts. Prints a table in Markdown.
set -euo pipefail
chainrule=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cat >"$dir/Cargo.toml" <<TOML
[package]
name = "user"
version = "0.0.0"
edition = "2021"
[dependencies]
chainrule = { path = "$chainrule" }
[workspace]
TOML
cat >"$dir/src/main.rs" <<'RUST'
use chainrule::differentiable;

#[differentiable]
fn rosenbrock(x: f64, y: f64) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

fn main() {
    println!("{:?}", rosenbrock::gradient(1.2, 1.0));
}
RUST
cd "$dir"
export CARGO_TARGET_DIR="$dir/target"
cargo fetch -q
echo "| build | seconds | crates | seconds again after a change |"
echo "| --- | --- | --- | --- |"
for profile in debug release; do
  flag=""
  [ $profile = release ] && flag=--release
  start=$(date +%s.%N)
  cargo build $flag 2>"$dir/log"
  middle=$(date +%s.%N)
  crates=$(grep -c '^ *Compiling' "$dir/log")
  echo "// changed" >>src/main.rs
  changed=$(date +%s.%N)
  cargo build $flag -q
  end=$(date +%s.%N)
  awk -v p=$profile -v a="$start" -v b="$middle" -v c="$changed" -v d="$end" -v n="$crates" \
    'BEGIN { printf "| %s | %.1f | %d | %.2f |\n", p, b - a, n, d - c }'
done
