"""Requests through a proxy and the service behind it, over HTTP and over gRPC."""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

# Generous: a slow machine is no failure, a hang is.
LIMIT = 60.0
PARTS = ("subject", "client-id", "username", "scope", "grant-id")
# To many a service an underscore is a hyphen.
FORGED = dict.fromkeys(
    [f"X-Jeton-{part}" for part in PARTS] + ["X_Jeton_subject", "x-jeton_username", "X_JETON-GRANT_ID"],
    "forged",
)


class Service(BaseHTTPRequestHandler):
    """The service: it answers with the headers that it was shown, and remembers how often."""

    protocol_version = "HTTP/1.1"
    # Headers and body are written one after the other: the second must not wait for an acknowledgement.
    disable_nagle_algorithm = True
    visits = 0

    @staticmethod
    def start() -> int:
        """Serves at a port, which it returns."""
        service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        return service.server_port

    def do_GET(self) -> None:
        Service.visits += 1
        body = json.dumps(self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            # The proxy keeps no connection for ever.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


class Visit:
    """One request through a proxy: its answer, and what the service saw, if it saw it."""

    service: type[Service] | type["GrpcService"] = Service

    def __init__(
        self,
        port: int,
        *authorizations: str,
        path: str = "/",
        forged: dict[str, str] | None = None,
    ) -> None:
        before = self.service.visits
        headers = list((FORGED if forged is None else forged).items())
        headers += [("Authorization", authorization) for authorization in authorizations]
        body = self.ask(port, headers, path)
        self.seen: dict[str, str] | None = None
        visited = self.service.visits - before
        assert visited == (self.status == 200), f"{self.status}, and {visited} visits"
        if visited:
            pairs = [(name.lower(), value) for name, value in json.loads(body)]
            names = [name for name, _ in pairs]
            assert len(names) == len(set(names)), f"a header twice: {pairs}"
            self.seen = dict(pairs)

    def ask(self, port: int, headers: list[tuple[str, str]], path: str) -> bytes:
        """Sends the request, and keeps the answer's status and challenge."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        connection.putrequest("GET", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.status = answer.status
        self.challenge = answer.getheader("WWW-Authenticate", "")
        return body

    def identity(self) -> dict[str, str]:
        """What the service takes for the visitor's identity: an empty header is none."""
        assert self.seen is not None, self.status
        assert "forged" not in self.seen.values(), self.seen
        said = {part: self.seen.get(f"x-jeton-{part}", "") for part in PARTS}
        return {part: value for part, value in said.items() if value}


class GrpcService(grpc.GenericRpcHandler):
    """The same as a gRPC service: any method answers with the metadata that it was shown."""

    visits = 0

    @staticmethod
    def start() -> int:
        """Serves at a port, which it returns."""
        server = grpc.server(ThreadPoolExecutor(2), handlers=(GrpcService(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        # A server that nothing holds is stopped.
        GrpcService.server = server
        return port

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            GrpcService.visits += 1
            return json.dumps(list(details.invocation_metadata)).encode()

        return grpc.unary_unary_rpc_method_handler(answer)


# The statuses of HTTP that gRPC's clients take for these codes: "HTTP to gRPC Status Code Mapping".
STATUSES = {
    grpc.StatusCode.INTERNAL: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
}


class GrpcVisit(Visit):
    """One call through a proxy, its code as the status of HTTP that it stands for."""

    service = GrpcService

    def ask(self, port: int, headers: list[tuple[str, str]], path: str) -> bytes:
        self.challenge = ""
        method = f"{path.rstrip('/')}.Echo/Echo" if path != "/" else "/billing.Echo/Echo"
        metadata = [(name.lower(), value) for name, value in headers]
        # A connection of its own for each call, as over HTTP.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call = channel.unary_unary(method)
            try:
                body = call(b"", metadata=metadata, timeout=LIMIT)
            except grpc.RpcError as error:
                if error.code() not in STATUSES or "connect" in error.details():
                    raise ConnectionError(error.details()) from error
                self.status = STATUSES[error.code()]
                return b""
        self.status = 200
        return body
