#!/usr/bin/env bash
# Makes the virtual environment on first use, then runs the API. `run.sh --install` only prepares.
set -euo pipefail
cd "$(dirname "$0")"

make_venv() {
  python3 -m venv .venv 2>/dev/null && return
  rm -rf .venv
  # Debian ships venv's installer apart from python3.
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing python3-venv" >&2
    apt-get update -q >/dev/null && apt-get install -yq --no-install-recommends python3-venv >/dev/null
    python3 -m venv .venv
  else
    echo "python3 cannot make a virtual environment here. On Debian or Ubuntu: apt-get install python3-venv" >&2
    return 1
  fi
}

command -v python3 >/dev/null || { echo "python3 is missing (3.10 or newer)." >&2; exit 1; }
# The copy of the requirements marks a finished install: an interrupted one is made anew.
if ! cmp -s requirements.txt .venv/requirements.installed; then
  rm -rf .venv
  make_venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt .venv/requirements.installed
fi
[ "${1:-}" = --install ] || exec .venv/bin/python app.py
