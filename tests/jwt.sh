#!/usr/bin/env bash
# Has verifiers of other people read signed access tokens of a running server, by each algorithm, while the keys
# are rotated: jose, go-oidc, joserfc, Authlib, Spring's resource server, Envoy's jwt_authn, nginx with auth-jwt and
# Apache with mod_oauth2. None may refuse a good token or take a forged one.
#
# Needs Python 3.11, Go, Node 20 and openssl. The rest is installed at pinned versions under target/tools, or by the
# system's packages.
# JETON_BINARY names a program to test in place of the debug build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

require go node openssl python3
install_venv tests/http/requirements.txt "$tools/http/venv"
install_node_modules tests/http/node "$tools/http/node"
install_venv tests/proxies/requirements.txt "$tools/proxies"
install_jwt_verifiers
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
go -C tests/jwt/verifier build -o "$tools/jwt/verifier" .
export NODE_MODULES=$tools/http/node/node_modules
"$tools/http/venv/bin/python3" tests/jwt/run.py "$JETON_BINARY" \
    "$(compgen -G "$tools/proxies/bin/envoy*" | head -n 1)" "$tools/jwt"
