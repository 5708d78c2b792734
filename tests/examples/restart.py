"""Restarts the token service under guarded services that are called all the time.

Takes the paths of jeton, guarded_axum and guarded_tonic, and a directory to work in. Tells how long
the token service was away each time.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc

from session import Session

# How old the validators' knowledge may be, and what they promise for a restart: within it no request
# fails whose token they know. They ask for a new proof twice a second.
MAX_STALENESS = 2.0
BRIDGED = 1.0
TOKENS = 20
PACE = 0.005
PATIENCE = 60


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % listener.getsockname()[1]


def listens(address):
    try:
        socket.create_connection(address.split(":"), timeout=1).close()
        return True
    except OSError:
        return False


def wait(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.01)


class TokenService:
    """One address and one store; one process after the other."""

    def __init__(self, program, directory):
        self.program = program
        self.directory = directory
        self.grpc = free_address()
        self.http = free_address()
        self.log = directory / "log"
        self.start()

    def start(self):
        environment = {
            "JETON_GRPC_LISTEN": self.grpc,
            "JETON_HTTP_LISTEN": self.http,
            "JETON_OPS_LISTEN": "off",
            "JETON_LOG_FORMAT": "json",
        }
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", "--dev"],
                cwd=self.directory,
                env=os.environ | environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        wait("to serve", self.is_serving)

    def is_serving(self):
        assert self.process.poll() is None, self.log.read_text()
        lines = self.log.read_text().splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return any(line.get("message") == "serving" for line in whole)

    def stop(self, how):
        self.process.send_signal(how)
        self.process.wait(PATIENCE)

    def answers(self):
        """Whether it serves, asked on a connection of its own."""
        connection = http.client.HTTPConnection(self.http, timeout=1)
        try:
            connection.request("GET", "/.well-known/oauth-authorization-server")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Calls(threading.Thread):
    """Calls again and again, and remembers when each call began and what came of it."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self.call = call
        self.made = []
        self.wanted = True
        self.start()

    def run(self):
        while self.wanted:
            began = time.monotonic()
            self.made.append((began, self.call()))
            time.sleep(PACE)

    def since(self, moment):
        return [(began, outcome) for began, outcome in list(self.made) if began >= moment]

    def content(self, moment):
        """For how long every call has gone well since that moment."""
        good = []
        for began, outcome in self.since(moment):
            good = [*good, began] if outcome == 200 else []
        return good[-1] - good[0] if good else 0

    def stop(self):
        self.wanted = False
        self.join()


def axum(address, tokens):
    """Calls an axum service over one connection, with one token after the other."""
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)

    def call():
        token = tokens[0]
        tokens.append(tokens.pop(0))
        connection.request("GET", "/whoami", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return call


def tonic(address, tokens):
    """The same of a tonic service."""
    check = grpc.insecure_channel(address).unary_unary("/grpc.health.v1.Health/Check")

    def call():
        token = tokens[0]
        tokens.append(tokens.pop(0))
        try:
            metadata = [("authorization", f"Bearer {token}")]
            check(b"", metadata=metadata, timeout=PATIENCE, wait_for_ready=True)
            return 200
        except grpc.RpcError as error:
            return {grpc.StatusCode.UNAVAILABLE: 503}.get(error.code(), error.code())

    return call


def settle(services):
    """Waits until no call has failed for longer than a proof lasts, from now on."""
    start = time.monotonic()
    for calls in services:
        wait("to be content", lambda: calls.content(start) > MAX_STALENESS)


def restart(service, probes, services, how):
    """A new process takes over."""
    settle(services)
    began = time.monotonic()
    service.stop(how)
    stopped = time.monotonic()
    service.start()
    settle(services)
    answered = [at for at, up in list(probes.made) if up]
    last = max(at for at in answered if at <= stopped)
    away = min(at for at in answered if at > stopped) - last
    made = [call for calls in services for call in calls.since(began)]
    failed = [(at - last, outcome) for at, outcome in made if outcome != 200]
    print(f"{how.name}: away for {away * 1000:.0f} ms, {len(made)} calls, {len(failed)} failed")
    early = [failure for failure in failed if failure[0] < BRIDGED]
    assert not early, f"calls failed within {BRIDGED} s: {early[:5]}"
    assert away > BRIDGED or not failed, f"the token service was back: {failed[:5]}"


def outage(service, services, unknown):
    """The token service is away for longer than anything is known."""
    settle(services)
    began = time.monotonic()
    service.stop(signal.SIGTERM)
    gone = time.monotonic()
    for calls in services:
        wait("to fail closed", lambda: any(code != 200 for _, code in calls.since(gone)))
    wait("to last", lambda: time.monotonic() > gone + 2 * MAX_STALENESS)
    assert unknown() == 503
    back = time.monotonic()
    outcomes = [call for calls in services for call in calls.since(began) if call[0] < back]
    codes = {outcome for _, outcome in outcomes}
    assert codes == {200, 503}, codes
    latest = max(at for at, outcome in outcomes if outcome == 200)
    assert latest - gone <= MAX_STALENESS, f"accepted {latest - gone} s after the end"
    print(f"without a token service: accepted for {latest - gone:.2f} s, then 503")
    service.start()
    settle(services)
    assert unknown() == 200


def main():
    program, guarded_axum, guarded_tonic, directory = sys.argv[1:]
    directory = Path(directory)
    directory.mkdir()
    service = TokenService(program, directory)
    addresses = [free_address(), free_address()]
    guarded = [
        subprocess.Popen([path, f"http://{service.grpc}", address], stdout=subprocess.DEVNULL)
        for path, address in zip((guarded_axum, guarded_tonic), addresses)
    ]
    try:
        for address in addresses:
            wait("to listen", lambda: listens(address))
        run(service, addresses)
    finally:
        for process in [*guarded, service.process]:
            process.kill()
            process.wait()


def run(service, addresses):
    session = Session(service.grpc)
    tokens = [session.log_in().access_token for _ in range(TOKENS)]
    unseen = [session.log_in().access_token]
    services = [Calls(axum(addresses[0], tokens[:])), Calls(tonic(addresses[1], tokens[:]))]
    probes = Calls(service.answers)
    for how in (signal.SIGTERM, signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        restart(service, probes, services, how)
    outage(service, services, axum(addresses[0], unseen))
    for calls in [*services, probes]:
        calls.stop()


if __name__ == "__main__":
    main()
