"""What the kernel saw of a first start: all that it made is on the disk before anything is served.

The data directory and the key ring are made below directories that are missing too. When the server says that it is
serving, every file of the store must have been synced after its last write, and every directory after
the last name that was made, moved or removed in it; save the floor, which is synced when it is made
and may then lag behind. Prints the counts, exits 1 otherwise.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from secret_ledger import invent
from server import Settings, fleet, wait_until
from strace import LINE, RESUMED, UNFINISHED

CALLS = "open,openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,write,pwrite64,ftruncate,fsync,fdatasync"

OPEN = re.compile(r'open(?:at)?\(.*O_CREAT.*\) = \d+<(?P<path>.*)>')
NAMES = re.compile(r"(?:mkdir|unlink|rmdir|rename)\w*\((?P<arguments>.*)\) = 0")
PATH = re.compile(r'"(?P<path>/[^"]*)"')
WRITE = re.compile(r"(?:write|pwrite64|ftruncate)\(\d+<(?P<path>[^>]*)>.*\) = \d+")
SYNC = re.compile(r"(?:fsync|fdatasync)\(\d+<(?P<path>[^>]*)>\) = 0")
SERVING = re.compile(r'write\(2<.*\\"serving\\"')


def lines(trace: Path) -> Iterator[str]:
    """The calls in the order in which they ended."""
    pending: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        matched = LINE.match(line)
        if matched is None:
            continue
        thread, rest = matched["thread"], matched["rest"]
        if unfinished := UNFINISHED.match(rest):
            pending[thread] = unfinished["text"]
        elif resumed := RESUMED.match(rest):
            yield pending.pop(thread) + resumed["text"]
        else:
            yield rest


class Disk:
    """What has changed since it was synced."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.unsynced: set[Path] = set()
        self.synced: set[Path] = set()

    def change(self, path: Path) -> None:
        if path.name == "floor" and path in self.synced:
            return
        if path == self.top or path.is_relative_to(self.top):
            self.unsynced.add(path)

    def sync(self, path: Path) -> None:
        if path in self.unsynced:
            self.unsynced.remove(path)
            self.synced.add(path)

    def rename(self, old: Path, new: Path) -> None:
        for paths in (self.unsynced, self.synced):
            moved = {path for path in paths if path.is_relative_to(old)}
            paths -= moved
            paths |= {new / path.relative_to(old) for path in moved}

    def see(self, line: str) -> None:
        # Written by a task of its own, before or after it serves.
        if "named-keys" in line:
            return
        if made := OPEN.match(line):
            self.change(Path(made["path"]).parent)
        elif named := NAMES.match(line):
            paths = [Path(path) for path in PATH.findall(named["arguments"])]
            for path in paths:
                self.change(path.parent)
            if line.startswith("rename"):
                self.rename(*paths)
            elif line.startswith("mkdir"):
                self.change(paths[0])
        elif written := WRITE.match(line):
            self.change(Path(written["path"]))
        elif synced := SYNC.match(line):
            self.sync(Path(synced["path"]))


def main() -> int:
    settings = Settings(
        clients=[{"id": "orders", "secret": invent(), "grants": ["client_credentials"]}], users=[]
    )
    with tempfile.TemporaryDirectory(prefix="jeton-creation-") as name, fleet(Path(name)) as servers:
        home = Path(name).resolve()
        trace, top = home / "trace", home / "disk"
        top.mkdir()
        strace = ["strace", "-D", "-f", "-y", "-ttt", "-s", "4096", "-e", f"trace={CALLS}"]
        server = servers.add(
            "first",
            settings,
            log="info",
            prefix=[*strace, "-o", os.fspath(trace)],
            environment={
                "JETON_STORE_PATH": os.fspath(top / "a/b/data"),
                "JETON_KEYS_PATH": os.fspath(top / "c/d/keys"),
            },
        )
        server.start()
        server.stop()
        wait_until(lambda: "+++ exited with" in trace.read_text(errors="replace")[-200:], "the trace")
        disk, served = Disk(top), False
        for line in lines(trace):
            served = served or SERVING.match(line) is not None
            if not served:
                disk.see(line)
        there = {
            path
            for path in top.rglob("*")
            # An empty file is nothing but its name; the seal was put when the server stopped.
            if path.stat().st_size > 0 and path.name not in ("seal", "named-keys")
        }
    unseen = there - disk.synced
    print(f"{len(disk.synced)} synced before serving, {len(disk.unsynced)} not")
    for path in sorted(disk.unsynced | unseen):
        print(f"NOT SYNCED: {path.relative_to(top)}")
    kept = served and not disk.unsynced and not unseen
    print(f"{int(kept)} passed, {int(not kept)} failed")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
