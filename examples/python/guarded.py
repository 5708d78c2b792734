"""A service that lets nobody through without a token for billing with the scope read.

Takes the address of the token service and its own. It asks the token service about each request;
docs/clients.md says what it takes to answer from memory. The environment names the client, as connection.py
says. The modules under jeton/ are generated from proto/ by grpcio-tools.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

from connection import basic, channel
from jeton.v1 import token_service_pb2 as pb
from jeton.v1 import token_service_pb2_grpc

BASIC = basic()
AUDIENCE, SCOPE = "billing", "read"
SECONDS = 10


class Guarded(BaseHTTPRequestHandler):
    tokens: token_service_pb2_grpc.TokenServiceStub

    def do_GET(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return self.refuse(401)
        try:
            request = pb.IntrospectRequest(token=token)
            answer = self.tokens.Introspect(request, metadata=BASIC, timeout=SECONDS)
        except grpc.RpcError as error:
            return self.unavailable(error)  # Not known to be bad: never a 401.
        if not answer.active or AUDIENCE not in answer.audience:
            return self.refuse(401, ', error="invalid_token"')
        if SCOPE not in answer.scopes:
            return self.refuse(403, f', error="insufficient_scope", scope="{SCOPE}"')
        self.answer(200, body=answer.username.encode())

    def refuse(self, status, problem=""):
        """Answers as RFC 6750 §3 has it."""
        self.answer(status, {"WWW-Authenticate": f'Bearer realm="{AUDIENCE}"{problem}'})

    def unavailable(self, error):
        self.log_error("%s", error)
        self.answer(503)

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        """Requests are not logged."""


def main():
    tokens, listen = sys.argv[1:]
    Guarded.tokens = token_service_pb2_grpc.TokenServiceStub(channel(tokens))
    host, _, port = listen.rpartition(":")
    ThreadingHTTPServer((host, int(port)), Guarded).serve_forever()


if __name__ == "__main__":
    main()
