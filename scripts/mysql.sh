#!/usr/bin/env bash
# A private MariaDB server for tests: loopback only, own port, socket inside its directory.
#
#   scripts/mysql.sh start DIR     makes the server's data when DIR is empty or absent, starts it, prints its URL
#   scripts/mysql.sh stop DIR      stops it; the directory stays
#
# The server does not wait for the disk: right for tests, wrong for data that matters.
# MYSQL_PORTS=LOW-HIGH limits the ports to choose from (default 20000-32000). MYSQL_FLAGS are given to the server.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)

die() { printf 'mysql.sh: %s\n' "$*" >&2; exit 2; }

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

find_server() {
  local file
  for file in /usr/sbin/mariadbd /usr/libexec/mariadbd /usr/bin/mariadbd /opt/homebrew/opt/mariadb*/bin/mariadbd; do
    [ ! -x "$file" ] || { echo "$file"; return; }
  done
  command -v mariadbd || true
}

# Debian's core package holds the server and starts none.
require_server() {
  server=$(find_server)
  [ -n "$server" ] || "$here/apt.sh" mariadb-server-core || true
  server=$(find_server)
  [ -n "$server" ] || die "MariaDB's server (mariadbd) is missing. Install it (Debian/Ubuntu: mariadb-server-core, Fedora: mariadb-server,
       Alpine: mariadb, Homebrew: mariadb), or run this as root on Debian and it is installed."
}

# The statements that make the server's own tables: what mariadb-install-db runs, without its search for programs.
system_tables() {
  local share
  for share in "$(dirname "$server")/../share/mysql" "$(dirname "$server")/../share/mariadb" /usr/share/mysql /usr/share/mariadb; do
    [ -f "$share/mysql_system_tables.sql" ] || [ -f "$share/mariadb_system_tables.sql" ] || continue
    printf "CREATE DATABASE mysql;\nUSE mysql;\n"
    cat "$share"/m*_system_tables.sql "$share"/m*_system_tables_data.sql
    return
  done
  die "the SQL files of MariaDB's system tables are missing"
}

# As root the server wants to be told so.
owner() { [ "$(id -u)" != 0 ] || echo --user=root; }

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
  local dir=$1 low high port socket options pid
  require_server
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  options=(--no-defaults --datadir="$dir/data" --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync
    --innodb-doublewrite=0 --innodb-log-file-size=32M --innodb-buffer-pool-size=96M --loose-innodb-stats-auto-recalc=0)
  if [ ! -d "$dir/data/mysql" ]; then
    mkdir -p "$dir/data"
    # shellcheck disable=SC2046
    system_tables | "$server" "${options[@]}" $(owner) --bootstrap >"$dir/bootstrap.log" 2>&1 \
      || { tail -n 20 "$dir/bootstrap.log" >&2; die "MariaDB's own tables could not be made in $dir"; }
    cat >"$dir/users.sql" <<'SQL'
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
SQL
  fi
  # A socket's path is limited to about 107 bytes.
  socket=$dir/server.sock
  [ ${#socket} -le 100 ] || socket=$(mktemp -u "${TMPDIR:-/tmp}/mysql.XXXXXX")
  low=${MYSQL_PORTS:-20000-32000} high=${low#*-} low=${low%-*}
  for _ in 1 2 3 4 5 6 7 8; do
    port=$((low + (RANDOM * 32768 + RANDOM) % (high - low + 1)))
    port_is_free "$port" || continue
    # shellcheck disable=SC2046,SC2086
    setsid "$server" "${options[@]}" $(owner) --init-file="$dir/users.sql" --bind-address=127.0.0.1 --port="$port" \
      --socket="$socket" --pid-file="$dir/server.pid" --skip-name-resolve --skip-log-bin --max-connections=400 \
      --performance-schema=OFF --skip-slave-start ${MYSQL_FLAGS:-} >"$dir/server.log" 2>&1 </dev/null &
    pid=$!
    for _ in {1..600}; do
      if grep -q 'ready for connections' "$dir/server.log" 2>/dev/null; then
        echo "$pid" >"$dir/pid"
        echo "mysql://root@127.0.0.1:$port/mysql"
        return
      fi
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill "$pid" 2>/dev/null || true
    # Somebody else took the port in between: another one. Anything else is told.
    grep -q 'Address already in use' "$dir/server.log" || break
  done
  tail -n 20 "$dir/server.log" >&2 || true
  die "MariaDB did not start in $dir (its log is above)"
}

stop() {
  local pid
  pid=$(cat "$1/pid")
  rm -f "$1/pid"
  kill "$pid" 2>/dev/null || return 0
  for _ in {1..200}; do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.05
  done
  kill -9 "$pid"
}

case "${1:-}" in
  start) [ $# = 2 ] || usage; start "$2" ;;
  stop) [ $# = 2 ] || usage; stop "$2" ;;
  *) usage ;;
esac
