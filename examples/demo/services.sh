#!/usr/bin/env bash
# Starts the auth server and three services that call each other; then an outage, a change of keys, a disabled service.
# Prints every hop as a numbered step; ends 0 only if all hold.
#   AUTH_BIN_DIR=DIR   the directory with the binaries
#   DEMO_OUTAGE_S=60   how long the auth server is stopped
#   DEMO_KEEP=1        keep the temporary directory (database, logs) and say where it is
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
command -v node >/dev/null || { echo "node is missing (20 or newer)" >&2; exit 1; }
bin=$(cd "${AUTH_BIN_DIR:?make demo-services sets it}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/auth-demo-services.XXXXXX")
driver=
# Backstop: the driver stops its processes itself; whatever it left is stopped here, by the ids it wrote down.
finish() {
  trap - EXIT INT TERM
  if [ -n "$driver" ] && kill -0 "$driver" 2>/dev/null; then
    kill -TERM "$driver" 2>/dev/null || true
    wait "$driver" 2>/dev/null || true
  fi
  if [ -f "$dir/pids" ]; then
    while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done < "$dir/pids"
  fi
  if [ "${DEMO_KEEP:-}" = 1 ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
node examples/demo/services.mjs "$dir" "$bin" &
driver=$!
status=0
wait "$driver" || status=$?
driver=
exit "$status"
