"""SIGTERM in the middle of work."""

import signal
import threading

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from api import Api, Refused, basic, connect

CALLERS = 8
ANSWERS_BEFORE_STOP = 200

# What a call may meet once the server is leaving. Anything else is a wrong answer.
LEAVING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_sigterm_under_load_exits_0_and_loses_nothing_it_acknowledged(
    fleet, settings, environment, known, ledger
):
    server = fleet.add("leaving", settings, environment=environment).start()
    main = Api(server.address, ledger)
    # The first call hashes the client's secret, which is slow; the others remember it.
    main.call("IssueToken", client_id="orders", client_secret=known.orders, client_credentials={})
    acknowledged: list[str] = []
    refusals: list[Refused] = []
    busy = threading.Event()

    def work() -> None:
        api = Api(server.address, ledger, main.schema)
        try:
            while True:
                answer = api.call(
                    "IssueToken",
                    client_id="orders",
                    client_secret=known.orders,
                    client_credentials={},
                )
                acknowledged.append(answer.access_token)
                if len(acknowledged) >= ANSWERS_BEFORE_STOP:
                    busy.set()
        except Refused as refused:
            refusals.append(refused)
            busy.set()
        finally:
            api.close()

    callers = [threading.Thread(target=work) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    assert busy.wait(timeout=60)
    server.stop()
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()
    assert {refused.code for refused in refusals} <= LEAVING, refusals

    server.start()
    as_orders = [basic("orders", known.orders)]
    for token in acknowledged:
        answer = main.call("Introspect", token=token, metadata=as_orders, wait_for_ready=True)
        assert answer.active
    main.close()
    server.stop()


def test_sigint_stops_it_as_sigterm_does(fleet, settings, environment):
    server = fleet.add("interrupted", settings, environment=environment).start()
    server.signal(signal.SIGINT)
    assert server.wait_exit() == 0


def test_a_watch_that_stays_open_does_not_hold_the_server_back(fleet, settings, environment):
    server = fleet.add("watched", settings, environment=environment).start()
    with connect(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        next(watch)
        server.stop()
