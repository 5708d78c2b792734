"""Measures the two shapes of the runtime against each other: `serve.runtime` per-core and shared.

    cargo build --release
    python3 benches/runtime.py [--seconds 3] [--rounds 5]

Both servers may use all cores, of which the load takes one as well; they take turns. With one busy
core less than there are, the CPU time a call is what tells them apart, and the rate over few
connections whether one of them leaves a core idle.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from load import Load
from server import Jeton

SHAPES = ("per-core", "shared")
LOADS = ((1, 1), (1, 64), (2, 16), (8, 16), (64, 4))


def start(given: argparse.Namespace, folder: Path, shape: str) -> Jeton:
    """Starts a server of that shape."""
    (folder / shape).mkdir()
    os.environ["JETON_RUNTIME"] = shape
    return Jeton(given.program, folder / shape, cores="all")


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", help="where the stores lie; a temporary folder by default")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        servers = {shape: start(given, Path(folder), shape) for shape in SHAPES}
        rows = [compare(given, servers, *load) for load in LOADS]
        for server in servers.values():
            server.stop()
    if given.output == "json":
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        for shape in SHAPES:
            seen = row[shape]
            print(
                f"{row['load']:<8}{shape:<9}{seen['per_second']:>8.0f}/s  {seen['cpu_micros']:>6.2f} µs CPU a call  "
                f"p50 {seen['p50']:>6.0f} µs  p99 {seen['p99']:>6.0f} µs"
            )


if __name__ == "__main__":
    main()
