"""Health as probes see it: up only while every call is answered, down first."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from api import TOKEN_SERVICE, connect
from server import SERVING, Fleet, Server

SERVICES = ["", TOKEN_SERVICE]

# address, service → whether the probe calls it healthy
Probe = Callable[[str, str], bool]


def by_grpcurl(program: Path) -> Probe:
    """grpcurl exits 0 for any answer, so the answer is read."""

    def probe(address: str, service: str) -> bool:
        finished = subprocess.run(
            [
                *(program, "-plaintext", "-connect-timeout", "1", "-max-time", "2"),
                *("-d", json.dumps({"service": service})),
                *(address, "grpc.health.v1.Health/Check"),
            ],
            capture_output=True,
            timeout=30,
        )
        return finished.returncode == 0 and json.loads(finished.stdout)["status"] == "SERVING"

    return probe


def by_grpc_health_probe(program: str) -> Probe:
    def probe(address: str, service: str) -> bool:
        finished = subprocess.run(
            [
                *(program, "-addr", address, "-service", service),
                *("-connect-timeout", "1s", "-rpc-timeout", "1s"),
            ],
            capture_output=True,
            timeout=30,
        )
        return finished.returncode == 0

    return probe


@pytest.fixture(params=["grpcurl", "grpc_health_probe"])
def probe(request: pytest.FixtureRequest, grpcurl: Path) -> Probe:
    if request.param == "grpcurl":
        return by_grpcurl(grpcurl)
    program = os.environ.get("GRPC_HEALTH_PROBE") or shutil.which("grpc_health_probe")
    if program is None:
        pytest.skip("grpc_health_probe is not on the PATH")
    return by_grpc_health_probe(program)


@pytest.fixture
def own(fleet: Fleet, settings, environment, request: pytest.FixtureRequest) -> Server:
    return fleet.add(request.node.name, settings, environment=environment)


@pytest.mark.parametrize("service", SERVICES)
def test_a_serving_server_is_healthy(probe, server, service):
    assert probe(server.address, service)


def test_a_service_that_does_not_exist_is_not_healthy(probe, server):
    assert not probe(server.address, "jeton.v1.NoSuchService")


def test_a_starting_server_is_not_healthy_until_it_serves(probe, own):
    own.spawn()
    # Held at its very beginning, so that the probe cannot come too late.
    own.signal(signal.SIGSTOP)
    for service in SERVICES:
        assert not probe(own.address, service)
    own.signal(signal.SIGCONT)
    own.wait_serving()
    for service in SERVICES:
        assert probe(own.address, service)
    own.stop()


@pytest.mark.parametrize("service", SERVICES)
def test_a_draining_server_says_so_first_and_is_not_healthy_again(probe, own, service):
    own.start()
    with connect(own.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=service), timeout=30
        )
        assert next(watch).status == SERVING
        own.signal(signal.SIGTERM)
        try:
            assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        except StopIteration:
            pytest.fail("the watch ended without saying NOT_SERVING")
        except grpc.RpcError as error:
            pytest.fail(f"the watch ended without saying NOT_SERVING: {error.code()}")
        assert not probe(own.address, service)
    assert own.wait_exit() == 0
