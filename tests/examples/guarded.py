"""Calls a guarded HTTP service with no token, a good one, a narrow one and a revoked one.

Takes the addresses of the token service and of the service.
"""

import socket
import sys
import time

from services import http
from session import Session

START_LIMIT = 10.0


def wait_for_listener(address):
    host, _, port = address.rpartition(":")
    began = time.monotonic()
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=START_LIMIT).close()
        except ConnectionRefusedError:
            assert time.monotonic() - began < START_LIMIT, f"nothing listens on {address}"
            time.sleep(0.05)


def main():
    tokens, service = sys.argv[1:]
    session = Session(tokens)
    wait_for_listener(service)
    good = session.log_in().access_token
    narrow = session.log_in(scopes=["write"]).access_token
    print(*http(service, None))
    print(*http(service, good))
    print(*http(service, narrow))
    session.revoke(good)
    # Each request is asked about: there is nothing to wait for.
    print(*http(service, good))


if __name__ == "__main__":
    main()
