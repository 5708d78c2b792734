"""Measures jeton beside what a user would run in its place: the same calls over HTTP/1.1, on the same core.

    benches/peers.sh [--seconds 5] [--rounds 3] [--only OpenBao]

The script installs all of them at pinned versions. Each is measured by itself on one core, round by round; the load
is wrk on the other core, with one request under way on each of 16 connections. *Issue* is by client credentials,
*introspect* asks about 200 tokens in turn, *refresh* shows each time the token of the answer before it. The memory
is that after these loads.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from command_line import parser, show
from load import LOAD_CORE, Sampler
from peer import HERE, Call, Itself, Keycloak, OpenBao, Peer, Provider, Ready, Toolkit
from ratios import middle

CONNECTIONS, TOKENS = 16, 200
CALLS = ("issue", "introspect", "refresh")
MIB = 1 << 20


def put(ready: Ready, call: Call, seconds: int, folder: Path) -> dict[str, float]:
    """Loads a peer with one kind of call."""
    described = folder / "call.lua"
    described.write_text(call.lua())
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t", str(CONNECTIONS), "-c", str(CONNECTIONS)]
    command += ["-d", f"{seconds}s", "--timeout", "10s", "-s", str(HERE / "calls.lua"), ready.url, str(described)]
    sampler = Sampler(ready.server)
    sampler.start()
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    cpu, passed = sampler.used(seconds)
    seen = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    if seen["failed"] or not seen["requests"]:
        sys.exit(f"{ready.server.name}, {call.path}: {done.stdout}")
    rate = seen["requests"] / seen["micros"] * 1e6
    return {"per_second": rate, "p50": seen["p50"], "p99": seen["p99"], "busy": cpu / passed}


def measure(peer: Peer, given: argparse.Namespace, folder: Path) -> dict:
    """Starts a peer, loads it with each call and answers medians."""
    folder.mkdir()
    ready = peer.start(folder, TOKENS)
    try:
        # The first round of each is what just-in-time compilers and caches need, and is not counted.
        for call in ready.calls.values():
            put(ready, call, given.seconds, folder)
        ready.calls["refresh"] = renewed(ready)
        rounds = {name: [] for name in CALLS}
        for _ in range(given.rounds):
            for name in CALLS:
                rounds[name].append(put(ready, ready.calls[name], given.seconds, folder))
                ready.calls["refresh"] = renewed(ready)
        resident = ready.server.resident()
    finally:
        ready.server.stop()
    return {
        "name": peer.name, "version": peer.version, "synced": peer.synced, "resident": resident,
        "calls": {
            name: {figure: middle(seen, figure) for figure in seen[0]} for name, seen in rounds.items()
        },
    }


def renewed(ready: Ready) -> Call:
    """Answers refreshes that begin with tokens which no load has used."""
    call = ready.calls["refresh"]
    if call.next:
        call.bodies = call.bodies[CONNECTIONS:]
    return call


def lines(figures: list[dict]) -> list[str]:
    """Answers the report for people."""
    shown = []
    for seen in figures:
        shown.append(f"{seen['name']} {seen['version']}, {seen['resident'] / MIB:.0f} MiB, synced: {seen['synced']}")
        shown += [
            f"  {name:<11}{call['per_second']:>9.0f}/s  p50 {call['p50']:>8.0f} µs  p99 {call['p99']:>8.0f} µs  "
            f"core busy {call['busy']:>4.0%}"
            for name, call in seen["calls"].items()
        ]
    return shown


def main() -> None:
    """Reads the command line, and measures one after the other."""
    options = parser(__doc__, seconds=5, rounds=3)
    options.add_argument("--tools", type=Path, required=True, help="where benches/peers.sh has installed them")
    options.add_argument("--only", action="append", help="a peer's name")
    given = options.parse_args()
    # Each is started in a folder of its own.
    tools = given.tools.resolve()
    peers = [
        Itself(given.program), OpenBao(tools / "venv"), Keycloak(tools.parent / "keycloak"),
        Provider(tools / "node"), Toolkit(tools / "venv"),
    ]
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        figures = [
            measure(peer, given, Path(folder) / peer.name)
            for peer in peers if not given.only or peer.name in given.only
        ]
    show(given, figures, lines(figures))


if __name__ == "__main__":
    main()
