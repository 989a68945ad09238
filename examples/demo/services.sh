#!/usr/bin/env bash
# Starts the auth server and three services that call each other; then an outage, a change of keys, a disabled service.
# Prints every hop as a numbered step; ends 0 only if all hold.
#   AUTH_BIN_DIR=DIR   the directory with the binaries
#   DEMO_OUTAGE_S=60   how long the auth server is stopped
#   DEMO_KEEP=1        keep the temporary directory (database, logs) and say where it is
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=examples/demo/drive.sh
source examples/demo/drive.sh
command -v node >/dev/null || { echo "node is missing (20 or newer)" >&2; exit 1; }
bin=$(cd "${AUTH_BIN_DIR:?make demo-services sets it}" && pwd)
drive auth-demo-services examples/demo/services.mjs "$bin"
