"""HTTP/2 as h2spec wants it, strict cases included, on every listener that speaks it."""

import subprocess
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server import Server, fleet, wait_until

NO_DATA = "it waits for DATA, and a call without a message is refused by HEADERS alone"

# What may fail, and why that is no fault. Each is (section, case).
GRPC = {
    ("generic/2", "Sends a WINDOW_UPDATE frame on half-closed (remote) stream"): NO_DATA,
    ("generic/2", "Sends a PRIORITY frame on half-closed (remote) stream"): NO_DATA,
    (
        "http2/3.5",
        "Sends invalid connection preface",
    ): "the connection is closed with bytes unread, so by RST, which it does not take for closed",
    (
        "http2/5.1.2",
        "Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded",
    ): "calls without a message are answered before there are too many; tests/limits has the limit",
}
OPS = {
    (
        "http2/3.5",
        "Sends invalid connection preface",
    ): "this listener speaks HTTP/1.1 as well, and answers 400",
}
CASES = 146
# How often h2spec is asked about what fails.
ASKED = 5

Case = tuple[str, str]


@dataclass
class Report:
    """What h2spec says: every case it knows, and how those ended that did not pass."""

    cases: int = 0
    failed: dict[Case, str] = field(default_factory=dict)
    skipped: set[Case] = field(default_factory=set)


def conform(address: str, path: str, work: Path, *flags: str) -> Report:
    host, port = address.split(":")
    written = work / "report.xml"
    command = ["h2spec", "--strict", "--host", host, "--port", port, "--path", path, *flags]
    finished = subprocess.run([*command, "--junit-report", written], capture_output=True, text=True)
    assert written.exists(), finished.stdout + finished.stderr
    report = Report()
    for case in ElementTree.parse(written).getroot().iter("testcase"):
        name = (case.attrib["package"], case.attrib["classname"])
        report.cases += 1
        for outcome in ("error", "failure"):
            if (said := case.find(outcome)) is not None:
                report.failed[name] = said.text or ""
        if case.find("skipped") is not None:
            report.skipped.add(name)
    return report


def judge(ask: Callable[[], Report], excused: dict[Case, str]) -> None:
    # A call may be answered, and its stream ended, before the server reads what is wrong with it.
    # h2spec takes that for a failure, once in a while: a fault is what fails each time.
    unexplained: set[Case] | None = None
    for _ in range(ASKED):
        report = ask()
        # Fewer would be a connection that was never made.
        assert report.cases == CASES
        assert not report.skipped
        failed = set(report.failed) - set(excused)
        unexplained = failed if unexplained is None else unexplained & failed
        if not unexplained:
            return
    raise AssertionError({case: report.failed[case] for case in unexplained})


def is_ready(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"http://{server.ops}/readyz", timeout=10):
            return True
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="module", params=["plaintext", "TLS"])
def listening(
    request: pytest.FixtureRequest,
    settings,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    if request.param == "TLS":
        pair = tmp_path_factory.mktemp("certificate")
        key, cert = pair / "server.key", pair / "server.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-keyout", key, "-out", cert),
            ],
            check=True,
            capture_output=True,
        )
        environment = {**environment, "JETON_TLS_CERT": str(cert), "JETON_TLS_KEY": str(key)}
    # Apart from the servers whose logs are searched: what h2spec sends would fill these.
    with fleet(tmp_path_factory.mktemp("http2")) as servers:
        server = servers.add("server", settings, environment=environment, log="info")
        server.spawn()
        wait_until(lambda: is_ready(server), "the server is not ready", limit=60)
        yield server


def test_the_grpc_listener_speaks_http2_as_it_should(
    listening: Server, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    over_tls = "[TLS]" in request.node.name
    flags = ["--tls", "--insecure"] if over_tls else []
    path = "/grpc.health.v1.Health/Check"
    judge(lambda: conform(listening.address, path, tmp_path, *flags), GRPC)


def test_the_ops_listener_speaks_http2_as_it_should(listening: Server, tmp_path: Path) -> None:
    judge(lambda: conform(listening.ops, "/metrics", tmp_path), OPS)
