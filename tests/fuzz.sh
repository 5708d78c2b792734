#!/usr/bin/env bash
# fuzz.sh [SECONDS] [TARGET…]: gives each fuzz target, or those named, that many seconds, by default
# 5, beginning with the corpus in the tree. Inputs that it finds on the way are kept
# under target/fuzz, and what breaks a target there too, with the command that repeats it.
#
# It needs stable Rust and a C++ compiler. The flags are those of `cargo fuzz build -s none`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-5}
targets=("${@:2}")
[[ ${#targets[@]} -gt 0 ]] || targets=(token record settings http assertion)
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
host=$(rustc -vV | sed -n 's/^host: //p')
found=$target_dir/fuzz

flags=(
    --cfg=fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
)
# The versions are those that jeton is built with; only what the fuzzer itself needs is added.
cp Cargo.lock fuzz/Cargo.lock
# With --target the flags are not for build scripts and macros, which may then be those of any
# other build in this directory.
RUSTFLAGS="${flags[*]}" cargo build --quiet --manifest-path fuzz/Cargo.toml \
    --target-dir "$target_dir" --target "$host"

fuzz() {
    local target=$1
    local program=$target_dir/$host/debug/$target log=$found/$target.log
    mkdir -p "$found/$target"
    if "$program" "$found/$target" "fuzz/corpus/$target" -artifact_prefix="$found/$target-" \
        -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=2048 >"$log" 2>&1; then
        tail -n 1 "$log" | sed "s/^/$target: /"
    else
        tail -n 40 "$log"
        printf '%s: FAILED; again: %s %s-…\n' "$target" "$program" "$found/$target"
        return 1
    fi
}

failed=0
for target in "${targets[@]}"; do
    fuzz "$target" || failed=1
done
exit $failed
