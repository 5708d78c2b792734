#!/usr/bin/env bash
# ctl.sh VERB FORMATION [NODE…]: what the tests of failover do to a formation of pg_auto_failover: a monitor
# and three nodes, each in a network of its own, on disks of their own, behind one switch.
#
# It runs where tests/failover.sh puts it: root of a set of namespaces that ends with the test. FORMATION is a
# directory; NODE is monitor, n1, n2 or n3. The settings of the database are those of docs/failover.md.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../deploy/postgres-failover" && pwd)
bin=/usr/lib/postgresql/15/bin
formation=$2
disk_size=600m
nodes=(n1 n2 n3)

# number_of NODE: 0 is the monitor.
number_of() {
    if [[ $1 == monitor ]]; then printf 0; else printf '%s' "${1#n}"; fi
}

# address_of NODE: on the network that the nodes share. It has no way but through the switch.
address_of() {
    printf '10.99.0.%d' $((10 + $(number_of "$1")))
}

port_of() {
    printf '%d' $((5500 + $(number_of "$1")))
}

# at NODE COMMAND…: as PostgreSQL's user, in the node's network.
at() {
    local node=$1
    shift
    (cd "$formation/$node" && exec ip netns exec "$node" setpriv --reuid postgres --regid postgres --init-groups \
        env -i PATH="$bin:/usr/bin:/bin" LC_ALL=C.UTF-8 HOME="$formation/$node" XDG_CONFIG_HOME="$formation/$node/config" \
        XDG_DATA_HOME="$formation/$node/share" XDG_RUNTIME_DIR="$formation/$node/run" \
        PGDATA="$formation/$node/disk/data" "$@")
}

# sql NODE DATABASE STATEMENT: as the superuser of its server.
sql() {
    at "$1" psql --no-psqlrc --quiet --no-align --tuples-only --host /run/postgresql --port "$(port_of "$1")" \
        --username postgres --dbname "$2" --command "$3"
}

# await SECONDS COMMAND…: until it succeeds.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { printf 'not in time: %s\n' "$*" >&2; return 1; }
        read -rt 0.1 <> <(:) || true
    done
}

# A network of its own: a port of the switch, and beside it a line for the test's own calls that no cable of
# the nodes carries.
connect() {
    local node=$1 number
    number=$(number_of "$node")
    ip netns add "$node"
    ip -n "$node" link set lo up
    ip link add "port$number" type veth peer name eth0 netns "$node"
    ip link set "port$number" master switch up
    ip -n "$node" addr add "$(address_of "$node")/24" dev eth0
    ip -n "$node" link set eth0 up
    ip link add "line$number" type veth peer name line netns "$node"
    ip addr add "10.98.$number.1/30" dev "line$number"
    ip link set "line$number" up
    ip -n "$node" addr add "10.98.$number.2/30" dev line
    ip -n "$node" link set line up
}

# A directory with a small disk.
give_disk() {
    mkdir -p "$formation/$1/"{disk,config,share,run}
    mount -t tmpfs -o size="$disk_size" tmpfs "$formation/$1/disk"
    chown -R postgres "$formation/$1"
}

monitor_uri() {
    printf 'postgres://autoctl_node@%s:%s/pg_auto_failover?sslmode=prefer' "$(address_of monitor)" "$(port_of monitor)"
}

make_monitor() {
    at monitor pg_autoctl create monitor --pgport "$(port_of monitor)" --hostname "$(address_of monitor)" \
        --auth trust --no-ssl
    at monitor tee -a "$formation/monitor/disk/data/postgresql.conf" <"$deploy/monitor.conf" >/dev/null
}

make_node() {
    at "$1" pg_autoctl create postgres --pgport "$(port_of "$1")" --hostname "$(address_of "$1")" --name "$1" \
        --username jeton --dbname jeton --monitor "$(monitor_uri)" --auth trust --no-ssl
    at "$1" tee -a "$formation/$1/disk/data/postgresql.conf" <"$deploy/node.conf" >/dev/null
    # Small disks.
    at "$1" tee -a "$formation/$1/disk/data/postgresql.conf" >/dev/null <<SETTINGS
shared_buffers = 64MB
wal_keep_size = 32MB
max_wal_size = 64MB
min_wal_size = 32MB
SETTINGS
    local setting
    while read -r setting; do
        # shellcheck disable=SC2086  # a name and a value
        at "$1" pg_autoctl config set $setting >/dev/null
    done < <(sed 's/#.*//; /^ *$/d; s/=/ /' "$deploy/keeper.settings")
}

# run_node NODE: as a service manager does at the machine's start.
run_node() {
    (
        exec >>"$formation/$1/log" 2>&1 </dev/null 3>&-
        at "$1" pg_autoctl run
    ) &
}

state_of() {
    sql monitor pg_auto_failover "SELECT reportedstate FROM pgautofailover.node
        WHERE nodename = '$1' AND reportedstate = goalstate"
}

is_state() {
    [[ " ${*:2} " == *" $(state_of "$1") "* ]]
}

# The node that takes writes, by the monitor.
primary() {
    sql monitor pg_auto_failover "SELECT nodename FROM pgautofailover.node
        WHERE reportedstate IN ('primary', 'wait_primary', 'apply_settings') AND goalstate = reportedstate"
}

# All is as at the beginning: a primary with two standbys, of which one has to confirm.
is_settled() {
    [[ $(sql monitor pg_auto_failover "SELECT string_agg(reportedstate::text, ' ' ORDER BY reportedstate::text)
        FROM pgautofailover.node WHERE reportedstate = goalstate") == 'primary secondary secondary' ]] &&
        [[ $(sql "$(primary)" postgres "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") == 2 ]]
}

# Another node than NODE takes writes.
is_replaced() {
    local now
    now=$(primary) && [[ -n $now && $now != "$1" ]]
}

start() {
    local node
    mkdir -p /run/netns
    chmod 711 "$formation"
    ip link set lo up
    ip link add switch type bridge
    ip link set switch up
    for node in monitor "${nodes[@]}"; do
        connect "$node"
        give_disk "$node"
    done
    make_monitor
    run_node monitor
    await 30 sql monitor pg_auto_failover 'SELECT FROM pgautofailover.node'
    make_node n1
    # jeton's own connections, from any node, and those of pg_rewind; copied to the others with all that there is.
    printf 'host %s 10.99.0.0/24 trust\n' 'jeton jeton' 'postgres pgautofailover_replicator' | at n1 tee -a "$formation/n1/disk/data/pg_hba.conf" >/dev/null
    run_node n1
    await 30 sql n1 postgres 'ALTER DATABASE jeton OWNER TO jeton'
    for node in n2 n3; do
        make_node "$node"
        run_node "$node"
        await 60 is_state "$node" secondary
    done
    sql monitor pg_auto_failover 'SELECT formationid, number_sync_standbys FROM pgautofailover.formation'
    await 60 is_settled
}

# url: every node, of which the one that takes writes is used.
url() {
    local node hosts=
    for node in "${nodes[@]}"; do
        hosts+=,$(address_of "$node"):$(port_of "$node")
    done
    printf 'postgres://jeton@%s/jeton?sslmode=disable\n' "${hosts#,}"
}

# The database's processes at a node, not the instance of jeton beside them.
processes_of() {
    local process
    for process in $(ip netns pids "$1"); do
        [[ $(stat -c %U "/proc/$process" 2>/dev/null) != postgres ]] || printf '%s\n' "$process"
    done
}

# kill_node NODE: the keeper and its server at once, without a word, and whatever they start meanwhile.
kill_node() {
    local found
    while found=$(processes_of "$1") && [[ -n $found ]]; do
        # shellcheck disable=SC2086  # each a process
        kill -KILL $found 2>/dev/null || true
    done
}

# cut NODE, mend NODE: its cable.
cut() { ip link set "port$(number_of "$1")" down; }
mend() { ip link set "port$(number_of "$1")" up; }

# fill NODE: no byte is left on its disk, nor of what its server gave back since it was filled before.
fill() {
    dd if=/dev/zero of="$formation/$1/disk/filler" bs=64k oflag=append conv=notrunc 2>/dev/null || true
}

# burst NODE: the log of its server goes on until there is no room for it.
burst() {
    while sql "$1" postgres 'SELECT pg_switch_wal()' >/dev/null 2>&1; do :; done
}

free() { rm -f "$formation/$1/disk/filler"; }

case $1 in
    start)
        # Nothing that runs on holds the caller's end of it.
        exec 3>&1 >&2
        start
        url >&3
        ;;
    primary) primary ;;
    await_settled) await "$3" is_settled ;;
    await_replaced) await "$4" is_replaced "$3" ;;
    kill) kill_node "$3" ;;
    run) run_node "$3" ;;
    cut) cut "$3" ;;
    mend) mend "$3" ;;
    fill) fill "$3" ;;
    burst) burst "$3" ;;
    free) free "$3" ;;
    sql) sql "$3" "$4" "$5" ;;
    state) sql monitor pg_auto_failover 'SELECT nodename, reportedstate, goalstate, health FROM pgautofailover.node ORDER BY 1' ;;
    *) printf 'unknown: %s\n' "$1" >&2 && exit 2 ;;
esac
