#!/usr/bin/env bash
# Installs Debian packages: scripts/apt.sh PACKAGE...
# Exits 1 without a word where that is not possible (not Debian, or not root), so that the caller can say what is missing.
set -euo pipefail

[ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null || exit 1

echo "installing Debian's $*" >&2
log=$(mktemp "${TMPDIR:-/tmp}/apt.XXXXXX")
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null || {
  tail -n 20 "$log" >&2
  echo "apt-get could not install $* (its last lines are above)" >&2
  exit 1
}
