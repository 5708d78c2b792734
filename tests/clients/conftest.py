"""What the tests share: one server with the clients and users below, and the ledger of secrets."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from api import Api, basic
from secret_ledger import SecretLedger, invent
from server import Fleet, Server, Settings
from server import fleet as running_fleet

ALL_GRANTS = ["password", "refresh_token", "client_credentials"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def ledger() -> SecretLedger:
    return SecretLedger()


@pytest.fixture(scope="session")
def known(ledger: SecretLedger) -> SimpleNamespace:
    """The secrets of the declared clients and users, by name."""
    names = ["orders", "reports", "auditor", "bystander", "operator", "alice", "bob", "carol"]
    return SimpleNamespace(**{name: ledger.add(invent()) for name in names})


@pytest.fixture(scope="session")
def settings(known: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    carols = tmp_path_factory.mktemp("mounted") / "carol"
    carols.write_text(known.carol)
    carols.chmod(0o600)
    return Settings(
        clients=[
            {
                "id": "orders",
                "secret": known.orders,
                "grants": ALL_GRANTS,
                "scopes": ["read", "write"],
                "allowed_scopes": ["read", "write", "audit"],
                "audience": ["billing"],
                "introspect": "any",
                "permissions": ["inactive_reason"],
                "attributes": {"team": "payments"},
            },
            # Its secret comes from the environment, and it may not log anybody in.
            {
                "id": "reports",
                "secret_env": "REPORTS_SECRET",
                "grants": ["client_credentials"],
                "scopes": ["read"],
                "audience": ["billing"],
            },
            # Its tokens are good as bearers for jeton itself.
            {
                "id": "auditor",
                "secret": known.auditor,
                "grants": ["client_credentials"],
                "scopes": ["read"],
                "audience": ["jeton"],
                "introspect": "any",
            },
            {
                "id": "bystander",
                "secret": known.bystander,
                "grants": ALL_GRANTS,
                "scopes": ["read"],
                "audience": ["billing"],
            },
            # The administrator.
            {"id": "operator", "secret": known.operator, "permissions": ["admin"]},
            # Public: no secret.
            {"id": "mobile", "grants": ["password", "refresh_token"], "scopes": ["read"]},
        ],
        users=[
            {
                "name": "alice",
                "password": known.alice,
                "attributes": {"email": "alice@example.internal"},
            },
            {"name": "bob", "password": known.bob, "disabled": True},
            {"name": "carol", "password_file": str(carols)},
        ],
    )


@pytest.fixture(scope="session")
def environment(known: SimpleNamespace) -> dict[str, str]:
    return {"REPORTS_SECRET": known.reports}


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("servers")) as run:
        yield run


@pytest.fixture(scope="session")
def server(fleet: Fleet, settings: Settings, environment: dict[str, str]) -> Server:
    return fleet.add("shared", settings, environment=environment).start()


@pytest.fixture(scope="session")
def api(server: Server, ledger: SecretLedger) -> Iterator[Api]:
    client = Api(server.address, ledger)
    yield client
    client.close()


@pytest.fixture(scope="session")
def as_orders(known: SimpleNamespace) -> list[tuple[str, str]]:
    """Metadata that authenticates the client `orders`."""
    return [basic("orders", known.orders)]


@pytest.fixture
def orders(known: SimpleNamespace) -> dict[str, str]:
    """The fields that authenticate the client `orders` in a request."""
    return {"client_id": "orders", "client_secret": known.orders}


@pytest.fixture
def alice(known: SimpleNamespace) -> dict[str, dict[str, str]]:
    """The password grant of the user `alice`."""
    return {"password": {"username": "alice", "password": known.alice}}


@pytest.fixture(scope="session")
def grpcurl() -> Path:
    found = shutil.which("grpcurl")
    assert found, "grpcurl is not on the PATH: run tests/clients.sh"
    return Path(found)
