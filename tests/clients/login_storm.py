"""Hundreds of logins at once: what becomes of them, of the server's memory and of introspection.

    login_storm.py [LOGINS] [--rounds N]

Sends 500 password requests at once over 10 connections, twenty users with their right passwords,
again and again, while one more connection introspects. Tells how many got tokens and how many were
told to come back, how long the slowest of those waited, the most memory that the server ever had
resident, and how long introspection took meanwhile.

Exits 1 when a refusal has no RetryInfo or took a second, the memory reached 256 MiB, or an
introspection failed.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.rpc import error_details_pb2, status_pb2

from api import Api, basic
from secret_ledger import invent
from server import Server, Settings, fleet

CONNECTIONS = 10
USERS = 20
MOST_MEMORY = 256 * 1024
LONGEST_WAIT = 1_000.0


@dataclass
class Storm:
    """What came of the logins."""

    granted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    without_retry: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, call: grpc.Future, taken: float) -> None:
        error = call.exception()
        with self.lock:
            if error is None:
                self.granted.append(taken)
                return
            self.refused.append(taken)
            reason, retry = _reason_and_retry(call)
            self.reasons[reason or call.code().name] += 1
            self.without_retry += not retry


def _reason_and_retry(call: grpc.Future) -> tuple[str, bool]:
    raw = dict(call.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    reason, retry = "", False
    for detail in status_pb2.Status.FromString(raw).details:
        info, wait = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        retry |= detail.Unpack(wait)
    return reason, retry


def unary(api: Api, method: str) -> tuple[grpc.UnaryUnaryMultiCallable, type]:
    path, request_class, response_class = api.schema.methods[method]
    send = api.channel.unary_unary(
        path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=response_class.FromString,
    )
    return send, request_class


def send_all(connections: list[Api], users: dict[str, str], secret: str, logins: int) -> Storm:
    storm, done = Storm(), threading.Semaphore(0)
    names = list(users)
    prepared = []
    for number in range(logins):
        send, request_class = unary(connections[number % len(connections)], "IssueToken")
        name = names[number % len(names)]
        request = request_class(
            client_id="orders",
            client_secret=secret,
            password={"username": name, "password": users[name]},
        )
        prepared.append((send, request))
    for send, request in prepared:
        began = time.perf_counter()

        def answered(call: grpc.Future, began: float = began) -> None:
            storm.note(call, (time.perf_counter() - began) * 1e3)
            done.release()

        send.future(request, timeout=30).add_done_callback(answered)
    for _ in range(logins):
        done.acquire()
    return storm


class Introspection(threading.Thread):
    """Introspects one token until it is stopped."""

    def __init__(self, api: Api, token: str, secret: str) -> None:
        super().__init__()
        self._send, request_class = unary(api, "Introspect")
        self._request = request_class(token=token)
        self._metadata = [basic("orders", secret)]
        self._stop_asked = threading.Event()
        self.times: list[float] = []
        self.failed = 0

    def run(self) -> None:
        while not self._stop_asked.is_set():
            began = time.perf_counter()
            try:
                answer = self._send(self._request, metadata=self._metadata, timeout=30)
                self.failed += not answer.active
            except grpc.RpcError:
                self.failed += 1
            self.times.append((time.perf_counter() - began) * 1e3)

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()

    def report(self, when: str) -> None:
        cuts = statistics.quantiles(self.times, n=100)
        print(
            f"introspection {when}: {len(self.times)} answers, {self.failed} failed,"
            f" p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, longest {max(self.times):.2f} ms"
        )


def most_memory(server: Server) -> int:
    """KiB, the most that were ever resident."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("logins", nargs="?", type=int, default=500)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()

    secret = invent()
    users = {f"user-{number}": invent() for number in range(USERS)}
    settings = Settings(
        clients=[
            {
                "id": "orders",
                "secret": secret,
                "grants": ["password", "refresh_token"],
                "scopes": ["read"],
            }
        ],
        users=[{"name": name, "password": password} for name, password in users.items()],
    )
    good = True
    with tempfile.TemporaryDirectory(prefix="jeton-storm-") as home, fleet(Path(home)) as servers:
        server = servers.add("stormed", settings, log="info").start()
        first = Api(server.address)
        token = first.call(
            "IssueToken",
            client_id="orders",
            client_secret=secret,
            password={"username": "user-0", "password": users["user-0"]},
        ).access_token
        connections = [Api(server.address, schema=first.schema) for _ in range(CONNECTIONS)]
        for connection in connections:
            grpc.channel_ready_future(connection.channel).result(timeout=60)
        before = most_memory(server)

        quiet = Introspection(first, token, secret)
        quiet.start()
        time.sleep(2)
        quiet.stop()
        quiet.report("before")
        beside = Introspection(first, token, secret)
        beside.start()
        for number in range(1, given.rounds + 1):
            began = time.perf_counter()
            storm = send_all(connections, users, secret, given.logins)
            taken = time.perf_counter() - began
            longest = max(storm.refused, default=0.0)
            print(
                f"round {number}: {len(storm.granted)} granted, {len(storm.refused)} refused"
                f" {dict(storm.reasons)}, {storm.without_retry} without RetryInfo;"
                f" the slowest refusal {longest:.0f} ms, all answered in {taken * 1e3:.0f} ms"
            )
            good &= storm.without_retry == 0 and longest < LONGEST_WAIT
        beside.stop()
        beside.report("during")
        memory = most_memory(server)
        print(f"memory: {before / 1024:.1f} MiB before, at most {memory / 1024:.1f} MiB ever")
        good &= memory < MOST_MEMORY and quiet.failed + beside.failed == 0
        for connection in [first, *connections]:
            connection.close()
    print("as promised" if good else "NOT as promised")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
