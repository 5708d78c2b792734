"""Measures jeton as ratios to a bare tonic server that does nothing, both in the same run.

    cargo build --release --bin jeton --example bare_server
    python3 benches/ratios.py [--seconds 10] [--rounds 5] [--output json] [--dir DIR]

Server and load have one core each. The servers take turns, round by round: what disturbs the
machine disturbs both. Every token that is introspected is a different one, the caller shows its id
and secret with each call, and metrics are on. The load is `jeton bench`.

One call at a time: the load's core has more to do than the server's. benches/saturation.py measures rates.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from command_line import RELEASE, parser, show
from load import Load
from server import Bare, Jeton, Server


def middle(rounds: list[dict[str, float]], name: str) -> float:
    """Answers the median of a figure."""
    return statistics.median(figures[name] for figures in rounds)


def compare(program: str, servers: list[Server], load: Load, given: argparse.Namespace) -> dict:
    """Loads the servers in turns and answers the ratios of the first to the second."""
    rounds: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
    for turn in range(given.rounds):
        # Who comes first changes: what a load leaves behind is not always the same one's burden.
        for server in servers if turn % 2 == 0 else reversed(servers):
            rounds[server.name].append(load.put(program, server, given.seconds))
    ours, bare = (rounds[server.name] for server in servers)
    ratios = {
        name: sorted(a[name] / b[name] for a, b in zip(ours, bare, strict=True))
        for name in ("per_second", "cpu_micros", "p50", "p99")
    }
    return {
        "load": load.name,
        **{server.name: {name: middle(rounds[server.name], name) for name in rounds[server.name][0]}
           for server in servers},
        "ratio": {
            name: {"median": statistics.median(all_), "least": all_[0], "most": all_[-1]}
            for name, all_ in ratios.items()
        },
    }


def lines(comparisons: list[dict], names: list[str]) -> list[str]:
    """Answers the report for people."""
    shown = []
    for comparison in comparisons:
        shown.append(comparison["load"])
        for name in names:
            seen = comparison[name]
            shown.append(
                f"  {name:<8}{seen['per_second']:>10.0f}/s  core busy {seen['busy']:>4.0%}  "
                f"{seen['cpu_micros']:>7.2f} µs CPU a call  p50 {seen['p50']:>6.0f} µs  "
                f"p99 {seen['p99']:>6.0f} µs"
            )
        ratio = comparison["ratio"]
        shown.append("  ratio   " + "  ".join(
            f"{name} {ratio[name]['median']:.3f} ({ratio[name]['least']:.3f}–{ratio[name]['most']:.3f})"
            for name in ratio
        ))
    return shown


def main() -> None:
    """Reads the command line, starts both servers and compares them."""
    options = parser(__doc__, seconds=10, rounds=3)
    options.add_argument("--bare", default=f"{RELEASE}/examples/bare_server")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        servers = start(given, Path(folder))
        try:
            comparisons = [compare(given.program, servers, Load("introspect, 1 × 1", "introspect", 1, 1), given)]
        finally:
            for server in servers:
                server.stop()
    show(given, comparisons, lines(comparisons, [server.name for server in servers]))


def start(given: argparse.Namespace, folder: Path) -> list[Server]:
    """Starts jeton, and the bare server that answers like it."""
    jeton = Jeton(given.program, folder)
    return [jeton, Bare(given.bare, jeton)]


if __name__ == "__main__":
    main()
