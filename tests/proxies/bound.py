"""Shows tokens that are bound to a certificate at proxies that take certificates and ask `/check`.

Usage: bound.py TOOLS JETON

Each proxy has its configuration of deploy/, with TLS and the line of docs/bound.md that hands on the visitor's
certificate. The holder passes. A copy of the token is refused, with another certificate and with none, also beside
a header by which the visitor claims the holder's certificate.
"""

import base64
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
from contextlib import ExitStack
from pathlib import Path

from certificates import authority
from gateways import CADDY, CHECK, GATEWAY, GRPC, HAPROXY, NGINX, SERVICE, Gateway, free_port, variant
from processes import end, until
from visits import LIMIT, Service

SETTINGS = """
[grpc]
listen = "127.0.0.1:{grpc}"
[http]
listen = "127.0.0.1:{http}"
[ops]
listen = "off"
[check]
listen = "127.0.0.1:{check}"
client = "gateway"
certificate_header = "client-cert"
[tls]
cert = "jeton.pem"
key = "jeton.key"
client_auth = "optional"
client_ca = "ca.pem"
[[client]]
id = "gateway"
certificates = ["uri:spiffe://shop.example/gateway"]
introspect = "any"
[[client]]
id = "holder"
certificates = ["uri:spiffe://shop.example/holder"]
grants = ["client_credentials"]
scopes = ["read"]
audience = ["billing"]
bound_to = "certificate"
[[client]]
id = "other"
certificates = ["uri:spiffe://shop.example/other"]
grants = ["client_credentials"]
scopes = ["read"]
audience = ["billing"]
"""
NGINX_TLS = """listen 127.0.0.1:8000 ssl;
        ssl_certificate proxy.pem;
        ssl_certificate_key proxy.key;
        ssl_client_certificate ca.pem;
        ssl_verify_client optional;"""
CADDY_TLS = """https://localhost:8000 {
	tls proxy.pem proxy.key {
		client_auth {
			mode verify_if_given
			trust_pool file ca.pem
		}
	}
"""
BOUND = [
    variant(
        NGINX,
        "",
        ("listen 127.0.0.1:8000;", NGINX_TLS),
        ("include check.conf;", "include check.conf;\n            proxy_set_header Client-Cert $ssl_client_escaped_cert;"),
    ),
    variant(
        HAPROXY,
        "",
        ("bind 127.0.0.1:8000", "bind 127.0.0.1:8000 ssl crt both.pem ca-file ca.pem verify optional"),
    ),
    variant(
        CADDY,
        "",
        ("http://127.0.0.1:8000 {\n", CADDY_TLS),
        (
            "\t\ttransport http {",
            "\t\theader_up Client-Cert :{http.request.tls.client.certificate_der_base64}:\n\t\ttransport http {",
        ),
    ),
]


class Server:
    """jeton, which binds tokens of one client."""

    def __init__(self, program: str, home: Path) -> None:
        self.home, self.ports = home, {name: free_port() for name in ("grpc", "http", "check")}
        (home / "jeton.toml").write_text(SETTINGS.format(**self.ports))
        log = (home / "jeton.log").open("wb")
        command = [program, "serve", "--config", "jeton.toml"]
        self.process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
        until("jeton to serve", self.serves)

    def serves(self) -> bool:
        assert self.process.poll() is None, (self.home / "jeton.log").read_text()
        try:
            return bool(self.token("holder"))
        except (OSError, http.client.HTTPException):
            return False

    def token(self, name: str) -> str:
        """A token of the client of that name, over a connection that shows its certificate."""
        connection = http.client.HTTPSConnection(
            "localhost", self.ports["http"], timeout=LIMIT, context=context(self.home, name)
        )
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": name})
        connection.request("POST", "/oauth/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise http.client.HTTPException(body)
        return json.loads(body)["access_token"]


def context(home: Path, name: str | None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(home / "ca.pem"))
    if name:
        made.load_cert_chain(home / f"{name}.pem", home / f"{name}.key")
    return made


class Visitor:
    """Somebody who shows a certificate to the proxy, or none."""

    def __init__(self, home: Path, port: int, name: str | None) -> None:
        self.context, self.port = context(home, name), port

    def status(self, token: str, *headers: tuple[str, str]) -> int:
        """The status of a request with the token and these headers. The service sees it if it passes, and only then."""
        before = Service.visits
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=LIMIT, context=self.context)
        connection.putrequest("GET", "/")
        for name, value in (("Authorization", f"Bearer {token}"), *headers):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert Service.visits - before == (answer.status == 200), answer.status
        return answer.status


def forgeries(home: Path) -> list[tuple[tuple[str, str], ...]]:
    """Headers that claim the holder's certificate, in each form that is read."""
    pem = (home / "holder.pem").read_text()
    pem = pem[pem.index("-----BEGIN") :]
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()
    written = [f":{der}:", der, urllib.parse.quote(pem)]
    names = ["Client-Cert", "client-cert", "CLIENT_CERT", "Client_Cert"]
    one = [((name, value),) for name in names for value in written]
    return [*one, (("Client-Cert", written[0]), ("Client-Cert", written[0]))]


def check(server: Server, home: Path, port: int) -> None:
    token, unbound = server.token("holder"), server.token("other")
    holder, other, nobody = (Visitor(home, port, name) for name in ("holder", "other", None))
    assert holder.status(token) == 200, "the holder"
    assert holder.status(token, ("Client-Cert", "::")) == 200, "the visitor's word counts for nothing"
    assert all(visitor.status(unbound) == 200 for visitor in (holder, other, nobody)), "a bearer token"
    for thief in (other, nobody):
        assert thief.status(token) == 401, "a copy"
        for headers in forgeries(home):
            status = thief.status(token, *headers)
            assert status in (400, 401), f"{status} with {headers}"
    assert holder.status(token) == 200, "the holder"


def visit(gateway: Gateway, server: Server, tools: Path, home: Path) -> None:
    for name in ("ca.pem", "proxy.pem", "proxy.key"):
        shutil.copy(server.home / name, home / name)
    (home / "both.pem").write_text((home / "proxy.pem").read_text() + (home / "proxy.key").read_text())
    port = free_port()
    ports = {GATEWAY: port, SERVICE: Service.start(), CHECK: server.ports["check"], GRPC: server.ports["grpc"]}
    proxy = gateway.start(home, tools, ports)
    try:

        def up() -> bool:
            assert proxy.poll() is None, "it has ended"
            try:
                return Visitor(server.home, port, None).status("garbage") == 401
            except (OSError, http.client.HTTPException):
                return False

        until("the proxy to answer", up)
        check(server, server.home, port)
    except BaseException:
        print(f"{gateway.name}:\n{(home / 'log').read_text()[-4000:]}")
        raise
    finally:
        end(proxy)


def main() -> None:
    tools, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory, ExitStack() as started:
        home = Path(directory)
        authority(home, "jeton", "gateway", "holder", "other", "proxy")
        server = Server(os.path.abspath(program), home)
        started.callback(end, server.process)
        for gateway in BOUND:
            began = time.monotonic()
            (home / gateway.name).mkdir()
            visit(gateway, server, Path(tools).resolve(), home / gateway.name)
            took = time.monotonic() - began
            print(f"{gateway.name}: a bound token passes with its certificate alone, {took:.1f} s", flush=True)


main()
