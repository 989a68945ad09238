# shellcheck shell=bash
# For scripts that run a command beside a private server: `source beside.sh`, then `beside COMMAND [ARGUMENT...]`.
# The script's own `finish` stops the server and removes "$dir"; it runs however the command ends.

child=
trap finish EXIT
# The command gets a process group of its own: a signal (Ctrl-C too) then ends all of it, and the server after it.
for signal in INT TERM HUP; do
  # shellcheck disable=SC2064
  trap "[ -z \"\$child\" ] || kill -$signal -- -\$child 2>/dev/null || true" "$signal"
done

beside() {
  local code=0
  # Not from a terminal: a group in the background would be stopped when it reads from one.
  [ ! -t 0 ] || exec </dev/null
  set -m
  "$@" <&0 &
  child=$!
  set +m
  wait "$child" || code=$?
  # A trapped signal interrupts `wait`: wait again for the command's own end.
  while kill -0 "$child" 2>/dev/null; do
    code=0
    wait "$child" || code=$?
  done
  exit "$code"
}
