"""Measures how long each call takes against the number of connections, jeton's and a bare server's.

    cargo build --release --bin jeton --example bare_server
    python3 benches/latency.py [--connections 1,8,64,256] [--seconds 3]

Each connection has one call under way at a time. Server and load have one core each. A bare server
introspects and issues only.
"""

import argparse
import tempfile
from pathlib import Path

from command_line import RELEASE, parser, show
from load import Load
from server import Bare, Jeton

CALLS = ("introspect", "batch-introspect", "issue", "refresh", "revoke")
BARE_CALLS = ("introspect", "batch-introspect", "issue")


def measure(given: argparse.Namespace, servers: list[Jeton | Bare]) -> list[dict]:
    """Loads each server with each call it knows over each number of connections."""
    rows = []
    for call in CALLS:
        for connections in map(int, given.connections.split(",")):
            load = Load(f"{call}, {connections}", call, connections, 1)
            row = {"call": call, "connections": connections}
            for server in servers:
                if server.name == "jeton" or call in BARE_CALLS:
                    row[server.name] = load.put(given.program, server, given.seconds)
            rows.append(row)
    return rows


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=3)
    options.add_argument("--bare", default=f"{RELEASE}/examples/bare_server")
    options.add_argument("--connections", default="1,8,64,256")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        jeton = Jeton(given.program, Path(folder))
        servers = [jeton, Bare(given.bare, jeton)]
        rows = measure(given, servers)
        for server in servers:
            server.stop()
    show(given, rows, (
        f"{row['call']:<17}{row['connections']:>4}  {name:<6}{row[name]['per_second']:>8.0f}/s  "
        f"p50 {row[name]['p50']:>6.0f}  p99 {row[name]['p99']:>6.0f}  p99.9 {row[name]['p999']:>6.0f} µs"
        for row in rows for name in ("jeton", "bare") if name in row
    ))


if __name__ == "__main__":
    main()
