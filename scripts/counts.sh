#!/usr/bin/env bash
# Adds up what the test runners in a log said (cargo test, node --test, pytest) and prints `N passed, N failed`.
# Fails when they said nothing: scripts/counts.sh LOG
set -euo pipefail

sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
  function add(text, word,   found) {
    return match(text, "[0-9]+ " word) ? substr(text, RSTART, RLENGTH) + 0 : 0
  }
  /^test result: / { runs++; passed += add($0, "passed"); failed += add($0, "failed"); next }
  /^(ℹ|#) pass [0-9]+$/ { runs++; passed += $3 }
  /^(ℹ|#) (fail|cancelled) [0-9]+$/ { failed += $3 }
  /[0-9]+ (passed|failed|error)s?.* in [0-9.]+s/ { runs++; passed += add($0, "passed"); failed += add($0, "failed") + add($0, "error") }
  END { printf "%d passed, %d failed\n", passed, failed; exit runs == 0 }
'
