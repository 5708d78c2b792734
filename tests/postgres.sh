#!/usr/bin/env bash
# postgres.sh: the store's contract against a PostgreSQL primary with two quorum standbys.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/postgres/cluster.sh
source tests/postgres/cluster.sh

install_postgres
start_cluster
JETON_TEST_POSTGRES=$cluster_url cargo test --locked --all-features --lib -- --ignored store::postgres
