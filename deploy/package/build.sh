#!/usr/bin/env bash
# deploy/package/build.sh DIRECTORY: builds the release's program, a list of what is in it (CycloneDX), and the packages
# of make.sh. The same commit and the same version of Rust make the same bytes in whatever directory the tree lies.
#
# Needs cargo, cargo-cyclonedx, python3, and what make.sh needs.
set -euo pipefail
[[ $# == 1 ]] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
to=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tree=$PWD
registry=${CARGO_HOME:-$HOME/.cargo}
target=$tree/target
machine=$(rustc --print host-tuple)

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
# Paths stand in the texts of panics and in what C compilers write down.
RUSTFLAGS="--remap-path-prefix=$registry=/cargo --remap-path-prefix=$tree=/jeton"
CFLAGS="-ffile-prefix-map=$registry=/cargo -ffile-prefix-map=$tree=/jeton"
export SOURCE_DATE_EPOCH RUSTFLAGS CFLAGS
cargo build --release --locked --bin jeton --target-dir "$target"
install -m 0755 "$target/release/jeton" "$to/jeton"

cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$machine" --override-filename jeton.cdx
# Its time, its number and the tree's path would differ in each build.
python3 - jeton.cdx.json "$tree" >"$to/jeton.cdx.json" <<'LIST'
import datetime, json, os, sys, uuid
file, tree = sys.argv[1:]
listed = json.loads(open(file).read().replace(f"path+file://{tree}#", "path+file:///jeton#"))
built = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
listed["metadata"]["timestamp"] = built.strftime("%Y-%m-%dT%H:%M:%SZ")
del listed["serialNumber"]
listed["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(listed)).urn
print(json.dumps(listed, indent=2))
LIST
rm jeton.cdx.json
deploy/package/make.sh "$to/jeton" "$to"
(cd "$to" && sha256sum --binary jeton jeton.cdx.json jeton-*.tar.gz jeton_*.deb | tee SHA256SUMS)
