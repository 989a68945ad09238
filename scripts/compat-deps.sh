#!/usr/bin/env bash
# Installs what the Node and Python suites need, inside compat/: node_modules by npm ci, compat/python/.venv by pip.
# Does nothing when both are as the lock file and requirements.txt say.
#
#   scripts/compat-deps.sh [node] [python]      both without arguments
set -euo pipefail
cd "$(dirname "$0")/.."

missing() { printf 'compat-deps.sh: %s\n' "$*" >&2; exit 2; }

node_modules() {
  local stamp=compat/node_modules/.package-lock.json major
  command -v npm >/dev/null || scripts/apt.sh nodejs npm || true
  command -v npm >/dev/null || missing "Node.js 20 or newer and npm are missing (needed by compat/client and compat/interop)"
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || missing "Node.js $major is too old for Better Auth's client: version 20 or newer is needed"
  command -v openssl >/dev/null || scripts/apt.sh openssl || missing "openssl is missing (compat/client makes certificates with it)"
  if [ ! -f "$stamp" ] || [ compat/package-lock.json -nt "$stamp" ]; then
    npm ci --prefix compat --no-fund --no-audit --loglevel=error
    touch "$stamp"
  fi
}

python_env() {
  local venv=compat/python/.venv python=${PYTHON:-python3}
  local stamp=$venv/installed
  command -v "$python" >/dev/null || scripts/apt.sh python3 python3-venv || true
  command -v "$python" >/dev/null || missing "Python 3 is missing (needed by compat/python)"
  if [ ! -f "$stamp" ] || ! cmp -s compat/python/requirements.txt "$stamp"; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
      # Debian's python3 comes without the module that fills an environment.
      scripts/apt.sh python3-venv || missing "'$python -m venv' does not work: install Python's venv module (Debian: python3-venv)"
      rm -rf "$venv"
      "$python" -m venv "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement compat/python/requirements.txt
    cp compat/python/requirements.txt "$stamp"
  fi
}

[ $# -gt 0 ] || set -- node python
for part in "$@"; do
  case $part in
    node) node_modules ;;
    python) python_env ;;
    *) missing "unknown part '$part'" ;;
  esac
done
