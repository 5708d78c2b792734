"""Measures the two shapes of the runtime against each other: `serve.runtime` per-core and shared.

    cargo build --release
    python3 benches/runtime.py [--seconds 3] [--rounds 5]

Both servers may use all cores, of which the load takes one as well; they take turns. With one busy
core less than there are, the CPU time a call is what tells them apart, and the rate over few
connections whether one of them leaves a core idle.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from command_line import parser, show
from load import Load
from server import Jeton

SHAPES = ("per-core", "shared")
LOADS = ((1, 1), (1, 64), (2, 16), (8, 16), (64, 4))


def start(given: argparse.Namespace, folder: Path, shape: str) -> Jeton:
    """Starts a server of that shape."""
    (folder / shape).mkdir()
    return Jeton(given.program, folder / shape, cores="all", runtime=shape)


def compare(given: argparse.Namespace, servers: dict[str, Jeton], connections: int, streams: int) -> dict:
    """Loads the servers in turns."""
    load = Load(f"{connections} × {streams}", "introspect", connections, streams)
    rounds = {shape: [] for shape in servers}
    for turn in range(given.rounds):
        for shape in SHAPES if turn % 2 == 0 else reversed(SHAPES):
            rounds[shape].append(load.put(given.program, servers[shape], given.seconds))
    middle = lambda shape, name: statistics.median(seen[name] for seen in rounds[shape])
    return {
        "load": load.name,
        **{shape: {name: middle(shape, name) for name in ("per_second", "cpu_micros", "p50", "p99")}
           for shape in SHAPES},
    }


def main() -> None:
    """Reads the command line, measures and prints."""
    given = parser(__doc__, seconds=3, rounds=3).parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        servers = {shape: start(given, Path(folder), shape) for shape in SHAPES}
        rows = [compare(given, servers, *load) for load in LOADS]
        for server in servers.values():
            server.stop()
    show(given, rows, (
        f"{row['load']:<8}{shape:<9}{row[shape]['per_second']:>8.0f}/s  "
        f"{row[shape]['cpu_micros']:>6.2f} µs CPU a call  "
        f"p50 {row[shape]['p50']:>6.0f} µs  p99 {row[shape]['p99']:>6.0f} µs"
        for row in rows for shape in SHAPES
    ))


if __name__ == "__main__":
    main()
