#!/usr/bin/env bash
# failover.sh [ROUNDS [HISTORIES]]: pg_auto_failover's monitor and three nodes, an instance of jeton beside
# each, and a load whose every acknowledged fact is remembered. In each round the primary, a standby and the
# monitor are killed, the primary's cable is out, and its disk is full, each with so many histories that an order
# must explain. One round with 8 histories by default.
#
# JETON_TEST_PAUSE_SECONDS: the longest time without a write, by default the 20 of docs/failover.md. CI, which does
# other things beside it, allows more.
# Needs root: networks and disks of their own, in namespaces that end with all their processes.
# JETON_TEST_SOAK_SECONDS: rounds go on for so long, with a fault or two a minute, and the instances' memory stays.
# JETON_TEST_PACE_MILLIS: the shortest time between two calls of each of the 12 workers; without it they call as fast as
# they are answered.
# JETON_TEST_SKEWS='0 3600 -5': by how many seconds the clock beside each node is ahead. JETON_TEST_RELEASED: the
# program of an older release, which runs beside the second node.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

# Whatever of the machine's own the servers would share or leave behind.
enclosed() {
    mkdir -p /run/netns /run/postgresql
    mount -t tmpfs tmpfs /run/netns
    mount -t tmpfs -o mode=1777 tmpfs /run/postgresql
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    export JETON_BINARY=$PWD/tests/failover/at.sh
    # Not in the place of the shell, which is the first process here and waits for those that lost theirs.
    cargo test --locked --offline --test failover -- --ignored --nocapture
}

if [[ ${1:-} == --enclosed ]]; then
    enclosed
    exit
fi
install_auto_failover
JETON_TEST_FAKETIME=$(install_faketime)
export JETON_TEST_FAKETIME JETON_TEST_ROUNDS=${1:-1} JETON_TEST_HISTORIES=${2:-8}
cargo test --locked --test failover --no-run
unshare --net --mount --pid --ipc --fork --kill-child --mount-proc "${BASH_SOURCE[0]}" --enclosed
