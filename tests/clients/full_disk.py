"""A full disk, again and again, against a ledger of what was acknowledged.

    full_disk.py [ROUNDS] [--seed N]

The store lies on a tmpfs of its own, which another process fills while the server issues, refreshes,
revokes, is backed up, sweeps what has expired, or starts. Rounds alternate between two promises:

* With `min_free_space`, writes are refused before the disk is full, with how long to wait; what was
  refused has not happened. Introspection goes on, and revocation until a quarter is left. Health says
  so, and all of it is over when the space comes back, without a restart. With no byte left a restart
  serves introspection as well.
* Without, the first write that fails ends the server with exit code 1 and a line that says why.

Either way everything that was acknowledged is there after the next start, and nothing that was
revoked comes back. Backups to another disk succeed as long as the server runs, one to the full disk
fails and leaves nothing, and what was acknowledged before the last whole one is restored from it.
Prints the seed and the counts; exits 1 if a promise is broken.
"""

import argparse
import base64
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from api import TOKEN_SERVICE, Api, Refused, Schema, basic, connect
from backups import Backups
from secret_ledger import invent
from server import SERVING, Server, Settings, free_port, wait_until

MIB = 1 << 20
DISK = 64 * MIB
MIN_FREE = 24 * MIB
RESERVE = MIN_FREE // 4
# Where the filler stops: well inside of each mark.
LOW, FULL = 16 * MIB, 3 * MIB

CALLERS = 4
PREPARED = 1_200
# Acknowledgements between two backups: they must not take the load's time.
BACKUP_EVERY = 100
# For each caller: the sweeper needs more than a second for all of them.
EXPIRED = 3_000
# For which the sweeper has work: more than an hour, for which expired grants are kept.
PAST = 3 * 60 * 60
LONGEST = 60.0
LONGEST_END = 300.0

KINDS = ["issue", "refresh", "revoke", "backup", "sweep", "start"]
UNANSWERED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}
FULL_CODE = grpc.StatusCode.RESOURCE_EXHAUSTED

# Fills a file until so many bytes are left free, the last of them one by one.
FILLER = """
import os, sys
path, left = sys.argv[1], int(sys.argv[2])
free = lambda: os.statvfs(os.path.dirname(path)).f_bavail * os.statvfs(os.path.dirname(path)).f_frsize
with open(path, "ab", buffering=0) as file:
    for size in (1 << 18, 1 << 12):
        while free() - size >= left:
            try:
                file.write(bytes(size))
            except OSError:
                break
"""


class Disk:
    """A small file system and the file that fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(path)], check=True
        )

    def fill(self, left: int) -> None:
        """Lets another process fill it until `left` bytes are free."""
        subprocess.run([sys.executable, "-c", FILLER, str(self.path / "filler"), str(left)], check=True)

    def free(self) -> None:
        (self.path / "filler").unlink(missing_ok=True)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """As a file system is after an error of its disk."""
        self._remount("ro")
        try:
            yield
        finally:
            self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.path)], check=True)


@dataclass
class Ledger:
    """What was acknowledged. Tokens whose call was not answered are in neither list."""

    alive: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    # By chain of refreshes: the newest acknowledged pair.
    pairs: dict[int, tuple[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def issued(self, token: str) -> None:
        with self.lock:
            self.alive.add(token)

    def revocation_open(self, token: str) -> None:
        with self.lock:
            self.alive.discard(token)

    def revocation_done(self, token: str) -> None:
        with self.lock:
            self.revoked.add(token)

    def revocation_refused(self, token: str) -> None:
        with self.lock:
            self.alive.add(token)


class Broken(Exception):
    """A promise that was not kept."""


def require(kept: bool, promise: str) -> None:
    if not kept:
        raise Broken(promise)


class Round:
    """One server on one disk."""

    def __init__(self, home: Path, kind: str, graceful: bool, tally: Counter[str]) -> None:
        self.kind, self.graceful, self.tally = kind, graceful, tally
        self.secret, self.password = invent(), invent()
        self.orders = {"client_id": "orders", "client_secret": self.secret}
        self.as_orders = [basic("orders", self.secret)]
        self.disk = Disk(home / "disk")
        client = {
            "id": "orders",
            "secret": self.secret,
            "grants": ["password", "refresh_token", "client_credentials"],
            "scopes": ["read"],
            "audience": ["billing"],
            "introspect": "any",
            "access_token_ttl": "1d",
        }
        brief = {**client, "id": "brief", "grant_ttl": "1m", "access_token_ttl": "1m"}
        root = {"id": "root", "secret": self.secret, "permissions": ["admin"]}
        settings = Settings(
            clients=[client, brief, root],
            users=[{"name": "alice", "password": self.password}],
        )
        self.http = f"127.0.0.1:{free_port()}"
        self.environment = {
            "JETON_STORE_PATH": str(self.disk.path / "data"),
            "JETON_MIN_FREE_SPACE": f"{MIN_FREE}B" if graceful else "0",
            "JETON_CACHE_BYTES": "4MiB",
            "JETON_HTTP_LISTEN": self.http,
        }
        self.server = Server(home / "server", settings, log="info", environment=self.environment)
        self.slow = Server(
            home / "past",
            settings,
            log="info",
            environment={
                **self.environment,
                "LD_PRELOAD": os.environ["JETON_PAST"],
                "JETON_TEST_PAST": str(PAST),
                "JETON_KEYS_PATH": str(self.server.keys),
            },
        )
        self.address = self.server.address
        self.restored = Server(
            home / "restored",
            settings,
            log="info",
            environment={"JETON_KEYS_PATH": str(self.server.keys)},
        )
        self.backups = Backups(home / "whole.backup", self.address, "root", self.secret)
        self.ledger = Ledger()
        self.failures: list[Exception] = []
        self.stopping = threading.Event()
        self.acknowledged = 0
        self.log_start = 0

    # What is asked.

    def api(self) -> Api:
        return Api(self.address, schema=self.schema)

    def issue(self, api: Api) -> str:
        answer = api.call("IssueToken", **self.orders, client_credentials={})
        self.ledger.issued(answer.access_token)
        self.acknowledged += 1
        return answer.access_token

    def revoke(self, api: Api, token: str) -> None:
        self.ledger.revocation_open(token)
        try:
            api.call("RevokeToken", **self.orders, token=token)
        except Refused as refused:
            if refused.code is FULL_CODE:
                self.ledger.revocation_refused(token)
            raise
        self.ledger.revocation_done(token)
        self.acknowledged += 1

    def refresh(self, api: Api, chain: int) -> None:
        _, parent = self.ledger.pairs[chain]
        answer = api.call("RefreshToken", **self.orders, refresh_token=parent)
        self.ledger.pairs[chain] = (answer.access_token, answer.refresh_token)
        self.acknowledged += 1

    def active(self, api: Api, tokens: list[str]) -> list[bool]:
        found: list[bool] = []
        for start in range(0, len(tokens), 1_000):
            part = tokens[start : start + 1_000]
            answer = api.call("BatchIntrospect", tokens=part, metadata=self.as_orders)
            found += [result.active for result in answer.results]
        return found

    # The load.

    def actions(self, api: Api, number: int) -> Iterator[Callable[[], object]]:
        """What one caller does, for ever."""
        own = [token for at, token in enumerate(sorted(self.ledger.alive)) if at % CALLERS == number]
        while True:
            if self.kind == "refresh":
                yield lambda: self.refresh(api, number)
            elif self.kind == "revoke" and own:
                yield lambda: self.revoke(api, own.pop())
            else:
                yield lambda: self.issue(api)

    def work(self, number: int) -> None:
        api = self.api()
        try:
            for action in self.actions(api, number):
                if self.stopping.is_set():
                    return
                try:
                    action()
                except Refused as refused:
                    if refused.code is FULL_CODE and self.graceful:
                        self.tally["refused under load"] += 1
                        time.sleep(0.01)
                    elif refused.code in UNANSWERED and not self.graceful:
                        return
                    else:
                        raise
        except Exception as error:  # A thread has nobody to raise to.
            self.failures.append(error)
        finally:
            api.close()

    def back_up(self) -> None:
        """Backs up to where there is space, each time that something has been acknowledged."""
        try:
            enough = 0
            while not self.stopping.is_set():
                if self.acknowledged < enough:
                    time.sleep(0.01)
                    continue
                enough = self.acknowledged + BACKUP_EVERY
                with self.ledger.lock:
                    acknowledged = set(self.ledger.alive)
                why = self.backups.make(acknowledged)
                self.tally["backups cut off" if why else "backups under load"] += 1
                if why:
                    require(not self.graceful, f"a backup to another disk succeeds: {why}")
                    return
        except Exception as error:  # As in work.
            self.failures.append(error)

    @contextmanager
    def load(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.work, args=[at]) for at in range(CALLERS)]
        if self.kind == "backup":
            threads.append(threading.Thread(target=self.back_up))
        for thread in threads:
            thread.start()
        before = self.acknowledged

        def loaded() -> bool:
            backed_up = self.kind != "backup" or bool(self.backups.tokens)
            return self.acknowledged > before + 20 and backed_up or bool(self.failures)

        wait_until(loaded, "load", LONGEST)
        try:
            yield
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()
        if self.failures:
            raise self.failures[0]

    # What is seen.

    def serving(self, *, service: str = "") -> bool:
        with connect(self.server.address) as channel:
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)
            return answer.status == SERVING

    def serves_throughout(self, expected: bool) -> bool:
        return all(self.serving(service=name) is expected for name in ("", TOKEN_SERVICE))

    def require_refused(self, what: str, ask: Callable[[], object]) -> None:
        try:
            ask()
        except Refused as refused:
            self.tally[f"{what} refused ahead"] += 1
            kept = (
                refused.code is FULL_CODE
                and refused.reason == "NO_SPACE"
                and refused.retry_after == refused.pushback == 5.0
            )
            require(kept, f"{what} is refused with how long to wait: {refused}")
            return
        raise Broken(f"{what} is refused")

    def require_http_refused(self) -> None:
        form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
        name = base64.b64encode(f"orders:{self.secret}".encode()).decode()
        request = urllib.request.Request(
            f"http://{self.http}/oauth/token", form, {"Authorization": f"Basic {name}"}
        )
        try:
            urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            found = (error.code, error.headers["Retry-After"])
            require(found == (429, "5"), f"HTTP answers 429 with Retry-After, not {found}")
            return
        raise Broken("HTTP refuses as well")

    def spawn(self) -> None:
        """Starts the server and does not wait; its log counts from here."""
        if self.server.log.exists():
            self.log_start = self.server.log.stat().st_size
        self.server.spawn()

    def log(self) -> str:
        """What the server said since it was started last."""
        return self.server.log.read_bytes()[self.log_start :].decode(errors="replace")

    # The round.

    def run(self) -> None:
        try:
            if self.kind == "sweep":
                self.prepare_in_the_past()
                self.server.start()
            else:
                self.server.start()
                self.prepare()
            if self.graceful:
                self.run_graceful()
            else:
                self.run_fatal()
            self.verify()
            if self.kind == "backup":
                self.verify_backup()
            require("panicked" not in self.log(), "nothing panics")
        except BaseException:
            print(self.log()[-4000:])
            raise
        finally:
            self.stopping.set()
            self.server.discard()
            self.slow.discard()
            self.restored.discard()
            self.disk.unmount()

    def prepare(self) -> None:
        """Grants of every kind that the round needs."""
        with connect(self.address) as channel:
            self.schema = Schema(channel)
        api = self.api()
        for _ in range(PREPARED if self.kind == "revoke" else 50):
            self.issue(api)
        for chain in range(CALLERS):
            user = {"username": "alice", "password": self.password}
            answer = api.call("IssueToken", **self.orders, password=user)
            self.ledger.pairs[chain] = (answer.access_token, answer.refresh_token)
        api.close()

    def prepare_in_the_past(self) -> None:
        """The same, and grants that the sweeper will find to have expired long ago."""
        self.slow.start()
        self.address = self.slow.address
        self.prepare()

        def issue() -> None:
            api = self.api()
            brief = {"client_id": "brief", "client_secret": self.secret}
            for _ in range(EXPIRED):
                api.call("IssueToken", **brief, client_credentials={})
            api.close()

        threads = [threading.Thread(target=issue) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.slow.stop()
        self.address = self.server.address

    def run_graceful(self) -> None:
        if self.kind == "start":
            self.server.stop()
            self.disk.fill(LOW)
            self.spawn()
            wait_until(lambda: '"serving"' in self.log(), "to start", LONGEST)
        else:
            with self.load():
                self.disk.fill(LOW)
                wait_until(lambda: not self.serving(), "to say that it is not serving", LONGEST)
        self.check_low()
        self.disk.fill(FULL)
        self.check_full()
        if self.kind == "start":
            self.check_restarts()
        if self.kind == "backup":
            self.check_backups()
        self.disk.free()
        wait_until(lambda: self.serves_throughout(True), "to serve again", LONGEST)
        wait_until(lambda: self.ready() == (200, "ready"), "/readyz", LONGEST)
        require(self.metric("jeton_ready") == 1, "the metrics say that it is ready")
        api = self.api()
        self.issue(api)
        self.refresh(api, 0)
        self.revoke(api, next(iter(self.ledger.alive)))
        api.close()
        texts = ["below store.min_free_space", "below a quarter", "space again"]
        # The last of several starts found no space at all.
        for text in texts[self.kind == "start" :]:
            count = self.log().count(text)
            require(count == 1, f"{text!r} is logged once, not {count} times")
        self.server.stop()
        if self.kind == "start":
            self.check_read_only()

    def ready(self) -> tuple[int, str]:
        """What /readyz says."""
        try:
            with urllib.request.urlopen(f"http://{self.server.ops}/readyz", timeout=LONGEST) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://{self.server.ops}/metrics", timeout=LONGEST) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def check_read_only(self) -> None:
        """A start and a check of it refuse with the same words, and neither does once it can be written."""
        why = "Read-only file system"
        with self.disk.read_only():
            code, said = self.server.check_deep()
            require(code == 1 and why in said, f"the check says why not: {said}")
            self.spawn()
            require(self.server.wait_exit() == 1, "it does not start")
            require(why in self.log(), "the log says why not")
        code, said = self.server.check_deep()
        require(code == 0, f"the check finds nothing any more: {said}")
        self.tally["read-only file systems"] += 1

    def check_low(self) -> None:
        wait_until(lambda: self.serves_throughout(False), "health of every service", LONGEST)
        require(self.ready() == (503, "low on space"), f"/readyz says why: {self.ready()}")
        require(self.metric("jeton_ready") == 0, "the metrics say that it is not ready")
        free, least = self.metric("jeton_store_free_bytes"), self.metric("jeton_store_min_free_bytes")
        require(free < least, f"the metrics say why: {free} of {least} bytes")
        api = self.api()
        self.require_refused("issue", lambda: self.issue(api))
        self.require_refused("refresh", lambda: self.refresh(api, 0))
        self.require_http_refused()
        for _ in range(10):
            token = next(iter(self.ledger.alive))
            self.revoke(api, token)
            require(self.active(api, [token]) == [False], "revocation goes on")
        require(all(self.active(api, sorted(self.ledger.alive))), "introspection goes on")
        api.close()

    def check_full(self) -> None:
        api = self.api()
        token = next(iter(self.ledger.alive))
        wait_until(lambda: "below a quarter" in self.log(), "the reserve", LONGEST)
        self.require_refused("revoke", lambda: self.revoke(api, token))
        self.require_refused("issue", lambda: self.issue(api))
        require(self.active(api, [token]) == [True], "what was refused has not happened")
        require(not any(self.active(api, sorted(self.ledger.revoked))), "introspection goes on")
        api.close()

    def check_restarts(self) -> None:
        """With the disk full to its last byte, after a stop and after a kill."""
        for end in (self.server.stop, self.server.kill, self.server.stop):
            end()
            self.disk.fill(0)
            self.spawn()
            wait_until(lambda: '"serving"' in self.log(), "to start on a full disk", LONGEST)
            require("the space held for that is used" in self.log(), "the log says how it can start")
            self.check_full()
            self.tally["restarts on a full disk"] += 1

    def check_backups(self) -> None:
        """With the disk full to its last byte."""
        self.disk.fill(0)
        why = self.backups.make_at(self.disk.path / "on-the-full-disk.backup")
        require("No space left on device" in why, f"a backup to the full disk says why not: {why!r}")
        why = self.backups.make(set(self.ledger.alive))
        require(not why, f"a backup to another disk succeeds: {why}")
        self.tally["backups of a full disk"] += 1

    def run_fatal(self) -> None:
        if self.kind == "start":
            self.server.kill()
        else:
            with self.load():
                self.disk.fill(0)
                # The file has space of its own until the load has filled it.
                running = self.server.process
                assert running is not None
                wait_until(lambda: running.poll() is not None, "to end", LONGEST_END)
                code = self.server.wait_exit()
            require(code == 1, f"the exit code is 1, not {code}")
            require("No space left on device" in self.log(), "the log says why")
            self.tally["ended by a full disk"] += 1
        # On the full disk it does not start, or starts and ends with its first write.
        self.disk.fill(0)
        self.spawn()
        process = self.server.process
        assert process is not None
        wait_until(
            lambda: process.poll() is not None or "serving" in self.log(), "to start", LONGEST
        )
        if process.poll() is None:
            self.tally["started on a full disk"] += 1
            self.server.kill()
        else:
            code = self.server.wait_exit()
            said = "No space left on device" in self.log()
            require(code == 1 and said, "a start on a full disk ends with 1 and says why")
            self.tally["refused to start on a full disk"] += 1
        self.disk.free()

    def verify(self) -> None:
        """Starts once more and compares."""
        self.server.start()
        api = self.api()
        alive, revoked = sorted(self.ledger.alive), sorted(self.ledger.revoked)
        lost = [token for token, found in zip(alive, self.active(api, alive), strict=True) if not found]
        require(not lost, f"no acknowledged token is lost: {len(lost)} of {len(alive)} are")
        risen = sum(self.active(api, revoked))
        require(risen == 0, f"nothing revoked comes back: {risen} of {len(revoked)} do")
        for chain in self.ledger.pairs:
            # The newest pair, or its parent if the answer to its refresh did not arrive.
            self.refresh(api, chain)
            self.tally["refreshed afterwards"] += 1
        self.tally["verified alive"] += len(alive)
        self.tally["verified revoked"] += len(revoked)
        api.close()
        self.server.stop()


    def verify_backup(self) -> None:
        """Restores the last whole backup elsewhere and looks for what it must hold."""
        self.backups.restore(self.restored.data)
        self.restored.start()
        self.address = self.restored.address
        api = self.api()
        tokens = sorted(self.backups.tokens)
        found = sum(self.active(api, tokens))
        require(found == len(tokens), f"a backup holds all {len(tokens)} tokens, not {found}")
        self.tally["verified in a backup"] += found
        api.close()
        self.restored.stop()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("rounds", nargs="?", type=int, default=2 * len(KINDS))
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    given = arguments.parse_args()
    print(f"seed {given.seed}, {given.rounds} rounds", flush=True)
    chance = random.Random(given.seed)
    combinations = [(kind, graceful) for kind in KINDS for graceful in (True, False)]
    tally: Counter[str] = Counter()
    began = time.monotonic()
    done = broken = 0
    while done < given.rounds and not broken:
        if done % len(combinations) == 0:
            chance.shuffle(combinations)
        kind, graceful = combinations[done % len(combinations)]
        name = f"{kind}, {'refused ahead' if graceful else 'to the end'}"
        with tempfile.TemporaryDirectory(prefix="jeton-full-disk-") as home:
            try:
                Round(Path(home), kind, graceful, tally).run()
                tally[name] += 1
                print(f"{time.monotonic() - began:6.0f} s: {name}", flush=True)
            except (Broken, Refused, AssertionError, TimeoutError) as error:
                print(f"BROKEN in round {done + 1} ({name}): {error!r}")
                broken += 1
        done += 1
    for what, count in sorted(tally.items()):
        print(f"{count:8} {what}")
    print(f"{done:8} rounds in {time.monotonic() - began:.0f} s, seed {given.seed}")
    print(f"{done - broken} passed, {broken} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
