#!/usr/bin/env bash
# Runs an external conformance runner (transcripts recorded from Better Auth) against the release binary.
#
#   CONFORM_DIR=DIR scripts/conform.sh [matrix.mjs arguments]
#
# DIR holds matrix.mjs. Without arguments: every profile. Every failing step has to be
# explained in compat/differences.toml, and what that file explains has to fail.
# AUTH_SERVER_BIN replaces the binary; CONFORM_PORT (default 4310) is the first of three ports; CONFORM_DATABASE is postgres
# (the default), sqlite or mysql: the runner looks into it through compat/conform-db, which stands in for its PostgreSQL driver.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -f "${CONFORM_DIR:-}/matrix.mjs" ] \
  || { echo "conform.sh: CONFORM_DIR has to name a directory with a conformance runner's matrix.mjs" >&2; exit 2; }
database=${CONFORM_DATABASE:-postgres}
case $database in
  postgres) [ -n "${TEST_POSTGRES_URL:-}" ] || exec scripts/with-pg.sh "$0" "$@" ;;
  mysql) [ -n "${TEST_MYSQL_URL:-}" ] || exec scripts/with-mysql.sh "$0" "$@" ;;
  sqlite) ;;
  *) echo "conform.sh: CONFORM_DATABASE has to be postgres, sqlite or mysql, not $database" >&2; exit 2 ;;
esac

# A copy, since the runner's packages are installed beside it.
work=${CARGO_TARGET_DIR:-target}/conform
mkdir -p "$work"
rm -rf "$work/runner"
cp -r "$CONFORM_DIR" "$work/runner"
chmod -R u+w "$work/runner"
# Its own packages would come before ours.
rm -rf "$work/runner/node_modules"
cp -f "$work/runner/package.json" "$work/package.json.new"
if ! cmp -s "$work/package.json.new" "$work/package.json" || [ ! -d "$work/node_modules" ]; then
  mv "$work/package.json.new" "$work/package.json"
  npm install --prefix "$work" --no-package-lock --no-fund --no-audit --loglevel=error
fi

# The translated settings of each profile stay here until the next run.
export TMPDIR=$PWD/$work/settings
[[ $work != /* ]] || TMPDIR=$work/settings
rm -rf "$TMPDIR"
mkdir -p "$TMPDIR"

admin=${TEST_POSTGRES_URL:-}
admin=${admin%/*}
if [ "$database" != postgres ]; then
  mkdir -p "$work/runner/node_modules"
  cp -r compat/conform-db "$work/runner/node_modules/pg"
fi
if [ "$database" = mysql ]; then
  npm install --prefix "$work" --no-package-lock --no-fund --no-audit --loglevel=error --no-save mysql2@3.24.6
  admin=${TEST_MYSQL_URL%/*}
fi
if [ "$database" = sqlite ]; then
  mkdir -p "$TMPDIR/sqlite"
  admin=sqlite:$TMPDIR/sqlite
fi

matrix() {
  node "$work/runner/matrix.mjs" --spawn "exec '$PWD/compat/conform-server'" --pg "$admin" \
    --port "${CONFORM_PORT:-4310}" -v "$@" || true
}

if [ $# -gt 0 ]; then
  matrix "$@"
else
  matrix --set open
fi | node compat/differences.mjs compat/differences.toml
