#!/usr/bin/env bash
# Runs README.md's quick start as a reader would, and compares each answer with the one that is printed there.
#
#   scripts/readme-check.sh [README]        PROFILE=dev (the default here) or release: the build to start
#
# Taken are the `sh` blocks after a line `<!-- ci:quickstart -->`, in order, in one shell and an empty directory.
# `make run` and `make api` start in the background; every port is replaced by a private one; curl fails on an HTTP error.
# Comment lines directly below a command are its expected output when they look like one ({, [, ", null or =>);
# `...` or `…` in them stands for anything.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd -P)
readme=$(readlink -f "${1:-$repository/README.md}")
profile=${PROFILE:-dev}
[ -f "$readme" ] || { echo "readme-check.sh: $readme is missing" >&2; exit 2; }

directory=$(mktemp -d "${TMPDIR:-/tmp}/auth-readme.XXXXXX")
started=()
finish() {
  local group
  for group in "${started[@]}"; do
    kill -TERM -- "-$group" 2>/dev/null || true
    wait "$group" 2>/dev/null || true
  done
  rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  printf 'readme-check.sh: %s\n' "$*" >&2
  local log
  for log in "$directory"/*.log; do [ ! -s "$log" ] || { echo "--- $(basename "$log")"; tail -n 20 "$log"; } >&2; done
  exit 1
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
  local low=${README_PORTS:-20000-32000} high port
  high=${low#*-} low=${low%-*}
  for _ in {1..50}; do
    port=$((low + (RANDOM * 32768 + RANDOM) % (high - low + 1)))
    port_is_free "$port" && [ "$port" != "${server_port:-}" ] && { echo "$port"; return; }
  done
  fail "no free port in $low-$high"
}

# The lines of the marked blocks.
lines=$(awk '
  /^<!-- ci:quickstart -->/ { marked = 1; next }
  marked && /^```sh *$/ { inside = 1; marked = 0; next }
  inside && /^```/ { inside = 0; print ""; next }
  inside { print }
  marked && NF { marked = 0 }
' "$readme")
[ -n "$lines" ] || fail "$readme has no sh block after <!-- ci:quickstart -->"

server_port=$(free_port)
api_port=$(free_port)
address='(localhost|127\.0\.0\.1):([0-9]+)'
# The server's port is the one of the URLs with its base path; any other is the example API's.
documented=$(grep -oE "$address/api/(v1/)?auth" <<<"$lines" | sed -E "s#$address.*#\\2#" | sort -u || true)
[ "$(wc -w <<<"$documented")" = 1 ] || fail "the quick start names these ports of the server, instead of one: $documented"
lines=$(sed -E "s/\\b(localhost|127\\.0\\.0\\.1):$documented\\b/\\1:@server@/g; s/$address/\\1:$api_port/g; s/@server@/$server_port/g" <<<"$lines")

cd "$directory"
mkdir home data tmp
export HOME="$directory/home" TMPDIR="$directory/tmp"
# Nothing of the caller's environment may configure the server.
for name in NODE_ENV HOST DATABASE_URL APP_URL AUTH_CONFIG BETTER_AUTH_URL BETTER_AUTH_SECRET BETTER_AUTH_TRUSTED_ORIGINS; do unset "$name"; done
# Cargo and rustup keep theirs in the caller's home.
export CARGO_HOME=${CARGO_HOME:-$(eval echo ~"$(id -un)")/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$(eval echo ~"$(id -un)")/.rustup}

background() { # NAME URL-THAT-ANSWERS COMMAND...
  local name=$1 url=$2
  shift 2
  set -m
  "$@" >"$directory/$name.log" 2>&1 </dev/null &
  started+=($!)
  set +m
  for _ in {1..6000}; do
    command curl -s -o "$directory/ready" --max-time 2 "$url" && return
    kill -0 "${started[-1]}" 2>/dev/null || fail "'$name' ended instead of serving"
    sleep 0.1
  done
  fail "'$name' did not answer at $url"
}

curl() { command curl --fail-with-body -sS --max-time 30 "$@"; }

commands=0 answers=0
run() { # COMMAND EXPECTED
  local command=$1 expected=$2 code=0 actual pattern
  printf '  %s\n' "${command//$'\n'/$'\n'  }"
  case $command in
    "make run"*) background "make run" "http://127.0.0.1:$server_port/" \
      make -C "$repository" run "PROFILE=$profile" "PORT=$server_port" "DATA_DIR=$directory/data" ;;
    "make api"*) background "make api" "http://127.0.0.1:$api_port/" env "AUTH_ISSUER=http://localhost:$server_port" \
      "AUTH_JWKS_URL=http://127.0.0.1:$server_port/api/auth/jwks" make -C "$repository" api "PROFILE=$profile" "PORT=$api_port" ;;
    *) eval "$command" >"$directory/answer" 2>"$directory/error" || code=$? ;;
  esac
  commands=$((commands + 1))
  [ $code = 0 ] || fail "ended with $code: $command
$(cat "$directory/answer" "$directory/error")"
  [ -n "$expected" ] || return 0
  actual=$(tr -d ' \t\r\n' <"$directory/answer")
  # Everything but the wildcard is literal, also what bash would take for a pattern.
  pattern=$(tr -d ' \t\r\n' <<<"${expected#=>}" | sed -e 's/…/.../g' -e 's/[][\\*?(){}|!@+]/\\&/g' -e 's/\.\.\.\.*/*/g')
  # shellcheck disable=SC2053
  [[ $actual == $pattern ]] || fail "the README says
  $expected
but the answer to: $command
is
  $(cat "$directory/answer")"
  answers=$((answers + 1))
}

command='' expected=''
flush() {
  [ -z "$command" ] || run "$command" "$expected"
  command='' expected=''
}
complete() { bash -n <<<"$1" 2>/dev/null && [[ $1 != *\\ ]]; }
while IFS= read -r line <&4; do
  if [ -n "$command" ] && ! complete "$command"; then
    command+=$'\n'$line
  elif [[ $line =~ ^[[:space:]]*#[[:space:]]*((\{|\[|\"|null|=\>).*)$ ]] && [ -n "$command" ]; then
    expected+=${BASH_REMATCH[1]}
  elif [[ $line =~ ^[[:space:]]*(#.*)?$ ]]; then
    # An answer may go on over several comment lines; a blank line ends it.
    if [ -n "$expected" ] && [[ $line == *#* ]]; then expected+=${line#*#}; else flush; fi
  else
    flush
    command=$line
  fi
done 4<<<"$lines"
flush

printf 'README: %d commands ran, %d answers compared\n' "$commands" "$answers"
[ "$answers" -gt 0 ] || fail "the quick start prints no answers to compare"
