#!/usr/bin/env bash
# postgres.sh: PostgreSQL as the store, a primary with two quorum standbys: the store's contract, the tests
# of one instance, and several behind one database while instances and the primary are killed and stopped.
#
# postgres.sh [ROUNDS]: so many histories of refreshes and revocations are recorded, by default 4.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/postgres/cluster.sh
source tests/postgres/cluster.sh

install_postgres
cluster=$(mktemp -d)
trap 'end_cluster "$cluster"' EXIT
start_cluster "$cluster"
JETON_TEST_CLUSTER=$cluster JETON_TEST_POSTGRES=$(url_of "$cluster")
export JETON_TEST_CLUSTER JETON_TEST_POSTGRES
cargo test --locked --lib -- --ignored store::postgres
# What one instance promises over its directory, over a database.
JETON_TEST_STORE=postgres JETON_TEST_ROUNDS=10 cargo test --locked --test introspect --test issue \
    --test refresh --test revoke -- --test-threads 2
# Those that kill a database start one each.
export JETON_TEST_ROUNDS=${1:-4}
cargo test --locked --test cluster -- --ignored --test-threads 2
