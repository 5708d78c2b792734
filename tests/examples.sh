#!/usr/bin/env bash
# Runs the examples of clients and of services against a real server, and compares what they say.
#
# Needs Rust, Go, Python, Node 20 and a C++ compiler; Java and Maven are the system's packages. The protoc and the gRPC of C++ are those of the
# system's packages (on Debian 12 protoc 3.21); everything else is installed at pinned versions under
# target/tools. JETON may name a binary to test instead of the release build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
home=$tools/examples

# generate PLUGIN-OPTIONS...: runs protoc over the API.
generate() {
    "$home/protoc/bin/python" -m grpc_tools.protoc -I proto "$@" jeton/v1/token_service.proto
}

install_protoc() {
    install_venv tests/examples/requirements.txt "$home/protoc"
}

prepare_python() {
    install_venv examples/python/requirements.txt "$home/python"
    generate --python_out="$home/python" --grpc_python_out="$home/python"
}

prepare_go() {
    install_protoc_plugins
    mkdir -p "$home/go" "$home/bin"
    cp -r examples/go/. "$home/go"
    local package=jeton.example/jeton/v1
    generate --plugin="$tools/bin/protoc-gen-go" --plugin="$tools/bin/protoc-gen-go-grpc" \
        --go_out="$home/go" --go_opt=paths=source_relative,Mjeton/v1/token_service.proto="$package;jetonv1" \
        --go-grpc_out="$home/go" \
        --go-grpc_opt=paths=source_relative,Mjeton/v1/token_service.proto="$package;jetonv1"
    (cd "$home/go" && go build -mod=readonly -o "$home/bin/session" . &&
        go build -mod=readonly -o "$home/bin/guarded" ./guarded &&
        go build -mod=readonly -o "$home/bin/asks-agent" ./asks_agent)
}

prepare_node() {
    install_node_modules examples/node "$home/node"
    cp examples/node/*.mjs "$home/node"
}

prepare_java() {
    install_java
    install_maven
    mkdir -p "$home/java"
    cp -r examples/java/. "$home/java"
    mvn --quiet --batch-mode --file "$home/java/pom.xml" -Dprotos="$PWD/proto" compile
}

# The API as an old protoc compiles it, all of its files.
prepare_cpp() {
    install_cpp
    mkdir -p "$home/cpp"
    protoc --version
    protoc -I proto --cpp_out="$home/cpp" --grpc_out="$home/cpp" \
        --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" proto/jeton/v1/*.proto
    # shellcheck disable=SC2046  # a list of flags
    c++ -std=c++17 -I "$home/cpp" -o "$home/bin/session-cpp" examples/cpp/session.cc \
        "$home"/cpp/jeton/v1/token_service.{pb,grpc.pb}.cc $(pkg-config --cflags --libs grpc++ protobuf)
}

# start_server ARGUMENTS...: starts the server with the settings of --dev in a directory of its own, at
# free ports, and says where in `address`.
start_server() {
    work=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
    (cd "$work" && JETON_GRPC_LISTEN=127.0.0.1:0 JETON_HTTP_LISTEN=127.0.0.1:0 \
        JETON_OPS_LISTEN=127.0.0.1:0 JETON_LOG_FORMAT=json exec "$jeton" serve --dev "$@") \
        >"$work/out" 2>"$work/log" &
    server=$!
    until grep --quiet '"message":"serving"' "$work/log"; do
        kill -0 "$server" || { cat "$work/log" >&2; return 1; }
        sleep 0.05
    done
    address=$(python3 -c 'import json, sys
lines = map(json.loads, sys.stdin)
print(next(line["grpc"] for line in lines if line.get("message") == "serving"))' <"$work/log")
}

# make_certificate DIRECTORY: a CA in ca.pem, and what it has issued for localhost in server.pem.
make_certificate() {
    (cd "$1" && {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
            -keyout ca.key -out ca.pem -subj /CN=examples
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key \
            -out server.csr -subj /CN=localhost
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 1 -out server.pem \
            -extfile <(printf 'subjectAltName=DNS:localhost')
    } 2>/dev/null)
}

# sessions ADDRESS: each language's says the same.
sessions() {
    cat >"$work/expected" <<'END'
active: alice read write
revoked: the watch says so
resumed: nothing was missed
active now: false
END
    session python env PYTHONPATH="$home/python" "$home/python/bin/python" examples/python/session.py "$1"
    session go "$home/bin/session" "$1"
    session node node "$home/node/session.mjs" "$1" "$PWD/proto"
    session java java -cp "$home/java/target/classes:$home/java/target/libraries/*" Session "$1"
}

# start_agent NAME FLAGS…: starts one beside the server, on the socket NAME.sock.
start_agent() {
    local name=$1
    shift
    "$jeton" agent --listen "unix:$work/$name.sock" --ops-listen off "$@" 2>"$work/$name.log" &
    until "$jeton" health --server "unix:$work/$name.sock" >/dev/null 2>&1; do
        kill -0 $! || { cat "$work/$name.log" >&2; return 1; }
        sleep 0.05
    done
}

# start_orders: registers a client that exchanges tokens, and starts its agent.
start_orders() {
    local admin=(env JETON_CLIENT_ID=admin JETON_CLIENT_SECRET=admin-secret "$jeton") secret
    "${admin[@]}" client update demo --audience billing --audience orders --audience jeton >/dev/null
    secret=$("${admin[@]}" client create orders --grant client_credentials --grant token_exchange \
        --audience jeton --allowed-scope read --may-exchange-to billing --introspect audience \
        --field client_secret)
    JETON_CLIENT_SECRET=$secret start_agent orders --client-id orders --exchange-to billing
}

# calls_next: orders is called with a user's token, and calls billing with what its agent has exchanged for it.
calls_next() {
    local shown active
    shown=$("$jeton" token issue --user alice --field access_token)
    env PYTHONPATH="$home/python" "$home/python/bin/python" examples/python/calls_next.py \
        "unix:$work/orders.sock" <<<"$shown" >"$work/next"
    "$jeton" token introspect <"$work/next" --field username
    "$jeton" token introspect <"$work/next" --field client_id
    "$jeton" token revoke <<<"$shown" >/dev/null
    active=$("$jeton" token introspect <"$work/next" --field active)
    printf 'good after the logout: %s\n' "$active"
}

# asks COMMAND...: what a service says that is shown a token, and then garbage.
asks() {
    printf '%s\ngarbage\n' "$token" | "$@"
}

# services_ask_the_agent: each language's says the same.
services_ask_the_agent() {
    local agent=unix:$work/agent.sock
    session 'python asks its agent' asks env PYTHONPATH="$home/python" "$home/python/bin/python" \
        examples/python/asks_agent.py "$agent"
    session 'go asks its agent' asks "$home/bin/asks-agent" "$agent"
    session 'node asks its agent' asks node "$home/node/asks_agent.mjs" "$agent" "$PWD/proto"
    session 'java asks its agent' asks java -cp "$home/java/target/classes:$home/java/target/libraries/*" \
        AsksAgent "$agent"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# session NAME COMMAND...: a client's session must say what every other's does.
session() {
    local name=$1
    shift
    diff "$work/expected" <("$@") || { printf '%s says something else\n' "$name" >&2; return 1; }
    printf '%s: as expected\n' "$name"
}

require c++ cargo go node npm openssl python3
target=${CARGO_TARGET_DIR:-$PWD/target}
jeton=${JETON:-}
if [[ -z $jeton ]]; then
    build_jeton
    jeton=$target/release/jeton
fi
# As `cargo test` has built them: what is compared is what they say.
cargo build --locked --example guarded_axum --example guarded_tonic --example asks_agent
services=$target/debug/examples
install_protoc
prepare_python
prepare_go
prepare_node
prepare_java
prepare_cpp
export JETON_CLIENT_ID=demo JETON_CLIENT_SECRET=demo-secret JETON_USER=alice JETON_PASSWORD=demo-password

certificates=$(mktemp -d)
make_certificate "$certificates"
start_server --tls-cert "$certificates/server.pem" --tls-key "$certificates/server.key"
JETON_CA=$certificates/ca.pem sessions "localhost:${address##*:}"
printf 'over TLS: as expected\n'
kill "$server"
wait "$server"
rm -rf "$work" "$certificates"

start_server
sessions "$address"
session c++ "$home/bin/session-cpp" "$address"

# The agent answers from memory: it hears of the revocation in its own time.
export JETON_SERVER=http://$address
start_agent agent
start_orders
printf 'alice\norders\ngood after the logout: false\n' >"$work/expected"
session 'python calls the next service' calls_next
token=$("$jeton" token issue --user alice --field access_token)
printf 'welcome, alice\nrefused\n' >"$work/expected"
services_ask_the_agent
rust=127.0.0.1:$(free_port)
"$services/asks_agent" "unix:$work/agent.sock" "$rust" >"$work/asks" &
until grep --quiet serving "$work/asks"; do
    kill -0 $! || { printf 'the service does not serve\n' >&2; exit 1; }
    sleep 0.05
done
cat >"$work/expected" <<'END'
UNAUTHENTICATED a bearer token is required
OK b'\x08\x01'
PERMISSION_DENIED the token lacks a scope
UNAUTHENTICATED the token is not good here
END
session 'rust service with an agent' env PYTHONPATH="$home/python:examples/python" "$home/python/bin/python" \
    tests/examples/services.py "$address" "$rust"
"$jeton" token revoke <<<"$token"
until [[ $(asks "$home/bin/asks-agent" "unix:$work/agent.sock") == refused* ]]; do
    sleep 0.05
done
printf 'refused\nrefused\n' >"$work/expected"
services_ask_the_agent
unset JETON_SERVER

# Both are built on the same validator; each gets its own.
axum=127.0.0.1:$(free_port)
tonic=127.0.0.1:$(free_port)
"$services/guarded_axum" "http://$address" "$axum" >"$work/axum" &
"$services/guarded_tonic" "http://$address" "$tonic" >"$work/tonic" &
until grep --quiet serving "$work/axum"; do
    kill -0 $! || { printf 'the services do not serve\n' >&2; exit 1; }
    sleep 0.05
done
cat >"$work/expected" <<'END'
401 Bearer realm="billing"
200 alice
403 Bearer realm="billing", error="insufficient_scope", scope="read"
UNAUTHENTICATED a bearer token is required
OK b'\x08\x01'
PERMISSION_DENIED the token lacks a scope
401 Bearer realm="billing", error="invalid_token"
UNAUTHENTICATED the token is not good here
END
session 'rust services' env PYTHONPATH="$home/python:examples/python" "$home/python/bin/python" \
    tests/examples/services.py "$address" "$axum" "$tonic"

# The same in other languages, which ask about each request.
go=127.0.0.1:$(free_port)
python=127.0.0.1:$(free_port)
"$home/bin/guarded" "$address" "$go" &
env PYTHONPATH="$home/python" "$home/python/bin/python" examples/python/guarded.py "$address" "$python" &
cat >"$work/expected" <<'END'
401 Bearer realm="billing"
200 alice
403 Bearer realm="billing", error="insufficient_scope", scope="read"
401 Bearer realm="billing", error="invalid_token"
END
for service in go python; do
    session "$service service" env PYTHONPATH="$home/python:examples/python" "$home/python/bin/python" \
        tests/examples/guarded.py "$address" "${!service}"
done

# A token service of its own, which is restarted under services that are called all the time.
env PYTHONPATH="$home/python:examples/python" "$home/python/bin/python" tests/examples/restart.py \
    "$(realpath "$jeton")" "$services/guarded_axum" "$services/guarded_tonic" "$work/restart"
