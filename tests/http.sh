#!/usr/bin/env bash
# Runs the HTTP endpoints of the release binary against what others wrote: the code samples of five
# documented APIs, OAuth 2.0 libraries, clients generated from an OpenAPI description, schemathesis,
# and django-oauth-toolkit as a second opinion. Arguments go to pytest.
#
# Needs curl, Go, Node 20, a JDK and Maven beside what tests/clients.sh needs.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
home=$tools/http

require cargo curl go node npm python3
install_venv tests/http/requirements.txt "$home/venv"
install_node_modules tests/http/node "$home/node"
install_jars
build_jeton
exec "$home/venv/bin/pytest" -p no:cacheprovider tests/http "$@"
