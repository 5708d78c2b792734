"""Measures what `jeton top` and the page of the ops listener cost introspection while they are open.

    cargo build --release --bin jeton
    python3 benches/looking.py [--seconds 2] [--rounds 30] [--output json]

The server's core is full of introspections by h2load; those who look, and the load, share the other core. Nobody,
`jeton top` and the page take turns, round by round: a ratio is of a turn to the one before it with nobody. Beside it
is the CPU time of the thread of the ops listener, which is all that the server does for those who look.
"""

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from command_line import parser, show
from load import LOAD_CORE
from saturation import DECLARED, Caller, asking, issue
from server import Jeton

# Until what was opened has its first figures.
OPENED = 0.5
CONNECTIONS, STREAMS = 64, 16


def commands(given: argparse.Namespace, server: Jeton) -> dict[str, list[str]]:
    """Answers what looks at a server, by name: a terminal of 80 × 24, and a reader of the page's events."""
    top = f"stty rows 24 cols 80; exec {given.program} top 127.0.0.1:{server.ops}"
    events = f"while :; do curl -sN http://127.0.0.1:{server.ops}/events; done"
    return {"nobody": [], "jeton top": ["script", "-qec", top, "/dev/null"], "the page": ["sh", "-c", events]}


def opened(command: list[str]) -> subprocess.Popen:
    """Begins to look."""
    looking = subprocess.Popen(
        ["taskset", "-c", str(LOAD_CORE), *command], start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    time.sleep(OPENED)
    return looking


def ops_thread(server: Jeton) -> float:
    """Answers the CPU seconds of the thread that serves the ops listener."""
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    task = next(task for task in tasks if (task / "comm").read_text().strip() == "ops")
    return int((task / "schedstat").read_text().split()[0]) / 1e9


def turn(caller: Caller, command: list[str], seconds: int) -> dict[str, float]:
    """Loads the server while something looks."""
    looking = opened(command) if command else None
    before, began = ops_thread(caller.server), time.monotonic()
    seen = caller.load(CONNECTIONS, STREAMS, seconds)
    seen["ops_thread"] = (ops_thread(caller.server) - before) / (time.monotonic() - began)
    if looking:
        os.killpg(looking.pid, signal.SIGKILL)
        looking.wait()
    return seen


def quartiles(values: list[float]) -> dict[str, float]:
    """Answers the middle half."""
    least, median, most = statistics.quantiles(values, n=4)
    return {"median": median, "least": least, "most": most}


def compare(given: argparse.Namespace, caller: Caller) -> list[dict]:
    """Has everybody take turns."""
    looking = commands(given, caller.server)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in looking}
    for _ in range(given.rounds):
        for name, command in looking.items():
            rounds[name].append(turn(caller, command, given.seconds))
    return [
        {
            "looking": name,
            **{figure: statistics.median(one[figure] for one in seen) for figure in seen[0]},
            "ratio": quartiles([
                one["per_second"] / alone["per_second"] for one, alone in zip(seen, rounds["nobody"], strict=True)
            ]),
        }
        for name, seen in rounds.items()
    ]


def main() -> None:
    """Reads the command line, starts the server and compares."""
    given = parser(__doc__, seconds=2, rounds=30).parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as name:
        jeton = Jeton(given.program, Path(name), settings=DECLARED)
        try:
            (Path(name) / "token").write_bytes(asking([issue(given, jeton, "--audience", "billing")]))
            bearer = "Bearer " + issue(given, jeton, "--audience", "jeton")
            figures = compare(given, Caller("Bearer", jeton, Path(name) / "token", bearer))
        finally:
            jeton.stop()
    show(given, figures, (
        f"{row['looking']:<10}{row['per_second']:>9.0f}/s  of those with nobody {row['ratio']['median']:.3f} "
        f"({row['ratio']['least']:.3f}–{row['ratio']['most']:.3f})  ops thread {row['ops_thread']:.3%} of a core  "
        f"core busy {row['busy']:.0%}, the load's {row['load_busy']:.0%}"
        for row in figures
    ))


if __name__ == "__main__":
    main()
