"""Measures what the question to an agent adds to a request through Envoy, by either of its ways, and nginx.

    tests/proxies.sh nginx          # installs the proxies, once
    cargo build --release --bin jeton --example bare_server --example http_load
    python3 benches/proxies.py [--seconds 5] [--rounds 5] [--tools target/tools/proxies]

The same proxy, with its configuration of deploy/, three times in one run: with a check by an agent on this machine,
over a socket of the file system, with the same question to a server that passes everything, and without. One request
at a time over one connection, with a token that the agent knows; the service answers 200 and does nothing. They take
turns.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from agent import DECLARED, Agent, issue
from command_line import RELEASE, parser, show
from server import Jeton, free_port

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "proxies"))

from gateways import CHECK, GATEWAY, GATEWAYS, SERVICE, Gateway  # noqa: E402

# Longest start of a proxy, in seconds.
LIMIT = 60
# In the configuration of a proxy, its check of `/` and what stands there without one.
UNCHECKED = {
    "envoy": (
        "check_settings:\n" + 32 * " " + "context_extensions: { audience: billing, scopes: read }",
        "disabled: true",
    ),
    "envoy over HTTP": (
        "check_settings:\n" + 32 * " " + "http_service:\n" + 34 * " " + "server_uri: *server\n"
        + 34 * " " + "path_override: /check?audience=billing&scope=read\n"
        + 34 * " " + "authorization_response: *answer",
        "disabled: true",
    ),
    "nginx": ("auth_request /_jeton/billing/read;", ""),
}
# What each is started with, so that there can be two of it.
ENVOY_OWN = ("--use-dynamic-base-id",)
OWN = {"envoy": ENVOY_OWN, "envoy over HTTP": ENVOY_OWN, "nginx": ()}
# A connection of the load is kept for as long as it is measured.
KEPT = {"envoy": (), "envoy over HTTP": (), "nginx": (("http {", "http {\n    keepalive_requests 1000000000;"),)}


def gateway(name: str) -> Gateway:
    """Answers that proxy as it asks an agent over a socket."""
    known = next(known for known in GATEWAYS if known.name == f"{name}, an agent's socket")
    return replace(known, command=(*known.command, *OWN[name]), changed=(*known.changed, *KEPT[name]))


class Services:
    """jeton, an agent of it, and a service behind proxies."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.jeton = Jeton(given.program, folder, cores="all", settings=DECLARED)
        self.tokens = issue(given, self.jeton, folder, 1)
        self.agent = Agent(given.program, folder / "agent", self.jeton, cores="all")
        # Where a proxy finds the sockets of an agent, and those of the server that passes everything.
        self.passing = folder / "passing"
        sockets = self.passing / "agent"
        sockets.mkdir(parents=True)
        passing = ["--empty", "--listen", f"unix:{sockets}/grpc", "--http", f"unix:{sockets}/check"]
        self.others = [
            subprocess.Popen([given.bare, "--http", f"127.0.0.1:{self.port}"]),
            subprocess.Popen([given.bare, *passing]),
        ]

    def behind(self, proxy: Gateway, home: Path, tools: Path) -> int:
        """Starts a proxy before the service, and answers its port."""
        port, name = free_port(), home.name
        home.mkdir()
        started = proxy.start(home, tools, {GATEWAY: port, SERVICE: self.port, CHECK: free_port()})
        self.others.append(started)
        headers = {"Authorization": f"Bearer {self.tokens.read_text().strip()}"}
        began = time.monotonic()
        while not passes(port, headers):
            if started.poll() is not None or time.monotonic() - began > LIMIT:
                sys.exit(f"{name}: {(home / 'log').read_text()}")
            time.sleep(0.05)
        return port

    def end(self) -> None:
        """Ends all of them."""
        for process in reversed(self.others):
            process.terminate()
            process.wait()
        self.agent.stop()
        self.jeton.stop()


def passes(port: int, headers: dict[str, str]) -> bool:
    """Answers whether a request with these headers reaches the service."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def load(given: argparse.Namespace, port: int, tokens: Path) -> dict[str, float]:
    """Sends one request after the other, and answers the rate and the latencies."""
    command = [given.http_load, "--connect", f"127.0.0.1:{port}", "--tokens", str(tokens), "--connections", "1"]
    done = subprocess.run([*command, "--seconds", str(given.seconds)], capture_output=True, check=False, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def measure(given: argparse.Namespace, services: Services, name: str) -> dict:
    """Takes turns through the proxy with a check and without."""
    checked = gateway(name)
    unchecked = replace(checked, changed=(*checked.changed, UNCHECKED[name]))
    tools = Path(given.tools).resolve()
    ports = {
        "checked": services.behind(checked, services.folder / name, tools),
        "passing": services.behind(checked, services.passing / name, tools),
        "unchecked": services.behind(unchecked, services.folder / f"{name}-unchecked", tools),
    }
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in ports}
    for turn in range(given.rounds):
        for kind in ports if turn % 2 == 0 else reversed(ports):
            rounds[kind].append(load(given, ports[kind], services.tokens))
    middle = lambda kind: {part: statistics.median(seen[part] for seen in rounds[kind]) for part in rounds[kind][0]}  # noqa: E731
    return {
        "proxy": name, "checked": middle("checked"), "unchecked": middle("unchecked"),
        "added": added(rounds["checked"], rounds["unchecked"]),
        "question": added(rounds["passing"], rounds["unchecked"]),
    }


def added(with_it: list[dict[str, float]], without: list[dict[str, float]]) -> dict[str, float]:
    """Answers by how much the median latency of each turn is longer."""
    longer = sorted(one["p50"] - other["p50"] for one, other in zip(with_it, without, strict=True))
    return {"median": statistics.median(longer), "least": longer[0], "most": longer[-1]}


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5, rounds=5)
    options.add_argument("--bare", default=f"{RELEASE}/examples/bare_server")
    options.add_argument("--http-load", default=f"{RELEASE}/examples/http_load")
    options.add_argument("--tools", default="target/tools/proxies", help="where tests/proxies.sh has installed them")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        services = Services(given, Path(folder))
        try:
            rows = [measure(given, services, name) for name in UNCHECKED]
        finally:
            services.end()
    show(given, rows, (
        f"{row['proxy']:<16} p50 {row['checked']['p50']:>5.0f} µs with a check, {row['unchecked']['p50']:>5.0f} µs "
        f"without: {row['added']['median']:.0f} µs more ({row['added']['least']:.0f}–{row['added']['most']:.0f}), "
        f"of which the question by itself takes {row['question']['median']:.0f}"
        for row in rows
    ))


if __name__ == "__main__":
    main()
