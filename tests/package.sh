#!/usr/bin/env bash
# package.sh: what users install. actionlint reads the workflow of .github; `cargo package` makes a crate that is small
# and builds, and warns of nothing but the tests that it leaves out; `cargo install` installs a program that runs; the tarball and
# the Debian package of deploy/package/make.sh are unpacked, and their program, manual, completions, settings and units are
# tried.
#
# Needs cargo, go and dpkg, and root where man-db or systemd are missing. JETON_BINARY names a binary that is built
# already; `cargo install`, which builds a release, is left out then.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
require cargo go dpkg-deb tar
most_crate_bytes=1500000

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# crate: one that is small, from which all is built.
check_crate() {
    local crate bytes
    cargo package --locked --allow-dirty 2>"$work/said" || { cat "$work/said" >&2; return 1; }
    # Tests, examples and benchmarks stay in the repository.
    grep '^warning' "$work/said" >"$work/warnings" || true
    if grep --invert-match --extended-regexp '^warning: ignoring (test|example|benchmark) ' "$work/warnings"; then return 1; fi
    crate=$(cargo metadata --format-version 1 --no-deps --locked | python3 -c '
import json, sys
found = json.load(sys.stdin)
[package] = found["packages"]
print("{}/package/{}-{}.crate".format(found["target_directory"], package["name"], package["version"]))')
    bytes=$(stat -c %s "$crate")
    printf 'crate: %s bytes, of %s at most\n' "$bytes" "$most_crate_bytes"
    ((bytes <= most_crate_bytes))
    # Nothing of the tests, and no file of somebody's that lay about.
    if tar --list --file "$crate" | grep --extended-regexp '^[^/]+/(tests|docs|deploy|target)/'; then return 1; fi
}

check_install() {
    cargo install --path . --locked --quiet --no-track --root "$work/installed"
    [[ $("$work/installed/bin/jeton" --version) == "$version"* ]]
    printf 'cargo install: %s\n' "$("$work/installed/bin/jeton" --version)"
}

# check_files ROOT PREFIX: the parts of a package, as those who use them see them.
check_files() {
    local base=$1/$2 unit page
    [[ $("$base/bin/jeton" --version) == "$version"* ]]
    for page in jeton jeton-serve jeton-agent jeton-client-create; do
        man --warnings --local-file "$base/share/man/man1/$page.1.gz" >"$work/page" 2>"$work/complaints"
        [[ -s $work/page && ! -s $work/complaints ]] || { cat "$work/complaints"; return 1; }
    done
    # The function of the completion knows the commands.
    bash -euc 'source "$1"; complete -p jeton >/dev/null; COMP_WORDS=(jeton ser) COMP_CWORD=1
        "$(complete -p jeton | sed "s/.*-F \([^ ]*\).*/\1/")" jeton ser jeton; [[ ${COMPREPLY[*]} == serve ]]' \
        bash "$base/share/bash-completion/completions/jeton"
    grep --quiet '^#compdef jeton' "$base/share/zsh/vendor-completions/_jeton"
    grep --quiet '^complete -c jeton' "$base/share/fish/vendor_completions.d/jeton.fish"
    # It names variables for its secrets.
    env ORDERS_SECRET=violet-tram-84-linden ALICE_PASSWORD=violet-tram-84-linden \
        "$base/bin/jeton" check --config "$base/share/doc/jeton/examples/jeton.toml" >/dev/null
    [[ -s $base/share/doc/jeton/copyright && -s $base/share/doc/jeton/README.md ]]
    mkdir -p "$work/units"
    for unit in jeton jeton-agent; do
        # The program is elsewhere: it is the paths that are put right.
        sed "s#ExecStart=[^ ]*#ExecStart=$base/bin/jeton#" "$base/lib/systemd/system/$unit.service" >"$work/units/$unit.service"
        systemd-analyze verify --man=no "$work/units/$unit.service"
    done
}

check_packages() {
    local tarball deb name
    deploy/package/make.sh "$binary" "$work/first" >/dev/null
    deploy/package/make.sh "$binary" "$work/second" >/dev/null
    diff --recursive "$work/first" "$work/second"
    tarball=$(compgen -G "$work/first/jeton-*.tar.gz") deb=$(compgen -G "$work/first/jeton_*.deb")
    mkdir "$work/unpacked"
    tar --extract --directory "$work/unpacked" --file "$tarball"
    name=$(basename "$tarball" .tar.gz)
    [[ $(ls "$work/unpacked") == "$name" ]]
    check_files "$work/unpacked/$name" .
    grep --quiet '^ExecStart=/usr/local/bin/jeton ' "$work/unpacked/$name/lib/systemd/system/jeton.service"
    printf 'tarball: %s, %s bytes\n' "$(basename "$tarball")" "$(stat -c %s "$tarball")"
    # With a database of packages of its own, where there is nothing else.
    mkdir -p "$work/system/var/lib/dpkg/"{info,updates,triggers}
    touch "$work/system/var/lib/dpkg/"{status,available}
    dpkg --root="$work/system" --force-depends --force-not-root --log=/dev/null --install "$deb" >/dev/null 2>&1
    dpkg --root="$work/system" --verify jeton
    check_files "$work/system" usr
    grep --quiet '^ExecStart=/usr/bin/jeton ' "$work/system/usr/lib/systemd/system/jeton.service"
    dpkg-deb --show --showformat='Debian package: ${Package} ${Version} ${Architecture}, needs ${Depends}\n' "$deb"
    dpkg --root="$work/system" --force-not-root --log=/dev/null --purge jeton >/dev/null 2>&1
    [[ -z $(find "$work/system/usr" -type f 2>/dev/null) ]]
}

install_actionlint
install_systemd
install_man
# What a shellcheck of this machine finds is no matter of the workflow.
actionlint -shellcheck= -pyflakes= .github/workflows/*.yml
printf 'workflows: %s\n' "$(actionlint --version | head -n 1)"
[[ -n ${JETON_BINARY:-} ]] || build_jeton
binary=${JETON_BINARY:-target/release/jeton}
version="jeton $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
check_crate
[[ -n ${JETON_BINARY:-} ]] || check_install
check_packages
echo 'package: what users install is whole'
