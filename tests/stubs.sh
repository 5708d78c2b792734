#!/usr/bin/env bash
# stubs.sh: one command makes the API's stubs for Go, Python, Java and Node (buf.gen.yaml), and clients of each, those
# of examples/ and tests/stubs, have a session with a server by them.
#
# The plugins come from Go modules, the system's packages (of Python), Maven Central and npm, at pinned versions. Needs cargo, go, npm
# and python3. JETON_BINARY names a binary that is built already.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
require cargo go npm python3

work=$(mktemp -d)
server=
cleanup() {
    [[ -z $server ]] || { kill "$server" && wait "$server" || true; }
    rm -rf "$work"
}
trap cleanup EXIT

# session NAME COMMAND…: it must print what is expected.
session() {
    diff "$work/expected" <("${@:2}") || { printf '%s says something else\n' "$1" >&2; return 1; }
    printf '%s: a session by its stubs is as expected\n' "$1"
}

install_stub_plugins
[[ -n ${JETON_BINARY:-} ]] || build_jeton
binary=$(realpath "${JETON_BINARY:-target/release/jeton}")

PATH=$tools/stubs/bin:$tools/stubs/node_modules/.bin:$PATH \
    "$tools/buf/node_modules/.bin/buf" generate --output "$work"
for language in go python java node; do
    printf '%s: %s files\n' "$language" "$(find "$work/stubs/$language" -type f | wc -l)"
done

mkdir "$work/home"
(cd "$work/home" && exec env JETON_GRPC_LISTEN=127.0.0.1:0 JETON_HTTP_LISTEN=127.0.0.1:0 \
    JETON_OPS_LISTEN=127.0.0.1:0 JETON_LOG_FORMAT=json "$binary" serve --dev >/dev/null 2>"$work/log") &
server=$!
until grep --quiet '"message":"serving"' "$work/log"; do
    kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
    sleep 0.05
done
address=$(sed -n 's/.*"message":"serving".*"grpc":"\([^"]*\)".*/\1/p' "$work/log")
export JETON_CLIENT_ID=demo JETON_CLIENT_SECRET=demo-secret JETON_USER=alice JETON_PASSWORD=demo-password
cat >"$work/expected" <<'END'
active: alice read write
revoked: the watch says so
resumed: nothing was missed
active now: false
END

cp -r examples/go/. "$work/stubs/go"
(cd "$work/stubs/go" && go vet ./jeton/v1 && go build -mod=readonly -o "$work/session" .)
session go "$work/session" "$address"
session python env PYTHONPATH="$work/stubs/python" "$tools/examples/python/bin/python" \
    examples/python/session.py "$address"
mkdir "$work/classes"
find "$work/stubs/java" examples/java/src -name '*.java' >"$work/sources"
javac -nowarn -d "$work/classes" -cp "$tools/stubs/java/target/libraries/*" "@$work/sources"
session java java -cp "$work/classes:$tools/stubs/java/target/libraries/*" Session "$address"
sed --in-place '/^revoked:\|^resumed:/d' "$work/expected"
# Modules are looked for above the importing file.
cp -r "$work/stubs/node" tests/stubs/session.mjs "$tools/stubs"
session node node "$tools/stubs/session.mjs" "$address" "$tools/stubs/node"
echo 'stubs: buf generate makes what every client works with'
