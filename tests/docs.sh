#!/usr/bin/env bash
# Runs every command that the pages show, or says why not, and compares what they show of its output
# with what it says. Pages may be named. Addresses elsewhere are not asked: tests/docs.rs looks at their
# form alone.
set -euo pipefail
# shellcheck source=tests/clients/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/clients/env.sh"

install_grpcurl
[[ -n ${JETON:-} ]] || build_jeton
exec python3 tests/docs/commands.py "$@"
