#!/usr/bin/env bash
# Runs a command beside a private MariaDB: scripts/with-mysql.sh COMMAND [ARGUMENT...]
# The command sees its URL as TEST_MYSQL_URL. The server ends with the command, however that ends; so does its directory.
# Within another with-mysql.sh the outer server is used.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ -z "${TEST_MYSQL_URL:-}" ] || exec "$@"

here=$(cd "$(dirname "$0")" && pwd -P)
dir=$(mktemp -d "${TMPDIR:-/tmp}/auth-mysql.XXXXXX")

finish() {
  trap '' INT TERM HUP
  [ ! -f "$dir/pid" ] || "$here/mysql.sh" stop "$dir" || true
  rm -rf "$dir"
}
# shellcheck source=scripts/beside.sh
source "$here/beside.sh"

TEST_MYSQL_URL=$("$here/mysql.sh" start "$dir")
export TEST_MYSQL_URL
beside "$@"
