"""The first session: what `jeton serve --dev` prints can be pasted as it stands."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server import BINARY, START_LIMIT, STOP_LIMIT, free_port


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[str]:
    """Everything that the server prints until it is ready; the server runs meanwhile."""
    server = subprocess.Popen(
        [
            *(BINARY, "serve", "--dev"),
            *("--grpc-listen", f"127.0.0.1:{free_port()}"),
            *("--http-listen", f"127.0.0.1:{free_port()}"),
            *("--ops-listen", f"127.0.0.1:{free_port()}"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    giving_up = threading.Timer(START_LIMIT, server.kill)
    giving_up.start()
    lines = []
    assert server.stdout is not None
    for line in server.stdout:
        lines.append(line)
        if "Ctrl-C stops" in line:
            break
    giving_up.cancel()
    yield "".join(lines)
    server.send_signal(signal.SIGINT)
    assert server.wait(STOP_LIMIT) == 0


def commands(printed: str) -> str:
    return "\n".join(line[2:] for line in printed.splitlines() if line.startswith("  "))


def objects(text: str) -> Iterator[Any]:
    """The JSON objects that stand in a text one behind the other."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:]


def test_every_printed_command_works_when_it_is_pasted(printed: str, grpcurl: Path) -> None:
    path = f"{grpcurl.parent}:{os.environ['PATH']}"
    finished = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands(printed)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    issued, introspected, refreshed, revoked, over_http, after = objects(finished.stdout)
    assert issued["accessToken"].startswith("jat_")
    assert introspected["active"] and introspected["username"] == "alice"
    assert refreshed["grantId"] == issued["grantId"]
    assert refreshed["refreshToken"] != issued["refreshToken"]
    assert revoked == {"outcome": "REVOKE_OUTCOME_REVOKED"}
    assert over_http["access_token"].startswith("jat_") and over_http["scope"] == "read write"
    assert after == {"active": False}, "its grant was revoked two commands before"


def test_the_printed_line_of_the_administrator_works(printed: str) -> None:
    _, line = printed.split("To administer it: ")
    finished = subprocess.run(
        ["bash", "-c", line.splitlines()[0]],
        env={**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert {"admin", "demo"} <= {line.split()[0] for line in finished.stdout.splitlines()}
