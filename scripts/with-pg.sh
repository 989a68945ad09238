#!/usr/bin/env bash
# Runs a command beside a private PostgreSQL: scripts/with-pg.sh COMMAND [ARGUMENT...]
# The command sees its URL as TEST_POSTGRES_URL. The cluster ends with the command, however that ends; so does its directory.
# Within another with-pg.sh the outer cluster is used. WITH_PG_FLAGS=--fsync makes it wait for the disk.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ -z "${TEST_POSTGRES_URL:-}" ] || exec "$@"

here=$(cd "$(dirname "$0")" && pwd -P)
dir=$(mktemp -d "${TMPDIR:-/tmp}/auth-pg.XXXXXX")

finish() {
  trap '' INT TERM HUP
  [ ! -f "$dir/postmaster.pid" ] || "$here/pg.sh" stop "$dir" || true
  rm -rf "$dir"
}
# shellcheck source=scripts/beside.sh
source "$here/beside.sh"

# shellcheck disable=SC2086
TEST_POSTGRES_URL=$("$here/pg.sh" start ${WITH_PG_FLAGS:-} "$dir")
export TEST_POSTGRES_URL
# psql and its kin, of the same version as the server.
PATH="$("$here/pg.sh" bin):$PATH"

beside "$@"
