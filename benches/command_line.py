"""The command line of every measurement here, and how its figures are printed."""

import argparse
import json
from collections.abc import Iterable

RELEASE = "target/release"


def parser(description: str, seconds: int | None = None, rounds: int | None = None) -> argparse.ArgumentParser:
    """Makes the parser of what every measurement takes; seconds and rounds only where they have a default."""
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    options.add_argument("--program", default=f"{RELEASE}/jeton")
    if seconds is not None:
        options.add_argument("--seconds", type=int, default=seconds, help="counted seconds of each load")
    if rounds is not None:
        options.add_argument("--rounds", type=int, default=rounds, help="turns of each")
    options.add_argument("--dir", help="where the stores lie; a temporary folder by default")
    options.add_argument("--output", choices=("text", "json"), default="text")
    return options


def show(given: argparse.Namespace, figures: object, lines: Iterable[str]) -> None:
    """Prints the figures as JSON, or their lines for people."""
    if given.output == "json":
        print(json.dumps(figures, indent=1))
    else:
        print("\n".join(lines))
