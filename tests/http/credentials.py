"""Who may ask: the clients and users of examples/seeds.toml, and a few that only tests need."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

SEEDS = Path(__file__).resolve().parents[2] / "examples/seeds.toml"


@dataclass(frozen=True)
class Client:
    id: str
    secret: str | None
    grants: tuple[str, ...]


@dataclass(frozen=True)
class User:
    name: str
    password: str


# Of the documents, by their numbers; 000 and 003 are of one server. examples/seeds.toml declares
# them, with hashes of these secrets.
_BOTH = ("password", "refresh_token")
SQUAD = Client("test_client_id", "test_client_secret", _BOTH)
SQUAD_USER = User("test_api_user", "test_api_user")
BAR = Client("332269999912132097", "937it3ow87i4ery69876wqire", _BOTH)
BAR_USER = User("john@doe.com", "mypassword123")
ENDUROSAT = Client("client_id_example", None, _BOTH)
ENDUROSAT_USER = User("username_example", "password_example")
COMMUNITY = Client("string", "string", _BOTH)
COMMUNITY_USER = User("string", "string")

# Of the tests alone.
OTHER = Client("other_client", "other_client_secret", _BOTH)
MACHINE = Client("machine_client", "machine_client_secret", ("client_credentials",))
PUBLIC = Client("public_client", None, _BOTH)
# An id and a secret that another encoding would change.
ODD = Client("odd%5Fclient", "p%41+s/:t", _BOTH)
LOGIN_ONLY = Client("login_only_client", "login_only_client_secret", ("password",))

# It signs for itself, and has no secret.
SIGNING = Client("signing_client", None, _BOTH + ("client_credentials",))
SIGNING_KEY = ECKey.generate_key("P-256", {"kid": "1", "alg": "ES256", "use": "sig"}, private=True)

# A user's application, and a service that exchanges what it is shown for a token for the next service.
APPLICATION = Client("application", "application_secret", ("password",))
ORDERS = Client("orders", "orders_client_secret", ("token_exchange",))
BILLING = "billing"

ODD_USER = User("zoë", "p%41 +&=é;")

CLIENTS = [SQUAD, COMMUNITY, OTHER, MACHINE, PUBLIC, ODD, LOGIN_ONLY]
USERS = [SQUAD_USER, COMMUNITY_USER, ODD_USER]
_EXTRA_CLIENTS = [OTHER, MACHINE, PUBLIC, ODD, LOGIN_ONLY]
_EXTRA_USERS = [ODD_USER]


def _table(head: str, values: dict[str, Any]) -> str:
    # What JSON writes of strings and arrays of strings, TOML reads.
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    return "\n".join([f"[[{head}]]", *lines, ""])


def _signing() -> str:
    """The client that signs for itself; its public key goes into a file."""
    keys = Path(tempfile.mkdtemp()) / "signing.json"
    keys.write_text(json.dumps({"keys": [SIGNING_KEY.as_dict(private=False)]}))
    rest = {"grants": list(SIGNING.grants), "scopes": ["read", "write"]}
    return _table("client", {"id": SIGNING.id, "jwks_file": str(keys), **rest})


def _exchanging() -> str:
    """The application, whose tokens are for the service, and the service, which may call one other."""
    application = {"id": APPLICATION.id, "secret": APPLICATION.secret, "grants": list(APPLICATION.grants)}
    orders = {"id": ORDERS.id, "secret": ORDERS.secret, "grants": list(ORDERS.grants)}
    return _table(
        "client", {**application, "scopes": ["read", "write"], "audience": [ORDERS.id]}
    ) + _table("client", {**orders, "allowed_scopes": ["read"], "may_exchange_to": [BILLING]})


def settings() -> str:
    """The settings of the server under test. Its users fail to log in on every path."""
    tables = [SEEDS.read_text(), "[lockout]\nfailures = 100\n", '[secrets]\nweak_declared = "warn"\n']
    for client in _EXTRA_CLIENTS:
        secret = {"secret": client.secret} if client.secret else {}
        rest = {
            "grants": list(client.grants),
            "scopes": ["read", "write"],
            "access_token_ttl": "36000s",
        }
        tables.append(_table("client", {"id": client.id, **secret, **rest}))
    for user in _EXTRA_USERS:
        tables.append(_table("user", {"name": user.name, "password": user.password}))
    tables += [_signing(), _exchanging()]
    return "\n".join(tables)
