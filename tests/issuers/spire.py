"""Lets workloads log in with the SVIDs of a real SPIRE.

Usage: spire.py SPIRE-SERVER SPIRE-AGENT WORKLOAD JETON. WORKLOAD is the program of tests/spire.
"""

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kubernetes import make_authority, process, say
from run import ASSERTION, HERE, LIMIT, ask, free_port, until

ORDERS = "spiffe://shop.example/orders"
SHORT = "spiffe://shop.example/short"


class Spire:
    """A server of one trust domain."""

    def __init__(self, program: str, home: Path, domain: str) -> None:
        self.program, self.home, self.domain = program, home, domain
        home.mkdir()
        self.port, self.socket = free_port(), home / "server.sock"
        (home / "server.conf").write_text(
            f"""
server {{
    bind_address = "127.0.0.1"
    bind_port = "{self.port}"
    socket_path = "{self.socket}"
    trust_domain = "{domain}"
    data_dir = "{home}"
}}
plugins {{
    DataStore "sql" {{ plugin_data {{ database_type = "sqlite3", connection_string = "{home}/data.sqlite3" }} }}
    NodeAttestor "join_token" {{ plugin_data {{}} }}
    KeyManager "memory" {{ plugin_data {{}} }}
}}
"""
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [self.program, "run", "-config", str(self.home / "server.conf")]
        with process(command, self.home / "server.log"):
            until(f"SPIRE of {self.domain}", self.serves)
            yield

    def serves(self) -> bool:
        return self.tried("healthcheck").returncode == 0

    def tried(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self.program, *words, "-socketPath", str(self.socket)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def do(self, *words: str) -> str:
        done = self.tried(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def enter(self, path: str, *more: str) -> None:
        """Makes a workload of this user known."""
        words = ["entry", "create", "-parentID", f"spiffe://{self.domain}/node"]
        words += ["-spiffeID", f"spiffe://{self.domain}/{path}", "-selector", f"unix:uid:{os.getuid()}"]
        self.do(*words, *more)

    def authority(self, kind: str, *words: str) -> dict:
        return json.loads(self.do("localauthority", kind, *words, "-output", "json"))

    def bundle(self, form: str) -> str:
        return self.do("bundle", "show", "-format", form)


class Node:
    """SPIRE's agent: what workloads ask."""

    def __init__(self, program: str, server: Spire, home: Path) -> None:
        self.program, self.server, self.home = program, server, home
        home.mkdir()
        self.socket = home / "agent.sock"
        (home / "bundle.pem").write_text(server.bundle("pem"))
        (home / "agent.conf").write_text(
            f"""
agent {{
    data_dir = "{home}"
    server_address = "127.0.0.1"
    server_port = "{server.port}"
    socket_path = "{self.socket}"
    trust_domain = "{server.domain}"
    trust_bundle_path = "{home}/bundle.pem"
    experimental {{ sync_interval = "1s" }}
}}
plugins {{
    NodeAttestor "join_token" {{ plugin_data {{}} }}
    KeyManager "memory" {{ plugin_data {{}} }}
    WorkloadAttestor "unix" {{ plugin_data {{}} }}
}}
"""
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        node = f"spiffe://{self.server.domain}/node"
        token = self.server.do("token", "generate", "-spiffeID", node).split()[-1]
        command = [self.program, "run", "-config", str(self.home / "agent.conf"), "-joinToken", token]
        with process(command, self.home / "agent.log"):
            until("SPIRE's agent", lambda: self.fetched("jwt", "-audience", HERE) is not None)
            yield

    def fetched(self, *words: str) -> str | None:
        command = [self.program, "api", "fetch", *words, "-socketPath", str(self.socket)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def jwt(self, path: str = "orders", audience: str = HERE) -> str:
        spiffe_id = f"spiffe://{self.server.domain}/{path}"
        words = ("jwt", "-audience", audience, "-spiffeID", spiffe_id, "-output", "json")
        answers: list[str] = []

        def is_there() -> bool:
            answer = self.fetched(*words)
            answers[:] = [answer] if answer else []
            return bool(answers)

        until(f"the JWT-SVID of {spiffe_id}", is_there)
        return json.loads(answers[0])[0]["svids"][0]["svid"]

    def x509(self, to: Path) -> Path:
        """The X.509-SVID of `orders`, as files."""
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir()
        until("the X.509-SVIDs", lambda: self.fetched("x509", "-write", str(to)) is not None)
        for certificate in sorted(to.glob("svid.*.pem")):
            command = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", str(certificate)]
            names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            if f"URI:{ORDERS}\n" in names.replace(",", "\n"):
                # The rule of an X.509-SVID.
                assert names.count("URI:") == 1, names
                return certificate
        raise AssertionError(f"no SVID of {ORDERS}")


def serial(certificate: Path) -> str:
    command = ["openssl", "x509", "-noout", "-serial", "-in", str(certificate)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Jeton:
    """A server that trusts one trust domain for JWT-SVIDs, and a bundle for X.509-SVIDs."""

    def __init__(self, program: str, home: Path) -> None:
        self.program, self.home = program, home
        home.mkdir()
        make_authority(home)
        self.http, self.grpc = free_port(), free_port()
        client = 'grants = ["client_credentials"]\naudience = ["billing", "jeton"]\nintrospect = "any"\n'
        (home / "jeton.toml").write_text(
            f"""
[grpc]
listen = "127.0.0.1:{self.grpc}"
[http]
listen = "127.0.0.1:{self.http}"
issuer = "{HERE}"
[ops]
listen = "127.0.0.1:0"
[audit]
target = "file:{home}/audit.jsonl"
[tls]
cert = "serving.crt"
key = "serving.key"
client_ca = "bundle.pem"
client_auth = "optional"
[[issuer]]
name = "shop"
allow_missing_issuer = true
jwks_file = "bundle.json"
clock_skew = "0s"
max_lifetime = "1h"
[[client]]
id = "orders"
{client}identities = [{{ issuer = "shop", subject = "{ORDERS}" }}]
certificates = ["uri:{ORDERS}"]
[[client]]
id = "short"
{client}identities = [{{ issuer = "shop", subject = "{SHORT}" }}]
certificates = ["uri:{SHORT}"]
[[client]]
id = "billing"
{client}certificates = ["dns:billing.example"]
"""
        )
        self.log = home / "jeton.log"

    def write(self, name: str, text: str) -> None:
        new = self.home / f"{name}.new"
        new.write_text(text)
        new.rename(self.home / name)

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [self.program, "serve", "--config", "jeton.toml"]
        with process(command, self.log, cwd=self.home):
            until("jeton to have the keys", lambda: "the keys of the issuer were read" in self.log.read_text())
            until("jeton to serve", lambda: '"message":"serving"' in self.log.read_text())
            yield

    def post(self, fields: dict[str, str], certificate: Path | None = None) -> tuple[int, dict]:
        tls = ssl.create_default_context(cafile=str(self.home / "ca.crt"))
        if certificate:
            key = certificate.with_suffix(".key")
            tls.load_cert_chain(certificate, key if key.exists() else None)
        connection = http.client.HTTPSConnection("127.0.0.1", self.http, timeout=LIMIT, context=tls)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urllib.parse.urlencode({"grant_type": "client_credentials", **fields})
        connection.request("POST", "/oauth/token", body, form)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")

    def log_in(self, assertion: str) -> tuple[int, dict]:
        return self.post({"client_assertion": assertion, "client_assertion_type": ASSERTION})

    def causes(self) -> list[str]:
        lines = (self.home / "audit.jsonl").read_text().splitlines(keepends=True)
        lines = [json.loads(line) for line in lines if line.endswith("\n")]
        return [line["cause"] for line in lines if line.get("outcome") == "refused"]

    def refused(self, what: str, cause: str, answer: tuple[int, dict]) -> None:
        assert (answer[0], answer[1].get("error")) == (401, "invalid_client"), (what, answer)
        until("the audit", lambda: bool(self.causes()) and self.causes()[-1] == cause)
        say(f"  refused (401 invalid_client, {cause}): {what}")

    def accepted(self, what: str, answer: tuple[int, dict]) -> str:
        assert answer[0] == 200, (what, answer)
        say(f"  a token: {what}")
        return answer[1]["access_token"]

    def shuts_out(self, certificate: Path) -> bool:
        """Whether the handshake is refused."""
        try:
            self.post({}, certificate)
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            return True
        return False


def main(server: str, agent: str, workload: str, program: str, home: Path) -> None:
    shop = Spire(server, home / "shop", "shop.example")
    twin = Spire(server, home / "twin", "shop.example")
    far = Spire(server, home / "far", "far.example")
    jeton = Jeton(program, home / "jeton")
    with ExitStack() as running:
        for spire in (shop, twin, far):
            running.enter_context(spire.running())
        node = Node(agent, shop, home / "node")
        short = ("-jwtSVIDTTL", "10", "-x509SVIDTTL", "60")
        shop.enter("orders", "-x509SVIDTTL", "60", "-dns", "billing.example")
        shop.enter("stranger")
        shop.enter("short", *short)
        running.enter_context(node.running())
        version = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
        say(f"SPIRE {(version.stdout + version.stderr).strip()}: shop.example, another of that name, and far.example")
        jeton.write("bundle.json", shop.bundle("spiffe"))
        jeton.write("bundle.pem", shop.bundle("pem") + far.bundle("pem"))
        running.enter_context(jeton.running())
        tokens = jwt_svids(shop, twin, far, node, jeton)
        by_the_crate(workload, node, jeton)
        x509_svids(shop, twin, far, node, jeton)
        log = jeton.log.read_text() + (jeton.home / "audit.jsonl").read_text()
        assert not any(token.rsplit(".", 1)[1] in log for token in tokens), "in the log"


def jwt_svids(shop: Spire, twin: Spire, far: Spire, node: Node, jeton: Jeton) -> list[str]:
    say("JWT-SVIDs")
    token = node.jwt()
    jeton.accepted("a workload's JWT-SVID", jeton.log_in(token))
    issued = jeton.accepted("the same again", jeton.log_in(token))
    jeton.refused("one for another audience", "wrong_audience", jeton.log_in(node.jwt(audience="billing")))
    jeton.refused("one of another workload", "wrong_identity", jeton.log_in(node.jwt("stranger")))
    minted = {}
    for spire, path in ((twin, ORDERS), (far, "spiffe://far.example/orders")):
        minted[spire] = spire.do("jwt", "mint", "-spiffeID", path, "-audience", HERE).strip()
    forged, foreign = minted[twin], minted[far]
    jeton.refused("that ID by another SPIRE of the same name", "unknown_key", jeton.log_in(forged))
    jeton.refused("one of another trust domain", "unknown_key", jeton.log_in(foreign))
    late = shop.do("jwt", "mint", "-spiffeID", ORDERS, "-audience", HERE, "-ttl", "2s").strip()
    until("it to expire", lambda: jeton.log_in(late)[0] == 401)
    jeton.refused("one that has expired", "expired_assertion", jeton.log_in(late))
    by_agent(shop, jeton, node, issued)

    prepared = shop.authority("jwt", "prepare")["prepared_authority"]["authority_id"]
    jeton.write("bundle.json", shop.bundle("spiffe"))
    shop.authority("jwt", "activate", "-authorityID", prepared)
    rotated = shop.do("jwt", "mint", "-spiffeID", ORDERS, "-audience", HERE).strip()
    until("the rotated key", lambda: jeton.log_in(rotated)[0] == 200)
    say("  a token: signed by the key that the trust domain was rotated to")
    jeton.accepted("signed by the key before, which is still in the bundle", jeton.log_in(token))
    return [token, forged, foreign, late, rotated]


def by_agent(shop: Spire, jeton: Jeton, node: Node, token: str) -> None:
    """An agent of jeton with a file that is renewed as spiffe-helper does: by a rename."""
    ops, grpc = free_port(), free_port()
    file = jeton.home / "svid.jwt"
    environment = {
        "JETON_SERVER": f"https://127.0.0.1:{jeton.grpc}",
        "JETON_CA": str(jeton.home / "ca.crt"),
        "JETON_CLIENT_ID": "orders",
        "JETON_ASSERTION_FILE": str(file),
        "JETON_AGENT_LISTEN": f"127.0.0.1:{grpc}",
        "JETON_AGENT_OPS_LISTEN": f"127.0.0.1:{ops}",
    }
    log = jeton.home / "agent.log"

    def ready() -> bool:
        try:
            return ask(f"http://127.0.0.1:{ops}/readyz")[0] == 200
        except OSError:
            return False

    jeton.write(file.name, shop.do("jwt", "mint", "-spiffeID", ORDERS, "-audience", HERE, "-ttl", "1s"))
    with process([jeton.program, "agent"], log, env=environment):
        until("it to expire", lambda: log.exists() and "its assertion has expired" in log.read_text())
        jeton.write(file.name, node.jwt() + "\n")
        until("the agent to hear the server", ready)
        asked = subprocess.run(
            [jeton.program, "token", "introspect", "--field", "active"],
            env={
                "JETON_SERVER": f"http://127.0.0.1:{grpc}",
                "JETON_CLIENT_ID": "orders",
                "JETON_CLIENT_SECRET": "none",
                "HOME": str(jeton.home),
            },
            input=token,
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.stdout.strip() == "true", asked
    say("  jeton agent hears the server once its file holds a JWT-SVID that has not expired")


def by_the_crate(workload: str, node: Node, jeton: Jeton) -> None:
    say("SVIDs that the spiffe crate gets from the Workload API, and renews")
    files = jeton.home / "workload"
    files.mkdir()
    certificate, token = files / "svid.pem", files / "svid.jwt"
    command = [workload, f"unix:{node.socket}", SHORT, HERE, str(files)]
    with process(command, jeton.home / "workload.log"):
        until("the workload's files", token.exists)
        first, before = serial(certificate), token.read_text()
        jeton.accepted("its JWT-SVID", jeton.log_in(before))
        jeton.accepted("its X.509-SVID", jeton.post({}, certificate))
        environment = {
            "JETON_SERVER": f"https://127.0.0.1:{jeton.grpc}",
            "JETON_CA": str(jeton.home / "ca.crt"),
            "JETON_CLIENT_ID": "short",
            "HOME": str(jeton.home),
        }

        def command_line(**proof: Path) -> None:
            known = {**environment, **{name: str(path) for name, path in proof.items()}}
            words = [jeton.program, "token", "issue", "--field", "access_token"]
            done = subprocess.run(words, env=known, capture_output=True, text=True, check=False)
            assert done.returncode == 0 and done.stdout.startswith("jat_"), done

        command_line(JETON_ASSERTION_FILE=token)
        say("  a token: jeton token issue --assertion-file, over gRPC")
        command_line(JETON_CERT=certificate, JETON_KEY=certificate)
        say("  a token: jeton token issue --cert --key, over gRPC")
        until("the first JWT-SVID to expire", lambda: jeton.log_in(before)[0] == 401)
        assert token.read_text() != before
        jeton.accepted("the JWT-SVID that took its place", jeton.log_in(token.read_text()))
        until("the next X.509-SVID", lambda: serial(certificate) != first)
        jeton.accepted("the X.509-SVID that took its place", jeton.post({}, certificate))


def x509_svids(shop: Spire, twin: Spire, far: Spire, node: Node, jeton: Jeton) -> None:
    say("X.509-SVIDs")
    first = node.x509(jeton.home / "first")
    jeton.accepted("a workload's X.509-SVID", jeton.post({}, first))
    jeton.accepted("the same with its client_id", jeton.post({"client_id": "orders"}, first))
    named = jeton.post({"client_id": "billing"}, first)
    jeton.refused("its DNS name, which another client lists", "wrong_certificate", named)
    files = {}
    for spire, path in ((twin, ORDERS), (far, "spiffe://far.example/orders")):
        files[spire] = jeton.home / f"minted-{spire.home.name}"
        files[spire].mkdir()
        spire.do("x509", "mint", "-spiffeID", path, "-write", str(files[spire]))
        (files[spire] / "key.pem").rename(files[spire] / "svid.key")
    assert jeton.shuts_out(files[twin] / "svid.pem")
    say("  refused in the handshake: that ID by another SPIRE of the same name")
    foreign = jeton.post({}, files[far] / "svid.pem")
    jeton.refused("one of a trust domain that is in the bundle", "wrong_certificate", foreign)

    def rotated() -> bool:
        return serial(node.x509(jeton.home / "second")) != serial(first)

    until("the next SVID", rotated)
    second = node.x509(jeton.home / "second")
    jeton.accepted("the SVID that took its place", jeton.post({}, second))

    # The authority is rotated: first the bundle, then the SVIDs, then the end of the one before.
    before = shop.authority("x509", "show")["active"]["authority_id"]
    prepared = shop.authority("x509", "prepare")["prepared_authority"]["authority_id"]
    jeton.write("bundle.pem", shop.bundle("pem") + far.bundle("pem"))
    shop.authority("x509", "activate", "-authorityID", prepared)
    shop.authority("x509", "taint", "-authorityID", before)
    third = jeton.home / "third"

    def by_the_next() -> bool:
        return not verifies(node.x509(third), old)

    old = jeton.home / "old.pem"
    old.write_text((node.home / "bundle.pem").read_text())
    until("an SVID of the next authority", by_the_next)
    until("its bundle", lambda: not jeton.shuts_out(node.x509(third)))
    jeton.accepted("an SVID of the next authority", jeton.post({}, node.x509(third)))
    shop.authority("x509", "revoke", "-authorityID", before)
    jeton.write("bundle.pem", shop.bundle("pem") + far.bundle("pem"))
    until("the authority before to end", lambda: jeton.shuts_out(second))
    say("  refused in the handshake: an SVID of the authority that the bundle has no more")
    jeton.accepted("the newest one", jeton.post({}, node.x509(third)))


def verifies(certificate: Path, authority: Path) -> bool:
    command = ["openssl", "verify", "-partial_chain", "-CAfile", str(authority), str(certificate)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    server, agent, workload, program = sys.argv[1:]
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        main(server, agent, workload, program, home)
    except BaseException:
        for log in sorted(home.glob("*/*.log")):
            print(log, log.read_text()[-2500:], sep="\n", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(home)
