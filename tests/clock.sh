#!/usr/bin/env bash
# clock.sh: a server whose clock is set by a hundred days, ahead and back, by libfaketime.
#
# Elapsed time on the machine is that of the server; only the time of day is another.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
JETON_TEST_FAKETIME=$(install_faketime)
export JETON_TEST_FAKETIME
cargo test --locked --test clock -- --ignored
