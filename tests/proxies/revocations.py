"""Revokes tokens while Envoy asks an agent about requests with them, and keeps a ledger from outside.

Usage: revocations.py TOOLS JETON COUNT

Each of COUNT tokens is shown until it passes, revoked, and shown until it is refused. Nobody passes whose request
began more than MAX_STALENESS after RevokeToken's answer; visitors with other tokens pass all the while. Where a busy
machine keeps the agent from its proof, or from an answer in time, 503 is right: nothing is known of the token.
"""

import http.client
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateways import CHECK, ENVOY, GATEWAY, GRPC, SERVICE, free_port
from processes import Agent, Jeton, until
from visits import LIMIT, Service

# What an agent promises.
MAX_STALENESS = 2.0
REVOKERS, VISITORS = 4, 2


class Visitor:
    """One connection through Envoy."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)

    def status(self, token: str) -> int:
        """Shows the token. Answers with 200 or 401, or with 503 if nothing could be decided."""
        self.connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status in (200, 401, 503), answer.status
        return answer.status


def revoke_each(jeton: Jeton, port: int, count: int) -> list[float]:
    """Answers with the seconds from each revocation's answer to the first refusal's."""
    visitor, took = Visitor(port), []
    for _ in range(count):
        token = jeton.token()
        until("the token to pass", lambda: visitor.status(token) == 200)
        jeton.revoke(token)
        revoked = began = time.monotonic()
        while (status := visitor.status(token)) != 401:
            late = began - revoked
            assert status == 503 or late <= MAX_STALENESS, f"accepted {late:.3f} s after it was revoked"
            assert late < LIMIT, "it is never refused"
            began = time.monotonic()
        took.append(time.monotonic() - revoked)
    return took


def visit(jeton: Jeton, port: int, over: threading.Event) -> int:
    """Shows one token until all is over: it is never refused. Answers with how often it passed."""
    visitor, token, passed = Visitor(port), jeton.token(), 0
    while not over.is_set():
        status = visitor.status(token)
        assert status != 401, "a good token is refused"
        passed += status == 200
    return passed


def measure(jeton: Jeton, port: int, count: int) -> None:
    over = threading.Event()
    with ThreadPoolExecutor(REVOKERS + VISITORS) as threads:
        visits = [threads.submit(visit, jeton, port, over) for _ in range(VISITORS)]
        try:
            revokers = [
                threads.submit(revoke_each, jeton, port, count // REVOKERS) for _ in range(REVOKERS)
            ]
            took = sorted(one for revoker in revokers for one in revoker.result())
        finally:
            over.set()
    passed = sum(one.result() for one in visits)
    assert passed, "nobody else came"
    at = lambda part: 1000 * took[min(int(part * len(took)), len(took) - 1)]  # noqa: E731
    print(
        f"{len(took)} revocations, each refused by Envoy with an agent: p50 {at(0.5):.1f} ms, "
        f"p99 {at(0.99):.1f} ms, at most {at(1):.1f} ms after RevokeToken's answer; {passed} other visits passed"
    )


def main() -> None:
    tools, binary, count = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        for name in ("jeton", "agent", "proxy"):
            (home / name).mkdir()
        jeton = Jeton(os.path.abspath(binary), home / "jeton")
        agent = Agent(jeton.binary, home / "agent", jeton.ports["grpc"], sockets=False)
        port = free_port()
        ports = {GATEWAY: port, SERVICE: Service.start(), GRPC: agent.ports["grpc"], CHECK: agent.ports["check"]}
        proxy = ENVOY.start(home / "proxy", Path(tools).resolve(), ports)
        try:

            def passes() -> bool:
                assert proxy.poll() is None, (home / "proxy" / "log").read_text()
                try:
                    return Visitor(port).status(jeton.token()) == 200
                except OSError:
                    return False

            until("the proxy to ask the agent", passes)
            measure(jeton, port, int(count))
        finally:
            for process in (proxy, agent.process, jeton.process):
                process.terminate()
                process.wait(LIMIT)


main()
