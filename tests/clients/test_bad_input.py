"""Bad input: the right code and reason, no echo, nothing written, and the server lives on."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode

from api import ERROR_DOMAIN, Api, Refused, basic, bearer
from secret_ledger import invent
from server import Server, wait_until

CODES = {
    "INVALID_REQUEST": StatusCode.INVALID_ARGUMENT,
    "INVALID_CLIENT": StatusCode.UNAUTHENTICATED,
    "INVALID_GRANT": StatusCode.UNAUTHENTICATED,
    "UNAUTHORIZED_CLIENT": StatusCode.PERMISSION_DENIED,
    "UNSUPPORTED_GRANT_TYPE": StatusCode.INVALID_ARGUMENT,
    "INVALID_SCOPE": StatusCode.INVALID_ARGUMENT,
    "INVALID_TARGET": StatusCode.INVALID_ARGUMENT,
    "INVALID_TOKEN": StatusCode.UNAUTHENTICATED,
}

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# An empty message in field 1000, which no request has.
UNKNOWN_FIELD = b"\xc2\x3e\x00"

# Shorter than this, a text may hold a value by chance.
SHORTEST_ECHO = 6


def gibberish(length: int) -> str:
    return "".join(random.Random(length).choices(ALPHABET, k=length))


def flipped(token: str, position: int) -> str:
    other = "x" if token[position] != "x" else "y"
    return token[:position] + other + token[position + 1 :]


@pytest.fixture(scope="module")
def world(api: Api, fleet, settings, environment, known, ledger, as_orders) -> SimpleNamespace:
    """Good tokens to spoil, and another server's."""
    orders = {"client_id": "orders", "client_secret": known.orders}
    alice = {"password": {"username": "alice", "password": known.alice}}
    mine = api.call("IssueToken", **orders, **alice)
    other = fleet.add("stranger", settings, environment=environment).start()
    stranger = Api(other.address, ledger)
    theirs = stranger.call("IssueToken", **orders, **alice)
    stranger.close()
    other.stop()
    return SimpleNamespace(
        known=known,
        orders=orders,
        alice=alice,
        as_orders=as_orders,
        mine=mine,
        theirs=theirs,
    )


def pick(pair: Message, kind: str) -> str:
    return pair.access_token if kind == "access" else pair.refresh_token


# What a token may be spoiled into: the pair to spoil, another server's pair, the kind → the text.
GARBAGE: dict[str, Callable[[Message, Message, str], str]] = {
    "non-ASCII": lambda mine, theirs, kind: pick(mine, kind)[:4] + "пароль" + "é" * 40,
    "a wrong prefix": lambda mine, theirs, kind: "xyz_" + pick(mine, kind)[4:],
    "no prefix": lambda mine, theirs, kind: pick(mine, kind)[4:],
    "the other kind's prefix": lambda mine, theirs, kind: (
        ("jrt_" if kind == "access" else "jat_") + pick(mine, kind)[4:]
    ),
    "a flipped character": lambda mine, theirs, kind: flipped(pick(mine, kind), 40),
    "a cut end": lambda mine, theirs, kind: pick(mine, kind)[:-1],
    "a longer end": lambda mine, theirs, kind: pick(mine, kind) + "0",
    "a line feed": lambda mine, theirs, kind: pick(mine, kind) + "\n",
    "a NUL": lambda mine, theirs, kind: pick(mine, kind) + "\0",
    "gibberish of the right form": lambda mine, theirs, kind: (
        pick(mine, kind)[:4] + gibberish(len(pick(mine, kind)) - 4)
    ),
    "100 KiB": lambda mine, theirs, kind: pick(mine, kind)[:4] + gibberish(100 * 1024),
    "another server's": lambda mine, theirs, kind: pick(theirs, kind),
}


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    reason: str
    request: Callable[[SimpleNamespace], dict[str, Any]]


def client_credentials(name: str, reason: str, **fields: Any) -> Case:
    """An otherwise good request of `orders` with the given fields."""
    return Case(
        name,
        "IssueToken",
        reason,
        lambda w: {**w.orders, "client_credentials": {}, **fields},
    )


def login(name: str, reason: str, username: str, password: Callable[[Any], str]) -> Case:
    return Case(
        name,
        "IssueToken",
        reason,
        lambda w: {**w.orders, "password": {"username": username, "password": password(w)}},
    )


CASES = [
    # Who asks.
    client_credentials("an unknown client", "INVALID_CLIENT", client_id="nobody-of-that-name"),
    client_credentials("a wrong secret", "INVALID_CLIENT", client_secret=invent()),
    client_credentials("a non-ASCII secret", "INVALID_CLIENT", client_secret="пароль-пароль"),
    client_credentials("a confidential client's id alone", "INVALID_CLIENT", client_secret=""),
    client_credentials("no client", "INVALID_CLIENT", client_id="", client_secret=""),
    client_credentials("a public client with a secret", "INVALID_CLIENT", client_id="mobile"),
    Case(
        "a secret in the request and another by Basic",
        "IssueToken",
        "INVALID_REQUEST",
        lambda w: {
            **w.orders,
            "client_secret": "another",
            "client_credentials": {},
            "metadata": w.as_orders,
        },
    ),
    Case(
        "Basic and bearer at once",
        "Introspect",
        "INVALID_REQUEST",
        lambda w: {
            "token": w.mine.access_token,
            "metadata": [*w.as_orders, bearer(w.mine.access_token)],
        },
    ),
    *(
        Case(
            f"Basic with {name}",
            "Introspect",
            "INVALID_CLIENT",
            lambda w, header=header: {
                "token": w.mine.access_token,
                "metadata": [("authorization", f"Basic {header}")],
            },
        )
        for name, header in {
            "what is not base64": "%%%not-base64%%%",
            "no colon": "b3JkZXJz",
            "what is not UTF-8": "/////////w==",
        }.items()
    ),
    Case(
        "introspection by nobody",
        "Introspect",
        "INVALID_CLIENT",
        lambda w: {"token": w.mine.access_token},
    ),
    Case(
        "introspection with a wrong secret",
        "Introspect",
        "INVALID_CLIENT",
        lambda w: {"token": w.mine.access_token, "metadata": [basic("orders", invent())]},
    ),
    Case(
        "a bearer without the audience jeton",
        "Introspect",
        "INVALID_TOKEN",
        lambda w: {"token": w.mine.access_token, "metadata": [bearer(w.mine.access_token)]},
    ),
    Case(
        "a refresh token as bearer",
        "Introspect",
        "INVALID_TOKEN",
        lambda w: {"token": w.mine.access_token, "metadata": [bearer(w.mine.refresh_token)]},
    ),
    Case(
        "a bearer that is no token",
        "Introspect",
        "INVALID_TOKEN",
        lambda w: {"token": w.mine.access_token, "metadata": [bearer(gibberish(80))]},
    ),
    # What is asked.
    Case("no grant type", "IssueToken", "UNSUPPORTED_GRANT_TYPE", lambda w: w.orders),
    Case(
        "an unknown grant type",
        "IssueToken",
        "UNSUPPORTED_GRANT_TYPE",
        lambda w: {**w.orders, "extra": UNKNOWN_FIELD},
    ),
    Case(
        "a grant the client may not use",
        "IssueToken",
        "UNAUTHORIZED_CLIENT",
        lambda w: {"client_id": "reports", "client_secret": w.known.reports, **w.alice},
    ),
    Case(
        "a public client for itself",
        "IssueToken",
        "UNAUTHORIZED_CLIENT",
        lambda w: {"client_id": "mobile", "client_credentials": {}},
    ),
    client_credentials("a scope that is not allowed", "INVALID_SCOPE", scopes=["administer-all"]),
    client_credentials("a scope with a space", "INVALID_SCOPE", scopes=["read write"]),
    client_credentials("a non-ASCII scope", "INVALID_SCOPE", scopes=["чтение-всего"]),
    client_credentials("an audience not allowed", "INVALID_TARGET", audience=["elsewhere"]),
    client_credentials("a negative ttl", "INVALID_REQUEST", ttl={"seconds": -900}),
    login("an unknown user", "INVALID_GRANT", "nobody-of-that-name", lambda w: invent()),
    login("a wrong password", "INVALID_GRANT", "carol", lambda w: invent()),
    login("a disabled user", "INVALID_GRANT", "bob", lambda w: w.known.bob),
    login("a non-ASCII password", "INVALID_GRANT", "carol", lambda w: "пароль-пароль"),
    login("an empty password", "INVALID_REQUEST", "carol", lambda w: ""),
    login("an empty user name", "INVALID_REQUEST", "", lambda w: w.known.carol),
    login("a password of 1 MiB", "INVALID_REQUEST", "carol", lambda w: gibberish(1 << 20)),
    # Tokens.
    Case(
        "an empty refresh token",
        "RefreshToken",
        "INVALID_REQUEST",
        lambda w: {**w.orders, "refresh_token": ""},
    ),
    Case(
        "a refresh token of 1 MiB",
        "RefreshToken",
        "INVALID_REQUEST",
        lambda w: {**w.orders, "refresh_token": "jrt_" + gibberish(1 << 20)},
    ),
    *(
        Case(
            f"a refresh token: {name}",
            "RefreshToken",
            "INVALID_GRANT",
            lambda w, name=name: {
                **w.orders,
                "refresh_token": GARBAGE[name](w.mine, w.theirs, "refresh"),
            },
        )
        for name in GARBAGE
    ),
    Case(
        "an access token as refresh token",
        "RefreshToken",
        "INVALID_GRANT",
        lambda w: {**w.orders, "refresh_token": w.mine.access_token},
    ),
    Case(
        "another client's refresh token",
        "RefreshToken",
        "INVALID_GRANT",
        lambda w: {
            "client_id": "bystander",
            "client_secret": w.known.bystander,
            "refresh_token": w.mine.refresh_token,
        },
    ),
    Case(
        "a refresh for more than was granted",
        "RefreshToken",
        "INVALID_SCOPE",
        lambda w: {**w.orders, "refresh_token": w.mine.refresh_token, "scopes": ["audit"]},
    ),
    Case(
        "introspection of an empty token",
        "Introspect",
        "INVALID_REQUEST",
        lambda w: {"token": "", "metadata": w.as_orders},
    ),
    Case(
        "introspection of 1 MiB",
        "Introspect",
        "INVALID_REQUEST",
        lambda w: {"token": "jat_" + gibberish(1 << 20), "metadata": w.as_orders},
    ),
    Case(
        "revocation of an empty token",
        "RevokeToken",
        "INVALID_REQUEST",
        lambda w: {**w.orders, "token": ""},
    ),
    Case(
        "revocation of 1 MiB",
        "RevokeToken",
        "INVALID_REQUEST",
        lambda w: {**w.orders, "token": "jat_" + gibberish(1 << 20)},
    ),
    Case(
        "revocation of another client's token",
        "RevokeToken",
        "INVALID_GRANT",
        lambda w: {
            "client_id": "bystander",
            "client_secret": w.known.bystander,
            "token": w.mine.access_token,
        },
    ),
]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


def refuse(api, world, case) -> None:
    request = case.request(world)
    with pytest.raises(Refused) as caught:
        api.call(case.method, **request)
    refused = caught.value
    assert (refused.reason, refused.code) == (case.reason, CODES[case.reason])
    assert refused.domain == ERROR_DOMAIN
    assert refused.text
    told = refused.whole_text()
    echoed = [
        value[:10]
        for value in strings(request)
        if len(value) >= SHORTEST_ECHO and value != "authorization" and value[:64].encode() in told
    ]
    assert echoed == []


# A failed login is written down. These come before what must write nothing.
FAILED_LOGINS = [
    case for case in CASES if (case.method, case.reason) == ("IssueToken", "INVALID_GRANT")
]


@pytest.mark.parametrize("case", FAILED_LOGINS, ids=lambda case: case.name)
def test_a_failed_login_is_refused(api, world, case):
    refuse(api, world, case)


def test_bad_credentials_are_told_in_one_text_whatever_was_wrong(api, world):
    # Twice each, with the table above: fewer than lock a user out.
    texts = set()
    for case in CASES:
        if case.reason == "INVALID_GRANT" and case.method != "RevokeToken":
            with pytest.raises(Refused) as caught:
                api.call(case.method, **case.request(world))
            texts.add(caught.value.text)
    assert len(texts) == 1, texts


@pytest.fixture(scope="module")
def settled(server: Server, world: SimpleNamespace) -> str:
    """What is on disk once all that was asked before is written: unchanged for a second."""
    seen = {"bytes": "", "since": time.monotonic()}

    def still() -> bool:
        now = server.stored_bytes()
        if now != seen["bytes"]:
            seen.update(bytes=now, since=time.monotonic())
        return time.monotonic() - seen["since"] > 1

    wait_until(still, "the store keeps changing while nobody asks for anything")
    return seen["bytes"]


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case not in FAILED_LOGINS],
    ids=lambda case: f"{case.method} {case.name}",
)
def test_a_bad_request_is_refused_by_its_reason_and_writes_nothing(
    api, server, world, settled, case
):
    refuse(api, world, case)
    assert server.stored_bytes() == settled


@pytest.mark.parametrize("name", GARBAGE)
def test_introspecting_garbage_says_inactive_and_nothing_else(
    api, server, world, settled, known, name
):
    answer = api.call(
        "Introspect",
        token=GARBAGE[name](world.mine, world.theirs, "access"),
        metadata=[basic("auditor", known.auditor)],
    )
    assert answer.SerializeToString() == b""
    assert server.stored_bytes() == settled


@pytest.mark.parametrize("name", GARBAGE)
def test_revoking_garbage_is_fine_and_does_nothing(api, server, world, settled, name):
    api.call("RevokeToken", **world.orders, token=GARBAGE[name](world.mine, world.theirs, "access"))
    assert server.stored_bytes() == settled


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_no_character_of_a_token_can_be_changed(api, server, world, settled, kind):
    token = pick(world.mine, kind)
    expected_kind = f"TOKEN_KIND_{kind.upper()}"
    still_active = [
        position
        for position in range(len(token))
        if api.call(
            "Introspect",
            token=flipped(token, position),
            expected_kind=expected_kind,
            metadata=world.as_orders,
        ).active
    ]
    assert still_active == []
    assert server.stored_bytes() == settled


def test_after_all_that_the_tokens_are_as_good_as_before(api, server, world, settled):
    assert api.call("Introspect", token=world.mine.access_token, metadata=world.as_orders).active
    assert server.stored_bytes() == settled
    # And the comparison does see a write.
    renewed = api.call("RefreshToken", **world.orders, refresh_token=world.mine.refresh_token)
    assert renewed.grant_id == world.mine.grant_id
    assert server.stored_bytes() != settled
