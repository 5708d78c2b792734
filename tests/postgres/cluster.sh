# shellcheck shell=bash
# Sourced: a PostgreSQL primary on loopback with two standbys, of which one has to confirm every
# commit. Each lies in a directory of its own with what belongs to it, and there may be several.

postgres() {
    local program=$1 bin
    shift
    bin=${JETON_TEST_POSTGRES_BIN:-$(compgen -G '/usr/lib/postgresql/*/bin' | sort --version-sort | tail -n 1)}
    # PostgreSQL refuses to be root.
    if [[ $EUID -eq 0 ]]; then
        runuser --user postgres -- "$bin/$program" "$@"
    else
        "$bin/$program" "$@"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# port_of CLUSTER NODE
port_of() {
    cat "$1/$2.port"
}

# configure CLUSTER NODE
configure() {
    free_port >"$1/$2.port"
    cat >>"$1/$2/postgresql.conf" <<SETTINGS
port = $(port_of "$1" "$2")
listen_addresses = '127.0.0.1'
unix_socket_directories = '$1'
max_connections = 200
shared_buffers = 64MB
# In the node's directory: a server that is killed removes nothing of what it has in /dev/shm.
dynamic_shared_memory_type = mmap
wal_receiver_timeout = 3s
wal_retrieve_retry_interval = 200ms
SETTINGS
}

# start_node CLUSTER NODE
start_node() {
    postgres pg_ctl --pgdata "$1/$2" --log "$1/log/$2" --wait --silent start
}

# processes_of CLUSTER NODE: the server, and then what it has started.
processes_of() {
    local server
    server=$(head -n 1 "$1/$2/postmaster.pid")
    printf '%s\n' "$server"
    tr ' ' '\n' <"/proc/$server/task/$server/children"
}

# signal_node CLUSTER NODE SIGNAL: the server first, so that it starts no more.
signal_node() {
    local process
    for process in $(processes_of "$1" "$2"); do
        kill "-$3" "$process" 2>/dev/null || true
    done
    [[ $3 == CONT ]] && return
    # What it started while it was being signalled.
    for process in $(processes_of "$1" "$2" 2>/dev/null); do
        kill "-$3" "$process" 2>/dev/null || true
    done
}

# sql CLUSTER NODE STATEMENT [DATABASE]
sql() {
    postgres psql --quiet --no-align --tuples-only --host 127.0.0.1 --port "$(port_of "$1" "$2")" \
        --username jeton --dbname "${4:-postgres}" --command "$3"
}

# encrypt CLUSTER NODE: offers TLS, with the certificate and the key that lie in the cluster.
encrypt() {
    local owner=()
    [[ $EUID -eq 0 ]] && owner=(--owner postgres)
    install --mode 600 "${owner[@]}" "$1/server.key" "$1/$2/server.key"
    install --mode 600 "${owner[@]}" "$1/server.pem" "$1/$2/server.crt"
    sql "$1" "$2" 'ALTER SYSTEM SET ssl = on'
    sql "$1" "$2" 'SELECT pg_reload_conf()' >/dev/null
    until [[ $(sql "$1" "$2" 'SHOW ssl') == on ]]; do :; done
}

# pool CLUSTER MODE DATABASE: puts a pooler before the primary, which ends with the cluster, and prints its
# port once it answers.
pool() {
    local port place=$1/pooler-$2 run=() attempt
    port=$(free_port)
    cat >"$place.ini" <<SETTINGS
[databases]
* = host=127.0.0.1 port=$(port_of "$1" primary) user=jeton
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = $2
logfile = $place.log
pidfile = $place.pid
SETTINGS
    if [[ $EUID -eq 0 ]]; then
        chown postgres "$place.ini"
        run=(runuser --user postgres --)
    fi
    "${run[@]}" /usr/sbin/pgbouncer --daemon --quiet "$place.ini"
    for attempt in {1..500}; do
        postgres psql --quiet --host 127.0.0.1 --port "$port" --username jeton --dbname "$3" \
            --command "SELECT $attempt" >/dev/null 2>&1 && printf '%s\n' "$port" && return
    done
    cat "$place.log" >&2
    return 1
}

# promote CLUSTER: the standby that has received more, since one of the two has confirmed every
# commit; it needs the other one to confirm from now on. Prints which.
promote() {
    local first second behind
    first=$(sql "$1" standby1 "SELECT pg_last_wal_receive_lsn() - '0/0'")
    second=$(sql "$1" standby2 "SELECT pg_last_wal_receive_lsn() - '0/0'")
    if ((first >= second)); then first=standby1 behind=standby2; else first=standby2 behind=standby1; fi
    # From now on the other one follows it.
    sql "$1" "$behind" "ALTER SYSTEM SET primary_conninfo =
        'host=127.0.0.1 port=$(port_of "$1" "$first") user=jeton application_name=$behind'" >/dev/null
    sql "$1" "$behind" 'SELECT pg_reload_conf()' >/dev/null
    sql "$1" "$first" "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby1, standby2)'"
    sql "$1" "$first" 'SELECT pg_reload_conf()' >/dev/null
    postgres pg_ctl --pgdata "$1/$first" --wait --silent promote
    printf '%s\n' "$first"
}

# start_cluster CLUSTER: makes it in an empty directory.
start_cluster() {
    local standby
    mkdir "$1/log"
    [[ $EUID -eq 0 ]] && chown -R postgres "$1"
    postgres initdb --pgdata "$1/primary" --username jeton --auth trust --encoding UTF8 --locale C \
        >/dev/null
    configure "$1" primary
    start_node "$1" primary
    for standby in standby1 standby2; do
        postgres pg_basebackup --pgdata "$1/$standby" --write-recovery-conf --checkpoint fast \
            --dbname "host=127.0.0.1 port=$(port_of "$1" primary) user=jeton application_name=$standby"
        configure "$1" "$standby"
        start_node "$1" "$standby"
    done
    sql "$1" primary "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby1, standby2)'"
    sql "$1" primary 'SELECT pg_reload_conf()' >/dev/null
}

# url_of CLUSTER: every node, of which the one that takes writes is used.
url_of() {
    printf 'postgres://jeton@127.0.0.1:%s,127.0.0.1:%s,127.0.0.1:%s/postgres\n' \
        "$(port_of "$1" primary)" "$(port_of "$1" standby1)" "$(port_of "$1" standby2)"
}

# end_cluster CLUSTER: leaves nothing running, in any state of the cluster.
end_cluster() {
    local node pooler
    for pooler in "$1"/pooler-*.pid; do
        [[ -e $pooler ]] && kill "$(cat "$pooler")"
    done
    for node in primary standby1 standby2; do
        [[ -e $1/$node/postmaster.pid ]] && signal_node "$1" "$node" KILL
    done
    rm -rf "$1"
}
