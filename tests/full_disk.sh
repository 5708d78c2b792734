#!/usr/bin/env bash
# full_disk.sh [ROUNDS] [--seed N]: fills the small file system that the store lies on while the
# server issues, refreshes, revokes, is backed up, sweeps or starts, once with and once without space to
# keep free,
# and compares what is there afterwards with a ledger of what was acknowledged. 12 rounds, one of
# each kind, by default.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

# A file system of its own takes root, or a user namespace in which we are root.
as_root=()
probe=$(mktemp -d)
if mount -t tmpfs -o size=1m tmpfs "$probe" 2>/dev/null; then
    umount "$probe"
else
    as_root=(unshare --user --map-root-user --mount)
fi
rmdir "$probe"

install_python
[[ -n ${JETON_BINARY:-} ]] || build_jeton
past=$tools/past.so
cc -shared -fPIC -O1 -o "$past" tests/clients/past.c
JETON_PAST=$past exec "${as_root[@]}" "$tools/venv/bin/python" tests/clients/full_disk.py "$@"
