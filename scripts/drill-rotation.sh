#!/usr/bin/env bash
# The rotation drill: scripts/drill-rotation.sh [start] [rotation] [emergency] [secrets]; all of them without arguments.
#   start      four servers at once on an empty PostgreSQL, START_ROUNDS (50) times: one key of each algorithm
#   rotation   three servers on one PostgreSQL; keys rotate every 2 s for DRILL_SECONDS (120) before auth-verify, jose and PyJWT
#   emergency  every key is replaced
#   secrets    the secret is replaced twice under load
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- start rotation emergency secrets
target=${CARGO_TARGET_DIR:-target}
# shellcheck disable=SC2046
cargo build --workspace --bin auth-server --example follower $(scripts/features.sh)
parts=()
for part in "$@"; do
  if [ "$part" != start ]; then parts+=("$part"); continue; fi
  # shellcheck disable=SC2046
  RACE_ROUNDS=${START_ROUNDS:-50} scripts/with-pg.sh cargo test --workspace $(scripts/features.sh) --test races -- \
    processes_that_start_together_make_one_key_of_each_algorithm
done
[ ${#parts[@]} -gt 0 ] || exit 0
scripts/compat-deps.sh
export AUTH_SERVER_BIN=${AUTH_SERVER_BIN:-$target/debug/auth-server} AUTH_VERIFY_FOLLOWER=$target/debug/examples/follower
exec scripts/with-pg.sh node compat/rotation/drill.mjs "${parts[@]}"
