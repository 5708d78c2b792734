"""A store that the last release has filled, opened by this one, and the way back.

    upgrade.py LAST_RELEASE [GRANTS]

LAST_RELEASE is the last release's program. It issues GRANTS access tokens, a million by default, each of a
grant of its own, and logs users in. Then this release opens the store:

* each access token is active;
* a refresh that the last release answered gives the identical pair once more;
* another refresh rotates, and the last release's revocations hold;
* `jeton check --deep` finds nothing wrong.

Then the last release refuses the store, and this one finds it as it was.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api import Api, Refused, basic
from secret_ledger import invent
from server import BINARY, Server, Settings, fleet

LOGINS = 300
BATCH = 1_000


@dataclass
class Login:
    """A login as the last release left it."""

    issued: Any
    refreshed: Any = None
    revoked: bool = False


@dataclass
class Filled:
    """What the last release acknowledged."""

    tokens: list[str]
    logins: list[Login] = field(default_factory=list)


def settings(secret: str, password: str) -> Settings:
    orders = {
        "id": "orders",
        "secret": secret,
        "grants": ["password", "refresh_token", "client_credentials"],
        "scopes": ["read"],
        "audience": ["billing"],
        "introspect": "any",
        "access_token_ttl": "12h",
        "max_grants": 1_000_000,
    }
    return Settings(clients=[orders], users=[{"name": "alice", "password": password}])


def fill(server: Server, secret: str, password: str, grants: int) -> Filled:
    kept = server.home / "tokens"
    subprocess.run(
        [
            *(server.program, "bench", "--server", f"http://{server.address}"),
            *("--client-id", "orders", "--tokens", str(grants), "--reuse", kept),
            *("--duration", "1s", "--warm-up", "0s"),
        ],
        env={"JETON_CLIENT_SECRET": secret},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    filled = Filled(tokens=kept.read_text().split())
    assert len(filled.tokens) == grants, len(filled.tokens)
    api, orders = Api(server.address), [basic("orders", secret)]
    login = {"password": {"username": "alice", "password": password}}
    for number in range(LOGINS):
        made = Login(api.call("IssueToken", metadata=orders, **login))
        if number % 3 == 1:
            api.call("RevokeToken", metadata=orders, token=made.issued.refresh_token)
            made.revoked = True
        filled.logins.append(made)
    # Last: a retry gives the same pair for a minute.
    for made in filled.logins[::3]:
        token = made.issued.refresh_token
        made.refreshed = api.call("RefreshToken", metadata=orders, refresh_token=token)
    api.close()
    return filled


def compare(server: Server, secret: str, filled: Filled) -> None:
    api, orders = Api(server.address), [basic("orders", secret)]
    for made in filled.logins:
        if made.refreshed is not None:
            token = made.issued.refresh_token
            again = api.call("RefreshToken", metadata=orders, refresh_token=token)
            assert again.access_token == made.refreshed.access_token
            assert again.refresh_token == made.refreshed.refresh_token
        elif made.revoked:
            shown = api.call("Introspect", metadata=orders, token=made.issued.access_token)
            assert not shown.active
            try:
                token = made.issued.refresh_token
                api.call("RefreshToken", metadata=orders, refresh_token=token)
                raise AssertionError("a revoked grant was refreshed")
            except Refused as refused:
                assert refused.reason == "INVALID_GRANT", refused
        else:
            token = made.issued.refresh_token
            made.refreshed = api.call("RefreshToken", metadata=orders, refresh_token=token)
            assert made.refreshed.refresh_token != token
    active = 0
    for at in range(0, len(filled.tokens), BATCH):
        some = filled.tokens[at : at + BATCH]
        answers = api.call("BatchIntrospect", metadata=orders, tokens=some).results
        assert len(answers) == len(some)
        active += sum(answer.active for answer in answers)
    assert active == len(filled.tokens), f"{len(filled.tokens) - active} are not active"
    api.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("last_release", type=lambda path: Path(path).resolve())
    parser.add_argument("grants", type=int, nargs="?", default=1_000_000)
    given = parser.parse_args()
    secret, password = invent(), invent()
    with tempfile.TemporaryDirectory(prefix="jeton-upgrade-") as home, fleet(Path(home)) as servers:
        server = servers.add("server", settings(secret, password), log="warn")

        server.program = given.last_release
        server.start()
        filled = fill(server, secret, password, given.grants)
        server.stop()
        print(f"{version(given.last_release)}: {given.grants} tokens, {LOGINS} logins", flush=True)

        server.program = BINARY
        began = time.monotonic()
        server.start()
        print(f"{version(BINARY)}: serves after {time.monotonic() - began:.1f} s", flush=True)
        compare(server, secret, filled)
        server.stop()
        code, said = server.check_deep()
        assert code == 0, said
        print("each token is active, each login is as it was left; check --deep finds nothing", flush=True)

        server.program = given.last_release
        server.spawn()
        assert server.wait_exit() != 0, "the last release serves a store that it cannot read"
        assert "run the newer release" in server.last_line(), server.last_line()
        print(f"{version(given.last_release)}: {server.last_line()}", flush=True)

        server.program = BINARY
        server.start()
        compare(server, secret, Filled(tokens=filled.tokens))
        server.stop()
    print("upgrade: nothing was lost, and the way back is refused")
    return 0


def version(program: Path) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
