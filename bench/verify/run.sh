#!/usr/bin/env bash
# One run of every library on the same tokens: bench/verify/run.sh. See bench/README.md.
#
# ROUNDS (3): the libraries take turns, the fastest round of each counts.
set -euo pipefail
cd "$(dirname "$0")/../.."

scripts/compat-deps.sh
target=${CARGO_TARGET_DIR:-$PWD/target}
# shellcheck disable=SC2046
cargo build --quiet --release -p auth-verify --example speed $(scripts/setup.sh --cargo-args)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for backend in aws_lc_rs rust_crypto; do
  (cd bench/verify/peers && cargo build --quiet --release --target-dir "$target" --features "$backend")
  cp "$target/release/verify-peers" "$work/jsonwebtoken-$backend"
done
for round in $(seq "${ROUNDS:-3}"); do
  echo "round $round" >&2
  "$target/release/examples/speed" "$work/tokens.json" >> "$work/lines"
  "$work/jsonwebtoken-aws_lc_rs" "$work/tokens.json" >> "$work/lines"
  "$work/jsonwebtoken-rust_crypto" "$work/tokens.json" >> "$work/lines"
  node bench/verify/jose.mjs "$work/tokens.json" >> "$work/lines"
  compat/python/.venv/bin/python bench/verify/pyjwt.py "$work/tokens.json" >> "$work/lines"
done
node bench/verify/table.mjs "$work/lines"
