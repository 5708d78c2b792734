"""A disk that fails: the server ends, and everything that it had acknowledged is there.

A server under strace, whose syncs or writes fail with EIO from some call on, while callers issue
tokens. It must end by itself with exit code 1, say why, and panic nowhere, and before that tell
whoever follows its health, on either listener, that it does not serve; started again on a disk that
works it must know every token that was acknowledged. Prints the counts, exits 1 otherwise.
"""

import os
import sys
import tempfile
import threading
from pathlib import Path

import grpc

from api import Api, Refused, Schema, basic, connect
from health_watch import HealthWatch
from secret_ledger import invent
from server import NOT_SERVING, SERVING, Settings, fleet

# Which system calls fail, from which one of a thread's on: the start makes fewer.
FAILING = {
    "the sync of a batch": "inject=fdatasync:error=EIO:when=40+",
    "every sync": "inject=fdatasync,fsync:error=EIO:when=40+",
    "writes": "inject=pwrite64:error=EIO:when=40+",
}
CALLERS = 4


def work(api: Api, orders: dict[str, str], acknowledged: list[str]) -> None:
    """Issues until the server is gone."""
    while True:
        try:
            answer = api.call("IssueToken", **orders, client_credentials={})
        except Refused as refused:
            if refused.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                raise
            return
        acknowledged.append(answer.access_token)


def run(home: Path, inject: str) -> list[str]:
    """What was not as promised."""
    secret = invent()
    orders = {"client_id": "orders", "client_secret": secret}
    settings = Settings(
        clients=[{"id": "orders", "secret": secret, "grants": ["client_credentials"]}], users=[]
    )
    strace = ["strace", "-D", "-f", "-o", os.devnull, "-e", "trace=fsync,fdatasync,pwrite64"]
    wrong = []
    with fleet(home) as servers:
        server = servers.add("failing", settings, log="info", prefix=[*strace, "-e", inject])
        server.start()
        with connect(server.address) as channel:
            schema = Schema(channel)
        followers = {name: HealthWatch(a) for name, a in (("gRPC", server.address), ("ops", server.ops))}
        acknowledged: list[str] = []
        callers = [
            threading.Thread(target=work, args=[Api(server.address, schema=schema), orders, acknowledged])
            for _ in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        code = server.wait_exit()
        for caller in callers:
            caller.join()
        log = server.log.read_text(errors="replace")
        for name, follower in followers.items():
            if (statuses := follower.ended()) != [SERVING, NOT_SERVING]:
                wrong.append(f"health on the {name} listener said {statuses}")
        if code != 1:
            wrong.append(f"exit code {code}")
        if "the store stopped" not in log or "Input/output error" not in log:
            wrong.append(f"the log does not say why:\n{log[-2000:]}")
        if "panicked" in log:
            wrong.append(f"something panicked:\n{log[-2000:]}")

        healed = servers.add(
            "healed",
            settings,
            log="info",
            environment={"JETON_STORE_PATH": str(server.data), "JETON_KEYS_PATH": str(server.keys)},
        )
        healed.start()
        api = Api(healed.address, schema=schema)
        found: list[bool] = []
        for start in range(0, len(acknowledged), 1_000):
            answer = api.call(
                "BatchIntrospect",
                tokens=acknowledged[start : start + 1_000],
                metadata=[basic("orders", secret)],
            )
            found += [result.active for result in answer.results]
        api.close()
    print(f"{len(acknowledged)} acknowledged, {sum(found)} found", flush=True)
    if not acknowledged or not all(found):
        wrong.append(f"{len(acknowledged) - sum(found)} of {len(acknowledged)} are lost")
    return wrong


def main() -> int:
    failed = 0
    for what, inject in FAILING.items():
        print(f"{what}: ", end="", flush=True)
        with tempfile.TemporaryDirectory(prefix="jeton-failing-disk-") as home:
            wrong = run(Path(home), inject)
        for problem in wrong:
            print(f"BROKEN when {what} fail: {problem}")
        failed += bool(wrong)
    print(f"{len(FAILING) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
