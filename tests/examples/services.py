"""Calls the guarded services with no token, a good one and a revoked one.

Takes the addresses of the token service, of guarded_axum unless it is left out, and of a tonic service.
"""

import sys
import time
import urllib.error
import urllib.request

import grpc

from session import Session

PROMISE = 2.0


def http(address, token):
    request = urllib.request.Request(f"http://{address}/whoami")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["WWW-Authenticate"]


def health(address, token):
    call = grpc.insecure_channel(address).unary_unary("/grpc.health.v1.Health/Check")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        return "OK", call(b"", metadata=metadata, timeout=10, wait_for_ready=True)
    except grpc.RpcError as error:
        return error.code().name, error.details()


def wait_for_listener(address):
    grpc.channel_ready_future(grpc.insecure_channel(address)).result(timeout=10)


def main():
    tokens, *axum, tonic = sys.argv[1:]
    session = Session(tokens)
    wait_for_listener(tonic)
    good = session.log_in().access_token
    narrow = session.log_in(scopes=["write"]).access_token

    for address in axum:
        for token in (None, good, narrow):
            print(*http(address, token))
    for token in (None, good, narrow):
        print(*health(tonic, token))

    session.revoke(good)
    revoked = time.monotonic()
    while health(tonic, good)[0] == "OK" or any(http(address, good)[0] == 200 for address in axum):
        assert time.monotonic() - revoked < PROMISE, "accepted after its revocation"
    for address in axum:
        print(*http(address, good))
    print(*health(tonic, good))


if __name__ == "__main__":
    main()
