"""What health announces to one follower."""

import threading

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from api import connect


class HealthWatch:
    """Every status that health announces to one follower, until the connection ends."""

    def __init__(self, address: str) -> None:
        self._channel = connect(address)
        self._statuses: list[int] = []
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        health = health_pb2_grpc.HealthStub(self._channel)
        try:
            for answer in health.Watch(health_pb2.HealthCheckRequest(service="")):
                self._statuses.append(answer.status)
        except grpc.RpcError:
            pass

    def ended(self) -> list[int]:
        self._thread.join()
        self._channel.close()
        return self._statuses
