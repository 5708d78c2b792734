"""The proxies: each is started with its configuration of deploy/, at ports of this run."""

import os
import socket
import subprocess
from dataclasses import dataclass, field, replace
from typing import Any
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The ports that the configurations name.
GATEWAY, SERVICE, GRPC, CHECK = 8000, 9000, 50051, 8081


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Gateway:
    """A proxy that is known by its configuration, and by what its visitors hear of it."""

    name: str
    # The configuration, whose directory of deploy/ is copied.
    config: str
    # The command; {config} stands for the configuration, {home} for its directory.
    command: tuple[str, ...]
    # What a visitor is answered while jeton is away.
    away: int = 503
    # Whether it gives up on a jeton that takes connections and says nothing.
    gives_up: bool = True
    # What a visitor is answered who sends two Authorization headers.
    two: tuple[int, ...] = (400,)
    # Statuses whose challenge reaches the visitor.
    challenges: tuple[int, ...] = (400, 401, 403)
    # Whether it asks an agent in place of the server.
    agent: bool = False
    # Its directory, if that is not called as it is.
    directory: str = ""
    # What is changed in its configuration; {sockets} stands for the directory of the agent's sockets.
    changed: tuple[tuple[str, str], ...] = ()
    # The file of it that is changed, if not that one.
    changed_file: str = ""
    # Whether the service behind it speaks gRPC.
    grpc: bool = False
    # Whether it asks the agent over a socket of the file system.
    sockets: bool = False
    # Environment variables.
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, home: Path, tools: Path, ports: dict[int, int]) -> subprocess.Popen[bytes]:
        """Starts it with each port of the configuration replaced."""
        source = ROOT / "deploy" / (self.directory or self.name)
        for file in source.iterdir():
            text = file.read_text()
            if file.name == (self.changed_file or self.config):
                for before, after in self.changed:
                    assert before in text, before
                    text = text.replace(before, after.replace("{sockets}", str(home.parent / "agent")))
            # Through words that no port is, so that none is replaced twice.
            for known in ports:
                text = text.replace(str(known), f"<port {known}>")
            for known, taken in ports.items():
                text = text.replace(f"<port {known}>", str(taken))
            (home / file.name).write_text(text)
        words = {"config": str(home / self.config), "home": str(home), "tools": str(tools)}
        command = [word.format(**words) for word in self.command]
        own = {name: value.format(**words) for name, value in self.environment.items()}
        log = (home / "log").open("wb")
        return subprocess.Popen(
            command, cwd=home, stdout=log, stderr=log, env={**os.environ, "HOME": str(home), **own}
        )


# The command of each proxy, and its configuration as deploy/ has it.
ENVOY = Gateway(
    "envoy",
    "envoy.yaml",
    ("{tools}/bin/envoy", "--config-path", "{config}", "--log-level", "warn", "--concurrency", "1"),
)
ENVOY_HTTP = replace(ENVOY, name="envoy over HTTP", config="envoy-http.yaml", directory="envoy")
NGINX = Gateway(
    "nginx",
    "nginx.conf",
    ("nginx", "-p", "{home}", "-c", "{config}", "-e", "error.log", "-g", "daemon off; pid nginx.pid;"),
)
TRAEFIK = Gateway("traefik", "traefik.yaml", ("{tools}/bin/traefik", "--configFile={config}"), away=500, gives_up=False)
CADDY = Gateway("caddy", "Caddyfile", ("{tools}/bin/caddy", "run", "--config", "{config}"))
HAPROXY = Gateway("haproxy", "haproxy.cfg", ("haproxy", "-f", "{config}"))
APACHE = Gateway(
    "apache",
    "apache.conf",
    ("apache2", "-f", "{config}", "-D", "FOREGROUND"),
    environment={"JETON_APACHE": "{home}"},
)
# Of a cluster that speaks HTTP/2.
ENVOY_HTTP2 = """\
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
"""


def variant(of: Gateway, name: str, *changed: tuple[str, str], **more: Any) -> Gateway:
    """The same proxy with another configuration."""
    return replace(of, name=f"{of.name}{name}", directory=of.directory or of.name, changed=changed, **more)


def with_agent(of: Gateway, *changed: tuple[str, str], **more: Any) -> Gateway:
    """The same proxy, which asks an agent: over a socket of the file system if something is changed for it."""
    name = ", an agent's socket" if changed else ", an agent"
    return variant(of, name, *changed, agent=True, gives_up=False, sockets=bool(changed), **more)


def before_grpc(of: Gateway, *changed: tuple[str, str], **more: Any) -> Gateway:
    """The same proxy before a service that speaks gRPC, whose clients see no challenge."""
    return variant(of, " before gRPC", *changed, challenges=(), grpc=True, **more)


GATEWAYS = [
    ENVOY,
    variant(
        ENVOY,
        ", raw headers",
        ("transport_api_version: V3", "encode_raw_headers: true\n" + 22 * " " + "transport_api_version: V3"),
    ),
    ENVOY_HTTP,
    NGINX,
    TRAEFIK,
    CADDY,
    HAPROXY,
    APACHE,
    with_agent(ENVOY),
    with_agent(NGINX),
    with_agent(ENVOY, ("socket_address: { address: 127.0.0.1, port_value: 50051 }", "pipe: { path: {sockets}/grpc }")),
    with_agent(
        ENVOY_HTTP, ("socket_address: { address: 127.0.0.1, port_value: 8081 }", "pipe: { path: {sockets}/check }")
    ),
    with_agent(
        NGINX,
        ("server 127.0.0.1:8081;", "server unix:{sockets}/check;"),
        # Its workers are another user, whom the directory of a test does not let in.
        ("events {}", "user root; events {}"),
    ),
    with_agent(CADDY, ("forward_auth 127.0.0.1:8081", "forward_auth unix/{sockets}/check")),
    with_agent(
        HAPROXY,
        ("timeout = 2000,", 'timeout = 2000, dst = "unix@{sockets}/check",'),
        changed_file="jeton.lua",
    ),
    before_grpc(ENVOY, ("    - name: billing\n      load", f"    - name: billing\n{ENVOY_HTTP2}      load")),
    before_grpc(
        NGINX,
        ("listen 127.0.0.1:8000;", "listen 127.0.0.1:8000 http2;"),
        ("proxy_set_header X-", "grpc_set_header X-"),
        ("proxy_pass http://127.0.0.1:9000", "grpc_pass grpc://127.0.0.1:9000"),
    ),
    before_grpc(TRAEFIK, ("http://127.0.0.1:9000", "h2c://127.0.0.1:9000"), changed_file="routes.yaml"),
    before_grpc(
        CADDY,
        ("\tauto_https off\n", "\tauto_https off\n\tservers {\n\t\tprotocols h1 h2c\n\t}\n"),
        ("reverse_proxy 127.0.0.1:9000", "reverse_proxy h2c://127.0.0.1:9000"),
    ),
    before_grpc(
        HAPROXY,
        ("bind 127.0.0.1:8000", "bind 127.0.0.1:8000 proto h2"),
        ("server billing 127.0.0.1:9000", "server billing 127.0.0.1:9000 proto h2"),
    ),
]
