"""Probes and metrics as curl, promtool and a health client see them on the ops listener."""

import shutil
import subprocess
import urllib.error
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from api import TOKEN_SERVICE, connect
from server import SERVING, Server


@pytest.fixture(scope="session")
def promtool() -> str:
    program = shutil.which("promtool")
    assert program, "tests/clients.sh installs it"
    return program


def fetch(server: Server, path: str) -> bytes:
    with urllib.request.urlopen(f"http://{server.ops}{path}", timeout=10) as answer:
        return answer.read()


def test_promtool_finds_nothing_to_say_about_the_metrics(server: Server, promtool: str) -> None:
    metrics = fetch(server, "/metrics")
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_probes_answer_and_a_misspelt_one_does_not(server: Server) -> None:
    assert fetch(server, "/livez") == b"alive\n"
    assert fetch(server, "/readyz") == b"ready\n"
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(server, "/healthz")
    assert refused.value.code == 404


@pytest.mark.parametrize("service", ["", TOKEN_SERVICE])
def test_health_is_the_same_on_the_ops_listener(server: Server, service: str) -> None:
    request = health_pb2.HealthCheckRequest(service=service)
    for address in (server.address, server.ops):
        with connect(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            assert health.Check(request, timeout=10).status == SERVING


def test_health_on_the_ops_listener_has_no_other_methods(server: Server) -> None:
    with connect(server.ops) as channel:
        call = channel.unary_unary(f"/{TOKEN_SERVICE}/Introspect")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
