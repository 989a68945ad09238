#!/usr/bin/env bash
# Fuzzes each target in turn, on the stable compiler: fuzz/run.sh SECONDS [TARGET...]
# A finding ends the run with exit code 1 and leaves its input in fuzz/artifacts. FUZZ_CORPUS names a corpus of
# tokens and key sets ({"cases":[{"token","jwks"}]}) to start from besides the seeds.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?how many seconds for each target}
shift
[ $# -gt 0 ] || set -- token header claims jwks cache_control

command -v c++ >/dev/null || { echo "fuzz: libFuzzer needs a C++ compiler (Debian: g++)" >&2; exit 2; }

# What cargo-fuzz sets, less the sanitizer, which needs the nightly compiler: our code has no unsafe part.
coverage="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
# With --target, build scripts and macros are built without the counters.
bins=("${@/#/--bin=}")
RUSTFLAGS=$(echo $coverage) cargo build --quiet --release --target "$host" --target-dir "$target" "${bins[@]}"

[ -z "${FUZZ_CORPUS:-}" ] || node seeds.mjs "$FUZZ_CORPUS" corpus
for name in "$@"; do
  mkdir -p "corpus/$name" artifacts
  log=artifacts/$name.log
  if ! "$target/$host/release/$name" "corpus/$name" "seeds/$name" -max_total_time="$seconds" -max_len=20000 \
    -timeout=10 -rss_limit_mb=2048 -artifact_prefix="artifacts/$name-" -print_final_stats=1 > "$log" 2>&1; then
    tail -40 "$log"
    echo "fuzz: $name has a finding" >&2
    exit 1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "fuzz: $name: $runs runs in $seconds s, no finding"
done
