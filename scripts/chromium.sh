#!/usr/bin/env bash
# Prints the path of Chromium or Chrome for the browser suites; installs Debian's where there is none and that is possible.
# The variable CHROMIUM names another one.
set -euo pipefail

find_chromium() {
  [ -z "${CHROMIUM:-}" ] || { echo "$CHROMIUM"; return; }
  command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable
}

find_chromium || {
  "$(dirname "$0")/apt.sh" chromium || true
  find_chromium
} || {
  echo "chromium.sh: no Chromium: install it (Debian: chromium), or set CHROMIUM=/path/to/chromium" >&2
  exit 2
}
