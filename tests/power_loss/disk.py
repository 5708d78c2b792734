"""A model of a disk that keeps what was synced and loses any part of the rest."""

import os
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from strace import Call, TraceError, text, vector

PAGE, SECTOR = 4096, 512

# What becomes of the pages written since the last sync; names have the first three of their own.
STYLES = ("none", "all", *4 * ("some pages",), "all but one page", "one page only", "upper pages only")
NAME_STYLES = ("none", "all", "some")

WRITES = ("write", "writev", "pwrite64")
OPENS = ("open", "openat", "creat")
SYNCS = ("fsync", "fdatasync")
# Their effect is taken when they come back, or there is none: sync_file_range promises nothing
# after a power loss (its manual page says so).
UNEVENTFUL = (
    "sync_file_range",
    *OPENS, "fcntl", "lseek", "dup", "dup2", "dup3", "mkdir", "mkdirat", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "rmdir",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Write:
    """A write, or with no data a truncation to the offset."""

    offset: int
    data: bytes | None
    done: bool = False


class File:
    """Content: what a sync made durable, and the writes since."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[Write] = []

    def size(self) -> int:
        """Tells the size that a reader would see now."""
        size = len(self.durable)
        for write in self.pending:
            end = write.offset if write.data is None else write.offset + len(write.data)
            size = end if write.data is None else max(size, end)
        return size

    def live_bytes(self) -> bytes:
        """Gives the content as a reader would see it now, every begun write included."""
        image = bytearray(self.durable)
        for write in self.pending:
            _apply(image, write)
        return bytes(image)

    def complete(self) -> set[int]:
        """Names the writes that a sync beginning now would make durable."""
        return {id(write) for write in self.pending if write.done}

    def settle(self, complete: Collection[int]) -> None:
        """Makes durable what was complete when the sync that came back was called."""
        for write in self.pending:
            if id(write) in complete:
                _apply(self.durable, write)
        self.pending = [write for write in self.pending if id(write) not in complete]

    def after_power_loss(self, rng: random.Random, style: str) -> bytes:
        """Gives the durable content plus a random part of the pending writes."""
        image = bytearray(self.durable)
        if not self.pending or style == "none":
            return bytes(image)
        if style == "all":
            return self.live_bytes()
        plan = self._plan(rng, style)
        truncations = rng.choice((0.0, 0.5, 1.0))
        seen: dict[int, int] = {}
        sizes, full = [len(image)], len(image)
        for write in self.pending:
            if write.data is None:
                if rng.random() < truncations:
                    _resize(image, write.offset)
                    sizes, full = [write.offset], write.offset
                continue
            full = max(full, write.offset + len(write.data))
            sizes.append(full)
            for page, at, stop in _cut(write.offset, write.offset + len(write.data), PAGE):
                version = seen.get(page, 0)
                seen[page] = version + 1
                for sector, low, high in _cut(at, stop, SECTOR):
                    if version < plan[page][sector % (PAGE // SECTOR)]:
                        _put(image, low, write.data[low - write.offset : high - write.offset])
        # The size is metadata, with a fate of its own.
        luck = rng.random()
        if luck < 0.33:
            _resize(image, full)
        elif luck < 0.5:
            _resize(image, rng.choice(sizes))
        elif luck < 0.66 and full > sizes[0]:
            _resize(image, sizes[0] + rng.randrange(full - sizes[0] + 1) // PAGE * PAGE)
        return bytes(image)

    def _plan(self, rng: random.Random, style: str) -> dict[int, list[int]]:
        """Decides how many of the writes to each page reach each of its sectors."""
        counts: dict[int, int] = {}
        for write in self.pending:
            if write.data:
                for page, _, _ in _cut(write.offset, write.offset + len(write.data), PAGE):
                    counts[page] = counts.get(page, 0) + 1
        pages = sorted(counts)
        odd = rng.choice(pages) if pages else None
        split = rng.choice(pages) if pages else 0
        keep = rng.choice((0.1, 0.5, 0.9))
        plan = {}
        for page in pages:
            most = counts[page]
            whole = {
                "all but one page": most if page != odd else 0,
                "one page only": most if page == odd else 0,
                "upper pages only": most if page >= split else 0,
            }.get(style)
            if whole is None:
                luck = rng.random()
                if luck < 0.2:  # Torn: every sector has its own version.
                    plan[page] = [rng.randint(0, most) for _ in range(PAGE // SECTOR)]
                    continue
                older = luck < 0.3
                whole = rng.randint(0, most) if older else most * (rng.random() < keep)
            plan[page] = [whole] * (PAGE // SECTOR)
        return plan


@dataclass(slots=True, eq=False)
class Change:
    """Names that come and go together: in one directory, or by a rename in two."""

    names: "dict[Directory, dict[bytes, Node | None]]"
    survives: bool = False

    def settle(self) -> None:
        """Makes the change durable, and what came before it in the same directories."""
        for directory in self.names:
            directory.settle_until(self)


class Directory:
    """Names: what a sync of the directory made durable, and the changes since."""

    def __init__(self) -> None:
        self.durable: dict[bytes, Node] = {}
        self.live: dict[bytes, Node] = {}
        self.pending: list[Change] = []

    def change(self, names: "dict[bytes, Node | None]") -> None:
        """Changes some names, all of them or none."""
        change_together({self: names})

    def complete(self) -> set[int]:
        """Names the changes that a sync beginning now would make durable."""
        return {id(change) for change in self.pending}

    def settle(self, complete: Collection[int]) -> None:
        """Makes durable what was complete when the sync that came back was called."""
        for change in [change for change in self.pending if id(change) in complete]:
            change.settle()

    def settle_until(self, last: Change) -> None:
        """Makes this directory's part of all changes up to the last one durable."""
        while last in self.pending:
            first = self.pending[0]
            if first is last:
                _rename(self.durable, self.pending.pop(0).names[self])
            else:
                first.settle()

    def after_power_loss(self) -> "dict[bytes, Node]":
        """Gives the durable names with the pending changes that survive."""
        names = dict(self.durable)
        for change in self.pending:
            if change.survives:
                _rename(names, change.names[self])
        return names


def change_together(names: "dict[Directory, dict[bytes, Node | None]]") -> None:
    """Changes names in several directories, all of them or none."""
    change = Change(names)
    for directory, part in names.items():
        directory.pending.append(change)
        _rename(directory.live, part)


Node = File | Directory


@dataclass(slots=True, eq=False)
class Descriptor:
    """An open file or directory."""

    node: Node
    parts: list[bytes]
    append: bool
    at: int = 0


@dataclass
class Disk:
    """Replays the calls of a trace below one directory; other paths are ignored."""

    root: str
    # What a power loss left of an earlier disk.
    start: str | None = None
    # Syncs that are taken for calls that do nothing.
    ignored: Collection[str] = ()
    syncs: dict[str, int] = field(default_factory=lambda: {"file": 0, "directory": 0})
    written: int = 0

    def __post_init__(self) -> None:
        self._root = os.path.abspath(self.root).encode()
        self._top = Directory()
        self._descriptors: dict[int, Descriptor] = {}
        self._writing: dict[int, Write] = {}
        self._syncing: dict[int, tuple[Node, set[int]]] = {}
        if self.start:
            self._load(self._top, self.start)

    def new_process(self) -> None:
        """Forgets descriptors and calls under way: a process that ended leaves the page cache only."""
        self._descriptors.clear()
        self._writing.clear()
        self._syncing.clear()

    def enter(self, call: Call) -> None:
        """Takes a call that begins: its effect may reach the disk from here on."""
        name, args = call.name, call.args
        if name in UNEVENTFUL:
            return
        if name == "close":  # Its number may be given out again before it returns.
            self._descriptors.pop(int(args[0]), None)
            return
        if name == "mmap":
            if b"MAP_SHARED" in args[3] and b"PROT_WRITE" in args[2] and self._held(args[4]):
                raise TraceError("a file is written through a mapping, which no trace shows")
            return
        held = self._held(args[0])
        if name in SYNCS:
            if held and name not in self.ignored:
                self._syncing[id(call)] = held.node, held.node.complete()
        elif name in (*WRITES, "ftruncate"):
            if held and isinstance(held.node, File):
                write = self._writing[id(call)] = _write_of(call, held, held.node)
                held.node.pending.append(write)
        elif name in ("sync", "syncfs") or any(self._held(arg) for arg in args[:2]):
            raise TraceError(f"a call that the model does not know: {name}")

    def exit(self, call: Call) -> None:
        """Takes a call that came back: a write counts as complete, a sync as done."""
        name, args = call.name, call.args
        write = self._writing.pop(id(call), None)
        sync = self._syncing.pop(id(call), None)
        if call.failed():
            # A sync that the end of its process cut short promised nothing.
            if write or (sync and call.result is not None):
                raise TraceError(f"{name} failed, or a write never returned")
        elif write:
            write.done = True
            self.written += len(write.data or b"")
            held = self._held(args[0])
            if write.data is not None and call.result != len(write.data):
                raise TraceError("a short write")
            if write.data is None and held and isinstance(held.node, File):
                # Of several at the same time, the last to return wins.
                held.node.pending.remove(write)
                held.node.pending.append(write)
        elif sync:
            node, complete = sync
            node.settle(complete)
            self.syncs["file" if isinstance(node, File) else "directory"] += 1
        elif name in OPENS:
            self._open(call)
        elif name in ("dup", "dup2", "dup3") or (name == "fcntl" and b"F_DUPFD" in args[1]):
            held = self._held(args[0])
            if held and call.result is not None:
                self._descriptors[call.result] = held
        elif name == "lseek":
            held = self._held(args[0])
            if held and call.result is not None:
                held.at = call.result
        elif name in ("mkdir", "mkdirat"):
            self._rename_to(args if name == "mkdirat" else [b"AT_FDCWD", *args], Directory())
        elif name in ("unlink", "rmdir", "unlinkat"):
            self._rename_to(args if name == "unlinkat" else [b"AT_FDCWD", *args], None)
        elif name.startswith("rename"):
            self._rename(args if name != "rename" else [b"AT_FDCWD", args[0], b"AT_FDCWD", args[1]])

    def used(self) -> int:
        """Tells the size of all files."""
        return sum(file.size() for file in _files(self._top))

    def compare(self, path: str) -> None:
        """Insists that the files on the real disk are what the trace says."""
        self._compare(path, self._top)

    def pull_the_plug(self, rng: random.Random, target: str) -> str:
        """Writes to target what the disk may hold if the power goes now, and says how it chose."""
        style, names = rng.choice(STYLES), rng.choice(NAME_STYLES)
        for change in dict.fromkeys(_changes(self._top)):
            change.survives = names == "all" or (names == "some" and rng.random() < 0.5)
        self._write_out(self._top, target, rng, style)
        return f"{style}, names {names}"

    def _load(self, directory: Directory, path: str) -> None:
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            child: Node
            if entry.is_dir():
                child = Directory()
                self._load(child, entry.path)
            else:
                with open(entry.path, "rb") as content:
                    child = File(content.read())
            name = entry.name.encode()
            directory.durable[name] = directory.live[name] = child

    def _held(self, arg: bytes) -> Descriptor | None:
        return self._descriptors.get(int(arg)) if arg.isdigit() else None

    def _find(self, parts: list[bytes]) -> Node | None:
        node: Node | None = self._top
        for part in parts:
            node = node.live.get(part) if isinstance(node, Directory) else None
        return node

    def _directory(self, parts: list[bytes]) -> Directory:
        node = self._find(parts)
        if not isinstance(node, Directory):
            raise TraceError(f"no directory: {b'/'.join(parts)!r}")
        return node

    def _parts(self, base: bytes, arg: bytes) -> list[bytes] | None:
        """Gives the path below the root that a path argument names, if it lies below it."""
        path = text(arg)
        if not path.startswith(b"/"):
            if base != b"AT_FDCWD":
                held = self._held(base)
                return held.parts + path.split(b"/") if held else None
            path = os.path.join(os.getcwd().encode(), path)
        path = os.path.normpath(path)
        if path == self._root:
            return []
        below = path.removeprefix(self._root + b"/")
        return below.split(b"/") if below != path else None

    def _open(self, call: Call) -> None:
        args = call.args if call.name == "openat" else [b"AT_FDCWD", *call.args]
        flags = args[2] if call.name != "creat" else b"O_CREAT|O_TRUNC"
        parts = self._parts(args[0], args[1])
        assert call.result is not None
        self._descriptors.pop(call.result, None)
        if parts is None:
            return
        node = self._find(parts)
        if node is None:
            if b"O_CREAT" not in flags:
                return
            node = File()
            self._directory(parts[:-1]).change({parts[-1]: node})
        elif b"O_TRUNC" in flags and isinstance(node, File) and node.size():
            node.pending.append(Write(0, None, done=True))
        self._descriptors[call.result] = Descriptor(node, parts, b"O_APPEND" in flags)

    def _rename_to(self, args: list[bytes], node: Node | None) -> None:
        parts = self._parts(args[0], args[1])
        if parts:
            self._directory(parts[:-1]).change({parts[-1]: node})

    def _rename(self, args: list[bytes]) -> None:
        source, target = self._parts(args[0], args[1]), self._parts(args[2], args[3])
        if source is None and target is None:
            return
        if not source or not target:
            raise TraceError("a rename into the directory or out of it, which the model does not know")
        gone, come = {source[-1]: None}, {target[-1]: self._find(source)}
        left, entered = self._directory(source[:-1]), self._directory(target[:-1])
        change_together({left: gone | come} if left is entered else {left: gone, entered: come})

    def _compare(self, path: str, node: Directory) -> None:
        if sorted(os.listdir(path)) != sorted(name.decode() for name in node.live):
            raise TraceError(f"the trace does not explain the names in {path}")
        for name, child in node.live.items():
            below = os.path.join(path, name.decode())
            if isinstance(child, Directory):
                self._compare(below, child)
                continue
            with open(below, "rb") as content:
                real, told = content.read(), child.live_bytes()
            # Truncations under way at the same time may have come in either order.
            size = min(len(real), len(told))
            if real[:size] != told[:size] or any(real[size:]) or any(told[size:]):
                raise TraceError(f"the trace does not explain the content of {below}")

    def _write_out(self, directory: Directory, path: str, rng: random.Random, style: str) -> None:
        os.makedirs(path, exist_ok=True)
        for name, child in sorted(directory.after_power_loss().items()):
            below = os.path.join(path, name.decode())
            if isinstance(child, Directory):
                self._write_out(child, below, rng, style)
            else:
                with open(below, "wb") as content:
                    content.write(child.after_power_loss(rng, style))


def _write_of(call: Call, held: Descriptor, file: File) -> Write:
    """Reads a write or truncation, and moves the position of its descriptor."""
    if call.name == "ftruncate":
        return Write(int(call.args[1]), None)
    if call.name == "pwrite64":
        return Write(int(call.args[3]), text(call.args[1]))
    data = text(call.args[1]) if call.name == "write" else vector(call.args[1])
    offset = file.size() if held.append else held.at
    held.at = offset + len(data)
    return Write(offset, data)


def _files(node: Node) -> Iterator[File]:
    if isinstance(node, File):
        yield node
        return
    for child in node.live.values():
        yield from _files(child)


def _changes(directory: Directory) -> Iterator[Change]:
    """Yields the pending changes of a directory and of all below it; a rename between two comes twice."""
    yield from directory.pending
    for child in dict.fromkeys((*directory.durable.values(), *directory.live.values())):
        if isinstance(child, Directory):
            yield from _changes(child)


def _cut(start: int, end: int, unit: int) -> Iterator[tuple[int, int, int]]:
    """Yields the number and the bounds of each unit's part of a range."""
    while start < end:
        stop = min(end, (start // unit + 1) * unit)
        yield start // unit, start, stop
        start = stop


def _apply(image: bytearray, write: Write) -> None:
    if write.data is None:
        _resize(image, write.offset)
    else:
        _put(image, write.offset, write.data)


def _put(image: bytearray, offset: int, data: bytes) -> None:
    if len(image) < offset:
        _resize(image, offset)
    image[offset : offset + len(data)] = data


def _resize(image: bytearray, size: int) -> None:
    if size < len(image):
        del image[size:]
    else:
        image.extend(bytes(size - len(image)))


def _rename(names: dict[bytes, Node], change: "dict[bytes, Node | None]") -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
