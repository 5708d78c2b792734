#!/usr/bin/env bash
# Watches the server's system calls: every record is synced to disk between its write and the answer
# that speaks of it, concurrent callers share a sync, and a first start syncs all that it makes.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_python
install_strace
build_jeton
"$tools/venv/bin/python" tests/clients/strace.py
exec "$tools/venv/bin/python" tests/clients/creation.py
