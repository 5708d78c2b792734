"""Runs the documents' code samples, and says in one line what each gets."""

import contextlib
import io
import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import credentials as c
import requests
from processes import HERE, Process
from wire import JSON, Answer, basic, post_form, send

SAMPLES = HERE / "seeds"
HOSTS = (
    "https://app.squadrun.co",
    "https://barapi.cloud",
    "https://api.ground-station.endurosat.com",
)


@dataclass(frozen=True)
class Sample:
    """One entry of samples.toml."""

    file: str
    title: str
    as_written: str
    filled: str | None = None
    flaw: str | None = None
    mend: tuple[tuple[str, str], ...] = ()
    fill: tuple[tuple[str, str], ...] = ()
    path: str | None = None
    basic: bool = False

    @property
    def document(self) -> str:
        return self.file[:3]


@dataclass
class Tokens:
    """A fresh login of a document's client, from which placeholders are filled."""

    server: Process
    path: str
    client: c.Client
    pair: dict[str, str]

    def fill(self, text: str) -> str:
        for kind in ("access_token", "refresh_token"):
            text = text.replace(f"@{kind}", self.pair[kind])
        return text

    def alive(self) -> bool:
        """Whether the refresh token is still good for the next pair."""
        secret = {"client_secret": self.client.secret} if self.client.secret else {}
        answer = post_form(
            self.server,
            self.path,
            client_id=self.client.id,
            grant_type="refresh_token",
            refresh_token=self.pair["refresh_token"],
            **secret,
        )
        return answer.status == 200


def load() -> list[Sample]:
    tables = tomllib.loads((HERE / "samples.toml").read_text())["sample"]
    for table in tables:
        for key in ("mend", "fill"):
            table[key] = tuple(tuple(pair) for pair in table.get(key, []))
    return [Sample(**table) for table in tables]


def log_in(server: Process, document: str) -> Tokens:
    path, client, user = {
        "000": ("/oauth/token/", c.SQUAD, c.SQUAD_USER),
        "001": ("/oauth/token", c.BAR, c.BAR_USER),
        "002": ("/oauth2/token", c.ENDUROSAT, c.ENDUROSAT_USER),
        "003": ("/oauth/token/", c.SQUAD, c.SQUAD_USER),
        "004": ("/auth/oauth2/token/", c.COMMUNITY, c.COMMUNITY_USER),
    }[document]
    secret = {"client_secret": client.secret} if client.secret else {}
    answer = post_form(
        server,
        path,
        client_id=client.id,
        grant_type="password",
        username=user.name,
        password=user.password,
        **secret,
    )
    assert answer.status == 200, answer
    return Tokens(server, path, client, answer.json())


def replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        assert old in text, f"{old!r} is not in the sample"
        text = text.replace(old, new)
    return text


def source(sample: Sample, server: Process) -> str:
    text = (SAMPLES / sample.file).read_text()
    for host in HOSTS:
        text = text.replace(host, server.origin)
    return text


def run(sample: Sample, text: str, server: Process, home: Path) -> str:
    """Runs the text of a sample; what it got, in one line."""
    kind = Path(sample.file).suffix
    return {".py": _python, ".sh": _curl, ".json": _json}[kind](sample, text, server, home)


def _python(sample: Sample, text: str, server: Process, home: Path) -> str:
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()
    raised = None
    try:
        code = compile(text, sample.file, "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, names)
    except Exception as error:
        raised = type(error).__name__
    got = None
    if isinstance(response := names.get("response"), requests.Response):
        got = told(Answer(response.status_code, _lower(response.headers), response.content))
    elif failed := re.search(r"^Exception when calling .*: \((\d+)\)", printed.getvalue()):
        error = re.search(r'"error": ?"(\w+)"', printed.getvalue())
        got = f"{failed[1]} {error[1] if error else 'without an error code'}"
    elif "api_response" in names:
        answer = {
            name: value
            for name, value in names["api_response"].to_dict().items()
            if value is not None
        }
        got = f"200 {members(answer)}"
    elif raised is None:
        got = "success, no answer to read"
    if raised:
        return f"{got}, then {raised}" if got else f"{raised}, nothing is sent"
    assert got
    return got


def _curl(sample: Sample, text: str, server: Process, home: Path) -> str:
    home.mkdir(parents=True)
    (home / ".curlrc").write_text(f'silent\nshow-error\ndump-header = "{home}/headers"\n')
    (home / "sample.sh").write_text(text)
    done = subprocess.run(
        ["bash", "-eu", str(home / "sample.sh")],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "CURL_HOME": str(home), "NO_PROXY": "*"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    status, *lines = (home / "headers").read_text().strip().splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return told(Answer(int(status.split()[1]), _lower(headers), done.stdout))


def _json(sample: Sample, text: str, server: Process, home: Path) -> str:
    assert sample.path
    headers = [("Content-Type", JSON)]
    if sample.basic:
        headers.append(basic(c.COMMUNITY.id, c.COMMUNITY.secret or ""))
    return told(send(server, "POST", sample.path, headers, text.encode()))


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def told(answer: Answer) -> str:
    if not answer.body:
        kind = answer.headers.get("content-type")
        return f"{answer.status}, empty" + (f", {kind}" if kind else "")
    assert answer.headers["content-type"] == JSON, answer
    body = answer.json()
    if "error" in body:
        return f"{answer.status} {body['error']}"
    return f"{answer.status} {members(body)}"


def members(body: dict[str, Any]) -> str:
    shown = (
        name if name.endswith("_token") else f"{name} {json.dumps(value)}"
        for name, value in sorted(body.items())
    )
    return ", ".join(shown)
