"""Measures introspection of tokens that came of an exchange as a ratio to that of plain ones, in the same run.

    cargo build --release --bin jeton --example http_load
    python3 benches/delegation.py [--tokens 5000] [--seconds 5] [--rounds 5]

One server has both kinds in memory, and the loads take turns. Each login was exchanged once: a plain token is judged
by the record of its login, and one that came of it by its own and by that of its login. `jeton bench` asks over
gRPC; `examples/http_load` asks `/check`, and takes less of its core for a request than the server does.
"""

import argparse
import base64
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from command_line import RELEASE, parser, show
from load import LOAD_CORE, Load, Sampler
from server import CLIENT_ID, CLIENT_SECRET, PASSWORD, SETTINGS, USER, Jeton, free_port

URN = "urn:ietf:params:oauth:"
NEXT = "billing"
# One client logs people in, exchanges their tokens and introspects both kinds. Hashing is not what is measured.
DECLARED = SETTINGS.replace('"refresh_token"]', '"token_exchange"]').replace(
    "introspect =", f'audience = ["{CLIENT_ID}"]\nmay_exchange_to = ["{NEXT}"]\nintrospect ='
)
KINDS = {"plain": CLIENT_ID, "child": NEXT}


class Tokens:
    """Asks the token endpoint over one connection."""

    def __init__(self, server: Jeton) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.http)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form = "application/x-www-form-urlencoded"
        self._headers = {"Authorization": f"Basic {basic}", "Content-Type": form}

    def ask(self, **form: str) -> str:
        """Answers an access token."""
        self._connection.request("POST", "/oauth/token", urllib.parse.urlencode(form), self._headers)
        answer = self._connection.getresponse()
        said = json.load(answer)
        if answer.status != 200:
            sys.exit(f"no token: {said}")
        return said["access_token"]

    def log_in(self) -> str:
        """Answers the token of a login."""
        return self.ask(grant_type="password", username=USER, password=PASSWORD, scope="read write")

    def exchange(self, token: str) -> str:
        """Answers what a token was exchanged for."""
        subject = {"subject_token": token, "subject_token_type": URN + "token-type:access_token"}
        return self.ask(grant_type=URN + "grant-type:token-exchange", audience=NEXT, **subject)


@dataclass
class Check:
    """A load of `examples/http_load` on `/check`."""

    name: str
    program: str
    port: int
    connections: int

    def put(self, kind: str, tokens: Path, server: Jeton, seconds: int) -> dict[str, float]:
        """Loads the server with tokens of a kind and answers what was seen."""
        sampler = Sampler(server)
        sampler.start()
        command = ["taskset", "-c", str(LOAD_CORE), self.program, "--connect", f"127.0.0.1:{self.port}"]
        command += ["--path", f"/check?audience={KINDS[kind]}&scope=read", "--tokens", str(tokens)]
        command += ["--seconds", str(seconds), "--connections", str(self.connections)]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        cpu, passed = sampler.used(seconds)
        if done.returncode != 0:
            sys.exit(f"{self.name}: {done.stderr}")
        seen = json.loads(done.stdout)
        return {"cpu_micros": cpu / passed / seen["per_second"] * 1e6, "busy": cpu / passed, **seen}


@dataclass
class Introspect:
    """A load of `jeton bench`."""

    name: str
    program: str
    tokens: int
    connections: int
    streams: int

    def put(self, kind: str, tokens: Path, server: Jeton, seconds: int) -> dict[str, float]:
        """Loads the server with tokens of a kind and answers what was seen."""
        options = ["--tokens", str(self.tokens), "--reuse", str(tokens)]
        load = Load(f"{self.name}, {kind}", "introspect", self.connections, self.streams, options=options)
        return load.put(self.program, server, seconds)


def supply(given: argparse.Namespace, server: Jeton, folder: Path) -> dict[str, Path]:
    """Answers a file of tokens for each kind."""
    asking = Tokens(server)
    logins = [asking.log_in() for _ in range(given.tokens)]
    kinds = {"plain": logins, "child": [asking.exchange(token) for token in logins]}
    files = {}
    for kind, tokens in kinds.items():
        files[kind] = folder / f"tokens-{kind}"
        files[kind].write_text("".join(f"{token}\n" for token in tokens))
    return files


def compare(given: argparse.Namespace, server: Jeton, files: dict[str, Path], load: Check | Introspect) -> dict:
    """Loads the server with each kind in turns and answers the ratios of children to plain ones."""
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for turn in range(given.rounds):
        for kind in list(KINDS) if turn % 2 == 0 else reversed(KINDS):
            rounds[kind].append(load.put(kind, files[kind], server, given.seconds))
    names = ("per_second", "cpu_micros", "busy", "p50", "p99")
    middle = {kind: {name: statistics.median(seen[name] for seen in rounds[kind]) for name in names} for kind in KINDS}
    pairs = list(zip(rounds["child"], rounds["plain"], strict=True))
    ratios = {name: sorted(child[name] / plain[name] for child, plain in pairs) for name in names if name != "busy"}
    spread = {name: {"median": statistics.median(all_), "least": all_[0], "most": all_[-1]} for name, all_ in ratios.items()}
    return {"load": load.name, **middle, "ratio": spread}


def lines(compared: dict) -> list[str]:
    """Answers the report for people."""
    shown = [compared["load"]]
    for kind in KINDS:
        seen = compared[kind]
        shown.append(
            f"  {kind:<8}{seen['per_second']:>10.0f}/s  core busy {seen['busy']:>4.0%}  {seen['cpu_micros']:>7.2f} "
            f"µs CPU a call  p50 {seen['p50']:>6.0f} µs  p99 {seen['p99']:>6.0f} µs"
        )
    ratio = compared["ratio"].items()
    shown.append("  ratio   " + "  ".join(f"{name} {of['median']:.3f} ({of['least']:.3f}–{of['most']:.3f})" for name, of in ratio))
    return shown


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5, rounds=5)
    options.add_argument("--http-load", default=f"{RELEASE}/examples/http_load")
    options.add_argument("--tokens", type=int, default=5_000, help="tokens of each kind")
    given = options.parse_args()
    port = free_port()
    settings = f'{DECLARED}\n[check]\nlisten = "127.0.0.1:{port}"\nclient = "{CLIENT_ID}"\n'
    settings += '\n[passwords]\nmemory = "8KiB"\niterations = 1\n'
    loads: list[Check | Introspect] = [
        Check("/check, 64 connections", given.http_load, port, 64),
        Check("/check, 1 connection", given.http_load, port, 1),
        Introspect("Introspect, 8 × 16", given.program, given.tokens, 8, 16),
        Introspect("Introspect, 1 × 1", given.program, given.tokens, 1, 1),
    ]
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        server = Jeton(given.program, Path(folder), settings=settings)
        try:
            files = supply(given, server, Path(folder))
            compared = [compare(given, server, files, load) for load in loads]
        finally:
            server.stop()
    show(given, compared, [line for one in compared for line in lines(one)])


if __name__ == "__main__":
    main()
