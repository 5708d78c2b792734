"""Gives half of the bodies that schemathesis invents a client and a user that exist.

Without them hardly a request would come past the authentication of its client.
"""

import zlib
from typing import Any

import schemathesis

import credentials as c

KNOWN = {
    "grant_type": "password",
    "client_id": c.SQUAD.id,
    "client_secret": c.SQUAD.secret,
    "username": c.SQUAD_USER.name,
    "password": c.SQUAD_USER.password,
}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    # By the body itself, so that a run can be repeated.
    choice = zlib.crc32(repr(body).encode(errors="replace"))
    if choice & 1:
        return body
    # Some members are left as they were invented.
    known = {
        name: value for place, (name, value) in enumerate(KNOWN.items()) if choice >> place & 6
    }
    return {**body, **known}
