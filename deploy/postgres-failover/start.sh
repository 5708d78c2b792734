#!/usr/bin/env bash
# start.sh monitor|node: makes it at its first start, with the settings beside this file, and runs it.
#
# MONITOR is the monitor's host and port, NAME the node's own name and host (the machine's by default), PGPORT its
# port (5432). Nothing is encrypted and all that reach the port are let in: it is for one machine, to try it.
set -euo pipefail
settings=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA XDG_RUNTIME_DIR=$HOME/run
name=${NAME:-$(hostname)}
port=${PGPORT:-5432}
mkdir -p "$XDG_RUNTIME_DIR"

make_monitor() {
    pg_autoctl create monitor --pgport "$port" --hostname "$name" --auth trust --no-ssl
    cat "$settings/monitor.conf" >>"$PGDATA/postgresql.conf"
}

make_node() {
    local setting monitor="postgres://autoctl_node@$MONITOR/pg_auto_failover?sslmode=prefer"
    until pg_autoctl create postgres --pgport "$port" --hostname "$name" --name "$name" --username jeton \
        --dbname jeton --monitor "$monitor" --auth trust --no-ssl; do
        # The monitor is still being made, or another node is the first.
        rm -rf "$PGDATA" && sleep 1
    done
    cat "$settings/node.conf" >>"$PGDATA/postgresql.conf"
    # The instances' connections from any machine, and those of pg_rewind.
    printf 'host %s all trust\n' 'jeton jeton' 'postgres pgautofailover_replicator' >>"$PGDATA/pg_hba.conf"
    while read -r setting; do
        # shellcheck disable=SC2086  # a name and a value
        pg_autoctl config set $setting
    done < <(sed 's/#.*//; /^ *$/d; s/=/ /' "$settings/keeper.settings")
}

# The tables are made by the user jeton. A standby gets the owner from the primary.
own_database() {
    local ask=(psql --no-psqlrc --quiet --tuples-only --no-align --host /run/postgresql --port "$port" --dbname postgres)
    until [[ $("${ask[@]}" --command "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'jeton'") == jeton ]]; do
        "${ask[@]}" --command 'ALTER DATABASE jeton OWNER TO jeton' || sleep 1
    done 2>/dev/null
}

[[ -e $PGDATA/PG_VERSION ]] || "make_$1"
[[ $1 == monitor ]] || own_database &
exec pg_autoctl run
