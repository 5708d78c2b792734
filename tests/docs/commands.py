"""Runs the commands of the pages, and compares the output with the pages.

    commands.py [PAGE…]

Every fenced block of README.md, CONTRIBUTING.md, CHANGELOG.md, docs/ and tests/http/README.md is looked at:

* `sh` and `console` are run by bash, all blocks of a page one after the other in one shell, in a
  scratch directory. In a `console` block what follows a command is compared with what it says; `…`
  stands for anything without a space.
* `toml` is settings, which `jeton check` must take. `json` must be JSON.
* Blocks of code, and others that say so, are a part of the file that `<!-- from: FILE -->` above them names.
* `<!-- not run: REASON -->` above a block leaves it out, and says why. TOML must still be TOML.
* `<!-- first: COMMANDS -->` above a block is run before it: what a reader has done by then.
* `mermaid` and `text` are for people.

`jeton serve` goes to the background, and the next command waits until it serves; the `jeton serve`
before it is stopped, as `stop_server` does. Servers listen at their default ports. Where others
have those, other ports take their place in what is run, and back again in what is compared.

Wants JETON_BINARY (default target/release/jeton), Go, and grpcurl on the PATH. Of the network only
package registries are asked, as the pages say.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "tests/http/README.md"]
SHELL = {"sh", "console"}
CODE = {"rust", "go", "python"}
FOR_PEOPLE = {"mermaid", "text"}
# A page's commands take some seconds, and on a busy machine a minute. After this they hang.
PAGE_LIMIT = 300
# A page that lost its blocks proves nothing.
FEWEST_RUN = 15

FENCE = re.compile(r"^( *)```(\S*)\s*$")
COMMENT = re.compile(r"<!-- (not run|first|from): (.*?) -->", re.DOTALL)


@dataclass
class Block:
    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass
class Step:
    """One command, or the commands of a block, and what the page shows of its output."""

    place: str
    commands: str
    shown: list[str] | None = None


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, each with the comments that stand right above it."""
    lines = (TOP / page).read_text().splitlines()
    at = 0
    above: list[str] = []
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            # Comments may have several lines; a blank line parts them from what they speak of.
            above = above + [lines[at]] if lines[at].strip() else []
            at += 1
            continue
        indent, language = fence.groups()
        end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == "```"), None)
        if end is None:
            raise SystemExit(f"{page}:{at + 1}: the block has no end")
        text = "\n".join(line.removeprefix(indent) for line in lines[at + 1 : end])
        marks = dict(COMMENT.findall("\n".join(above)))
        yield Block(page, at + 1, language, text, marks)
        above, at = [], end + 1


def steps(block: Block) -> Iterator[Step]:
    """What is to be run for a block."""
    if "first" in block.marks:
        yield Step(f"{block.place} (first)", block.marks["first"])
    if block.language == "sh":
        yield Step(block.place, block.text)
        return
    lines = block.text.splitlines()
    if not lines or not lines[0].startswith("$ "):
        raise SystemExit(f"{block.place}: a console block begins with a command")
    at = 0
    while at < len(lines):
        line = block.line + 1 + at
        command, at = [lines[at].removeprefix("$ ")], at + 1
        while at < len(lines) and lines[at].startswith("> "):
            command.append(lines[at].removeprefix("> "))
            at += 1
        shown = []
        while at < len(lines) and not lines[at].startswith("$ "):
            shown.append(lines[at])
            at += 1
        yield Step(f"{block.page}:{line}", "\n".join(command), shown)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """Where servers listen, and how that is written in the pages."""

    DEFAULTS = {"GRPC": 50051, "HTTP": 8080, "OPS": 9090}

    def __init__(self) -> None:
        free = all(is_free(port) for port in self.DEFAULTS.values())
        self.used = {name: port if free else free_port() for name, port in self.DEFAULTS.items()}

    def environment(self) -> dict[str, str]:
        places = {name: f"127.0.0.1:{port}" for name, port in self.used.items()}
        listen = {f"JETON_{name}_LISTEN": place for name, place in places.items()}
        return {**listen, "JETON_SERVER": f"http://{places['GRPC']}"}

    def used_for(self, text: str) -> str:
        for name, port in self.DEFAULTS.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.used[name]}")
        return text

    def written_for(self, text: str) -> str:
        for name, port in self.used.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.DEFAULTS[name]}")
        return text


def same(shown: str, said: str) -> bool:
    """Whether a line is what the page shows; `…` stands for anything without a space."""
    pattern = r"\S+".join(re.escape(part) for part in shown.rstrip().split("…"))
    return re.fullmatch(pattern, said.rstrip()) is not None


def difference(step: Step, said: str) -> str | None:
    lines = said.rstrip("\n").split("\n") if said.rstrip("\n") else []
    shown = step.shown or []
    if len(lines) == len(shown) and all(map(same, shown, lines)):
        return None
    told = [*(f"  shown: {line}" for line in shown), *(f"  said:  {line}" for line in lines)]
    return f"{step.place}: the page shows something else\n" + "\n".join(told)


class Shell:
    """One page's shell."""

    def __init__(self, jeton: Path, ports: Ports, scratch: Path) -> None:
        self.ports = ports
        self.scratch = scratch
        self.said = scratch / "said"
        self.work = scratch / "work"
        for folder in (self.said, self.work, scratch / "bin"):
            folder.mkdir()
        (scratch / "bin/jeton").symlink_to(jeton)
        # What a reader has around them is a clone with what was built in it.
        for name in ("examples", "proto"):
            (self.work / name).symlink_to(TOP / name)
        (self.work / "target").mkdir()

    def environment(self) -> dict[str, str]:
        # A reader's own, but for what would speak to jeton in their place.
        own = {name: value for name, value in os.environ.items() if not name.startswith("JETON")}
        return {
            **own,
            **self.ports.environment(),
            "PATH": f"{self.scratch / 'bin'}:{os.environ['PATH']}",
            "SAID": str(self.said),
        }

    def script(self, steps: list[Step]) -> str:
        parts = [f"source {TOP / 'tests/docs/shell.sh'}"]
        for number, step in enumerate(steps):
            commands = self.ports.used_for(step.commands)
            parts.append(f'exec >"$SAID/{number}" 2>&1\n{commands}')
        return "\n".join([*parts, 'exec >"$SAID/end" 2>&1', "stop_server", "echo all of it"])

    def run(self, steps: list[Step]) -> list[str]:
        """Runs all steps, and says what went wrong."""
        bash = subprocess.Popen(
            ["bash", "-c", self.script(steps)],
            cwd=self.work,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            ended = f"exit code {bash.wait(PAGE_LIMIT)}"
        except subprocess.TimeoutExpired:
            ended = "it did not come to an end"
        # With its server and everything else that it has left in the background.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(bash.pid, signal.SIGKILL)
        bash.wait()
        said = [self.output(number) for number in range(len(steps))]
        end = self.output("end")
        if end.splitlines()[-1:] != ["all of it"]:
            last = max((n for n in range(len(steps)) if (self.said / str(n)).exists()), default=0)
            place = "the end" if end else steps[last].place
            return [f"{place}: {ended}\n{(end or said[last]).rstrip()}"]
        found = (difference(*both) for both in zip(steps, said) if both[0].shown is not None)
        return [problem for problem in found if problem]

    def output(self, step: int | str) -> str:
        path = self.said / str(step)
        return self.ports.written_for(path.read_text()) if path.exists() else ""


def is_part(text: str, source: str) -> bool:
    """Whether `source` has the lines of `text` one after the other, wherever they are indented."""

    def lines(text: str) -> list[str]:
        return [line.strip() for line in text.splitlines() if line.strip()]

    wanted, there = lines(text), lines(source)
    return any(there[at : at + len(wanted)] == wanted for at in range(len(there)))


def check_settings(block: Block, jeton: Path, scratch: Path) -> str | None:
    path = scratch / f"{block.line}.toml"
    path.write_text(block.text)
    path.chmod(0o600)
    secrets = {"ORDERS_SECRET": "a secret of orders", "SHOP_SECRET": "a secret of the shop"}
    environment = {**os.environ, **secrets}
    command = [jeton, "check", "--config", path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    return (
        None if done.returncode == 0 else f"{block.place}: settings that are refused\n{done.stderr}"
    )


def look(block: Block, jeton: Path, scratch: Path) -> str | None:
    """What is wrong with a block that is not run."""
    marks = block.marks
    if "not run" in marks and len(marks["not run"].split()) < 3:
        return f"{block.place}: that is no reason: {marks['not run']}"
    match block.language:
        case "toml":
            try:
                tomllib.loads(block.text)
            except tomllib.TOMLDecodeError as error:
                return f"{block.place}: {error}"
            return None if "not run" in marks else check_settings(block, jeton, scratch)
        case "json":
            try:
                json.loads(block.text)
            except json.JSONDecodeError as error:
                return f"{block.place}: {error}"
        case language if language in CODE or "from" in marks:
            if "from" not in marks:
                return f"{block.place}: no <!-- from: FILE --> says what it is a part of"
            if not is_part(block.text, (TOP / marks["from"]).read_text()):
                return f"{block.place}: these are not lines of {marks['from']}"
        case language if language not in FOR_PEOPLE and "not run" not in marks:
            return f"{block.place}: unknown language {language!r}, and no reason why it is not run"
    return None


def page_names(asked: list[str]) -> list[str]:
    if asked:
        return asked
    found = (path for pattern in PAGES for path in sorted(TOP.glob(pattern)))
    return [str(path.relative_to(TOP)) for path in found]


def main() -> int:
    jeton = Path(os.environ.get("JETON_BINARY", TOP / "target/release/jeton")).resolve()
    for needed in (str(jeton), "grpcurl", "curl", "bash", "go"):
        if not shutil.which(needed):
            raise SystemExit(f"missing: {needed}")
    ports = Ports()
    print(f"servers listen at {', '.join(map(str, ports.used.values()))}")
    problems: list[str] = []
    counted = {"run": 0, "looked at": 0, "not run": 0}
    for page in page_names(sys.argv[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            to_run: list[Step] = []
            for block in blocks(page):
                runs = block.language in SHELL and "not run" not in block.marks
                if runs:
                    to_run.extend(steps(block))
                elif problem := look(block, jeton, Path(scratch)):
                    problems.append(problem)
                kind = "run" if runs else "not run" if "not run" in block.marks else "looked at"
                counted[kind] += 1
                if kind == "not run":
                    print(f"{block.place}: not run: {' '.join(block.marks['not run'].split())}")
            if to_run:
                problems.extend(Shell(jeton, ports, Path(scratch)).run(to_run))
                print(f"{page}: {len(to_run)} steps run", flush=True)
    if not sys.argv[1:] and counted["run"] < FEWEST_RUN:
        problems.append(f"only {counted['run']} blocks were run")
    print("blocks: " + ", ".join(f"{count} {kind}" for kind, count in counted.items()))
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
