"""Requests byte for byte as a test writes them, and what is to be said of the answers."""

import base64
import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from processes import Process

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    server: Process,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Answer:
    """Sends nothing that it was not given, but for Host and Content-Length."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lower, content)
    finally:
        connection.close()


def form(*pairs: tuple[str, str], **fields: str) -> bytes:
    return urlencode([*pairs, *fields.items()]).encode()


def basic(client_id: str, secret: str) -> tuple[str, str]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return ("Authorization", f"Basic {pair}")


def post_form(server: Process, target: str, *headers: tuple[str, str], **fields: str) -> Answer:
    return send(server, "POST", target, [("Content-Type", FORM), *headers], form(**fields))
