"""A disk that fails under load, again and again, against a ledger of what was acknowledged.

    failing_disk.py [ROUNDS] [--seed N]

The load and the ledger are kill9.py's. Each round ends in one of these ways, in turn, which strace
sees to: from some moment on

* every fdatasync of the running server fails with EIO;
* every sync of any kind does;
* every write does;
* an fdatasync does not come back for longer than the server has patience.

Then the server

* acknowledges nothing that was asked after the first failure, save what needed no write;
* answers followers of its health, on either listener, that it does not serve, and nothing else;
* ends by itself, with an exit code that says so and a log line that says why, and panics nowhere;
* started again on the same data, agrees with the ledger.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from health_watch import HealthWatch
from kill9 import Caller, Run, play
from server import NOT_SERVING, SERVING

# What needs a write before its answer: a repetition of either needs none.
WRITTEN = {"issued", "refreshed", "revoked"}


@dataclass(frozen=True)
class Way:
    """How the disk fails, what the log must say then, and what a failed call is in a trace."""

    name: str
    calls: str
    inject: str
    says: str
    failed: str = r"= -1 EIO .*\(INJECTED\)$"


WAYS = (
    Way("syncs of batches that failed", "fdatasync", "error=EIO", "Input/output error"),
    Way("syncs that failed", "fdatasync,fsync", "error=EIO", "Input/output error"),
    Way("writes that failed", "pwrite64", "error=EIO", "Input/output error"),
    # For longer than the server has patience; strace sees the end of a process no sooner.
    Way("syncs that did not end", "fdatasync", "delay_enter=45s", "has not come to an end", r"fdatasync\("),
)

REASON = "the store stopped: "


class PunctualCaller(Caller):
    """Remembers when each acknowledged write was asked for."""

    def __init__(self, run: "FailingDisk", number: int) -> None:
        super().__init__(run, number)
        self._failing = run
        self._asked = 0.0

    def _issue(self, user: str | None, **grant: object) -> None:
        self._asked = time.time()
        super()._issue(user, **grant)

    def refreshed(self, parent: Any) -> Any:
        self._asked = time.time()
        return super().refreshed(parent)

    def revoke(self, grant: Any) -> None:
        self._asked = time.time()
        super().revoke(grant)

    def _acknowledged(self, what: str) -> None:
        if what in WRITTEN:
            self._failing.asked.append(self._asked)
        super()._acknowledged(what)


class FailingDisk(Run):
    caller = PunctualCaller

    def __init__(self, *arguments: Any) -> None:
        self.asked: list[float] = []
        self._ways = cycle(WAYS)
        super().__init__(*arguments)

    def end(self) -> None:
        server = self.server
        assert server.process is not None, "not running"
        way = next(self._ways)
        trace = server.home / "failing.strace"
        followers = [HealthWatch(server.address), HealthWatch(server.ops)]
        logged = server.log.stat().st_size
        strace = subprocess.Popen(
            [
                *("strace", "-f", "-ttt", "-qq", "-p", str(server.process.pid)),
                *("-e", f"trace={way.calls}", "-e", f"inject={way.calls}:{way.inject}"),
                *("-o", os.fspath(trace)),
            ]
        )
        try:
            code = server.wait_exit()
        finally:
            strace.terminate()
            strace.wait()
        failed = re.compile(rf"^\d+ +(?P<time>\d+\.\d+) .*{way.failed}", re.M)
        failures = [float(found["time"]) for found in failed.finditer(trace.read_text())]
        assert failures, f"it ended without {way.name}"
        if code != 1:
            self._lose(f"exit code {code}")
        log = server.log.read_text(errors="replace")[logged:]
        if REASON not in log or way.says not in log:
            self._lose(f"it did not say why it ended:\n{log[-2000:]}")
        if "panicked" in log:
            self._lose(f"something panicked:\n{log[-2000:]}")
        late = [asked for asked in self.asked if asked > failures[0]]
        if late:
            self._lose(f"{len(late)} writes were acknowledged that were asked for after the failure")
        for follower in followers:
            if (statuses := follower.ended()) != [SERVING, NOT_SERVING]:
                self._lose(f"health said {statuses}")
        self.tally.counts[way.name] += len(failures)
        self.asked.clear()

    def _lose(self, what: str) -> None:
        self.tally.losses.append(what)


if __name__ == "__main__":
    sys.exit(play(FailingDisk, __doc__.splitlines()[0], len(WAYS), "failing disks"))
