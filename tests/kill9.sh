#!/usr/bin/env bash
# kill9.sh [ROUNDS] [--seed N]: kills the server with SIGKILL under load, restarts it on the same
# data and compares it with a ledger of what was acknowledged. 20 rounds by default.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_python
build_jeton
exec "$tools/venv/bin/python" tests/clients/kill9.py "$@"
