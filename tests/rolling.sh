#!/usr/bin/env bash
# rolling.sh [ROUNDS]: instances of the last release are replaced one by one by those of this one, over one
# PostgreSQL and under load: what either acknowledges holds at both. One round by default.
#
# The last release is built once from the repository's history, which takes two minutes.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
# shellcheck source=tests/postgres/cluster.sh
source tests/postgres/cluster.sh
# shellcheck source=tests/released.bash
source tests/released.bash

install_postgres
build_released dev
cargo test --locked --test cluster --no-run
cluster=$(mktemp -d)
trap 'end_cluster "$cluster"' EXIT
start_cluster "$cluster"
JETON_TEST_CLUSTER=$cluster JETON_TEST_POSTGRES=$(url_of "$cluster")
export JETON_TEST_CLUSTER JETON_TEST_POSTGRES JETON_TEST_RELEASED=$released_program JETON_TEST_ROUNDS=${1:-1}
export JETON_BINARY=$PWD/tests/failover/at.sh
cargo test --locked --test cluster -- --ignored --nocapture --test-threads 1 rolling::
