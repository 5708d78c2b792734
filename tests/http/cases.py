"""The requests that jeton and django-oauth-toolkit are both asked.

A word in capitals stands for a token that the server itself made just before: `TOKENS` says which.
Requests of the dialect `squad` are forms with id and secret in the body (documents 000 and 003),
those of `community` are JSON with Basic (document 004).
"""

import codecs
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import credentials as c
from wire import FORM, JSON, Answer, basic, form, send
from processes import Process

PREFIX = {"squad": "/oauth", "community": "/auth/oauth2"}
PATHS = {"token": "/token/", "revoke": "/revoke_token/", "introspect": "/introspect/"}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    name: str
    dialect: str
    endpoint: str
    body: bytes
    headers: Headers
    method: str = "POST"
    query: str = ""
    slash: bool = True

    def ask(self, server: Process) -> Answer:
        path = PREFIX[self.dialect] + PATHS[self.endpoint]
        target = (path if self.slash else path.removesuffix("/")) + self.query
        body = self.body
        for word, make in TOKENS.items():
            if word.encode() in body:
                body = body.replace(word.encode(), make(server, self.dialect).encode())
        return send(server, self.method, target, self.headers, body)


# --- tokens -----------------------------------------------------------------------------------


def _ask(server: Process, dialect: str, endpoint: str, client: c.Client, **fields: str) -> Answer:
    target = PREFIX[dialect] + PATHS[endpoint]
    secret = client.secret or ""
    if dialect == "community":
        headers = [("Content-Type", JSON), basic(client.id, secret)]
        answer = send(server, "POST", target, headers, json.dumps(fields).encode())
    else:
        fields = {"client_id": client.id, "client_secret": secret, **fields}
        answer = send(server, "POST", target, [("Content-Type", FORM)], form(**fields))
    assert answer.status == 200, (answer, fields)
    return answer


def _client(dialect: str) -> c.Client:
    return c.COMMUNITY if dialect == "community" else c.SQUAD


def _login(server: Process, dialect: str, client: c.Client | None = None) -> dict[str, str]:
    user = c.COMMUNITY_USER if dialect == "community" else c.SQUAD_USER
    return _ask(
        server,
        dialect,
        "token",
        client or _client(dialect),
        grant_type="password",
        username=user.name,
        password=user.password,
    ).json()


def _refreshed(server: Process, dialect: str, times: int) -> list[dict[str, str]]:
    """A login's answer and those of the refreshes after it."""
    pairs = [_login(server, dialect)]
    for _ in range(times):
        token = pairs[-1]["refresh_token"]
        answer = _ask(
            server,
            dialect,
            "token",
            _client(dialect),
            grant_type="refresh_token",
            refresh_token=token,
        )
        pairs.append(answer.json())
    return pairs


def _revoked(server: Process, dialect: str, which: str) -> dict[str, str]:
    """A login's answer after one of its tokens was revoked."""
    pair = _login(server, dialect)
    _ask(server, dialect, "revoke", _client(dialect), token=pair[which])
    return pair


TOKENS: Mapping[str, Callable[[Process, str], str]] = {
    "LIVE_ACCESS": lambda s, d: _login(s, d)["access_token"],
    "LIVE_REFRESH": lambda s, d: _login(s, d)["refresh_token"],
    "FOREIGN_ACCESS": lambda s, d: _login(s, d, c.OTHER)["access_token"],
    "FOREIGN_REFRESH": lambda s, d: _login(s, d, c.OTHER)["refresh_token"],
    "REVOKED_ACCESS": lambda s, d: _revoked(s, d, "access_token")["access_token"],
    "REVOKED_REFRESH": lambda s, d: _revoked(s, d, "refresh_token")["refresh_token"],
    # One of a pair whose other token was revoked.
    "WIDOWED_ACCESS": lambda s, d: _revoked(s, d, "refresh_token")["access_token"],
    "WIDOWED_REFRESH": lambda s, d: _revoked(s, d, "access_token")["refresh_token"],
    # Exchanged once, a moment ago; exchanged, and its successor exchanged too.
    "USED_REFRESH": lambda s, d: _refreshed(s, d, 1)[0]["refresh_token"],
    "OLD_REFRESH": lambda s, d: _refreshed(s, d, 2)[0]["refresh_token"],
    "PREVIOUS_ACCESS": lambda s, d: _refreshed(s, d, 1)[0]["access_token"],
    "OLD_ACCESS": lambda s, d: _refreshed(s, d, 2)[0]["access_token"],
}


# --- squad: forms -----------------------------------------------------------------------------

_ID: dict[str, str] = {"client_id": c.SQUAD.id}
_CLIENT: dict[str, str] = {**_ID, "client_secret": c.SQUAD.secret or ""}
_USER: dict[str, str] = {"username": c.SQUAD_USER.name, "password": c.SQUAD_USER.password}
_GRANT: dict[str, str] = {"grant_type": "password"}
_LOGIN: dict[str, str] = {**_GRANT, **_CLIENT, **_USER}
_FORM_TYPE: Headers = (("Content-Type", FORM),)
_ODD_USER = {"username": c.ODD_USER.name, "password": c.ODD_USER.password}


def without(fields: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in names}


def squad(
    name: str,
    body: bytes | dict[str, str],
    endpoint: str = "token",
    headers: Headers = _FORM_TYPE,
    **rest: Any,
) -> Case:
    content = body if isinstance(body, bytes) else form(**body)
    return Case(name, "squad", endpoint, content, headers, **rest)


def with_header(*pair: str) -> Headers:
    return (*_FORM_TYPE, (pair[0], pair[1]))


def multipart(fields: dict[str, str]) -> bytes:
    part = '--edge\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    return ("".join(part.format(*pair) for pair in fields.items()) + "--edge--\r\n").encode()


_BASIC = basic(c.SQUAD.id, c.SQUAD.secret or "")
_B64 = _BASIC[1].removeprefix("Basic ")
_NO_CLIENT = {**_GRANT, **_USER}
_REFRESH = {**_CLIENT, "grant_type": "refresh_token"}
_RAW_LINES = (
    f"client_id={c.SQUAD.id}&client_secret={c.SQUAD.secret}\n"
    f"&grant_type=password&username={c.SQUAD_USER.name}\n&password={c.SQUAD_USER.password}"
).encode()

LOGINS = [
    squad("a login", _LOGIN),
    squad("a login at the path without its slash", _LOGIN, slash=False),
    squad("a login that asks one scope", {**_LOGIN, "scope": "read"}),
    squad("a login that asks the scopes in another order", {**_LOGIN, "scope": "write read"}),
    squad("a login that asks one scope twice", {**_LOGIN, "scope": "read read"}),
    squad("a login that asks scopes with two spaces between", {**_LOGIN, "scope": "read  write"}),
    squad("a login that asks an empty scope", {**_LOGIN, "scope": ""}),
    squad("a login that asks a scope that is nobody's", {**_LOGIN, "scope": "read admin"}),
    squad("a login that asks a malformed scope", {**_LOGIN, "scope": 'read "write"'}),
    squad("a login with an unknown parameter", {**_LOGIN, "colour": "blue"}),
    squad("a login with an empty refresh_token", {**_LOGIN, "refresh_token": ""}),
    squad("a login of a public client", {**_GRANT, **_USER, "client_id": c.PUBLIC.id}),
    squad(
        "a login of a public client with a secret",
        {**_GRANT, **_USER, "client_id": c.PUBLIC.id, "client_secret": "guess"},
    ),
    squad(
        "a login of a client that may not refresh",
        {
            **_GRANT,
            **_USER,
            "client_id": c.LOGIN_ONLY.id,
            "client_secret": c.LOGIN_ONLY.secret or "",
        },
    ),
    squad("a login of a user with an odd name and password", {**_GRANT, **_CLIENT, **_ODD_USER}),
    squad(
        "a login with the same, every byte percent-encoded",
        form(**_GRANT, **_CLIENT)
        + b"&username="
        + "".join(f"%{byte:02x}" for byte in c.ODD_USER.name.encode()).encode()
        + b"&password="
        + "".join(f"%{byte:02X}" for byte in c.ODD_USER.password.encode()).encode(),
    ),
    squad(
        "a login with the same, the name in raw UTF-8",
        form(**_GRANT, **_CLIENT, password=c.ODD_USER.password)
        + f"&username={c.ODD_USER.name}".encode(),
    ),
    squad("a login with raw line feeds before &", _RAW_LINES),
    squad("a login with raw CR LF before &", _RAW_LINES.replace(b"\n", b"\r\n")),
]

WRONG_LOGINS = [
    squad("a wrong password", {**_LOGIN, "password": "wrong"}),
    squad("the password of another case", {**_LOGIN, "password": "Test_api_user"}),
    squad("an unknown user", {**_LOGIN, "username": "nobody"}),
    squad("a user's name in another case", {**_LOGIN, "username": "TEST_API_USER"}),
    squad("no username", without(_LOGIN, "username")),
    squad("no password", without(_LOGIN, "password")),
    squad("an empty username", {**_LOGIN, "username": ""}),
    squad("an empty password", {**_LOGIN, "password": ""}),
    squad("a NUL in the username", {**_LOGIN, "username": "test\0user"}),
    squad("an encoded line feed at the end of the secret", _RAW_LINES.replace(b"\n", b"%0A")),
    squad("no grant_type", without(_LOGIN, "grant_type")),
    squad("an empty grant_type", {**_LOGIN, "grant_type": ""}),
    squad("an unknown grant_type", {**_LOGIN, "grant_type": "magic"}),
    squad("a grant_type in another case", {**_LOGIN, "grant_type": "Password"}),
    squad(
        "a grant_type that the client may not use", {**_CLIENT, "grant_type": "client_credentials"}
    ),
    squad(
        "client credentials",
        {
            "grant_type": "client_credentials",
            "client_id": c.MACHINE.id,
            "client_secret": c.MACHINE.secret or "",
        },
    ),
    squad(
        "a password of a client that may not take one",
        {**_GRANT, **_USER, "client_id": c.MACHINE.id, "client_secret": c.MACHINE.secret or ""},
    ),
    squad(
        "client credentials of a public client",
        {"grant_type": "client_credentials", "client_id": c.PUBLIC.id},
    ),
]

WRONG_CLIENTS = [
    squad("a wrong secret", {**_LOGIN, "client_secret": "wrong"}),
    squad("an unknown client", {**_LOGIN, "client_id": "nobody"}),
    squad("no client_id", without(_LOGIN, "client_id")),
    squad("no client_secret", without(_LOGIN, "client_secret")),
    squad("an empty client_id", {**_LOGIN, "client_id": ""}),
    squad("an empty client_secret", {**_LOGIN, "client_secret": ""}),
    squad("no client at all", _NO_CLIENT),
    squad(
        "a secret and no client_id in a body of nothing else",
        {"client_secret": c.SQUAD.secret or ""},
    ),
]

BASIC_CASES = [
    squad("Basic", _NO_CLIENT, headers=with_header(*_BASIC)),
    squad(
        "Basic, the scheme in lower case",
        _NO_CLIENT,
        headers=with_header("Authorization", f"basic {_B64}"),
    ),
    squad(
        "Basic, both halves percent-encoded",
        _NO_CLIENT,
        headers=with_header(*basic("test%5Fclient%5Fid", "test%5Fclient%5Fsecret")),
    ),
    squad(
        "Basic, an id and secret with % + : in them, raw",
        _NO_CLIENT,
        headers=with_header(*basic(c.ODD.id, c.ODD.secret or "")),
    ),
    squad(
        "Basic, the same percent-encoded",
        _NO_CLIENT,
        headers=with_header(*basic("odd%255Fclient", "p%2541%2Bs%2F%3At")),
    ),
    squad(
        "Basic and the same client_id in the body",
        {**_NO_CLIENT, **_ID},
        headers=with_header(*_BASIC),
    ),
    squad(
        "Basic and another client_id in the body",
        {**_NO_CLIENT, "client_id": c.OTHER.id},
        headers=with_header(*_BASIC),
    ),
    squad("Basic and the secret in the body too", _LOGIN, headers=with_header(*_BASIC)),
    squad(
        "Basic with a wrong secret", _NO_CLIENT, headers=with_header(*basic(c.SQUAD.id, "wrong"))
    ),
    squad(
        "Basic with a wrong secret and the right one in the body",
        _LOGIN,
        headers=with_header(*basic(c.SQUAD.id, "wrong")),
    ),
    squad(
        "Basic that is not base64", _NO_CLIENT, headers=with_header("Authorization", "Basic %%%")
    ),
    squad("Basic with nothing after it", _NO_CLIENT, headers=with_header("Authorization", "Basic")),
    squad(
        "Basic without a colon", _NO_CLIENT, headers=with_header("Authorization", "Basic dGVzdA==")
    ),
    squad(
        "Basic that is not UTF-8", _NO_CLIENT, headers=with_header("Authorization", "Basic /zr/")
    ),
    squad(
        "Basic of a public client, an empty secret",
        _NO_CLIENT,
        headers=with_header(*basic(c.PUBLIC.id, "")),
    ),
    squad(
        "a scheme that is unknown", _NO_CLIENT, headers=with_header("Authorization", "Digest a=b")
    ),
    squad(
        "a bearer instead of a client",
        _NO_CLIENT,
        headers=with_header("Authorization", "Bearer nothing"),
    ),
]

MALFORMED = [
    squad("an empty body", b""),
    squad("a body that is no form", b"{}"),
    squad("a parameter twice, the same value", form(("username", c.SQUAD_USER.name), **_LOGIN)),
    squad("a parameter twice, another value first", form(("username", "nobody"), **_LOGIN)),
    squad("grant_type twice, the wrong one first", form(("grant_type", "magic"), **_LOGIN)),
    squad("client_id twice", form(("client_id", c.OTHER.id), **_LOGIN)),
    squad("an unknown parameter twice", form(("colour", "blue"), ("colour", "red"), **_LOGIN)),
    squad("a percent sign with no digits after it", form(**_LOGIN) + b"&state=%zz"),
    squad(
        "a password with a percent sign that nobody encoded",
        form(**without(_LOGIN, "password")) + b"&password=100%",
    ),
    squad(
        "a username that is not UTF-8", form(**without(_LOGIN, "username")) + b"&username=%ff%fe"
    ),
    squad("parameters separated by semicolons", form(**_LOGIN).replace(b"&", b";")),
    squad("empty parts between the parameters", b"&&" + form(**_LOGIN).replace(b"&", b"&&") + b"&"),
    squad("a key with spaces after it", {**_CLIENT, "token  ": "YOUR_TOKEN"}),
    squad("a key in another case", {**without(_LOGIN, "username"), "Username": c.SQUAD_USER.name}),
    squad("a body of 70,000 bytes", {**_LOGIN, "padding": "x" * 70_000}),
    squad(
        "a content type with a charset",
        _LOGIN,
        headers=(("Content-Type", f"{FORM}; charset=UTF-8"),),
    ),
    squad("a content type in capitals", _LOGIN, headers=(("Content-Type", FORM.upper()),)),
    squad("no content type", _LOGIN, headers=()),
    squad("a content type of plain text", _LOGIN, headers=(("Content-Type", "text/plain"),)),
    squad(
        "a multipart form",
        multipart(_LOGIN),
        headers=(("Content-Type", "multipart/form-data; boundary=edge"),),
    ),
    squad(
        "JSON where the document says form",
        json.dumps(_LOGIN).encode(),
        headers=(("Content-Type", JSON),),
    ),
    squad("everything in the query string", b"", query="?" + form(**_LOGIN).decode()),
    squad("the client in the query string", _NO_CLIENT, query="?" + form(**_CLIENT).decode()),
    squad("an unknown parameter in the query string", _LOGIN, query="?colour=blue"),
    squad("GET", b"", method="GET", headers=()),
    squad(
        "GET with everything in the query string",
        b"",
        method="GET",
        query="?" + form(**_LOGIN).decode(),
    ),
    squad("PUT", _LOGIN, method="PUT"),
    squad("DELETE", b"", method="DELETE", headers=()),
]

REFRESHES = [
    squad("a refresh", {**_REFRESH, "refresh_token": "LIVE_REFRESH"}),
    squad(
        "a refresh to fewer scopes", {**_REFRESH, "refresh_token": "LIVE_REFRESH", "scope": "read"}
    ),
    squad(
        "a refresh to a scope that was not granted",
        {**_REFRESH, "refresh_token": "LIVE_REFRESH", "scope": "read admin"},
    ),
    squad(
        "a refresh with an empty scope", {**_REFRESH, "refresh_token": "LIVE_REFRESH", "scope": ""}
    ),
    squad(
        "a refresh with a username and password too",
        {**_REFRESH, **_USER, "refresh_token": "LIVE_REFRESH"},
    ),
    squad("a refresh token that nobody made", {**_REFRESH, "refresh_token": "rfresh_token_value"}),
    squad("a refresh with an access token", {**_REFRESH, "refresh_token": "LIVE_ACCESS"}),
    squad("a refresh token of another client", {**_REFRESH, "refresh_token": "FOREIGN_REFRESH"}),
    squad("a refresh token exchanged a moment ago", {**_REFRESH, "refresh_token": "USED_REFRESH"}),
    squad(
        "a refresh token exchanged before the last one",
        {**_REFRESH, "refresh_token": "OLD_REFRESH"},
    ),
    squad("a revoked refresh token", {**_REFRESH, "refresh_token": "REVOKED_REFRESH"}),
    squad(
        "a refresh token whose access token was revoked",
        {**_REFRESH, "refresh_token": "WIDOWED_REFRESH"},
    ),
    squad("a refresh without a token", _REFRESH),
    squad("a refresh with an empty token", {**_REFRESH, "refresh_token": ""}),
    squad(
        "a refresh token twice",
        form(("refresh_token", "LIVE_REFRESH"), **_REFRESH, refresh_token="LIVE_REFRESH"),
    ),
    squad("a refresh with a space after the token", {**_REFRESH, "refresh_token": "LIVE_REFRESH "}),
    squad(
        "a refresh with a wrong secret",
        {**_REFRESH, "client_secret": "wrong", "refresh_token": "LIVE_REFRESH"},
    ),
]


def revoke(name: str, body: bytes | dict[str, str], **rest: Any) -> Case:
    return squad(f"revoking: {name}", body, "revoke", **rest)


REVOCATIONS = [
    revoke("an access token", {**_CLIENT, "token": "LIVE_ACCESS"}),
    revoke("at the path without its slash", {**_CLIENT, "token": "LIVE_ACCESS"}, slash=False),
    revoke("a refresh token", {**_CLIENT, "token": "LIVE_REFRESH"}),
    revoke(
        "the right hint", {**_CLIENT, "token": "LIVE_REFRESH", "token_type_hint": "refresh_token"}
    ),
    revoke(
        "the wrong hint", {**_CLIENT, "token": "LIVE_REFRESH", "token_type_hint": "access_token"}
    ),
    revoke("an unknown hint", {**_CLIENT, "token": "LIVE_REFRESH", "token_type_hint": "cookie"}),
    revoke("an empty hint", {**_CLIENT, "token": "LIVE_REFRESH", "token_type_hint": ""}),
    revoke("a token that nobody made", {**_CLIENT, "token": "your_access_token"}),
    revoke("a revoked token", {**_CLIENT, "token": "REVOKED_ACCESS"}),
    revoke("another client's token", {**_CLIENT, "token": "FOREIGN_ACCESS"}),
    revoke("another client's refresh token", {**_CLIENT, "token": "FOREIGN_REFRESH"}),
    revoke("no token", _CLIENT),
    revoke("an empty token", {**_CLIENT, "token": ""}),
    revoke("the token twice", form(("token", "a"), **_CLIENT, token="b")),
    revoke("no client", {"token": "LIVE_ACCESS"}),
    revoke("a wrong secret", {**_CLIENT, "client_secret": "wrong", "token": "LIVE_ACCESS"}),
    revoke("Basic", {"token": "LIVE_ACCESS"}, headers=with_header(*_BASIC)),
    revoke(
        "a raw line feed before &",
        form(token="LIVE_ACCESS", **_ID) + b"\n&client_secret=" + (c.SQUAD.secret or "").encode(),
    ),
    revoke("everything in the query string", b"", query="?" + form(**_CLIENT, token="a").decode()),
    revoke("GET", b"", method="GET", headers=()),
]


def introspect(name: str, body: bytes | dict[str, str], **rest: Any) -> Case:
    return squad(f"introspecting: {name}", body, "introspect", **rest)


INTROSPECTIONS = [
    introspect("an access token", {**_CLIENT, "token": "LIVE_ACCESS"}),
    introspect("Basic", {"token": "LIVE_ACCESS"}, headers=with_header(*_BASIC)),
    introspect("another client's access token", {**_CLIENT, "token": "FOREIGN_ACCESS"}),
    introspect("a token that nobody made", {**_CLIENT, "token": "your_access_token"}),
    introspect("a revoked token", {**_CLIENT, "token": "REVOKED_ACCESS"}),
    introspect(
        "an access token whose refresh token was revoked", {**_CLIENT, "token": "WIDOWED_ACCESS"}
    ),
    introspect("the access token before a refresh", {**_CLIENT, "token": "PREVIOUS_ACCESS"}),
    introspect("the access token before two refreshes", {**_CLIENT, "token": "OLD_ACCESS"}),
    introspect("a refresh token", {**_CLIENT, "token": "LIVE_REFRESH"}),
    introspect(
        "a refresh token with its hint",
        {**_CLIENT, "token": "LIVE_REFRESH", "token_type_hint": "refresh_token"},
    ),
    introspect("no token", _CLIENT),
    introspect("an empty token", {**_CLIENT, "token": ""}),
    introspect("no client", {"token": "LIVE_ACCESS"}),
    introspect("a wrong secret", {**_CLIENT, "client_secret": "wrong", "token": "LIVE_ACCESS"}),
    introspect(
        "a bearer that nobody made",
        {"token": "LIVE_ACCESS"},
        headers=with_header("Authorization", "Bearer nothing"),
    ),
]


# --- community: JSON --------------------------------------------------------------------------

_COMMUNITY_LOGIN = {
    "grant_type": "password",
    "username": c.COMMUNITY_USER.name,
    "password": c.COMMUNITY_USER.password,
}
_COMMUNITY_BASIC = basic(c.COMMUNITY.id, c.COMMUNITY.secret or "")
_COMMUNITY_CLIENT = {"client_id": c.COMMUNITY.id, "client_secret": c.COMMUNITY.secret or ""}


def community(
    name: str,
    body: bytes | dict[str, Any],
    endpoint: str = "token",
    content_type: str = JSON,
    client: tuple[str, str] | None = _COMMUNITY_BASIC,
    **rest: Any,
) -> Case:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (("Content-Type", content_type), *([client] if client else []))
    return Case(f"JSON: {name}", "community", endpoint, content, headers, **rest)


_LOGIN_TEXT = json.dumps(_COMMUNITY_LOGIN).encode()

JSON_CASES = [
    community("a login", _COMMUNITY_LOGIN),
    community(
        "a login with the client in the body",
        {**_COMMUNITY_LOGIN, **_COMMUNITY_CLIENT},
        client=None,
    ),
    community(
        "a login that asks the scopes in another order", {**_COMMUNITY_LOGIN, "scope": "read write"}
    ),
    community(
        "a content type with a charset", _COMMUNITY_LOGIN, content_type=f"{JSON}; charset=utf-8"
    ),
    community("a content type in capitals", _COMMUNITY_LOGIN, content_type="Application/JSON"),
    community("a parameter that is null", {**_COMMUNITY_LOGIN, "scope": None}),
    community("a parameter that is empty", {**_COMMUNITY_LOGIN, "scope": ""}),
    community("a username that is a number", {**_COMMUNITY_LOGIN, "username": 7}),
    community("a username that is an array", {**_COMMUNITY_LOGIN, "username": ["string"]}),
    community("a username that is an object", {**_COMMUNITY_LOGIN, "username": {"a": "b"}}),
    community("an unknown member that is an object", {**_COMMUNITY_LOGIN, "extra": {"a": "b"}}),
    community("a member twice", _LOGIN_TEXT.replace(b"{", b'{"username": "nobody", ', 1)),
    community("an unknown member twice", _LOGIN_TEXT.replace(b"{", b'{"a": "1", "a": "2", ', 1)),
    community("an array of it", b"[" + _LOGIN_TEXT + b"]"),
    community("a string", b'"grant_type"'),
    community("null", b"null"),
    community("an empty object", b"{}"),
    community("an empty body", b""),
    community("a comma that lacks", _LOGIN_TEXT.replace(b",", b"", 1)),
    community("a body that ends early", _LOGIN_TEXT[:-1]),
    community("something after it", _LOGIN_TEXT + b"{}"),
    community("a comment in it", _LOGIN_TEXT.replace(b"{", b"{ // login\n", 1)),
    community("a byte order mark before it", codecs.BOM_UTF8 + _LOGIN_TEXT),
    community("UTF-16", _LOGIN_TEXT.decode().encode("utf-16")),
    community("a username that is not UTF-8", _LOGIN_TEXT.replace(b'"string"', b'"\xff"', 1)),
    community("a lone surrogate", _LOGIN_TEXT.replace(b'"string"', b'"\\ud800"', 1)),
    community("arrays 10,000 deep", b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    community("a form where the document says JSON", form(**_COMMUNITY_LOGIN), content_type=FORM),
    community("a wrong password", {**_COMMUNITY_LOGIN, "password": "wrong"}),
    community("a wrong secret", _COMMUNITY_LOGIN, client=basic(c.COMMUNITY.id, "wrong")),
    community("no client", _COMMUNITY_LOGIN, client=None),
    community("a refresh", {"grant_type": "refresh_token", "refresh_token": "LIVE_REFRESH"}),
    community("a refresh that fails", {"grant_type": "refresh_token", "refresh_token": "string"}),
    community(
        "revoking an access token",
        {**_COMMUNITY_CLIENT, "token": "LIVE_ACCESS"},
        "revoke",
        client=None,
    ),
    community(
        "revoking a refresh token",
        {**_COMMUNITY_CLIENT, "token": "LIVE_REFRESH"},
        "revoke",
        client=None,
    ),
    community(
        "revoking a token that nobody made",
        {**_COMMUNITY_CLIENT, "token": "string"},
        "revoke",
        client=None,
    ),
    community(
        "revoking with the comma that the document's example lacks",
        json.dumps({**_COMMUNITY_CLIENT, "token": "string"}).replace(",", "", 1).encode(),
        "revoke",
        client=None,
    ),
]

ALL: list[Case] = [
    *LOGINS,
    *WRONG_LOGINS,
    *WRONG_CLIENTS,
    *BASIC_CASES,
    *MALFORMED,
    *REFRESHES,
    *REVOCATIONS,
    *INTROSPECTIONS,
    *JSON_CASES,
]
