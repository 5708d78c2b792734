"""Backups of a running server by `jeton backup`, and what can be had out of the last whole one."""

import os
import subprocess
from pathlib import Path

from server import BINARY


class Backups:
    """Backups to one file, each of which takes the place of the one before once it is whole."""

    def __init__(self, file: Path, address: str, client_id: str, secret: str) -> None:
        self.file = file
        self._url = f"http://{address}"
        self._environment = {**os.environ, "JETON_CLIENT_ID": client_id, "JETON_CLIENT_SECRET": secret}
        # Tokens that were acknowledged before the last whole backup began.
        self.tokens: set[str] = set()

    def make(self, tokens: set[str]) -> str:
        """Makes one, and answers why not, or nothing."""
        why = self.make_at(self.file)
        if not why:
            self.tokens = tokens
        return why

    def make_at(self, file: Path) -> str:
        """Makes one in another place, and answers why not, or nothing."""
        before = file.read_bytes() if file.exists() else None
        made = subprocess.run(
            [BINARY, "backup", "--to", file, "--server", self._url],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not file.with_name(file.name + ".partial").exists(), "a part of a backup is left"
        if made.returncode == 0:
            return ""
        after = file.read_bytes() if file.exists() else None
        assert after == before, "a backup that failed took the place of a whole one"
        assert made.returncode == 1 and made.stderr, f"exit code {made.returncode}: {made.stderr}"
        return made.stderr

    def restore(self, data: Path) -> None:
        """Makes a store of the last one."""
        subprocess.run(
            [BINARY, "restore", "--from", self.file, "--store", data, "--keep-grants"],
            check=True,
            capture_output=True,
        )
