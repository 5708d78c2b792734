"""What the kernel saw: records are synced to disk before the answers that speak of them.

Two runs under strace. One caller, one call after the other: between two answers there must be a
write to a file of the store and, after it, a sync of the same file that came back before the
answer's first byte was handed to the socket. Then many callers at once: far fewer syncs than
answers. Prints both counts, exits 1 if either promise is broken.
"""

import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from api import Api, Schema, connect
from secret_ledger import invent
from server import Server, Settings, fleet, wait_until

SEQUENTIAL_CALLS = 50
CONCURRENT_CALLERS = 64
CALLS_EACH = 20

# A fast disk and a slow client would leave nothing to share: each sync is held up for so long that
# most callers are waiting when the next one begins. Then a sync serves at least this many.
SYNC_MICROS = 25_000
ANSWERS_A_SYNC = 4

WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2"}
SENDS = {"write", "writev", "sendto", "sendmsg"}
SYNCS = {"fsync", "fdatasync"}

# With -D the server is this process's own child, so that signals reach it and not strace.
STRACE = [
    *("strace", "-D", "-f", "-yy", "-ttt", "-xx", "-s", "8192"),
    *("-e", "trace=" + ",".join(sorted(WRITES | SENDS | SYNCS))),
]

LINE = re.compile(r"(?P<thread>\d+) +(?P<time>\d+\.\d+) (?P<rest>.*)")
UNFINISHED = re.compile(r"(?P<text>.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<text>.*)")
CALL = re.compile(r"(?P<name>\w+)\((?P<number>\d+)<(?P<target>.*?)>(?P<rest>[,)].*)")
RESULT = re.compile(r".*\) += (?P<result>-?\d+)")
# The bytes of a call's buffers. A name in <…> may be written in the same way, and is not matched.
BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

HEADERS_FRAME = 1
FRAME_HEAD = 9


@dataclass(frozen=True)
class Call:
    """One system call: where in the trace it began and ended, on what, with what."""

    name: str
    began: int
    ended: int
    time: float
    target: str
    content: bytes
    result: int


def calls(trace: Path) -> list[Call]:
    return sorted(_calls(trace), key=lambda call: call.ended)


def _calls(trace: Path) -> Iterator[Call]:
    pending: dict[str, tuple[int, float, str]] = {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        matched = LINE.match(line)
        if matched is None:
            continue
        thread, rest = matched["thread"], matched["rest"]
        began, when = number, float(matched["time"])
        if unfinished := UNFINISHED.match(rest):
            pending[thread] = (number, when, unfinished["text"])
            continue
        if resumed := RESUMED.match(rest):
            began, when, head = pending.pop(thread)
            rest = head + resumed["text"]
        call, result = CALL.match(rest), RESULT.match(rest)
        if call is None or result is None:
            continue
        content = b"".join(
            bytes.fromhex(text.replace("\\x", "")) for text in BYTES.findall(call["rest"])
        )
        yield Call(
            name=call["name"],
            began=began,
            ended=number,
            time=when,
            target=_plain(call["target"]),
            content=content,
            result=int(result["result"]),
        )


def _plain(target: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda digits: chr(int(digits[1], 16)), target)


def streams_answered(sent: bytes) -> list[int]:
    """The HTTP/2 streams for which this piece of a connection holds a HEADERS frame."""
    found = []
    while len(sent) >= FRAME_HEAD:
        length = int.from_bytes(sent[:3])
        if sent[3] == HEADERS_FRAME:
            found.append(int.from_bytes(sent[5:FRAME_HEAD]) & 0x7FFF_FFFF)
        sent = sent[FRAME_HEAD + length :]
    return found


def answers(trace: list[Call]) -> dict[str, dict[int, Call]]:
    """By connection and stream, the call that handed the answer's first bytes to the socket."""
    found: dict[str, dict[int, Call]] = {}
    for call in trace:
        if call.name in SENDS and call.target.startswith("TCP") and call.result > 0:
            for stream in streams_answered(call.content):
                found.setdefault(call.target, {}).setdefault(stream, call)
    return found


def synced_between(store: list[Call], start: int, end: int) -> bool:
    """Whether a file was written, and after that synced, all between two places of the trace."""
    written_at: dict[str, int] = {}
    for call in store:
        if call.began < start or call.ended > end or call.result < 0:
            continue
        if call.name in WRITES:
            written_at.setdefault(call.target, call.ended)
        elif written_at.get(call.target, end) < call.began:
            return True
    return False


def check_sequence(trace: list[Call], data: Path) -> tuple[int, int]:
    """How many answers there were, and how many of them came after their sync."""
    store = [call for call in trace if call.target.startswith(f"{data}/")]
    # The connection of the calls is the one with the most answers: the others read the schema.
    sent = max(answers(trace).values(), key=len)
    places = [call.began for _, call in sorted(sent.items())]
    covered = [
        synced_between(store, start, end) for start, end in zip([0, *places], places, strict=False)
    ]
    return len(places), sum(covered)


def syncs_since(trace: list[Call], data: Path, start: float) -> int:
    return sum(
        call.name in SYNCS and call.target.startswith(f"{data}/") and call.time >= start
        for call in trace
    )


class Traced:
    """A server under strace and the calls that are made to it."""

    def __init__(self, server: Server, trace: Path, secret: str) -> None:
        self.server = server
        self.trace = trace
        self._orders = {"client_id": "orders", "client_secret": secret}
        server.start()
        with connect(server.address) as channel:
            self._schema = Schema(channel)
        # The first call hashes the client's secret, which is slow; the others remember it.
        self.issue(1)

    def issue(self, times: int) -> None:
        """The calls of one connection, one after the other."""
        api = Api(self.server.address, schema=self._schema)
        for _ in range(times):
            api.call("IssueToken", **self._orders, client_credentials={}, timeout=120)
        api.close()

    def issue_together(self, callers: int, times: int) -> float:
        """The same on many connections at once. Returns when they began."""
        ready = threading.Barrier(callers + 1)
        failures: list[Exception] = []

        def work() -> None:
            ready.wait()
            try:
                self.issue(times)
            except Exception as error:  # A thread has nobody to raise to.
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(callers)]
        for thread in threads:
            thread.start()
        began = time.time()
        ready.wait()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return began

    def finish(self) -> list[Call]:
        self.server.stop()
        # strace sees the end after we do.
        wait_until(self._ended, "strace has not written the end of its trace")
        return calls(self.trace)

    def _ended(self) -> bool:
        last = self.trace.read_text(errors="replace").rstrip().rpartition("\n")[2]
        return "+++ exited with" in last


def main() -> int:
    secret = invent()
    settings = Settings(
        clients=[{"id": "orders", "secret": secret, "grants": ["client_credentials"]}], users=[]
    )
    with tempfile.TemporaryDirectory(prefix="jeton-strace-") as home, fleet(Path(home)) as servers:

        def traced(name: str, *more: str) -> Traced:
            trace = Path(home) / f"{name}.strace"
            prefix = [*STRACE, *more, "-o", os.fspath(trace)]
            server = servers.add(name, settings, log="info", prefix=prefix)
            return Traced(server, trace, secret)

        alone = traced("alone")
        alone.issue(SEQUENTIAL_CALLS)
        answered, covered = check_sequence(alone.finish(), alone.server.data)

        slow_disk = f"inject=fdatasync:delay_enter={SYNC_MICROS}"
        together = traced("together", "-e", slow_disk)
        began = together.issue_together(CONCURRENT_CALLERS, CALLS_EACH)
        syncs = syncs_since(together.finish(), together.server.data, began)

    answered_together = CONCURRENT_CALLERS * CALLS_EACH
    print(f"one caller: {answered} answers, {covered} after a write and its sync")
    print(f"{CONCURRENT_CALLERS} callers: {answered_together} answers, {syncs} syncs")
    kept = [
        answered == covered == SEQUENTIAL_CALLS,
        0 < syncs * ANSWERS_A_SYNC <= answered_together,
    ]
    print(f"{sum(kept)} passed, {len(kept) - sum(kept)} failed")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
