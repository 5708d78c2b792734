"""The proxies: each is started with its configuration of deploy/, at ports of this run."""

import os
import socket
import subprocess
from dataclasses import dataclass, field
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
    # What is changed in its configuration.
    changed: tuple[str, str] = ("", "")
    # Environment variables.
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, home: Path, tools: Path, ports: dict[int, int]) -> subprocess.Popen[bytes]:
        """Starts it with each port of the configuration replaced."""
        source = ROOT / "deploy" / (self.directory or self.name)
        for file in source.iterdir():
            text = file.read_text()
            if file.name == self.config and self.changed[0]:
                assert self.changed[0] in text, self.changed
                text = text.replace(*self.changed)
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


GATEWAYS = [
    Gateway(
        "envoy",
        "envoy.yaml",
        ("{tools}/bin/envoy", "--config-path", "{config}", "--log-level", "warn", "--concurrency", "1"),
    ),
    Gateway(
        "envoy, raw headers",
        "envoy.yaml",
        ("{tools}/bin/envoy", "--config-path", "{config}", "--log-level", "warn", "--concurrency", "1"),
        directory="envoy",
        changed=("transport_api_version: V3", "encode_raw_headers: true\n" + 22 * " " + "transport_api_version: V3"),
    ),
    Gateway(
        "nginx",
        "nginx.conf",
        ("nginx", "-p", "{home}", "-c", "{config}", "-e", "error.log", "-g", "daemon off; pid nginx.pid;"),
    ),
    Gateway(
        "envoy, an agent",
        "envoy.yaml",
        ("{tools}/bin/envoy", "--config-path", "{config}", "--log-level", "warn", "--concurrency", "1"),
        agent=True,
        gives_up=False,
        directory="envoy",
    ),
    Gateway(
        "nginx, an agent",
        "nginx.conf",
        ("nginx", "-p", "{home}", "-c", "{config}", "-e", "error.log", "-g", "daemon off; pid nginx.pid;"),
        agent=True,
        gives_up=False,
        directory="nginx",
    ),
    Gateway("traefik", "traefik.yaml", ("{tools}/bin/traefik", "--configFile={config}"), away=500, gives_up=False),
    Gateway("caddy", "Caddyfile", ("{tools}/bin/caddy", "run", "--config", "{config}")),
    Gateway("haproxy", "haproxy.cfg", ("haproxy", "-f", "{config}")),
    Gateway(
        "apache",
        "apache.conf",
        ("apache2", "-f", "{config}", "-D", "FOREGROUND"),
        environment={"JETON_APACHE": "{home}"},
    ),
]
