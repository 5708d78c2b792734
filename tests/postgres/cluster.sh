# shellcheck shell=bash
# Sourced: a PostgreSQL primary on loopback with two standbys, of which one has to confirm every
# commit. `start_cluster` makes it in a new directory and sets `cluster_url`; it ends with the shell.

# The newest PostgreSQL that the system's packages have.
install_postgres() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || {
        apt-get update --quiet=2
        # Its own cluster is not wanted.
        mkdir -p /etc/postgresql-common
        printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
        DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
            postgresql
    }
    postgres_bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort --version-sort | tail -n 1)
}

# PostgreSQL refuses to be root.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then
        runuser --user postgres -- "$@"
    else
        "$@"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# configure DIRECTORY PORT
configure() {
    as_postgres tee --append "$1/postgresql.conf" >/dev/null <<SETTINGS
port = $2
listen_addresses = '127.0.0.1'
unix_socket_directories = '$cluster'
max_connections = 200
shared_buffers = 128MB
SETTINGS
}

start_node() {
    as_postgres "$postgres_bin/pg_ctl" --pgdata "$cluster/$1" --log "$cluster/$1.log" --wait \
        --silent start
}

# Whatever the outcome, nothing is left running.
stop_cluster() {
    local node
    for node in standby1 standby2 primary; do
        [[ -d $cluster/$node ]] && as_postgres "$postgres_bin/pg_ctl" --pgdata "$cluster/$node" \
            --mode immediate --silent stop >/dev/null 2>&1
    done
    rm -rf "$cluster"
}

start_cluster() {
    local port standby
    cluster=$(mktemp -d)
    [[ $EUID -eq 0 ]] && chown postgres "$cluster"
    trap stop_cluster EXIT
    port=$(free_port)
    as_postgres "$postgres_bin/initdb" --pgdata "$cluster/primary" --username jeton --auth trust \
        --encoding UTF8 --locale C >/dev/null
    configure "$cluster/primary" "$port"
    start_node primary
    for standby in standby1 standby2; do
        as_postgres "$postgres_bin/pg_basebackup" --pgdata "$cluster/$standby" --write-recovery-conf \
            --checkpoint fast --dbname "host=127.0.0.1 port=$port user=jeton application_name=$standby"
        configure "$cluster/$standby" "$(free_port)"
        start_node "$standby"
    done
    as_postgres "$postgres_bin/psql" --quiet --host 127.0.0.1 --port "$port" --username jeton \
        --dbname postgres --command \
        "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby1, standby2)'" \
        --command 'SELECT pg_reload_conf()' >/dev/null
    cluster_url=postgres://jeton@127.0.0.1:$port/postgres
}
