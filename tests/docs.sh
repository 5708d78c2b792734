#!/usr/bin/env bash
# Runs every command that the pages show, or says why not, and compares what they show of its output
# with what it says. Pages may be named. Addresses elsewhere are not asked: tests/docs.rs looks at their
# form alone.
#
# Needs Rust, Go, Python and curl. JETON_BINARY may name a binary to test instead of the release build.
set -euo pipefail
# shellcheck source=tests/clients/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/clients/env.sh"

install_grpcurl
if [[ -z ${JETON_BINARY:-} ]]; then
    build_jeton
    export JETON_BINARY=${CARGO_TARGET_DIR:-$PWD/target}/release/jeton
fi
exec python3 tests/docs/commands.py "$@"
