#!/usr/bin/env bash
# ctl.sh VERB [CLUSTER [NODE [SIGNAL]]]: what tests do to a cluster that they have started.
set -euo pipefail
# shellcheck source=tests/postgres/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"

verb=$1
shift
case $verb in
    install)
        # shellcheck source=tests/tools.bash
        source "$(dirname "${BASH_SOURCE[0]}")/../tools.bash"
        install_postgres
        ;;
    start) start_cluster "$1" && url_of "$1" ;;
    signal) signal_node "$@" ;;
    promote) promote "$1" ;;
    sql) sql "$@" ;;
    encrypt) encrypt "$@" ;;
    pool) pool "$@" ;;
    end) end_cluster "$1" ;;
    *) printf 'unknown: %s\n' "$verb" >&2 && exit 2 ;;
esac
