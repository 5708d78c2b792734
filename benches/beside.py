"""Measures what introspection feels of a login storm, of backups and of a mass expiry, in turns with none.

    cargo build --release --bin jeton --example mass_expiry
    python3 benches/beside.py [--rate 2000] [--seconds 5] [--rounds 3]

Introspection comes at a steady rate. The server has one core, the loads have the other. Mass expiry is
examples/mass_expiry, whose two servers and load share both.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from command_line import RELEASE, parser, show
from load import ENVIRONMENT, LOAD_CORE, Load
from server import CLIENT_ID, Jeton


class Storm:
    """More logins at once than can be hashed."""

    name = "a login storm"

    def __init__(self, given: argparse.Namespace, server: Jeton) -> None:
        load = Load(self.name, "password", 4, 4)
        command = load.command(given.program, server, given.seconds + 30)
        self._process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def end(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait()


class Backups:
    """One backup after the other."""

    name = "backups"

    def __init__(self, given: argparse.Namespace, server: Jeton) -> None:
        backup = f"{given.program} backup --server {server.url} --client-id {CLIENT_ID} --to -"
        self._process = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), "sh", "-c", f"while {backup}; do :; done"],
            start_new_session=True,
            env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """Ends them."""
        os.killpg(self._process.pid, 15)
        self._process.wait()


def compare(given: argparse.Namespace, server: Jeton, burden: type[Storm] | type[Backups]) -> dict:
    """Takes turns alone and beside the burden."""
    load = Load("introspect", "introspect", rate=given.rate, options=["--tokens", str(given.tokens)])
    alone, beside = [], []
    for _ in range(given.rounds):
        alone.append(load.put(given.program, server, given.seconds))
        weight = burden(given, server)
        try:
            beside.append(load.put(given.program, server, given.seconds))
        finally:
            weight.end()
    middle = lambda rounds: {name: statistics.median(seen[name] for seen in rounds) for name in rounds[0]}
    return {"beside": burden.name, "alone": middle(alone), "loaded": middle(beside)}


def expiry(given: argparse.Namespace, folder: Path) -> dict:
    """Has grants freed by the hundred thousand."""
    command = [given.mass_expiry, "--grants", str(given.expiring), "--dir", str(folder / "expiry")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seen = {}
    for name, what in (("alone", "quiet"), ("loaded", "mass expiry")):
        line = re.search(rf"^{what}: .* p50 ([\d.]+) ms, p99 ([\d.]+) ms$", printed, re.MULTILINE)
        seen[name] = {"p50": float(line[1]) * 1e3, "p99": float(line[2]) * 1e3}
    return {"beside": f"a mass expiry of {given.expiring:,} grants", **seen}


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5, rounds=3)
    options.add_argument("--mass-expiry", default=f"{RELEASE}/examples/mass_expiry")
    options.add_argument("--expiring", type=int, default=200_000, help="grants that expire at once")
    options.add_argument("--rate", type=int, default=2000, help="introspections a second")
    options.add_argument("--tokens", type=int, default=20_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        server = Jeton(given.program, Path(folder))
        rows = [compare(given, server, burden) for burden in (Storm, Backups)]
        server.stop()
        rows.append(expiry(given, Path(folder)))
    show(given, rows, (
        f"{label:<41} p50 {seen['p50']:>6.0f} µs  p99 {seen['p99']:>6.0f} µs"
        for row in rows
        for label, seen in (("alone", row["alone"]), (f"beside {row['beside']}", row["loaded"]))
    ))


if __name__ == "__main__":
    main()
