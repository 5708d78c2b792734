"""Measures how long a server takes to be ready, what memory it has when idle, and how large the program is.

    cargo build --release
    python3 benches/start.py [--rounds 5]

Once with empty settings, and once with a client and a user whose secrets are declared in clear;
each over a new store and over the same store again. Both cores are free.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import server
from server import Jeton

# Until a server that did what it had to at its start is idle: it keeps memory for hashing for 5 s.
SETTLED = 7
DECLARED = {"nothing": "", "a client and a user": server.SETTINGS}


def measure(given: argparse.Namespace, declared: str) -> dict[str, float]:
    """Starts a server over new stores, and over each of them again."""
    server.SETTINGS = DECLARED[declared]
    first, again, idle = [], [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory(dir=given.dir) as folder:
            new = Jeton(given.program, Path(folder), cores="all")
            first.append(new.started_in)
            new.stop()
            same = Jeton(given.program, Path(folder), cores="all")
            again.append(same.started_in)
            time.sleep(SETTLED)
            idle.append(same.resident())
            same.stop()
    middle = statistics.median
    return {"declared": declared, "first": middle(first), "again": middle(again), "idle": middle(idle)}


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, help="not used: starts take what they take")
    parser.add_argument("--dir", help="where the stores lie; a temporary folder by default")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    given = parser.parse_args()
    figures = {
        "program": Path(given.program).stat().st_size,
        "starts": [measure(given, declared) for declared in DECLARED],
    }
    if given.output == "json":
        print(json.dumps(figures, indent=1))
        return
    print(f"the program has {figures['program']:,} bytes")
    for row in figures["starts"]:
        print(
            f"{row['declared']:<12} first start {row['first'] * 1e3:.0f} ms, again {row['again'] * 1e3:.0f} ms, "
            f"idle {row['idle'] / (1 << 20):.1f} MiB"
        )


if __name__ == "__main__":
    main()
