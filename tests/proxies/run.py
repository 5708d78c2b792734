"""Visits a service behind each proxy, and looks at what the service saw.

Usage: run.py TOOLS JETON [PROXY...]
"""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateways import CHECK, GATEWAY, GATEWAYS, GRPC, SERVICE, Gateway, free_port
from processes import Agent, Jeton, end, until
from visits import LIMIT, PARTS, GrpcService, GrpcVisit, Service, Visit


def check(gateway: Gateway, jeton: Jeton, port: int) -> dict[str, str]:
    """Every case. Answers with what the service saw of a user."""
    visits = GrpcVisit if gateway.grpc else Visit

    def refused(status: int, error: str, *authorizations: str, path: str = "/") -> None:
        visit = visits(port, *authorizations, path=path)
        assert visit.status == status, f"{visit.status} in place of {status}"
        if status in gateway.challenges:
            assert 'Bearer realm="billing"' in visit.challenge, visit.challenge
            assert error in visit.challenge, visit.challenge

    user = jeton.token(grant_type="password", username="alice", password="demo-password")
    seen = visits(port, f"Bearer {user}").identity()
    assert seen["username"] == "alice" and seen["client-id"] == "demo", seen
    assert seen["subject"].startswith("usr_") and seen["scope"] == "read write", seen
    own = visits(port, f"bearer {jeton.token()}").identity()
    assert set(own) == set(PARTS) - {"username"} and own["subject"] == "demo", own

    refused(401, "")
    refused(401, "", "Basic ZGVtbzpkZW1vLXNlY3JldA==")
    refused(401, "invalid_token", "Bearer garbage")
    refused(401, "invalid_token", f"Bearer {user}x")
    elsewhere = jeton.token(audience="jeton")
    refused(401, "invalid_token", f"Bearer {elsewhere}")
    refused(403, "insufficient_scope", f"Bearer {jeton.token(scope='write')}")
    for pair in ((f"Bearer {user}", f"Bearer {own}"), (f"Bearer {user}", f"Bearer {user}")):
        two = visits(port, *pair)
        assert two.status in gateway.two, two.status

    assert visits(port, path="/public").identity() == {}
    assert visits(port, f"Bearer {user}", path="/public").identity() == seen
    refused(401, "invalid_token", "Bearer garbage", path="/public")

    assert visits(port, f"Bearer {user}").status == 200
    jeton.revoke(user)
    if gateway.agent:
        until("to hear of it", lambda: visits(port, f"Bearer {user}").status != 200)
    refused(401, "invalid_token", f"Bearer {user}")

    kept = jeton.token()
    assert visits(port, f"Bearer {kept}").status == 200
    if gateway.gives_up:
        jeton.process.send_signal(signal.SIGSTOP)
        try:
            until("jeton to stand still", jeton.stands_still)
            slow = visits(port, f"Bearer {kept}")
        finally:
            jeton.process.send_signal(signal.SIGCONT)
        assert slow.status == gateway.away, f"{slow.status} while jeton says nothing"
        until("the proxy to find jeton", lambda: visits(port, f"Bearer {kept}").status == 200)
    jeton.stop()
    if gateway.agent:
        # Until that cannot be proven any longer.
        until("the agent to refuse", lambda: visits(port, f"Bearer {kept}").status != 200)
        unknown = visits(port, path="/public")
        assert (unknown.status, unknown.identity()) == (200, {}), "nobody needs no proof"
    for path in ("/", "/public"):
        for authorizations in ((f"Bearer {kept}",),) if gateway.agent else ((f"Bearer {kept}",), ()):
            away = visits(port, *authorizations, path=path)
            assert away.status == gateway.away, f"{away.status} while jeton is away"
    jeton.start()
    until("the proxy to find jeton", lambda: visits(port, f"Bearer {kept}").status == 200)
    return seen


def refuses_without_agent(gateway: Gateway, jeton: Jeton, agent: Agent, port: int) -> None:
    token = f"Bearer {jeton.token()}"
    assert Visit(port, token).status == 200
    agent.process.terminate()
    assert agent.process.wait(LIMIT) == 0, "an agent ends in order"
    for path in ("/", "/public"):
        assert Visit(port, token, path=path).status == gateway.away, "nobody passes without an agent"


def main() -> None:
    tools, binary, *wanted = sys.argv[1:]
    services = {False: Service.start(), True: GrpcService.start()}
    chosen = [gateway for gateway in GATEWAYS if not wanted or gateway.name in wanted]
    assert chosen, f"there are {[gateway.name for gateway in GATEWAYS]}"
    print("| proxy | the service saw of alice | while jeton is away | took |")
    for gateway in chosen:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as started:
            home = Path(directory)
            for name in ("jeton", "proxy"):
                (home / name).mkdir()
            jeton = Jeton(os.path.abspath(binary), home / "jeton")
            # Of the process that is its last.
            started.callback(lambda jeton: end(jeton.process), jeton)
            port = free_port()
            asked: Jeton | Agent = jeton
            if gateway.agent:
                (home / "agent").mkdir()
                asked = Agent(jeton.binary, home / "agent", jeton.ports["grpc"], gateway.sockets)
                started.callback(end, asked.process)
            ports = {
                GATEWAY: port,
                SERVICE: services[gateway.grpc],
                GRPC: asked.ports["grpc"],
                CHECK: asked.ports["check"],
            }
            proxy = gateway.start(home / "proxy", Path(tools).resolve(), ports)
            started.callback(end, proxy)

            visit = GrpcVisit if gateway.grpc else Visit

            def up(
                proxy: subprocess.Popen[bytes] = proxy,
                visit: type[Visit] | type[GrpcVisit] = visit,
                port: int = port,
            ) -> bool:
                assert proxy.poll() is None, "it has ended"
                try:
                    return visit(port).status == 401
                except (OSError, http.client.HTTPException):
                    return False

            try:
                until("the proxy to answer", up)
                seen = check(gateway, jeton, port)
                if gateway.agent:
                    refuses_without_agent(gateway, jeton, asked, port)
            except BaseException:
                print(f"{gateway.name}:\n{(home / 'proxy' / 'log').read_text()[-4000:]}")
                print((home / "jeton" / "log").read_text()[-4000:])
                raise
            shown = ", ".join(f"{part}" for part in seen)
            took = time.monotonic() - began
            print(f"| {gateway.name} | {shown} | {gateway.away} | {took:.1f} s |", flush=True)


main()
