#!/usr/bin/env bash
# failing_sync.sh [ROUNDS] [--seed N]: makes every fdatasync of the running server fail under load,
# insists that it stops acknowledging and ends, restarts it on the same data and compares it with a
# ledger of what was acknowledged. 5 rounds unless told otherwise.
set -euo pipefail
# shellcheck source=tests/clients/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/clients/env.sh"

install_python
install_strace
build_jeton
exec "$tools/venv/bin/python" tests/clients/failing_sync.py "$@"
