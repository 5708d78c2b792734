"""Measures issue and refresh against how many callers there are at once, each answer synced.

    cargo build --release
    python3 benches/writes.py [--callers 1,8,64,256] [--seconds 5]

The server has one core, the load another. Beside the rate there is how often the disk was synced for
it, and how many writes a sync was for.
"""

import argparse
import tempfile
from pathlib import Path

from command_line import parser, show
from load import Load
from server import Jeton

SYNCS, SYNCED = "jeton_store_fsync_seconds_count", "jeton_store_batch_commands_sum"
SYNC_TIME = "jeton_store_fsync_seconds_sum"


def measure(given: argparse.Namespace, server: Jeton, call: str, callers: int) -> dict:
    """Loads the server with one kind of write."""
    before = [server.metric(name) for name in (SYNCS, SYNCED, SYNC_TIME)]
    connections = min(callers, 8)
    load = Load(call, call, connections, callers // connections)
    seen = load.put(given.program, server, given.seconds)
    after = [server.metric(name) for name in (SYNCS, SYNCED, SYNC_TIME)]
    syncs, synced, seconds = (b - a for a, b in zip(before, after, strict=True))
    return {
        "call": call,
        "callers": callers,
        **seen,
        "syncs": syncs,
        "writes_a_sync": synced / syncs,
        "sync_micros": seconds / syncs * 1e6,
    }


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5)
    options.add_argument("--callers", default="1,8,64,256")
    given = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        server = Jeton(given.program, Path(folder))
        for call in ("issue", "refresh"):
            rows += [measure(given, server, call, int(n)) for n in given.callers.split(",")]
        server.stop()
    show(given, rows, (
        f"{row['call']:<8}{row['callers']:>4} at once  {row['per_second']:>7.0f}/s  "
        f"p50 {row['p50']:>6.0f} µs  p99 {row['p99']:>6.0f} µs  {row['cpu_micros']:>6.2f} µs CPU a call  "
        f"{row['syncs']:>6.0f} syncs of {row['writes_a_sync']:>5.1f} writes and "
        f"{row['sync_micros']:>5.0f} µs"
        for row in rows
    ))


if __name__ == "__main__":
    main()
