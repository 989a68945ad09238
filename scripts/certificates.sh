#!/usr/bin/env bash
# Makes certificates for tests: scripts/certificates.sh DIR
#   DIR/ca.pem       an authority              DIR/server.pem, DIR/server.key    of the name localhost, signed by it
#   DIR/other.pem    an authority that signed nothing
set -euo pipefail

[ $# = 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command -v openssl >/dev/null || "$(dirname "$0")/apt.sh" openssl || true
command -v openssl >/dev/null || { echo "certificates.sh: the program openssl is missing" >&2; exit 2; }

mkdir -p "$1"
cd "$1"
cat >openssl.cnf <<'CNF'
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = test authority
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
CNF
request=(openssl req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc)
{
  for authority in ca other; do
    "${request[@]}" -x509 -days 2 -subj "/CN=$authority" -keyout "$authority.key" -out "$authority.pem"
  done
  "${request[@]}" -subj /CN=server -keyout server.key -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile openssl.cnf -extensions server -out server.pem
} >openssl.log 2>&1 || { cat openssl.log >&2; exit 1; }
