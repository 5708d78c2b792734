"""Measures logins by password as a ratio to argon2 alone on the same core, and introspection beside them.

    cargo build --release --bin jeton --example raw_argon2
    python3 benches/password.py [--seconds 5] [--rounds 3] [--rate 500]

Argon2 alone and the server take turns on one core, the loads are on the other. The server gets more
logins than it can hash; in a second turn introspection comes beside them at a steady rate, and in a third
without them.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from command_line import RELEASE, parser, show
from load import ENVIRONMENT, Load
from server import SERVER_CORE, Jeton


def raw(given: argparse.Namespace) -> float:
    """Answers the hashes a second of argon2 alone."""
    command = ["taskset", "-c", str(SERVER_CORE), given.raw, "--duration", f"{given.seconds}s"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def beside(given: argparse.Namespace, server: Jeton, logins: Load, asked: Load) -> tuple[dict, dict]:
    """Puts both loads on the server at once."""
    command = logins.command(given.program, server, given.seconds + 2)
    storm = subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    seen = asked.put(given.program, server, given.seconds)
    report, _ = storm.communicate()
    return json.loads(report)["calls"]["password"], seen


def measure(given: argparse.Namespace, server: Jeton) -> dict:
    """Takes the turns and answers their medians."""
    logins = Load("password", "password", 4, 4)
    asked = Load("introspect", "introspect", 4, 4, rate=given.rate)
    rounds = []
    for _ in range(given.rounds):
        alone = raw(given)
        stormed = logins.put(given.program, server, given.seconds)
        both, introspected = beside(given, server, logins, asked)
        quiet = asked.put(given.program, server, given.seconds)
        rounds.append({
            "raw": alone,
            "logins": stormed["per_second"],
            "ratio": stormed["per_second"] / alone,
            "login_p99": stormed["p99"],
            "logins_beside": both["per_second"],
            "ratio_beside": both["per_second"] / alone,
            "introspect_p50": introspected["p50"],
            "introspect_p99": introspected["p99"],
            "introspect_p999": introspected["p999"],
            "quiet_p50": quiet["p50"],
            "quiet_p99": quiet["p99"],
        })
    return {"rate": given.rate} | {
        name: statistics.median(seen[name] for seen in rounds) for name in rounds[0]
    }


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5, rounds=3)
    options.add_argument("--raw", default=f"{RELEASE}/examples/raw_argon2")
    options.add_argument("--rate", type=int, default=500, help="introspections a second")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        server = Jeton(given.program, Path(folder))
        seen = measure(given, server)
        server.stop()
    show(given, seen, (f"{name:<16}{figure:>10.2f}" for name, figure in seen.items()))


if __name__ == "__main__":
    main()
