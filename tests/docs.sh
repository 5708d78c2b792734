#!/usr/bin/env bash
# Runs every command that the pages show, or says why not, and compares what they show of its output
# with what it says. Pages may be named. Addresses elsewhere are not asked: tests/docs.rs looks at their
# form alone.
#
# Needs Rust, Go, Python and curl. JETON_BINARY may name a binary to test instead of the release build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_grpcurl
if [[ -z ${JETON_BINARY:-} ]]; then
    build_jeton
    export JETON_BINARY=${CARGO_TARGET_DIR:-$PWD/target}/release/jeton
fi

# insist PAGE FAULTS: all that is planted in a page must be found.
insist() {
    local page=$1 found
    if found=$(python3 tests/docs/commands.py "$page"); then
        printf '%s: nothing was found in it\n' "$page" >&2
        return 1
    fi
    diff <(grep --only-matching "^$page:[0-9]*: .*" <<<"$found") - <<<"$2"
}

insist tests/docs/failing.md 'tests/docs/failing.md:3: exit code 2'
insist tests/docs/faulty.md "\
tests/docs/faulty.md:28: not run: because
tests/docs/faulty.md:5: unknown language 'yaml', and no reason why it is not run
tests/docs/faulty.md:9: settings that are refused
tests/docs/faulty.md:14: Expecting value: line 1 column 8 (char 7)
tests/docs/faulty.md:18: no <!-- from: FILE --> says what it is a part of
tests/docs/faulty.md:23: these are not lines of src/main.rs
tests/docs/faulty.md:28: that is no reason: because
tests/docs/faulty.md:35: the page shows something else
tests/docs/faulty.md:37: the page shows something else"
exec python3 tests/docs/commands.py "$@"
