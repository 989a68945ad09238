#!/usr/bin/env bash
# Sees to what the build needs from the system: a C compiler, and OpenSSL's headers with pkg-config (josekit links OpenSSL).
#
#   scripts/setup.sh                 installs what is missing when root on Debian; says plainly what is missing elsewhere
#   scripts/setup.sh --cargo-args    prints the arguments by which cargo builds OpenSSL itself, when there are no headers
set -euo pipefail

missing() { printf 'setup.sh: %s\n' "$*" >&2; exit 2; }

has_openssl() { [ -n "${OPENSSL_DIR:-}" ] || { command -v pkg-config >/dev/null && pkg-config --exists 'openssl >= 1.1.1'; }; }
has_compiler() { command -v cc >/dev/null && printf '#include <stdlib.h>\nint main(void){return 0;}\n' | cc -xc -o /dev/null - 2>/dev/null; }
# What OpenSSL's own build asks for. Debian's perl-base lacks the modules.
has_source_build() { command -v make >/dev/null && command -v perl >/dev/null && perl -MFindBin -MIPC::Cmd -MFile::Compare -e1 2>/dev/null; }

if [ "${1:-}" = --cargo-args ]; then
  has_openssl || echo "--features auth-server/vendored"
  exit
fi
[ $# = 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }

command -v cargo >/dev/null || missing "cargo is missing: install Rust 1.95 or newer (rustup, or your system's package)"

packages=()
has_compiler || packages+=(gcc libc6-dev)
has_openssl || packages+=(libssl-dev pkg-config)
[ ${#packages[@]} = 0 ] || "$(dirname "$0")/apt.sh" "${packages[@]}" || true

has_compiler || missing "a C compiler with the C library's headers is missing.
  Debian, Ubuntu: gcc libc6-dev    Fedora: gcc glibc-devel    Alpine: gcc musl-dev    macOS: xcode-select --install"
if ! has_openssl; then
  has_source_build || missing "OpenSSL's headers are missing, and so are perl and make, which would build them. Install either.
  Debian, Ubuntu: libssl-dev pkg-config    Fedora: openssl-devel pkgconf    Alpine: openssl-dev pkgconf    macOS: brew install openssl pkgconf"
  echo "setup.sh: no OpenSSL headers (Debian: libssl-dev pkg-config): cargo builds OpenSSL from source, which takes minutes more"
fi
