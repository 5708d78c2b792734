"""Measures an agent beside servers that do nothing, over sockets of the file system, and its memory.

    cargo build --release --bin jeton --example bare_server --example http_load
    python3 benches/agent.py [--seconds 10] [--rounds 5] [--remembered 100000]

Introspect of a known token beside a tonic server that repeats the agent's answer, and /check beside an axum
handler that answers 200. Agent and load have one core each; the agent and what it is beside take turns. The load
of /check never sleeps: a server that answers slower than the other would pay for waking it. Memory is that of an
agent that was asked nothing, and what each token that it then remembers adds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from command_line import RELEASE, parser, show
from load import LOAD_CORE, Load, Sampler
from ratios import compare, lines
from server import CLIENT_ID, SETTINGS, Jeton, Server, free_port

# Tokens that are asked about, and the service that they are for.
KNOWN, SERVICE = 1_000, "billing"
DECLARED = SETTINGS.replace("introspect", f'audience = ["{SERVICE}", "jeton"]\nintrospect')
# Until an agent that has started, or was asked about many tokens, is idle.
SETTLED = 3
MIB = 1 << 20


class Agent(Jeton):
    """An agent of a server, on sockets in a folder of its own."""

    def __init__(self, program: str, folder: Path, server: Jeton, cores: str = "one") -> None:
        folder.mkdir()
        self.folder, self.ops = folder, free_port()
        command = [program, "agent", "--server", server.url, "--client-id", CLIENT_ID]
        command += ["--listen", self.url, "--check-listen", self.http, "--log", "error"]
        command += ["--ops-listen", f"127.0.0.1:{self.ops}"]
        Server.__init__(self, "jeton", command, 0, cores)

    @property
    def url(self) -> str:
        """Answers where it serves gRPC."""
        return f"unix:{self.folder / 'grpc'}"

    @property
    def http(self) -> str:
        """Answers where it serves /check."""
        return f"unix:{self.folder / 'check'}"


class Bare(Server):
    """Answers of an agent, and 200 for every HTTP request, with nothing done for them."""

    def __init__(self, program: str, folder: Path, server: Jeton, agent: Agent) -> None:
        self.folder = folder
        command = [program, "--like", server.url, "--introspected-by", agent.url, "--client-id", CLIENT_ID]
        command += ["--listen", self.url, "--http", self.http]
        super().__init__("bare", command, 0)

    def answers(self) -> bool:
        """Answers whether it listens."""
        return (self.folder / "bare.sock").exists() and (self.folder / "http.sock").exists()

    @property
    def url(self) -> str:
        """Answers where it serves gRPC."""
        return f"unix:{self.folder / 'bare.sock'}"

    @property
    def http(self) -> str:
        """Answers where it serves HTTP."""
        return f"unix:{self.folder / 'http.sock'}"


@dataclass
class HttpLoad:
    """A load of `examples/http_load`."""

    name: str
    program: str
    options: list[str]

    def put(self, _: str, server: Agent | Bare, seconds: int) -> dict[str, float]:
        """Loads a server and answers what was seen."""
        sampler = Sampler(server)
        sampler.start()
        command = ["taskset", "-c", str(LOAD_CORE), self.program, "--connect", server.http]
        done = subprocess.run(
            [*command, "--busy", "--seconds", str(seconds), *self.options], capture_output=True, check=False, text=True
        )
        cpu, passed = sampler.used(seconds)
        if done.returncode != 0:
            sys.exit(f"{self.name} on {server.name}: {done.stderr}")
        seen = json.loads(done.stdout)
        return {"cpu_micros": cpu / passed / seen["per_second"] * 1e6, "busy": cpu / passed, **seen}


def issue(given: argparse.Namespace, server: Jeton, folder: Path, count: int) -> Path:
    """Answers a file of so many tokens."""
    file = folder / f"tokens-{count}"
    Load("issue", "introspect", options=["--tokens", str(count), "--reuse", str(file)]).put(given.program, server, 1)
    return file


def memory(given: argparse.Namespace, server: Jeton, folder: Path) -> dict[str, float]:
    """Answers the memory of an agent that was asked nothing, and what a remembered token adds."""
    tokens = issue(given, server, folder, given.remembered)
    agent = Agent(given.program, folder / "remembers", server)
    time.sleep(SETTLED)
    idle = agent.resident()
    command = [given.http_load, "--connect", agent.http, "--path", f"/check?audience={SERVICE}"]
    subprocess.run([*command, "--tokens", str(tokens), "--once"], check=True, stdout=subprocess.DEVNULL)
    time.sleep(SETTLED)
    full = agent.resident()
    agent.stop()
    return {"idle": idle, "remembered": given.remembered, "per_token": (full - idle) / given.remembered}


def measure(given: argparse.Namespace, folder: Path) -> dict:
    """Runs all of it."""
    server = Jeton(given.program, folder, cores="all", settings=DECLARED)
    tokens = issue(given, server, folder, KNOWN)
    agent = Agent(given.program, folder / "agent", server)
    bare = Bare(given.bare, folder, server, agent)
    known = ["--tokens", str(KNOWN), "--reuse", str(tokens)]
    checked = ["--path", f"/check?audience={SERVICE}&scope=read", "--tokens", str(tokens)]
    loads: list[Load | HttpLoad] = [
        Load("Introspect, 8 × 16", "introspect", 8, 16, options=known),
        Load("Introspect, 1 × 1", "introspect", 1, 1, options=known),
        HttpLoad("/check, 64 connections", given.http_load, checked),
        HttpLoad("/check, 1 connection", given.http_load, [*checked, "--connections", "1"]),
    ]
    figures = {"beside": [compare(given.program, [agent, bare], load, given) for load in loads]}
    bare.stop()
    agent.stop()
    figures["memory"] = memory(given, server, folder)
    server.stop()
    return figures


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=10, rounds=3)
    options.add_argument("--bare", default=f"{RELEASE}/examples/bare_server")
    options.add_argument("--http-load", default=f"{RELEASE}/examples/http_load")
    options.add_argument("--remembered", type=int, default=100_000, help="tokens of which memory is measured")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        figures = measure(given, Path(folder))
    seen = figures["memory"]
    show(given, figures, [
        *lines(figures["beside"], ["jeton", "bare"]),
        f"memory when idle {seen['idle'] / MIB:.1f} MiB, for each of {seen['remembered']:,} remembered tokens "
        f"{seen['per_token']:.0f} B",
    ])


if __name__ == "__main__":
    main()
