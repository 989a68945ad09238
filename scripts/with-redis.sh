#!/usr/bin/env bash
# Runs a command beside a private Valkey or Redis: scripts/with-redis.sh COMMAND [ARGUMENT...]
# The command sees its URL as TEST_REDIS_URL. The server ends with the command, however that ends; so does its directory.
# Within another with-redis.sh the outer server is used.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ -z "${TEST_REDIS_URL:-}" ] || exec "$@"

here=$(cd "$(dirname "$0")" && pwd -P)
dir=$(mktemp -d "${TMPDIR:-/tmp}/auth-redis.XXXXXX")

finish() {
  trap '' INT TERM HUP
  [ ! -f "$dir/pid" ] || "$here/redis.sh" stop "$dir" || true
  rm -rf "$dir"
}
# shellcheck source=scripts/beside.sh
source "$here/beside.sh"

TEST_REDIS_URL=$("$here/redis.sh" start "$dir")
export TEST_REDIS_URL
beside "$@"
