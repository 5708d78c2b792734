"""What the tests share: one jeton with the clients of credentials.py, and the toolkits."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import credentials
import processes
import pytest
from processes import HERE, Process, ROOT

# Everything is on this machine: a proxy would only be in the way.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
# The libraries refuse http otherwise; the tests' own server is on loopback.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

NODE_HOME = ROOT / "target/tools/http/node"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """jeton, with every client of credentials.py."""
    with processes.jeton(tmp_path_factory.mktemp("jeton"), credentials.settings()) as running:
        yield running


@pytest.fixture(scope="session")
def toolkits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Process]]:
    """django-oauth-toolkit in the two dialects that the documents describe."""
    home = tmp_path_factory.mktemp("toolkit")
    with (
        processes.toolkit(home / "squad", "squad") as squad,
        processes.toolkit(home / "community", "community") as community,
    ):
        yield {"squad": squad, "community": community}


def tool(name: str) -> Path:
    """A command that was installed beside the Python that runs the tests."""
    found = Path(sys.executable).with_name(name)
    assert found.exists(), f"{name} is missing: run tests/http.sh"
    return found


@pytest.fixture(scope="session")
def endurosat_client(server: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`endurosat_api`, the generated client that document 002 is the manual of, can be imported.

    Its host is changed where it is written down: the document's sample makes a configuration with
    a host in it and then does not use it.
    """
    home = tmp_path_factory.mktemp("endurosat")
    description = home / "openapi.yaml"
    text = (HERE / "seeds/002-openapi.yaml").read_text()
    description.write_text(text.replace("https://api.ground-station.endurosat.com", server.origin))
    subprocess.run(
        [
            *(tool("openapi-generator-cli"), "generate", "--generator-name", "python"),
            *("--input-spec", description, "--output", home / "made"),
            *("--package-name", "endurosat_api"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sys.path.insert(0, str(home / "made"))
    yield
    sys.path.remove(str(home / "made"))


@pytest.fixture(scope="session")
def node_home() -> Path:
    """Where the npm packages are, with the test files beside them."""
    assert (NODE_HOME / "node_modules").is_dir(), "npm packages are missing: run tests/http.sh"
    for script in (HERE / "node").glob("*.mjs"):
        shutil.copy(script, NODE_HOME)
    return NODE_HOME


@pytest.fixture(scope="session")
def jars() -> Path:
    """Where the libraries of Java are."""
    found = NODE_HOME.with_name("java")
    assert (found / "pom.xml").is_file(), "libraries of Java are missing: run tests/http.sh"
    return found


@pytest.fixture(scope="session")
def go_discovery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of discovery/, built."""
    program = tmp_path_factory.mktemp("discovery") / "discovery"
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "discovery", check=True)
    return program
