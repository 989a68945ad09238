#!/usr/bin/env bash
# Runs an external corpus of HTTP attacks against the release binary: ATTACKS_DIR=DIR scripts/attacks.sh [PROFILE...]
# DIR holds run-http.mjs and http_attacks*.json. AUTH_SERVER_BIN replaces the binary, ATTACKS_OPTIONS the runner's options.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -n "${TEST_POSTGRES_URL:-}" ] || exec scripts/with-pg.sh "$0" "$@"
scripts/compat-deps.sh node
export AUTH_SERVER_BIN=${AUTH_SERVER_BIN:-${CARGO_TARGET_DIR:-target}/release/auth-server}
exec node compat/attacks/run.mjs "$@"
