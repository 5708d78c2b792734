"""Runs a command on a terminal of its own and types on it what is asked for.

A program, so that it forks where no other threads are: standard input holds the command line and
the answers as JSON, standard output is given the exit code and what was shown.
"""

import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

LIMIT = 60


def asked(
    arguments: list[str], answers: list[tuple[str, str]], environment: dict[str, str]
) -> tuple[int, str]:
    """The exit code and all that was shown, when each prompt is answered once it stands there."""
    finished = subprocess.run(
        [sys.executable, Path(__file__)],
        env=environment,
        input=json.dumps([arguments, answers]),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert finished.returncode == 0, finished.stderr
    code, shown = json.loads(finished.stdout)
    return code, shown


def _echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other end has closed
        return b""


def _type(arguments: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(arguments[0], arguments)
    shown = b""
    for prompt, answer in answers:
        while not shown.endswith(prompt.encode()):
            piece = _read(terminal)
            assert piece, f"ended before {prompt!r}: {shown!r}"
            shown += piece
        # A person is slower than the command, which hides what is typed after it has asked.
        while prompt.endswith(": ") and _echoes(terminal):
            pass
        os.write(terminal, answer.encode() + b"\n")
    while piece := _read(terminal):
        shown += piece
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


if __name__ == "__main__":
    print(json.dumps(_type(*json.load(sys.stdin))))
