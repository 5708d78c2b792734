"""The tables of README.md that come from samples.toml and differences.toml.

Run as a program, it writes them into the document.
"""

import re
from collections.abc import Iterable
from typing import Any

import comparison
import samples
from processes import ROOT

DOCUMENT = ROOT / "tests/http/README.md"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def sample_table() -> str:
    def row(sample: samples.Sample) -> tuple[str, ...]:
        title = f"[{sample.title}](seeds/{sample.file})"
        if sample.flaw:
            title += f"; it {sample.flaw}"
        return title, sample.as_written, sample.filled or ""

    return table(("sample", "as written", "filled in and mended"), map(row, samples.load()))


def difference_table() -> str:
    def told(facts: comparison.Facts) -> str:
        return ", ".join(f"{name} {_value(value)}" for name, value in facts.items())

    def row(entry: comparison.Entry) -> tuple[str, ...]:
        where = "; ".join(entry.requests) or "wherever these two differ"
        return where, told(entry.jeton), told(entry.toolkit), f"{entry.rfc}: {entry.because}"

    head = ("request", "jeton", "django-oauth-toolkit", "why")
    return table(head, map(row, comparison.load()))


def _value(value: Any) -> str:
    return "absent" if value == comparison.ABSENT else f"`{value}`"


TABLES = {"samples": sample_table, "differences": difference_table}


def rendered(document: str) -> str:
    """The document with its tables as the lists have them now."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = f"{begin}{make()}\n{end}"
        document, count = pattern.subn(lambda _, text=text: text, document)
        assert count == 1, f"{DOCUMENT.name} has no place for {name}"
    return document


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text()))
