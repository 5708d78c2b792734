#!/usr/bin/env bash
# release.sh [GRANTS]: rehearses a release. Two clones in two places build the same bytes
# (deploy/package/build.sh); the list of dependencies names each crate of the lock file that is in the program; the
# last release's store with GRANTS live grants, a million by default, is opened by this one, and then refused by the
# last release (tests/clients/upgrade.py).
#
# What is built is the last commit. Two builds of a release and one of the last take half an hour on two cores: this is
# not a part of .ci/run. Needs the repository's history.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
require cargo git dpkg-deb
# shellcheck source=tests/released.bash
source tests/released.bash

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build PLACE: builds a clone there, and keeps what came of it.
build() {
    git clone --quiet . "$work/$1"
    "$work/$1/deploy/package/build.sh" "$work/of-$(basename "$1")" >"$work/said" 2>&1 || { tail -n 20 "$work/said"; return 1; }
    rm -rf "$work/$1/target"
}

# Each crate that the program is linked of, with its version, is a component of the list.
check_list() {
    (cd "$work/one" && cargo tree --locked --edges normal --prefix none --format '{p}') |
        awk '{print $1, substr($2, 2)}' | sort --unique >"$work/linked"
    python3 - "$1/jeton.cdx.json" >"$work/listed" <<'LIST'
import json, sys
found = json.load(open(sys.argv[1]))
parts = [found["metadata"]["component"], *found["components"]]
print("\n".join(f'{part["name"]} {part["version"]}' for part in parts))
LIST
    sort --unique --output "$work/listed" "$work/listed"
    [[ $(wc -l <"$work/linked") -gt 100 ]]
    if comm -23 "$work/linked" "$work/listed" | grep .; then return 1; fi
    printf 'list of dependencies: %s crates are linked, each is listed\n' "$(wc -l <"$work/linked")"
}

install_cyclonedx
install_python
build one
build another/and/deeper
diff --recursive --brief "$work/of-one" "$work/of-deeper"
cat "$work/of-one/SHA256SUMS"
echo 'two builds in two places: the same bytes'
check_list "$work/of-one"

build_released release
JETON_BINARY=$work/of-one/jeton "$tools/venv/bin/python" tests/clients/upgrade.py "$released_program" "${1:-1000000}"
