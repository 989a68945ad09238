#!/usr/bin/env bash
# The rotation drill: scripts/drill-rotation.sh [rotation] [emergency] [secrets]; all three without arguments.
# Three servers on a private PostgreSQL; keys rotate every 2 s for DRILL_SECONDS (120) before auth-verify, jose and PyJWT.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
# shellcheck disable=SC2046
cargo build --workspace --bin auth-server --example follower $(scripts/features.sh)
scripts/compat-deps.sh
export AUTH_SERVER_BIN=${AUTH_SERVER_BIN:-$target/debug/auth-server} AUTH_VERIFY_FOLLOWER=$target/debug/examples/follower
exec scripts/with-pg.sh node compat/rotation/drill.mjs "$@"
