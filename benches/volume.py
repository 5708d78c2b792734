"""Measures introspection, memory, disk and restart against how many live grants there are.

    cargo build --release
    python3 benches/volume.py [--grants 1000,10000,100000,1000000] [--cache 8GiB] [--seconds 5]

Each count has a store of its own, filled over gRPC with tokens by client credentials; then every
token that is introspected is another one of them, in random order. The server has one core. After
that a server with little memory is asked about the same tokens, each as often as another, and some
much more often than others (Zipf's law).
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

from command_line import parser
from load import Load
from server import Jeton

# Until a new server is idle: it keeps memory for hashing for 5 s.
SETTLED = 7
SKEWS = {"uniform": [], "zipf": ["--zipf", "1"]}

def dropped_caches() -> None:
    """Makes the next start read from the disk, where that is allowed."""
    subprocess.run(["sync"], check=True)
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except PermissionError:
        pass


def measure(given: argparse.Namespace, grants: int, folder: Path) -> dict[str, float]:
    """Fills a store, loads it, and starts it again: with the large memory, then with the small one."""
    server = Jeton(given.program, folder, given.cache)
    time.sleep(SETTLED)
    idle = server.resident()
    options = ["--tokens", str(grants), "--reuse", str(folder / "tokens")]
    load = Load(f"{grants} grants", "introspect", options=options)
    began = time.monotonic()
    load.put(given.program, server, 1)
    seconds = time.monotonic() - began
    seen = load.put(given.program, server, given.seconds)
    memory, disk = server.resident(), server.disk()
    server.stop()
    dropped_caches()
    again = Jeton(given.program, folder, given.cache)
    again.stop()
    return {
        "grants": grants,
        **seen,
        "memory_per_grant": (memory - idle) / grants,
        "disk_per_grant": disk / grants,
        "memory": memory,
        "disk": disk,
        "restart_seconds": again.started_in,
        "filled_in_seconds": seconds,
        "small": {skew: from_disk(given, options, folder, skew) for skew in SKEWS},
    }


def from_disk(given: argparse.Namespace, options: list[str], folder: Path, skew: str) -> dict[str, float]:
    """Loads a server whose memory may not hold all grants."""
    server = Jeton(given.program, folder, given.small_cache)
    looked_up = lambda: [server.metric(f"jeton_cache_{what}_total", 'records="grants"') for what in ("hits", "misses")]
    warm = Load("warm", "introspect", options=[*options, *SKEWS[skew]])
    warm.put(given.program, server, given.seconds)
    before = looked_up()
    seen = warm.put(given.program, server, given.seconds)
    hit, missed = (now - then for now, then in zip(looked_up(), before, strict=True))
    server.stop()
    return {**seen, "missed": missed / (hit + missed)}


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5)
    options.add_argument("--grants", default="1000,10000,100000,1000000")
    options.add_argument("--cache", default="8GiB", help="store.cache_bytes")
    options.add_argument("--small-cache", default="256MiB", help="the same, of the server with little memory")
    given = options.parse_args()
    rows = []
    for grants in map(int, given.grants.split(",")):
        with tempfile.TemporaryDirectory(dir=given.dir) as folder:
            rows.append(measure(given, grants, Path(folder)))
        if given.output == "text":
            row = rows[-1]
            print(
                f"{grants:>9} grants  {row['per_second']:>7.0f}/s  {row['cpu_micros']:>6.2f} µs CPU a call  "
                f"p99 {row['p99']:>6.0f} µs  {row['memory_per_grant']:>6.0f} B memory and "
                f"{row['disk_per_grant']:>6.0f} B disk a grant  restart {row['restart_seconds']:.2f} s",
                flush=True,
            )
    if given.output == "json":
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
