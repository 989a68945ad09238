#!/usr/bin/env bash
# A private Valkey or Redis server for tests: loopback only, own port, no file of its data.
#
#   scripts/redis.sh start DIR     starts it and prints its URL; DIR gets its log and its process id
#   scripts/redis.sh stop DIR      stops it at once; the directory stays
#
# REDIS_PORTS=LOW-HIGH limits the ports to choose from (default 20000-32000). REDIS_FLAGS are given to the server.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)

die() { printf 'redis.sh: %s\n' "$*" >&2; exit 2; }

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# Debian's tools hold the server's program under the name of another, and start none: its name decides what it does.
find_server() {
  local name
  for name in valkey-server redis-server valkey-check-rdb redis-check-rdb; do
    if command -v "$name"; then return; fi
  done
}

require_server() {
  server=$(find_server)
  [ -n "$server" ] || "$here/apt.sh" redis-tools || true
  server=$(find_server)
  [ -n "$server" ] || die "neither valkey-server nor redis-server is there. Install one (Debian/Ubuntu: redis-tools, Fedora: valkey,
       Alpine: valkey, Homebrew: valkey), or run this as root on Debian and it is installed."
  case $server in
    *valkey*) named=valkey-server ;;
    *) named=redis-server ;;
  esac
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
  local dir=$1 low high port pid
  require_server
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  low=${REDIS_PORTS:-20000-32000} high=${low#*-} low=${low%-*}
  for _ in 1 2 3 4 5 6 7 8; do
    port=$((low + (RANDOM * 32768 + RANDOM) % (high - low + 1)))
    port_is_free "$port" || continue
    # shellcheck disable=SC2086
    setsid bash -c 'exec -a "$0" "$@"' "$named" "$server" --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$dir" \
      --daemonize no --databases 1 ${REDIS_FLAGS:-} >"$dir/server.log" 2>&1 </dev/null &
    pid=$!
    for _ in {1..200}; do
      if grep -q 'Ready to accept connections' "$dir/server.log" 2>/dev/null; then
        echo "$pid" >"$dir/pid"
        echo "redis://127.0.0.1:$port"
        return
      fi
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.02
    done
    kill "$pid" 2>/dev/null || true
    # Somebody else took the port in between: another one. Anything else is told.
    grep -q 'Address already in use' "$dir/server.log" || break
  done
  tail -n 20 "$dir/server.log" >&2 || true
  die "the server did not start in $dir (its log is above)"
}

stop() {
  local pid
  pid=$(cat "$1/pid")
  rm -f "$1/pid"
  kill -9 "$pid" 2>/dev/null || true
}

case "${1:-}" in
  start) [ $# = 2 ] || usage; start "$2" ;;
  stop) [ $# = 2 ] || usage; stop "$2" ;;
  *) usage ;;
esac
