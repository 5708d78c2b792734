#!/usr/bin/env bash
# Watches the server's system calls: every record is synced to disk between its write and the answer
# that speaks of it, and concurrent callers share a sync.
set -euo pipefail
# shellcheck source=tests/clients/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/clients/env.sh"

install_python
install_strace
build_jeton
exec "$tools/venv/bin/python" tests/clients/strace.py
