#!/usr/bin/env bash
# Clients that keep their HTTP connections (the JDK's HttpClient, httpx, Go's net/http) post at a pause that
# once was the end of a connection, and lose nothing. From the environment:
#
#   JETON_KEEP_ALIVE_REQUESTS  requests of each of eight workers, 2 unless it says else; 13 take two minutes
#   JETON_KEEP_ALIVE_PAUSE     seconds between them, 10 unless it says else
#   JETON_BINARY               the program, else the release build
#
# Needs curl, Go and Python 3.11 beside Rust. A JDK is installed from the system's packages where there is none.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
requests=${JETON_KEEP_ALIVE_REQUESTS:-2} pause=${JETON_KEEP_ALIVE_PAUSE:-10} workers=8
install_java
install_venv tests/keep_alive/requirements.txt "$tools/keep_alive"
if [[ -z ${JETON_BINARY:-} ]]; then
    build_jeton
    JETON_BINARY=$PWD/target/release/jeton
fi

directory=$(mktemp -d)
log=$directory/log
: >"$log"
cd "$directory"
"$JETON_BINARY" serve --dev --grpc-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 \
    2>"$log" >/dev/null &
server=$!
cd "$OLDPWD"
trap 'kill "$server" 2>/dev/null; wait "$server" || true; rm -rf "$directory"' EXIT
address=
until [[ -n $address ]]; do
    kill -0 "$server" || { cat "$log" >&2; exit 1; }
    address=$(sed -n 's/.*"message":"serving".*"http":"\([^"]*\)".*/\1/p' "$log")
done

# The first use of a chosen secret waits for a hash; a busy server refuses some of many at once.
until curl --silent --fail --output /dev/null --user demo:demo-secret --data grant_type=client_credentials \
    "http://$address/oauth/token"; do
    kill -0 "$server"
done

arguments=("$address" "$workers" "$requests" "$pause")
go build -o "$directory/posts" tests/keep_alive/posts.go
clients=()
"$directory/posts" "${arguments[@]}" &
clients+=($!)
"$tools/keep_alive/bin/python" tests/keep_alive/posts.py "${arguments[@]}" &
clients+=($!)
java tests/keep_alive/Posts.java "${arguments[@]}" &
clients+=($!)
failed=0
for client in "${clients[@]}"; do
    wait "$client" || failed=1
done
exit "$failed"
