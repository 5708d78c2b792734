#!/usr/bin/env bash
# Lets people of a real identity provider log in: a Keycloak with an imported realm. A person's ID token becomes
# a login or an exchange, once; `jeton login --issuer` is driven by a small HTTP client that fills in the login form; a
# group makes an administrator for as long as it is stated; a client's service account is a client here by its
# own token, without a secret.
#
# On demand: it needs Java 17 and Maven, 177 MB to fetch and about a minute for Keycloak to start. Keycloak is
# installed from Maven Central at a pinned version under target/tools. JETON_BINARY names a program to test in
# place of the debug build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_keycloak
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
python3 tests/keycloak/run.py "$tools/keycloak" "$JETON_BINARY"
echo 'keycloak: people and workloads logged in, and nobody who should not have'
