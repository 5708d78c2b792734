#!/usr/bin/env bash
# Runs the program $PROGRAM, in the network of the node $PLACE and with the library $PRELOAD where these are named.
set -- "$PROGRAM" "$@"
[[ -z ${PRELOAD:-} ]] || set -- env LD_PRELOAD="$PRELOAD" "$@"
[[ -z ${PLACE:-} ]] || set -- ip netns exec "$PLACE" "$@"
exec "$@"
