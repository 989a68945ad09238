#!/usr/bin/env bash
# A private PostgreSQL cluster for tests and measurements: loopback only, own port, socket inside its directory.
#
#   scripts/pg.sh start [--fsync] [--tls CERT KEY] DIR    makes the cluster when DIR is empty or absent, starts it, prints its URL
#   scripts/pg.sh stop DIR                                stops it; the directory stays
#   scripts/pg.sh bin                                     prints the directory of PostgreSQL's programs
#
# Without --fsync the cluster does not wait for the disk: right for tests, wrong for data that matters.
# With --tls it accepts encrypted connections only.
# PG_PORTS=LOW-HIGH limits the ports to choose from (default 20000-32000).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)

die() { printf 'pg.sh: %s\n' "$*" >&2; exit 2; }

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }

find_bin() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5Vr) /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
    [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && { echo "$dir"; return; }
  done
  if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then
    dirname "$(readlink -f "$(command -v initdb)")"
  fi
}

# Debian's package starts a cluster of its own on port 5432: nobody asked for that one, so it is stopped again.
install_on_debian() {
  "$here/apt.sh" postgresql || return 0
  command -v pg_lsclusters >/dev/null || return 0
  local version name port status rest
  # shellcheck disable=SC2034
  while read -r version name port status rest; do
    [[ $status != online* ]] || pg_ctlcluster "$version" "$name" stop >&2
  done < <(pg_lsclusters --no-header)
}

require_bin() {
  bin=$(find_bin)
  [ -n "$bin" ] && return
  install_on_debian
  bin=$(find_bin)
  [ -n "$bin" ] && return
  die "PostgreSQL's initdb and pg_ctl are missing. Install the server package (Debian/Ubuntu: postgresql, Fedora: postgresql-server,
       Alpine: postgresql, Homebrew: postgresql), or run this as root on Debian and it is installed."
}

# The server refuses to run as root, so there it runs as the package's own user.
as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
  local dir=$1 fsync=$2 low high port socket output
  require_bin
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || die "root cannot run PostgreSQL itself and the user 'postgres' does not exist"
    chown postgres: "$dir"
  fi
  # From a directory that its user may enter: initdb and pg_ctl complain about any other.
  cd /
  as_owner test -w "$dir" || die "$dir cannot be reached by the user who runs PostgreSQL: choose one below a world-accessible directory"
  if [ ! -f "$dir/PG_VERSION" ]; then
    output=$(as_owner "$bin/initdb" -D "$dir" -U postgres -A trust -E UTF8 --locale=C --no-sync 2>&1) || die "initdb failed:
$output"
  elif as_owner "$bin/pg_ctl" -D "$dir" status >/dev/null; then
    die "the cluster in $dir is running already"
  fi
  if [ -n "$cert" ]; then
    install -m 600 "$cert" "$dir/server.crt"
    install -m 600 "$key" "$dir/server.key"
    [ "$(id -u)" != 0 ] || chown postgres: "$dir/server.crt" "$dir/server.key"
    as_owner sed -i 's/^host /hostssl /' "$dir/pg_hba.conf"
  fi
  # A socket's path is limited to about 107 bytes; in a deeper directory there is TCP only.
  socket=$dir
  [ ${#socket} -le 90 ] || socket=
  low=${PG_PORTS:-20000-32000} high=${low#*-} low=${low%-*}
  for _ in 1 2 3 4 5 6 7 8; do
    port=$((low + (RANDOM * 32768 + RANDOM) % (high - low + 1)))
    port_is_free "$port" || continue
    if as_owner "$bin/pg_ctl" -D "$dir" -w -t 60 -l "$dir/server.log" -o "-p $port -c listen_addresses=127.0.0.1 \
      -c unix_socket_directories='$socket' -c max_connections=300 -c shared_buffers=128MB -c fsync=$fsync \
      -c synchronous_commit=$fsync -c full_page_writes=$fsync -c ssl=$([ -n "$cert" ] && echo on || echo off)" start >/dev/null 2>&1 </dev/null; then
      echo "postgres://postgres@127.0.0.1:$port/postgres"
      return
    fi
    # Somebody else took the port in between: another one. Anything else is told.
    as_owner grep -q 'could not bind\|Address already in use' "$dir/server.log" || break
    as_owner rm -f "$dir/server.log"
  done
  as_owner tail -n 20 "$dir/server.log" >&2 || true
  die "PostgreSQL did not start in $dir (its log is above)"
}

stop() {
  local dir
  dir=$(cd "$1" && pwd -P)
  bin=$(find_bin)
  [ -n "$bin" ] || die "PostgreSQL's pg_ctl is missing"
  cd /
  as_owner "$bin/pg_ctl" -D "$dir" -w -m fast stop >/dev/null
}

fsync=off cert='' key=''
case "${1:-}" in
  start)
    shift
    [ "${1:-}" = --fsync ] && { fsync=on; shift; }
    [ "${1:-}" = --tls ] && { cert=$2 key=$3; shift 3; }
    [ $# = 1 ] || usage
    start "$1" "$fsync"
    ;;
  stop)
    [ $# = 2 ] || usage
    stop "$2"
    ;;
  bin)
    require_bin
    echo "$bin"
    ;;
  *) usage ;;
esac
