"""Measures introspection where the server's core is what ends the rate, beside two servers that do nothing.

    cargo build --release --bin jeton --example bare_server
    python3 benches/saturation.py [--seconds 5] [--rounds 3] [--output json]

The load is h2load (Debian's nghttp2-client), which takes a third of the CPU time of the servers, and of another
core. The bare server repeats jeton's answer; the empty one takes and gives empty messages, which is the least
that a call over tonic costs. Callers show a secret (Basic) or an access token (Bearer), and ask about one token; a
batch asks about a hundred. The servers take turns, round by round; ratios are of turns that follow each other, to the
empty server, and for a batch to the bare one. Latencies are taken with half of the calls that the slowest has answered:
each connection sends its share every 10 ms, which is how h2load keeps to a rate.
"""

import argparse
import base64
import json
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from command_line import RELEASE, parser, show
from load import ENVIRONMENT, LOAD_CORE, Sampler
from ratios import middle
from server import CLIENT_ID, CLIENT_SECRET, SETTINGS, Bare, Jeton, Server, free_port

SERVICE = "/jeton.v1.TokenService"
# A caller that shows an access token needs one that is for jeton itself.
DECLARED = SETTINGS.replace("introspect", 'audience = ["billing", "jeton"]\nintrospect')
SHAPES = ((8, 16), (64, 16), (1, 100))
BATCH = 100
RATIOS = ("per_second", "cpu_micros", "p99")


class Empty(Server):
    """The server of empty messages."""

    def __init__(self, program: str) -> None:
        port = free_port()
        super().__init__("empty", [program, "--listen", f"127.0.0.1:{port}", "--empty"], port)


def framed(message: bytes) -> bytes:
    """Answers a message as gRPC sends it."""
    return struct.pack(">BI", 0, len(message)) + message


@dataclass
class Caller:
    """Whom h2load calls, with what message and credentials."""

    name: str
    server: Server
    body: Path
    authorization: str = ""
    method: str = "Introspect"

    def command(self, connections: int, streams: int, seconds: int, *options: str) -> list[str]:
        """Answers the command line of h2load."""
        command = ["taskset", "-c", str(LOAD_CORE), "h2load", "-t", "1", "-c", str(connections), "-m", str(streams)]
        command += ["-D", str(seconds), "--warm-up-time", "1", "-d", str(self.body)]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        if self.authorization:
            command += ["-H", f"authorization: {self.authorization}"]
        return [*command, *options, f"{self.server.url}{SERVICE}/{self.method}"]

    def load(self, connections: int, streams: int, seconds: int, *options: str) -> dict[str, float]:
        """Loads the server and answers the rate, its CPU time, and that of the load beside it."""
        sampler = Sampler(self.server)
        before = children()
        sampler.start()
        done = subprocess.run(
            self.command(connections, streams, seconds, *options), capture_output=True, check=True, text=True
        )
        cpu, passed = sampler.used(seconds)
        failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
        if not failed or any(int(count) for count in failed.groups()):
            sys.exit(f"{self.name}: {done.stdout}")
        rate = float(re.search(r"([\d.]+) req/s", done.stdout)[1])
        return {
            "per_second": rate,
            "cpu_micros": cpu / passed / rate * 1e6,
            "busy": cpu / passed,
            "load_busy": (children() - before) / (seconds + 1),
        }

    def paced(self, connections: int, streams: int, seconds: int, rate: float) -> dict[str, float]:
        """Loads the server with so many calls a second, and answers their latencies too, in microseconds."""
        with tempfile.NamedTemporaryFile(mode="r") as log:
            options = [f"--rps={rate / connections:.0f}", f"--log-file={log.name}"]
            seen = self.load(connections, streams, seconds, *options)
            took = sorted(int(line.split("\t")[2]) for line in log)
        return seen | {"p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}


def children() -> float:
    """Answers the CPU seconds of the loads that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def issue(given: argparse.Namespace, server: Server, *options: str) -> str:
    """Answers an access token."""
    command = [given.program, "token", "issue", "--server", server.url, "--client-id", CLIENT_ID]
    command += [*options, "--output", "json"]
    printed = subprocess.run(command, check=True, capture_output=True, env=os.environ | ENVIRONMENT, text=True).stdout
    return json.loads(printed)["access_token"]


def length(bytes_: int) -> bytes:
    """Answers a length as protobuf writes it."""
    return bytes([bytes_]) if bytes_ < 128 else bytes([bytes_ & 127 | 128]) + length(bytes_ >> 7)


def asking(tokens: list[str]) -> bytes:
    """Answers the message that asks about tokens: they are field 1 of both requests."""
    return framed(b"".join(b"\x0a" + length(len(token)) + token.encode() for token in tokens))


class Callers:
    """Everybody who is measured."""

    def __init__(self, given: argparse.Namespace, folder: Path, jeton: Server, others: list[Server]) -> None:
        empty, bare = others
        tokens = [issue(given, jeton, "--audience", "billing") for _ in range(BATCH)]
        bodies = {"nothing": framed(b""), "token": asking(tokens[:1]), "tokens": asking(tokens)}
        for name, body in bodies.items():
            (folder / name).write_bytes(body)
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        bearer = "Bearer " + issue(given, jeton, "--audience", "jeton")
        self.one = [
            Caller("empty", empty, folder / "nothing"),
            Caller("bare", bare, folder / "token", basic),
            Caller("Basic", jeton, folder / "token", basic),
            Caller("Bearer", jeton, folder / "token", bearer),
        ]
        self.batch = [
            Caller("bare", bare, folder / "tokens", basic, "BatchIntrospect"),
            Caller("Basic", jeton, folder / "tokens", basic, "BatchIntrospect"),
        ]


def compare(load: str, measured: list[Caller], put: Callable[[Caller], dict[str, float]], rounds_: int) -> dict:
    """Loads the servers in turns, and answers medians and the ratios to the first."""
    rounds: dict[str, list[dict[str, float]]] = {caller.name: [] for caller in measured}
    for turn in range(rounds_):
        for caller in measured if turn % 2 == 0 else reversed(measured):
            rounds[caller.name].append(put(caller))
    least = rounds[measured[0].name]
    rows = {}
    for name, seen in rounds.items():
        ratios = {
            figure: sorted(one[figure] / other[figure] for one, other in zip(seen, least, strict=True))
            for figure in RATIOS if figure in least[0]
        }
        rows[name] = {figure: middle(seen, figure) for figure in seen[0]} | {
            "ratio": {
                figure: {"median": all_[len(all_) // 2], "least": all_[0], "most": all_[-1]}
                for figure, all_ in ratios.items()
            }
        }
    return {"load": load, "rows": rows}


def measure(callers: Callers, given: argparse.Namespace) -> list[dict]:
    """Answers rates at saturation, and latencies at half of the least of them."""
    figures = [
        compare(f"introspect, {c} × {s}", callers.one, lambda caller: caller.load(c, s, given.seconds), given.rounds)
        for c, s in SHAPES
    ]
    half = min(row["per_second"] for row in figures[0]["rows"].values()) / 2
    connections, streams = SHAPES[0]
    return [
        *figures,
        compare(
            f"batch of {BATCH}, 8 × 2", callers.batch, lambda caller: caller.load(8, 2, given.seconds), given.rounds
        ),
        compare(
            f"introspect, {connections} × {streams}, {half:,.0f}/s", callers.one,
            lambda caller: caller.paced(connections, streams, given.seconds, half), given.rounds,
        ),
    ]


def main() -> None:
    """Reads the command line, starts the servers and compares them."""
    options = parser(__doc__, seconds=5, rounds=3)
    options.add_argument("--bare", default=f"{RELEASE}/examples/bare_server")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as name:
        folder = Path(name)
        jeton = Jeton(given.program, folder, settings=DECLARED)
        others = [Empty(given.bare), Bare(given.bare, jeton)]
        try:
            figures = measure(Callers(given, folder, jeton, others), given)
        finally:
            for server in [jeton, *others]:
                server.stop()
    show(given, figures, (
        f"{seen['load']:<30} {name:<7}{row['per_second']:>9.0f}/s  {row['cpu_micros']:>6.2f} µs CPU a call  "
        f"busy {row['busy']:>4.0%}, the load {row['load_busy']:>4.0%}  of the first one's rate "
        f"{row['ratio']['per_second']['median']:.2f}, CPU time {row['ratio']['cpu_micros']['median']:.2f}"
        + (f"  p50 {row['p50']:.0f} µs  p99 {row['p99']:.0f} µs, {row['ratio']['p99']['median']:.2f}" if "p99" in row else "")
        for seen in figures
        for name, row in seen["rows"].items()
    ))


if __name__ == "__main__":
    main()
