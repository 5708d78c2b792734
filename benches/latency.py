"""Measures how long each call takes against the number of connections, jeton's and a bare server's.

    cargo build --release --bin jeton --example bare_server
    python3 benches/latency.py [--connections 1,8,64,256] [--seconds 3]

Each connection has one call under way at a time. Server and load have one core each. A bare server
introspects and issues only.
"""

import argparse
import json
import tempfile
from pathlib import Path

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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--bare", default="target/release/examples/bare_server")
    parser.add_argument("--connections", default="1,8,64,256")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--dir", help="where the store lies; a temporary folder by default")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        jeton = Jeton(given.program, Path(folder))
        servers = [jeton, Bare(given.bare, jeton)]
        rows = measure(given, servers)
        for server in servers:
            server.stop()
    if given.output == "json":
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        for name in ("jeton", "bare"):
            if name in row:
                seen = row[name]
                print(
                    f"{row['call']:<17}{row['connections']:>4}  {name:<6}{seen['per_second']:>8.0f}/s  "
                    f"p50 {seen['p50']:>6.0f}  p99 {seen['p99']:>6.0f}  p99.9 {seen['p999']:>6.0f} µs"
                )


if __name__ == "__main__":
    main()
