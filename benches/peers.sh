#!/usr/bin/env bash
# peers.sh [OPTIONS of peers.py]: installs the token services that jeton is measured beside, at pinned versions under
# target/tools, and measures. Needs Java, Maven, Node and Python; wrk is a package of the system.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/../tests/tools.bash"

install_packages /usr/bin/wrk wrk
install_venv benches/peers/requirements.txt "$tools/peers/venv"
install_node_modules benches/peers "$tools/peers/node"
install_keycloak
[[ -x target/release/jeton ]] || build_jeton
exec python3 benches/peers.py --tools "$tools/peers" "$@"
