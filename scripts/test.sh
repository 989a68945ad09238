#!/usr/bin/env bash
# The tests, step by step, with the time they took: scripts/test.sh [rust] [compat]; both without arguments.
# Below scripts/with-pg.sh, with-mysql.sh and with-redis.sh, which `make test` starts: the tests use their servers.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${TEST_POSTGRES_URL:?is set by scripts/with-pg.sh: use 'make test'}" "${TEST_MYSQL_URL:?is set by scripts/with-mysql.sh: use 'make test'}" \
  "${TEST_REDIS_URL:?is set by scripts/with-redis.sh: use 'make test'}"

[ $# -gt 0 ] || set -- rust compat
began=$SECONDS
say() { printf '\n== %s (at %d s)\n' "$*" $((SECONDS - began)); }
finish() {
  local code=$?
  [ $code = 0 ] && printf '\n== All tests passed in %d s\n' $((SECONDS - began)) || printf '\n== Tests failed after %d s\n' $((SECONDS - began))
}
trap finish EXIT

rust() {
  say "Rust: unit, store and HTTP tests, on SQLite, PostgreSQL and MariaDB"
  # shellcheck disable=SC2046
  cargo test --workspace $(scripts/features.sh)
}

compat() {
  if [ -z "${AUTH_SERVER_BIN:-}" ]; then
    say "The server's binary"
    make --no-print-directory dev
    export AUTH_SERVER_BIN=${CARGO_TARGET_DIR:-target}/debug/auth-server
  fi
  say "Packages of the Node and Python suites"
  scripts/compat-deps.sh
  say "Node: the official client, jose, and a Better Auth server on the same database"
  node --test --test-reporter=spec compat/client/*.test.mjs compat/interop/*.test.mjs compat/adopt/*.test.mjs compat/providers/*.test.mjs
  # Better Auth has no services (make test-reference).
  if [[ $AUTH_SERVER_BIN != *.mjs ]]; then
    say "Service tokens before jose and PyJWT"
    node --test --test-reporter=spec compat/services/*.test.mjs
  fi
  say "Node: the module that keeps tokens"
  (cd clients && npm test)
  say "Node: the example page's proxy"
  (cd examples/web && npm ci --silent && npm test)
  say "Chromium: the official client's useSession in React, Vue and Svelte; the module that keeps tokens"
  scripts/chromium.sh >/dev/null
  npm ci --prefix compat/browser --silent
  node --test --test-reporter=spec compat/browser/*.test.mjs
  say "Python: PyJWT"
  compat/python/.venv/bin/python -m pytest -q -p no:cacheprovider compat/python
}

for part in "$@"; do
  case $part in
    rust | compat) "$part" ;;
    *) echo "test.sh: unknown part '$part'" >&2; exit 2 ;;
  esac
done
