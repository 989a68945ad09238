#!/usr/bin/env bash
# Starts the auth server, three APIs, the page and the worker on free ports with a fresh database, and drives them over HTTP.
# Prints every hop as a numbered step; ends 0 only if all hold.
#   AUTH_BIN_DIR=DIR   use the binaries in DIR instead of building them
#   DEMO_KEEP=1        keep the temporary directory (database, logs) and say where it is
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=examples/demo/drive.sh
source examples/demo/drive.sh
started=$SECONDS

say() { printf '\n== %s\n' "$*"; }
missing() { printf '%s\n' "$*" >&2; exit 1; }

command -v node >/dev/null && command -v npm >/dev/null || missing "node and npm are missing (Node 20 or newer)."
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || missing "Node $(node -v) is too old: 20 or newer is needed."
command -v python3 >/dev/null || missing "python3 is missing (3.10 or newer)."

if [ -n "${AUTH_BIN_DIR:-}" ]; then
  say "binaries from $AUTH_BIN_DIR"
  bin=$(cd "$AUTH_BIN_DIR" && pwd)
else
  command -v cargo >/dev/null || missing "cargo is missing (Rust 1.95 or newer), or set AUTH_BIN_DIR to a directory with the binaries."
  say "building the Rust binaries (the first time takes minutes)"
  cargo build --release -p auth-server -p example-protected-api -p example-worker
  bin=$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)
fi

# The copy of the lockfile marks a finished install: an interrupted one is made anew.
npm_install() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock" && return
  (cd "$1" && npm ci --no-progress --loglevel=error && cp package-lock.json node_modules/.installed-lock)
}
say "installing what the examples need"
npm_install examples/web
npm_install examples/node-api
examples/python-api/run.sh --install
(cd examples/web && node build.mjs)

say "running"
status=0
drive auth-demo examples/demo/demo.mjs "$bin" || status=$?
echo "demo took $((SECONDS - started)) s"
exit "$status"
