"""grpcurl, as a person types it."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_reflection.v1alpha import reflection_pb2

from api import TOKEN_SERVICE
from secret_ledger import SecretLedger
from server import Server

EXPECTED_SERVICES = {TOKEN_SERVICE, "grpc.health.v1.Health"}


class Grpcurl:
    def __init__(self, program: Path, address: str, ledger: SecretLedger) -> None:
        self._program = program
        self._address = address
        self._ledger = ledger

    def basic(self, client_id: str, secret: str) -> tuple[str, str]:
        credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        return ("-H", f"authorization: Basic {self._ledger.add(credentials)}")

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> str:
        finished = subprocess.run(
            [self._program, "-plaintext", "-max-time", "20", *options, self._address, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def call(self, method: str, request: dict[str, Any], options: tuple[str, ...] = ()) -> Any:
        answer = json.loads(
            self.run(f"{TOKEN_SERVICE}/{method}", options=("-d", json.dumps(request), *options))
        )
        for field in ("accessToken", "refreshToken"):
            self._ledger.add(answer.get(field, ""))
        return answer


@pytest.fixture
def curl(grpcurl: Path, server: Server, ledger: SecretLedger) -> Grpcurl:
    return Grpcurl(grpcurl, server.address, ledger)


def reflection_protoset(version: str) -> bytes:
    """The reflection protocol itself: both versions have the same messages in another package."""
    old, new = ".grpc.reflection.v1alpha.", f".grpc.reflection.{version}."
    file = FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
    file.package = new.strip(".")
    for message in file.message_type:
        for field in message.field:
            field.type_name = field.type_name.replace(old, new)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(old, new)
        method.output_type = method.output_type.replace(old, new)
    return FileDescriptorSet(file=[file]).SerializeToString()


def test_grpcurl_lists_and_describes_every_service_by_reflection(curl):
    assert set(curl.run("list").split()) >= EXPECTED_SERVICES
    described = curl.run("describe", TOKEN_SERVICE)
    for method in ("IssueToken", "RefreshToken", "RevokeToken", "Introspect"):
        assert f"rpc {method} (" in described


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_each_version_of_reflection_lists_every_service(curl, tmp_path, version):
    protoset = tmp_path / "reflection.binpb"
    protoset.write_bytes(reflection_protoset(version))
    answer = json.loads(
        curl.run(
            f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            options=("-protoset", str(protoset), "-d", '{"list_services": "*"}'),
        )
    )
    listed = {service["name"] for service in answer["list_services_response"]["service"]}
    assert listed >= EXPECTED_SERVICES


def test_grpcurl_runs_all_four_calls(curl, known, orders, alice):
    authorization = curl.basic("orders", known.orders)

    own = curl.call("IssueToken", {**orders, "client_credentials": {}})
    assert curl.call("Introspect", {"token": own["accessToken"]}, authorization)["active"]

    issued = curl.call("IssueToken", {**orders, **alice})
    renewed = curl.call("RefreshToken", {**orders, "refresh_token": issued["refreshToken"]})
    assert renewed["refreshToken"] != issued["refreshToken"]
    seen = curl.call("Introspect", {"token": renewed["accessToken"]}, authorization)
    assert seen["active"]
    assert seen["username"] == "alice"
    revoked = curl.call("RevokeToken", {**orders, "token": renewed["accessToken"]})
    assert revoked == {"outcome": "REVOKE_OUTCOME_REVOKED"}
    dead = curl.call("Introspect", {"token": renewed["accessToken"]}, authorization)
    assert "active" not in dead


def test_grpcurl_shows_the_reason_of_a_refusal(grpcurl, server, known):
    request = {"client_id": "orders", "client_secret": known.orders, "refresh_token": "none"}
    finished = subprocess.run(
        [grpcurl, "-plaintext", "-d", json.dumps(request), server.address]
        + [f"{TOKEN_SERVICE}/RefreshToken"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode != 0
    assert '"reason": "INVALID_GRANT"' in finished.stderr, finished.stderr
