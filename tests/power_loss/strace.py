"""Runs a program under strace and reads its file system calls back as a stream of events."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# All that changes files or names, and all that gives out or takes back descriptors of files.
CALLS = (
    "open,openat,creat,close,dup,dup2,dup3,fcntl,lseek,"
    "write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,"
    "rmdir,mkdir,mkdirat,fsync,fdatasync,sync,syncfs,sync_file_range,"
    "copy_file_range,sendfile,mmap"
)

LINE = re.compile(rb"^(\d+)\s+(.*)$", re.S)
RESUMED = re.compile(rb"^<\.\.\. (\w+) resumed>(.*)$", re.S)
RESULT = re.compile(rb"\)?\s+= (-?\d+|\?|0x[0-9a-f]+)")
UNFINISHED = b"<unfinished ...>"


class TraceError(Exception):
    """The trace holds something that this reader or the model of the disk does not know."""


@dataclass(slots=True, eq=False)
class Call:
    """One system call, whose entry and whose exit are two events of the stream."""

    name: str
    args: list[bytes]
    result: int | None = None

    def failed(self) -> bool:
        """Tells whether the call had no effect that can be told, or never came back."""
        return self.result is None or self.result < 0


Event = tuple[str, Call]


def record(command: Sequence[str], trace: str, sync_micros: int) -> int:
    """Runs the command, each fdatasync taking so long, and gives its exit code."""
    # Every stop is logged before the call goes on.
    options = ["-f", "--seccomp-bpf", "-qq", "-xx", "-s", "100000000", "-e", "signal=none"]
    options += ["-e", "trace=" + CALLS, "-e", f"inject=fdatasync:delay_enter={sync_micros}"]
    tracer = ["strace", *options, "-o", trace, "--"]
    return subprocess.run([*tracer, *command], check=False).returncode


def text(arg: bytes) -> bytes:
    """Gives the bytes of a string argument that was printed in hexadecimal."""
    start, end = arg.index(b'"') + 1, arg.rindex(b'"')
    if arg[end + 1 :].startswith(b"..."):
        raise TraceError("a string was cut short")
    return bytes.fromhex(arg[start:end].replace(b"\\x", b"").decode())


def vector(arg: bytes) -> bytes:
    """Gives the joined bytes of the buffers of a vectored write."""
    return b"".join(bytes.fromhex(part.replace(b"\\x", b"").decode()) for part in arg.split(b'"')[1::2])


def read(trace: str) -> Iterator[Event]:
    """Yields ("enter", call) and ("exit", call) in the order in which strace saw them."""
    waiting: dict[tuple[bytes, bytes], Call] = {}
    with open(trace, "rb") as lines:
        for line in lines:
            match = LINE.match(line.rstrip(b"\n"))
            if match is None:
                raise TraceError(f"a line without a process: {line[:80]!r}")
            pid, rest = match.groups()
            if rest.startswith((b"+++", b"---")):
                continue
            resumed = RESUMED.match(rest)
            if resumed:
                name, tail = resumed.groups()
                call = waiting.pop((pid, name), None)
                if call is not None:
                    call.result = _result(tail)
                    yield "exit", call
                continue
            name, _, tail = rest.partition(b"(")
            if tail.endswith(UNFINISHED):
                args = tail.removesuffix(UNFINISHED).strip().rstrip(b",")
                call = waiting[pid, name] = Call(name.decode(), _split(args))
                yield "enter", call
                continue
            cut = tail.rfind(b") ")
            call = Call(name.decode(), _split(tail[:cut]))
            yield "enter", call
            call.result = _result(tail[cut:])
            yield "exit", call


def _split(args: bytes) -> list[bytes]:
    """Splits an argument list at its top-level commas, of which hexadecimal strings hold none."""
    if b"[" not in args and b"{" not in args:
        return [part.strip() for part in args.split(b",")]
    parts, depth, start = [], 0, 0
    for at, char in enumerate(args):
        if char in b"[{":
            depth += 1
        elif char in b"]}":
            depth -= 1
        elif char == ord(",") and depth == 0:
            parts.append(args[start:at].strip())
            start = at + 1
    return [*parts, args[start:].strip()]


def _result(tail: bytes) -> int | None:
    """Gives the number after the last equals sign, or None for a call that never returned."""
    found = RESULT.findall(tail)
    if not found or found[-1] == b"?":
        return None
    return int(found[-1], 0)
