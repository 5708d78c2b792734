#!/usr/bin/env bash
# Runs the program $PROGRAM in the network of node $PLACE, with the library $PRELOAD if it is named.
exec ip netns exec "$PLACE" env ${PRELOAD:+LD_PRELOAD="$PRELOAD"} "$PROGRAM" "$@"
