#!/usr/bin/env bash
# Runs the HTTP endpoints of the release binary against what others wrote: the code samples of five
# documented APIs, OAuth 2.0 libraries, clients generated from an OpenAPI description, schemathesis,
# and django-oauth-toolkit as a second opinion. Arguments go to pytest.
#
# Needs curl, Go and Node 20 beside what tests/clients.sh needs.
set -euo pipefail
# shellcheck source=tests/clients/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/clients/env.sh"
home=$tools/http

require() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { printf 'missing: %s\n' "$tool" >&2; return 1; }
    done
}

install_http_node() {
    local wanted=tests/http/node installed=$home/node
    cmp --silent "$wanted/package-lock.json" "$installed/node_modules/installed.json" && return
    rm -rf "$installed"
    mkdir -p "$installed"
    cp "$wanted/package.json" "$wanted/package-lock.json" "$installed"
    npm ci --prefix "$installed" --silent --no-fund --no-audit
    cp "$wanted/package-lock.json" "$installed/node_modules/installed.json"
}

require cargo curl go node npm python3
install_venv tests/http/requirements.txt "$home/venv"
install_http_node
build_jeton
exec "$home/venv/bin/pytest" -p no:cacheprovider tests/http "$@"
