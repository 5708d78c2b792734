#!/usr/bin/env bash
# power_loss.sh [ROUNDS]: cuts the power at random points under a load on the real sled engine, by
# replaying its system calls onto a disk that keeps what was synced and any part of the rest, and
# checks that nothing acknowledged is lost. Then the same on a disk that ignores fdatasync, where some
# rounds must fail, by a loss or by a store that finds itself damaged: a simulator that finds nothing
# there proves nothing. In half of the rounds the store's file is cleaned all the time. 60 rounds by
# default.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

rounds=${1:-60}
control_rounds=20
# As `cargo test` built it: what takes time is following each system call.
program=${CARGO_TARGET_DIR:-target}/debug/examples/power_loss

simulate() {
    python3 tests/power_loss/power_loss.py --program "$program" "$@"
}

install_strace
PYTHONPATH=tests/power_loss python3 -m unittest --quiet tests/power_loss/test_disk.py
cargo build --locked --example power_loss
# Several lives, so that stores which lost their power lose it again; two processes in each, the
# first of which ends without closing.
load='--operations 2500 --writers 400 --lifetime 1500'
# Both halves side by side: each is a store and a tracer of its own.
simulate --rounds $((rounds / 2)) --lives 3 --runs 2 --load "$load" &
first=$!
trap 'kill "$first" 2>/dev/null || true' EXIT
simulate --rounds $((rounds - rounds / 2)) --lives 3 --runs 2 --load "$load --spare-bytes 0"
wait "$first"
trap - EXIT
if ! simulate --control --rounds "$control_rounds" --runs 1 --load '--operations 2500'; then
    printf 'no round of the control failed: the simulator proves nothing\n' >&2
    exit 1
fi
