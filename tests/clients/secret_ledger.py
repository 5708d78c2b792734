"""Every secret that a run uses, and the search for them where they must not be."""

import json
import secrets
from pathlib import Path

PREFIXES = ("jat_", "jrt_", "jcs_")

# Below this a value turns up by chance; no real secret is so short.
SHORTEST = 8

# Of a value longer than this, its ends and its middle are searched for, not the whole: a log that
# holds part of it has leaked too.
LONGEST = 256


def invent() -> str:
    """A password or secret that nobody else has."""
    return secrets.token_hex(16)


class SecretLedger:
    """Collects secrets, passwords and tokens, and finds them in what a run left behind."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: str) -> str:
        if len(value) >= SHORTEST:
            self._values.add(value)
        return value

    def needles(self) -> set[bytes]:
        """The values, their parts after a prefix, and each as JSON would write it."""
        texts: set[str] = set()
        for value in self._values:
            texts.update(_pieces(value))
            for prefix in PREFIXES:
                body = value.removeprefix(prefix)
                if body != value and len(body) >= SHORTEST:
                    texts.update(_pieces(body))
        escaped = {json.dumps(text)[1:-1] for text in texts}
        return {text.encode() for text in texts | escaped}

    def found_in(self, *files: Path) -> list[str]:
        """Where a secret was found. Says which by its first characters only."""
        needles = self.needles()
        return [
            f"{file.name}: {needle[:6]!r}… at byte {position}"
            for file in files
            for content in [file.read_bytes()]
            for needle in needles
            if (position := content.find(needle)) >= 0
        ]


def _pieces(value: str) -> list[str]:
    if len(value) <= LONGEST:
        return [value]
    middle = len(value) // 2
    return [value[:64], value[middle : middle + 64], value[-64:]]
