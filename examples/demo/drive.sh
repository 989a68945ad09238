# Sourced by the demos. `drive NAME SCRIPT BIN` runs a driver in Node with a temporary directory of its own, which goes when
# the shell ends, however that ends (DEMO_KEEP=1 keeps it). The status is the driver's.
# shellcheck shell=bash

# Backstop: the driver stops its processes itself; whatever it left (a crash, kill -9) is stopped here, by the ids it wrote down.
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

drive() {
  local status=0
  dir=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
  driver=
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  node "$2" "$dir" "$3" &
  driver=$!
  wait "$driver" || status=$?
  driver=
  return "$status"
}
