#!/usr/bin/env bash
# failing_disk.sh [ROUNDS] [--seed N]: makes the disk of the running server fail under load, each time
# in another way: syncs or writes end with an error, or a sync never ends. Insists that it stops
# acknowledging, says why and ends; restarts it on the same data and compares it with a ledger of
# what was acknowledged. 4 rounds, one for each way, by default.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_python
install_strace
build_jeton
exec "$tools/venv/bin/python" tests/clients/failing_disk.py "$@"
