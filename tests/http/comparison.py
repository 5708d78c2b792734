"""What is compared of two answers, and the list of the differences that are meant to be."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cases import Case
from processes import HERE, Process
from wire import Answer

ABSENT = "absent"

Facts = dict[str, Any]
# By fact: what jeton says and what the toolkit says.
Delta = dict[str, tuple[Any, Any]]


def facts(answer: Answer) -> Facts:
    headers = answer.headers
    found: Facts = {
        "status": answer.status,
        "content_type": headers.get("content-type", ABSENT),
        "cache_control": headers.get("cache-control", ABSENT),
        "pragma": headers.get("pragma", ABSENT),
        "challenge": headers.get("www-authenticate", ABSENT).split(" ")[0],
        "allow": headers.get("allow", ABSENT),
    }
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return {**found, "body": "other" if answer.body else "empty"}
    for name in ("error", "scope", "token_type", "expires_in", "active", "client_id", "username"):
        found[name] = body.get(name, ABSENT)
    if isinstance(found["expires_in"], int):
        # A second may pass between an answer and its repetition.
        found["expires_in"] = round(found["expires_in"], -1)
    # A description is prose: it counts whether there is one.
    found["error_description"] = "present" if "error_description" in body else ABSENT
    found["members"] = " ".join(sorted(name for name in body if name != "error_description"))
    return {**found, "body": "JSON"}


def delta(ours: Facts, theirs: Facts) -> Delta:
    """The facts that differ. Of a success and a refusal, or of an active token and an inactive one,
    that is all there is to be said: every other fact follows."""
    if (ours["status"] < 300) != (theirs["status"] < 300):
        compared = {"status", "error"}
    elif ours.get("active", ABSENT) != theirs.get("active", ABSENT):
        compared = {"active"}
    else:
        # The facts of a JSON body are not compared with a body that is none.
        compared = ours.keys() & theirs.keys()
    pairs = {name: (ours.get(name, ABSENT), theirs.get(name, ABSENT)) for name in sorted(compared)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True)
class Entry:
    """A difference on the list.

    Without `requests` it is one fact that differs in the same way wherever it does; with them it
    is what these requests' answers differ in besides.
    """

    jeton: Facts
    toolkit: Facts
    rfc: str
    because: str
    requests: tuple[str, ...] = ()

    @property
    def delta(self) -> Delta:
        assert self.jeton.keys() == self.toolkit.keys(), self
        return {name: (self.jeton[name], self.toolkit[name]) for name in self.jeton}


@dataclass
class Result:
    """Where the list and the servers disagree."""

    unlisted: dict[str, Delta] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


def load() -> list[Entry]:
    tables = tomllib.loads((HERE / "differences.toml").read_text())["difference"]
    return [Entry(**{**table, "requests": tuple(table.get("requests", []))}) for table in tables]


def observe(
    cases: Iterable[Case], ours: Process, theirs: Mapping[str, Process]
) -> dict[str, Delta]:
    """The differences, by the request's name; requests answered alike are in it too, empty."""
    return {
        case.name: delta(facts(case.ask(ours)), facts(case.ask(theirs[case.dialect])))
        for case in cases
    }


def judge(observed: Mapping[str, Delta], entries: Iterable[Entry]) -> Result:
    result = Result()
    left = {name: dict(found) for name, found in observed.items()}
    entries = list(entries)
    for entry in entries:
        if entry.requests:
            for name in entry.requests:
                found = left.get(name, {})
                if all(found.get(fact) == pair for fact, pair in entry.delta.items()):
                    for fact in entry.delta:
                        del found[fact]
                else:
                    result.gone.append(f"{name}: {entry.delta}")
    for entry in entries:
        if not entry.requests:
            [(fact, pair)] = entry.delta.items()
            showing = [found for found in left.values() if found.get(fact) == pair]
            for found in showing:
                del found[fact]
            if not showing:
                result.gone.append(f"everywhere: {fact} {pair}")
    result.unlisted = {name: found for name, found in left.items() if found}
    return result
