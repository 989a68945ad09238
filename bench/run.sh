#!/usr/bin/env bash
# Requests per second of our server beside Better Auth on Node, on one private PostgreSQL: see bench/README.md.
#
#   bench/run.sh [get-session] [token] [jwks] [sign-in] [sign-in-scrypt]      all of them without arguments
#
# SECONDS_EACH (5), ROUNDS (3), CONNECTIONS (32), PEER_PROCESSES (1), AUTH_SERVER_BIN (the release binary).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v wrk >/dev/null || scripts/apt.sh wrk || { echo "bench: wrk is missing (Debian, Fedora, Homebrew: wrk)" >&2; exit 2; }
export AUTH_SERVER_BIN=${AUTH_SERVER_BIN:-${CARGO_TARGET_DIR:-target}/release/auth-server}
[ -x "$AUTH_SERVER_BIN" ] || { echo "bench: $AUTH_SERVER_BIN is missing: 'make release' builds it" >&2; exit 2; }
scripts/compat-deps.sh node
# Waiting for the disk as in production: sign-in writes a session.
WITH_PG_FLAGS=--fsync exec scripts/with-pg.sh node bench/drive.mjs "$@"
