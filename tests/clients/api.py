"""A client of jeton that knows nothing but its address: every message comes from reflection."""

import base64
from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from secret_ledger import SecretLedger

TOKEN_SERVICE = "jeton.v1.TokenService"
ADMIN_SERVICE = "jeton.v1.AdminService"
ERROR_DOMAIN = "jeton.v1"

_SECRET_FIELDS = {
    "access_token",
    "client_secret",
    "password",
    "refresh_token",
    "token",
    "tokens",
}

# A connection of its own per channel, and quick to come back after a restart. The minimum is the
# time that one attempt to connect may take.
_CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 100),
]


# Longer than a server whose disk hangs takes to end.
LONGEST_CALL = 60.0


def connect(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)


def basic(client_id: str, secret: str) -> tuple[str, str]:
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return ("authorization", f"Basic {credentials}")


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


class Refused(Exception):
    """An error answer, taken apart."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code: grpc.StatusCode = error.code()
        self.text: str = error.details() or ""
        self.raw = b""
        self.reason = ""
        self.domain = ""
        # How long to wait, in seconds: for people's clients and for gRPC's own retries.
        self.retry_after: float | None = None
        self.pushback: float | None = None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self.raw = value
            if key == "grpc-retry-pushback-ms":
                self.pushback = int(value) / 1000
        for detail in status_pb2.Status.FromString(self.raw).details:
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                self.reason, self.domain = info.reason, info.domain
            if detail.Unpack(retry):
                self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        super().__init__(f"{self.code.name} {self.reason or 'no reason'}: {self.text}")

    @property
    def unanswered(self) -> bool:
        """A call that met the server's end: no answer, so nothing is known."""
        codes = (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.UNKNOWN,
        )
        return self.code in codes

    @property
    def busy(self) -> bool:
        """The server is busy hashing passwords: an answer that promises nothing."""
        return self.code is grpc.StatusCode.RESOURCE_EXHAUSTED

    def whole_text(self) -> bytes:
        """All that a caller is told, as bytes to search in."""
        return self.text.encode() + b"\0" + self.raw


class Schema:
    """The methods of one service as the server describes them."""

    def __init__(self, channel: grpc.Channel, service: str = TOKEN_SERVICE) -> None:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        descriptor = pool.FindServiceByName(service)
        self.methods = {
            method.name: (
                f"/{service}/{method.name}",
                GetMessageClass(method.input_type),
                GetMessageClass(method.output_type),
            )
            for method in descriptor.methods
        }


class Api:
    """Calls over one connection. What is secret in a call goes into the ledger."""

    def __init__(
        self, address: str, ledger: SecretLedger | None = None, schema: Schema | None = None
    ) -> None:
        self.channel = connect(address)
        self.ledger = ledger if ledger is not None else SecretLedger()
        self.schema = schema or Schema(self.channel)

    def close(self) -> None:
        self.channel.close()

    def message(self, method: str, **fields: Any) -> Message:
        _, request_class, _ = self.schema.methods[method]
        return request_class(**fields)

    def call(
        self,
        method: str,
        *,
        metadata: Iterable[tuple[str, str]] = (),
        timeout: float = LONGEST_CALL,
        wait_for_ready: bool = False,
        extra: bytes = b"",
        **fields: Any,
    ) -> Any:
        """Sends one request, with `extra` appended to its encoding, and returns the answer."""
        path, _, response_class = self.schema.methods[method]
        request = self.message(method, **fields)
        self._note(request)
        for _, value in metadata:
            self.ledger.add(value.partition(" ")[2])
        send = self.channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString() + extra,
            response_deserializer=response_class.FromString,
        )
        try:
            answer = send(
                request, metadata=list(metadata), timeout=timeout, wait_for_ready=wait_for_ready
            )
        except grpc.RpcError as error:
            raise Refused(error) from None
        self._note(answer)
        return answer

    def _note(self, message: Message) -> None:
        for field, value in message.ListFields():
            if field.message_type is not None:
                if isinstance(value, Message):
                    self._note(value)
            elif field.name in _SECRET_FIELDS:
                for text in [value] if isinstance(value, str) else value:
                    self.ledger.add(text)
