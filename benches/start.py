"""Measures how long a server takes to be ready, what memory it has when idle, and how large the program is.

    cargo build --release
    python3 benches/start.py [--rounds 15]

Once with empty settings, and once with a client and a user whose secrets are declared in clear;
each over a new store and over the same store again. Both cores are free. Memory when idle differs from
start to start, by what of sled's first buffers is taken again before it is given back: so its least and
most are answered too.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from command_line import parser, show
from server import SETTINGS, Jeton

# Until a server that did what it had to at its start is idle: it keeps memory for hashing for 5 s.
SETTLED = 7
MIB = 1 << 20
DECLARED = {"nothing": "", "a client and a user": SETTINGS}


def measure(given: argparse.Namespace, declared: str) -> dict[str, float]:
    """Starts a server over new stores, and over each of them again."""
    settings = DECLARED[declared]
    first, again, idle = [], [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory(dir=given.dir) as folder:
            new = Jeton(given.program, Path(folder), cores="all", settings=settings)
            first.append(new.started_in)
            new.stop()
            same = Jeton(given.program, Path(folder), cores="all", settings=settings)
            again.append(same.started_in)
            time.sleep(SETTLED)
            idle.append(same.resident())
            same.stop()
    middle = statistics.median
    return {
        "declared": declared, "first": middle(first), "again": middle(again),
        "idle": middle(idle), "idle_least": min(idle), "idle_most": max(idle),
    }


def main() -> None:
    """Reads the command line, measures and prints."""
    given = parser(__doc__, rounds=9).parse_args()
    figures = {
        "program": Path(given.program).stat().st_size,
        "starts": [measure(given, declared) for declared in DECLARED],
    }
    show(given, figures, [f"the program has {figures['program']:,} bytes", *(
        f"{row['declared']:<20} first start {row['first'] * 1e3:.0f} ms, again {row['again'] * 1e3:.0f} ms, "
        f"idle {row['idle'] / MIB:.1f} MiB ({row['idle_least'] / MIB:.1f} to {row['idle_most'] / MIB:.1f})"
        for row in figures["starts"]
    )])


if __name__ == "__main__":
    main()
