# shellcheck shell=bash
# Sourced by the shell that runs a page's commands: servers go to the background, one at a time.
set -e -o pipefail

server=

# Ends the server, if there is one. It must end in order.
stop_server() {
    [[ -z $server ]] && return
    local stopped=$server
    server=
    kill -TERM "$stopped" 2>/dev/null || true
    wait "$stopped"
}

# Waits until the server answers, or says why it does not.
wait_for_server() {
    until command jeton health >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || { cat "$SAID/server" >&2; server=; return 1; }
        sleep 0.05
    done
}

jeton() {
    if [[ $1 != serve ]]; then
        command jeton "$@"
        return
    fi
    stop_server
    command jeton "$@" >"$SAID/server" 2>&1 &
    server=$!
    wait_for_server
}

# Of all servers on this machine the one that the page has started.
pidof() {
    printf '%s\n' "$server"
}
