#!/usr/bin/env bash
# deploy/package/make.sh BINARY DIRECTORY: makes a tarball and a Debian package of a built jeton, with the manual's pages,
# completions of bash, zsh and fish, the units of systemd, and the settings to begin with. The same binary and the same
# SOURCE_DATE_EPOCH, by default the time of the commit, make the same bytes.
#
# Needs GNU tar, gzip and dpkg-deb. The program is run for its manual: it must be of this machine's kind.
set -euo pipefail
[[ $# == 2 ]] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
binary=$(realpath "$1")
mkdir -p "$2"
to=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Of `jeton 0.2.0 (0123456789ab)`, the second word.
read -r _ version _ <<<"$("$binary" --version)"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
machine=$(uname -m)
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# lay ROOT PREFIX PROGRAM-IN-UNITS: all files below ROOT/PREFIX.
lay() {
    local root=$1 base=$1/$2 unit
    install -D -m 0755 "$binary" "$base/bin/jeton"
    mkdir -p "$base/share/man/man1"
    "$binary" man --dir "$base/share/man/man1"
    gzip --no-name --best "$base"/share/man/man1/*.1
    "$binary" completions bash | install -D -m 0644 /dev/stdin "$base/share/bash-completion/completions/jeton"
    "$binary" completions zsh | install -D -m 0644 /dev/stdin "$base/share/zsh/vendor-completions/_jeton"
    "$binary" completions fish | install -D -m 0644 /dev/stdin "$base/share/fish/vendor_completions.d/jeton.fish"
    for unit in jeton jeton-agent; do
        sed "s#/usr/local/bin/jeton#$3#" "deploy/systemd/$unit.service" |
            install -D -m 0644 /dev/stdin "$base/lib/systemd/system/$unit.service"
    done
    install -D -m 0644 examples/jeton.toml "$base/share/doc/jeton/examples/jeton.toml"
    install -m 0644 README.md CHANGELOG.md "$base/share/doc/jeton"
    install -m 0644 LICENSE "$base/share/doc/jeton/copyright"
    find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

make_tarball() {
    local name=jeton-$version-linux-$machine
    lay "$work/tar/$name" . /usr/local/bin/jeton
    tar --create --directory "$work/tar" --sort=name --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" "$name" | gzip --no-name --best >"$to/$name.tar.gz"
    printf '%s\n' "$to/$name.tar.gz"
}

make_deb() {
    local root=$work/deb glibc file=$to/jeton_${version}_$architecture.deb
    lay "$root" usr /usr/bin/jeton
    # The newest symbol version of the C library that the program asks for; a static one asks for none.
    glibc=$(grep --text --only-matching 'GLIBC_[0-9.]*' "$binary" | sort --unique --version-sort | tail -n 1 | cut -d _ -f 2)
    mkdir "$root/DEBIAN"
    {
        printf 'Package: jeton\nVersion: %s\nArchitecture: %s\n' "$version" "$architecture"
        printf 'Maintainer: the authors of jeton <jeton@localhost>\nSection: net\nPriority: optional\n'
        printf 'Installed-Size: %s\n' "$(du --apparent-size --block-size=1024 --summarize "$root/usr" | cut -f 1)"
        [[ -z $glibc ]] || printf 'Depends: libc6 (>= %s), libgcc-s1\n' "$glibc"
        printf 'Recommends: ca-certificates\n'
        printf 'Description: token service over gRPC and OAuth\n'
        printf ' Issues, refreshes, revokes and introspects tokens over an embedded store or\n'
        printf ' PostgreSQL. The units jeton and jeton-agent are not enabled by the package.\n'
    } >"$root/DEBIAN/control"
    (cd "$root" && find usr -type f -print0 | sort --zero-terminated | xargs --null md5sum) >"$root/DEBIAN/md5sums"
    find "$root/DEBIAN" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null
    printf '%s\n' "$file"
}

make_tarball
make_deb
