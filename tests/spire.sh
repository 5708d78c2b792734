#!/usr/bin/env bash
# Lets workloads log in with SVIDs of a real SPIRE: JWT-SVIDs as assertions, also by an agent of jeton that reads a
# file which is renewed, and X.509-SVIDs as certificates; one workload gets both from the Workload API by the spiffe
# crate. Those for another audience, of another workload, of another trust domain and expired ones are refused; SVIDs
# and authorities are rotated, and the bundle is followed.
#
# On demand: it needs Rust, Go 1.26, a C compiler, Python 3.11 and OpenSSL. Builds SPIRE at a pinned version, which takes
# some twenty minutes, 2 GB of memory and 5 GB of disk once, and the workload of tests/spire. JETON_BINARY names a
# program to test in place of the debug build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
require cargo go gcc openssl

install_spire
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
python3 tests/issuers/spire.py "$tools/bin/spire-server" "$tools/bin/spire-agent" \
    "$tools/workload/debug/workload" "$JETON_BINARY"
echo 'spire: a workload is the client that its SPIFFE ID is, and nobody else'
