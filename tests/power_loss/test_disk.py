"""What the model of the disk makes of renames and of syncs that are cut short."""

import os
import random
import shutil
import tempfile
import unittest

from disk import Disk
from strace import Call


class Names(unittest.TestCase):
    """Plays calls below `root` and looks at what power losses leave."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory(prefix="disk-")
        self.addCleanup(work.cleanup)
        self.root, self.target = os.path.join(work.name, "root"), os.path.join(work.name, "target")
        self.disk = Disk(self.root)
        self.play("mkdir", self.path("a"))
        self.play("mkdir", self.path("b"))
        self.play("openat", "AT_FDCWD", self.path("a/x"), "O_RDWR|O_CREAT", result=3)
        for directory in ("", "a", "b"):
            self.sync(directory)

    def path(self, below: str) -> str:
        """Gives a path as a trace shows it."""
        path = os.path.join(self.root, below).encode()
        return '"' + "".join(f"\\x{byte:02x}" for byte in path) + '"'

    def play(self, name: str, *args: str, result: int | None = 0) -> None:
        """Plays one call that comes back."""
        call = Call(name, [arg.encode() for arg in args])
        self.disk.enter(call)
        call.result = result
        self.disk.exit(call)

    def sync(self, directory: str, result: int | None = 0) -> None:
        """Opens a directory and syncs it."""
        self.play("openat", "AT_FDCWD", self.path(directory), "O_RDONLY", result=9)
        self.play("fsync", "9", result=result)
        self.play("close", "9")

    def left(self) -> set[tuple[str, ...]]:
        """Gives the files that are there after each of many power losses."""
        outcomes = set()
        for seed in range(100):
            shutil.rmtree(self.target, ignore_errors=True)
            self.disk.pull_the_plug(random.Random(seed), self.target)
            found = (
                os.path.relpath(os.path.join(at, file), self.target)
                for at, _, files in os.walk(self.target)
                for file in files
            )
            outcomes.add(tuple(sorted(found)))
        return outcomes

    def test_a_rename_between_directories_happens_in_both_or_in_none(self) -> None:
        self.play("rename", self.path("a/x"), self.path("b/y"))
        self.assertEqual(self.left(), {("a/x",), ("b/y",)})

    def test_a_sync_of_either_directory_makes_the_rename_durable(self) -> None:
        for source, target, synced in (("a/x", "b/y", "b"), ("b/y", "a/x", "b")):
            self.play("rename", self.path(source), self.path(target))
            self.sync(synced)
            self.assertEqual(self.left(), {(target,)})

    def test_a_sync_makes_durable_what_came_before_the_rename_in_the_other_directory(self) -> None:
        self.play("rename", self.path("a/x"), self.path("a/z"))
        self.play("rename", self.path("a/z"), self.path("b/y"))
        self.sync("b")
        self.assertEqual(self.left(), {("b/y",)})

    def test_a_rename_within_a_directory_happens_or_not(self) -> None:
        self.play("rename", self.path("a/x"), self.path("a/z"))
        self.assertEqual(self.left(), {("a/x",), ("a/z",)})

    def test_a_sync_that_never_returns_promises_nothing(self) -> None:
        self.play("rename", self.path("a/x"), self.path("b/y"))
        self.sync("b", result=None)
        self.assertEqual(self.left(), {("a/x",), ("b/y",)})


if __name__ == "__main__":
    unittest.main()
