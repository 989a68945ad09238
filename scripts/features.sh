#!/usr/bin/env bash
# Prints the cargo arguments that turn on every feature of the workspace, so that none goes untested. Left out: `default`,
# `testing` (tests turn it on themselves) and `vendored` (builds OpenSSL from source; on only where headers are missing).
set -euo pipefail
cd "$(dirname "$0")/.."

list=$(awk '
  FNR == 1 { section = ""; package = "" }
  /^\[/ { section = $0 }
  section == "[package]" && /^name *=/ { split($0, part, "\""); package = part[2] }
  section == "[features]" && /^[A-Za-z0-9_-]+ *=/ {
    sub(/ *=.*/, "")
    if ($0 !~ /^(default|testing|vendored)$/) print package "/" $0
  }
' crates/*/Cargo.toml examples/*/Cargo.toml | sort | paste -sd, -)
vendored=$(scripts/setup.sh --cargo-args)
vendored=${vendored#--features }
list=$list${vendored:+,$vendored}
[ -z "$list" ] || echo "--features $list"
